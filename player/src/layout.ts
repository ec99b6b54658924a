/** The page: header, 3D view, video beside it or in its corner, panel and transport bar. */
import { Choice, element, iconButton } from "./dom";
import { ICONS } from "./icons";
import type { Actions } from "./keys";
import type { Clip } from "./scene";
import type { Settings, Store } from "./settings";

/** Of the room that the video takes beside the 3D view: at first, least and most. */
const SHARE = 0.46;
const [LEAST, MOST] = [0.15, 0.8];
const KEY_STEP = 0.02;

export class Layout {
  readonly view = element("div", { class: "view" });
  private readonly main = element("main", {});
  private readonly videoBox = element("div", { class: "video-box" });
  private readonly splitter = element("div", {
    class: "splitter",
    role: "separator",
    tabindex: 0,
    "aria-label": "Share of the video",
    "aria-valuemin": LEAST * 100,
    "aria-valuemax": MOST * 100,
  });
  private readonly opacity: HTMLInputElement;
  private readonly overlay: HTMLElement;
  private readonly views: Choice<Settings["view"]>;
  private readonly panelButton: HTMLButtonElement;
  private readonly aspect: number;

  constructor(
    store: Store,
    private readonly video: HTMLVideoElement | null,
    actions: Actions,
    title: string,
    clip: Clip,
  ) {
    this.views = new Choice(
      "View",
      [
        ["free", "Free", "Free view (1)"],
        ["camera", "Camera", "Through the recording camera (2)"],
        ["top", "Top", "From above (3)"],
      ],
      (view) => store.set({ view }),
    );
    this.panelButton = iconButton(ICONS.panel, "People and display", () => store.set({ panel: !store.value.panel }));
    this.panelButton.setAttribute("aria-controls", "panel");
    this.opacity = element("input", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": "Opacity of bodies" });
    this.opacity.addEventListener("input", () => store.set({ opacity: this.opacity.valueAsNumber }));
    this.overlay = element("label", { class: "opacity" }, element("span", {}, "Bodies"), this.opacity);
    this.view.append(this.overlay);
    if (video) this.videoBox.append(video);
    this.main.append(this.videoBox, this.splitter, this.view);
    const header = element(
      "header",
      {},
      element("h1", { title }, title),
      element("span", { class: "facts" }, factsOf(clip)),
      element("span", { class: "stretch" }),
      this.views.root,
      iconButton(ICONS.home, "Reset the view (0)", actions.reset),
      iconButton(ICONS.shot, "Save a picture (S)", actions.screenshot),
      iconButton(ICONS.help, "Keys (?)", actions.help),
      this.panelButton,
    );
    document.body.replaceChildren(header, this.main);
    this.bindSplitter();
    const [width, height] = clip.size_px;
    this.aspect = width / height;
    this.main.style.setProperty("--aspect", String(this.aspect));
    store.subscribe((settings) => this.show(settings));
  }

  /** Puts the rest of the page in. */
  add(panel: HTMLElement, transport: HTMLElement, help: HTMLElement): void {
    this.main.append(panel);
    document.body.append(transport, help);
    const { clientWidth, clientHeight } = this.main;
    this.setShare(this.isUpright() ? (clientWidth / this.aspect + 4) / clientHeight : SHARE);
  }

  private show({ view, video, opacity, panel }: Settings): void {
    const place = this.video ? (view === "camera" ? "off" : video) : "off";
    this.main.dataset["video"] = place;
    this.main.dataset["panel"] = panel ? "open" : "closed";
    this.panelButton.setAttribute("aria-expanded", String(panel));
    this.overlay.hidden = view !== "camera" || !this.video;
    this.opacity.value = String(opacity);
    this.views.show(view);
  }

  private bindSplitter(): void {
    this.splitter.addEventListener("pointerdown", (event) => {
      this.splitter.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.splitter.addEventListener("pointermove", (event) => {
      if (!this.splitter.hasPointerCapture(event.pointerId)) return;
      const first = this.videoBox.getBoundingClientRect();
      const second = this.view.getBoundingClientRect();
      const share = this.isUpright()
        ? (event.clientY - first.top) / (second.bottom - first.top)
        : (event.clientX - first.left) / (second.right - first.left);
      this.setShare(share);
    });
    this.splitter.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.setShare(Number(this.splitter.getAttribute("aria-valuenow")) / 100 + by * KEY_STEP);
    });
  }

  /** Whether the video is above the 3D view. */
  private isUpright(): boolean {
    return getComputedStyle(this.main).flexDirection === "column";
  }

  private setShare(share: number): void {
    const kept = Math.min(Math.max(share, LEAST), MOST);
    this.main.style.setProperty("--video-share", String(kept));
    this.splitter.setAttribute("aria-valuenow", String(Math.round(100 * kept)));
  }
}

function factsOf({ people, n_frames, fps }: Clip): string {
  const count = people.length === 1 ? "1 person" : `${people.length} people`;
  return `${count} · ${(n_frames / fps).toFixed(1)} s · ${Math.round(fps * 100) / 100} fps`;
}
