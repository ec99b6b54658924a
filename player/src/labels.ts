/** People's names above their heads. */
import { Vector3 } from "three";
import { element } from "./dom";
import type { Settings } from "./settings";
import type { Viewport } from "./viewport";
import type { World } from "./world";

export class Labels {
  readonly root = element("div", { class: "labels", "aria-hidden": "true" });
  private readonly items: { node: HTMLElement; dot: HTMLElement }[];

  constructor(private readonly world: World) {
    this.items = world.people.map(({ person }) => {
      const dot = element("i");
      const node = element("div", { class: "label" }, dot, element("span", {}, person.name));
      this.root.append(node);
      return { node, dot };
    });
  }

  update(viewport: Viewport, frame: number, settings: Settings): void {
    const point = new Vector3();
    this.world.people.forEach((person, i) => {
      const { node, dot } = this.items[i]!;
      const shown = settings.labels && !settings.hidden.has(person.person.id) && person.isVisible(frame);
      const at = shown ? viewport.project(person.labelPoint(point)) : null;
      node.hidden = at === null;
      if (!at) return;
      const width = viewport.canvas.clientWidth;
      // A name at the window's edge is moved into it; that of somebody outside stays outside. Here 50% is half the name.
      const inside = at.x >= 0 && at.x <= width;
      const middle = inside ? `clamp(50%, ${at.x.toFixed(1)}px, ${width}px - 50%)` : `${at.x.toFixed(1)}px`;
      node.style.transform = `translate(${middle}, ${at.y.toFixed(1)}px) translate(-50%, -100%)`;
      node.style.zIndex = String(Math.round(1000 / (1 + at.depth)));
      dot.style.background = `#${person.colour.getHexString("srgb")}`;
    });
  }
}
