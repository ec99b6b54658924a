/** Below the view: the slider, play, step, time, speed, loop and sound. */
import type { Clock } from "./clock";
import { element, iconButton, setIcon } from "./dom";
import { formatTime } from "./frames";
import { ICONS } from "./icons";
import type { Clip } from "./scene";
import type { Settings, Store } from "./settings";
import { Timeline } from "./timeline";

export const SPEEDS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2] as const;

export class TransportBar {
  readonly root: HTMLElement;
  private readonly timeline: Timeline;
  private readonly playButton: HTMLButtonElement;
  private readonly loopButton: HTMLButtonElement;
  private readonly soundButton: HTMLButtonElement;
  private readonly time = element("span");
  private readonly frameInput: HTMLInputElement;
  private readonly speed: HTMLSelectElement;

  constructor(
    private readonly clip: Clip,
    clock: Clock,
    store: Store,
  ) {
    this.timeline = new Timeline(clip, (frame) => void clock.seek(frame));
    this.playButton = iconButton(ICONS.play, "Play (space)", () => (clock.playing ? clock.pause() : clock.play()));
    this.playButton.classList.add("play");
    this.loopButton = iconButton(ICONS.loop, "Loop (L)", () => store.set({ loop: !store.value.loop }));
    this.soundButton = iconButton(ICONS.sound, "Mute (M)", () => store.set({ muted: !store.value.muted }));
    this.soundButton.hidden = !clip.has_audio || !clip.video;
    this.frameInput = element("input", {
      type: "number",
      min: 0,
      max: clip.n_frames - 1,
      "aria-label": "Frame number",
    });
    this.frameInput.addEventListener("change", () => void clock.seek(this.frameInput.valueAsNumber || 0));
    this.speed = element("select", { "aria-label": "Speed", title: "Speed ([ and ])" });
    for (const value of SPEEDS) this.speed.append(element("option", { value }, `${value}×`));
    this.speed.addEventListener("change", () => store.set({ speed: Number(this.speed.value) }));
    const step = (by: number): void => {
      clock.pause();
      void clock.seek(clock.frame + by);
    };
    const total = element("span", { class: "total" }, ` / ${formatTime(clip.n_frames / clip.fps)}`);
    this.root = element(
      "footer",
      { class: "transport" },
      this.timeline.root,
      element(
        "div",
        { class: "controls" },
        iconButton(ICONS.back, "One frame back (←)", () => step(-1)),
        this.playButton,
        iconButton(ICONS.forward, "One frame on (→)", () => step(1)),
        element("span", { class: "time" }, this.time, total),
        element("label", { class: "frame-number" }, "Frame ", this.frameInput),
        element("span", { class: "stretch" }),
        this.soundButton,
        this.loopButton,
        this.speed,
      ),
    );
    store.subscribe((settings) => this.showSettings(settings));
    this.showFrame(0);
  }

  showFrame(frame: number): void {
    const { fps } = this.clip;
    this.timeline.show(frame);
    this.time.textContent = formatTime(frame / fps);
    if (document.activeElement !== this.frameInput) this.frameInput.value = String(frame);
  }

  showPlaying(playing: boolean): void {
    setIcon(this.playButton, playing ? ICONS.pause : ICONS.play, playing ? "Pause (space)" : "Play (space)");
  }

  private showSettings({ loop, muted, speed }: Settings): void {
    this.loopButton.setAttribute("aria-pressed", String(loop));
    setIcon(this.soundButton, muted ? ICONS.silent : ICONS.sound, muted ? "Unmute (M)" : "Mute (M)");
    this.speed.value = String(speed);
  }
}
