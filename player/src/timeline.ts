/** The slider of frames, with a line per person that shows when they are visible, and marks at cuts. */
import { element } from "./dom";
import { formatTime } from "./frames";
import type { Clip } from "./scene";

const MOST_LINES = 12;

export class Timeline {
  readonly root: HTMLElement;
  private readonly input: HTMLInputElement;

  constructor(
    private readonly clip: Clip,
    onSeek: (frame: number) => void,
  ) {
    this.input = element("input", {
      type: "range",
      min: 0,
      max: Math.max(clip.n_frames - 1, 0),
      step: 1,
      value: 0,
      "aria-label": "Frame",
    });
    this.input.addEventListener("input", () => onSeek(this.input.valueAsNumber));
    // The page's own keys step through frames.
    this.input.addEventListener("keydown", (event) => {
      if (event.key.startsWith("Arrow")) event.preventDefault();
    });
    this.root = element("div", { class: "timeline" }, this.presence(), this.input);
  }

  show(frame: number): void {
    const { fps, n_frames } = this.clip;
    this.input.value = String(frame);
    this.input.style.setProperty("--share", String(frame / Math.max(n_frames - 1, 1)));
    this.input.setAttribute("aria-valuetext", `${formatTime(frame / fps)}, frame ${frame}`);
  }

  private presence(): HTMLElement {
    const { people, cuts, n_frames } = this.clip;
    const at = (frame: number): string => `${((100 * frame) / n_frames).toFixed(3)}%`;
    const lines = people.slice(0, MOST_LINES).map((person) => {
      const line = element("div", { class: "presence" });
      for (const [start, stop] of person.visible) {
        const part = element("i");
        part.style.left = at(start);
        part.style.width = at(stop - start);
        part.style.background = `rgb(${person.colour.map((value) => Math.round(255 * value)).join(" ")})`;
        line.append(part);
      }
      return line;
    });
    const marks = cuts.map((cut) => {
      const mark = element("b", { title: `Cut at frame ${cut}` });
      mark.style.left = at(cut);
      return mark;
    });
    return element("div", { class: "presences", "aria-hidden": "true" }, ...lines, ...marks);
  }
}
