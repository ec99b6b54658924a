/** Beside the view: who is there, and what is shown of them. */
import { Choice, element, iconButton, setIcon, Toggle } from "./dom";
import { ICONS } from "./icons";
import type { Clip, Person } from "./scene";
import type { Settings, Store } from "./settings";

interface Row {
  person: Person;
  root: HTMLElement;
  eye: HTMLButtonElement;
  follow: HTMLButtonElement;
  swatch: HTMLInputElement;
}

const SWITCHES = [
  ["labels", "Names", "Names above heads (N)"],
  ["floor", "Floor", "Grid of metres on the floor (G)"],
  ["path", "Camera and its path", "The recording camera in the world (P)"],
  ["contacts", "Planted feet", "A ring where a foot stands on the floor (R)"],
] as const;

export class Panel {
  readonly root: HTMLElement;
  private readonly rows: Row[];
  private readonly shows: ((settings: Settings) => void)[] = [];

  constructor(
    private readonly clip: Clip,
    private readonly store: Store,
    private readonly colourOf: (id: number) => string,
    notes: readonly string[],
  ) {
    this.rows = clip.people.map((person) => this.row(person));
    const people = element("ul", { class: "people" }, ...this.rows.map(({ root }) => root));
    const nobody = element("p", { class: "note" }, "There is nobody in this clip.");
    this.root = element(
      "aside",
      { class: "panel", id: "panel", "aria-label": "People and display" },
      element("h2", {}, "People"),
      this.rows.length ? people : nobody,
      element("h2", {}, "Display"),
      this.bodies(),
      this.trails(),
      ...this.video(),
      ...SWITCHES.map(([name, label, title]) => this.toggle(name, label, title)),
      ...notes.map((text) => element("p", { class: "note" }, text)),
    );
    store.subscribe((settings) => this.show(settings));
  }

  /** Greys out who is not visible in a frame. */
  showPresence(isVisible: (index: number) => boolean): void {
    this.rows.forEach(({ root }, i) => root.classList.toggle("absent", !isVisible(i)));
  }

  private row(person: Person): Row {
    const { store } = this;
    const swatch = element("input", { type: "color", "aria-label": `Colour of ${person.name}`, title: "Colour" });
    swatch.addEventListener("input", () => {
      store.set({ colours: new Map(store.value.colours).set(person.id, swatch.value) });
    });
    const eye = iconButton(ICONS.eye, "", () => {
      const hidden = new Set(store.value.hidden);
      if (!hidden.delete(person.id)) hidden.add(person.id);
      store.set({ hidden });
    });
    const follow = iconButton(ICONS.follow, `Follow ${person.name}`, () => {
      const already = store.value.follow === person.id;
      store.set(already ? { follow: null } : { follow: person.id, view: "free" });
    });
    const name = element("span", { class: "name", title: person.name }, person.name);
    return { person, eye, follow, swatch, root: element("li", {}, swatch, name, follow, eye) };
  }

  private bodies(): HTMLElement {
    const choice = new Choice(
      "Bodies",
      [
        ["mesh", "Mesh", "Bodies as surfaces (B)"],
        ["skeleton", "Skeleton", "Joints and bones (B)"],
        ["both", "Both", "Bones seen through the surface (B)"],
      ],
      (bodies) => this.store.set({ bodies }),
    );
    this.shows.push(({ bodies }) => choice.show(bodies));
    return labelled("Bodies", choice.root);
  }

  private trails(): HTMLElement {
    const choice = new Choice(
      "Trails",
      [
        ["off", "Off", "No trails (T)"],
        ["second", "Last second", "Where the pelvis was a moment ago (T)"],
        ["whole", "Whole", "All of the pelvis' way (T)"],
      ],
      (trails) => this.store.set({ trails }),
    );
    this.shows.push(({ trails }) => choice.show(trails));
    return labelled("Trails", choice.root);
  }

  private video(): HTMLElement[] {
    if (!this.clip.video) return [];
    const choice = new Choice(
      "Video",
      [
        ["beside", "Beside", "Next to the 3D view (V)"],
        ["corner", "Corner", "Small, over the 3D view (V)"],
        ["scene", "In scene", "On the image plane of the recording camera (V)"],
        ["off", "Off", "Not shown (V)"],
      ],
      (video) => this.store.set(video === "scene" ? { video, path: true } : { video }),
    );
    this.shows.push(({ video }) => choice.show(video));
    return [labelled("Video", choice.root)];
  }

  private toggle(name: (typeof SWITCHES)[number][0], label: string, title: string): HTMLElement {
    const toggle = new Toggle(label, title, (on) => this.store.set({ [name]: on }));
    this.shows.push((settings) => toggle.show(settings[name]));
    return toggle.root;
  }

  private show(settings: Settings): void {
    for (const show of this.shows) show(settings);
    for (const { person, root, eye, follow, swatch } of this.rows) {
      const hidden = settings.hidden.has(person.id);
      root.classList.toggle("hidden-person", hidden);
      setIcon(eye, hidden ? ICONS.hidden : ICONS.eye, `${hidden ? "Show" : "Hide"} ${person.name}`);
      eye.setAttribute("aria-pressed", String(!hidden));
      follow.setAttribute("aria-pressed", String(settings.follow === person.id));
      swatch.value = this.colourOf(person.id);
    }
  }
}

function labelled(label: string, control: HTMLElement): HTMLElement {
  return element("div", { class: "labelled" }, element("span", { "aria-hidden": "true" }, label), control);
}
