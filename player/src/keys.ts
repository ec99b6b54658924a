/** Keys, and the page that explains them. */
import type { Clock } from "./clock";
import { element, iconButton } from "./dom";
import { ICONS } from "./icons";
import type { Settings, Store } from "./settings";
import { SPEEDS } from "./transport_bar";

const HELP: readonly (readonly [string, string])[] = [
  ["Space", "play, pause"],
  ["← →", "one frame back, on; with Shift ten"],
  ["Home End", "first, last frame"],
  ["[ ]", "slower, faster"],
  ["L", "loop"],
  ["M", "sound"],
  ["1 2 3", "free view, recording camera, from above"],
  ["0", "reset the view"],
  ["F", "follow the next person"],
  ["V", "place of the video"],
  ["B", "mesh, skeleton, both"],
  ["T", "trails"],
  ["N G P R", "names, floor, camera path, planted feet"],
  ["S", "save a picture"],
  ["?", "this help"],
];
const MOUSE =
  "Drag to turn, wheel or two fingers to go nearer, right button or two fingers to move. " +
  "Through the recording camera the wheel enlarges the picture and dragging moves it.";

export interface Actions {
  reset(): void;
  screenshot(): void;
  help(): void;
}

type Turn = { [K in keyof Settings]: readonly Settings[K][] };
const TURNS: Pick<Turn, "video" | "bodies" | "trails"> = {
  video: ["beside", "corner", "scene", "off"],
  bodies: ["mesh", "skeleton", "both"],
  trails: ["off", "second", "whole"],
};

export function bindKeys(clock: Clock, store: Store, personIds: readonly number[], actions: Actions): void {
  const step = (by: number): void => {
    clock.pause();
    void clock.seek(clock.frame + by);
  };
  const turn = (name: keyof typeof TURNS): void => {
    const values = TURNS[name] as readonly string[];
    store.set({ [name]: values[(values.indexOf(store.value[name]) + 1) % values.length] });
  };
  const flip = (name: "labels" | "floor" | "path" | "contacts" | "loop" | "muted"): void =>
    store.set({ [name]: !store.value[name] });
  const follow = (): void => {
    const next = personIds[personIds.indexOf(store.value.follow ?? NaN) + 1];
    store.set(next === undefined ? { follow: null } : { follow: next, view: "free" });
  };
  const speed = (by: number): void => {
    const at = SPEEDS.findIndex((value) => value >= store.value.speed);
    store.set({ speed: SPEEDS[Math.min(Math.max(at + by, 0), SPEEDS.length - 1)]! });
  };
  const bound: Record<string, (event: KeyboardEvent) => void> = {
    " ": () => (clock.playing ? clock.pause() : clock.play()),
    ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
    Home: () => void clock.seek(0),
    End: () => void clock.seek(Infinity),
    "[": () => speed(-1),
    "]": () => speed(1),
    "1": () => store.set({ view: "free" }),
    "2": () => store.set({ view: "camera" }),
    "3": () => store.set({ view: "top" }),
    "0": () => actions.reset(),
    l: () => flip("loop"),
    m: () => flip("muted"),
    f: follow,
    v: () => turn("video"),
    b: () => turn("bodies"),
    t: () => turn("trails"),
    n: () => flip("labels"),
    g: () => flip("floor"),
    p: () => flip("path"),
    r: () => flip("contacts"),
    s: () => actions.screenshot(),
    "?": () => actions.help(),
  };
  window.addEventListener("keydown", (event) => {
    const action = bound[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || takesKey(event)) return;
    event.preventDefault();
    action(event);
  });
}

/** Whether the focused element wants the key for itself. */
function takesKey({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog")) return true;
  if (target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement) {
    if (target.type === "range") return !target.closest(".timeline") && /^(Arrow|Home|End)/.test(key);
    return target.type === "number" || key === " ";
  }
  return key === " " && target instanceof HTMLButtonElement;
}

export function helpDialog(): HTMLDialogElement {
  const dialog = element("dialog", { class: "help", "aria-label": "Keys" });
  const rows = HELP.flatMap(([keys, does]) => [
    element("dt", {}, ...keys.split(" ").flatMap((key) => [element("kbd", {}, key), " "])),
    element("dd", {}, does),
  ]);
  const close = iconButton(ICONS.close, "Close", () => dialog.close());
  dialog.append(element("h2", {}, "Keys"), close, element("dl", {}, ...rows), element("p", { class: "note" }, MOUSE));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return dialog;
}
