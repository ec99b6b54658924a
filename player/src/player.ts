/** The player of one clip: puts clock, world, view and controls together. */
import { Color } from "three";
import { FreeClock, type Clock } from "./clock";
import { loadBytes, mediaUrl } from "./data";
import { element } from "./dom";
import { graphicsOfMachine, type Graphics } from "./graphics";
import { bindKeys, helpDialog, type Actions } from "./keys";
import { Labels } from "./labels";
import { Layout } from "./layout";
import { formatLink, parseLink } from "./link";
import { followTheme } from "./palette";
import { Panel } from "./panel";
import { loadRigs } from "./rig";
import type { Clip } from "./scene";
import { DEFAULTS, Store, type Settings } from "./settings";
import { TransportBar } from "./transport_bar";
import { VideoClock } from "./video_clock";
import { Viewport } from "./viewport";
import { World } from "./world";

const NARROW = "(max-width: 760px)";
const LINK_MS = 300;

export class Player {
  readonly store: Store;
  readonly viewport: Viewport;
  readonly world: World;
  clock: Clock;
  private readonly labels: Labels;
  private readonly bar: TransportBar;
  private readonly panel: Panel;
  private readonly help = helpDialog();
  private readonly title: string;
  private linkTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    private readonly clip: Clip,
    videoId: string,
    world: World,
    private readonly video: HTMLVideoElement | null,
    notes: readonly string[],
    graphics: Graphics,
  ) {
    this.title = videoId;
    this.world = world;
    const link = parseLink(location.hash);
    const narrow = window.matchMedia(NARROW).matches;
    this.store = new Store({ ...DEFAULTS, panel: !narrow, ...link.settings });
    const actions: Actions = {
      reset: () => this.reset(),
      screenshot: () => void this.saveScreenshot(),
      help: () => this.help.showModal(),
    };
    const layout = new Layout(this.store, video, actions, videoId, clip);
    this.clock = this.makeClock();
    this.bar = new TransportBar(
      clip,
      forwarding(() => this.clock),
      this.store,
    );
    this.panel = new Panel(clip, this.store, (id) => this.colourOf(id), notes);
    layout.add(this.panel.root, this.bar.root, this.help);
    this.viewport = new Viewport(layout.view, world, video, this.store.value, graphics);
    this.viewport.canvas.setAttribute("aria-label", `People of ${videoId} in 3D`);
    this.labels = new Labels(world);
    layout.view.append(this.labels.root);
    bindKeys(
      forwarding(() => this.clock),
      this.store,
      clip.people.map(({ id }) => id),
      actions,
    );
    this.viewport.onDrawn = () => this.labels.update(this.viewport, this.clock.frame, this.store.value);
    followTheme((theme) => this.viewport.setTheme(theme));
    this.begin(link.time);
  }

  /** Loads bodies and video, and shows the first frame, or the one that the address names. */
  static async load(clip: Clip, videoId: string): Promise<Player> {
    const { rigs } = await loadRigs(
      await loadBytes(clip.glb),
      clip.people.map(({ node }) => node),
    );
    const video = clip.video ? await loadVideo(clip.video) : null;
    const playable: Clip = video ? clip : { ...clip, video: null };
    const graphics = graphicsOfMachine();
    const notes = notesOf(playable);
    if (clip.video && !video) notes.push("This browser cannot play the video.");
    return new Player(playable, videoId, new World(playable, rigs, graphics.shadowPixels), video, notes, graphics);
  }

  reset(): void {
    const { view } = this.store.value;
    if (this.store.value.follow !== null) this.store.set({ follow: null });
    if (view === "camera") this.viewport.cameraView.reset();
    else if (view === "top") this.viewport.orbit.goAbove(true);
    else this.viewport.orbit.goHome(true);
  }

  private begin(seconds: number | null): void {
    const start = this.store.value;
    void this.clock.seek(seconds === null ? 0 : Math.floor(seconds * this.clip.fps + 1e-3));
    this.showFrame(this.clock.frame);
    if (start.view === "top") this.viewport.orbit.goAbove(false);
    else this.viewport.orbit.goHome(false);
    this.store.subscribe((settings, before) => this.applySettings(settings, before));
    if (start.follow !== null) this.viewport.orbit.setFollow(start.follow);
  }

  private makeClock(): Clock {
    const { fps, n_frames } = this.clip;
    const events = {
      frame: (frame: number) => this.showFrame(frame),
      playing: (playing: boolean) => this.showPlaying(playing),
      picture: () => this.viewport?.newPicture(),
      failed: () => this.replaceClock(),
    };
    const usable = this.video && !this.video.error;
    return usable ? new VideoClock(this.video, fps, n_frames, events) : new FreeClock(fps, n_frames, events);
  }

  /** Without its video the clip still plays. */
  private replaceClock(): void {
    const { frame } = this.clock;
    this.clock = this.makeClock();
    void this.clock.seek(frame);
    this.applySettings(this.store.value, this.store.value);
  }

  private showFrame(frame: number): void {
    this.viewport.setFrame(frame);
    this.bar.showFrame(frame);
    this.panel.showPresence((i) => this.world.people[i]?.isVisible(frame) ?? false);
    if (!this.clock.playing) this.writeLink();
  }

  private showPlaying(playing: boolean): void {
    this.bar.showPlaying(playing);
    if (!playing) this.writeLink();
  }

  private applySettings(settings: Settings, before: Settings): void {
    this.clock.setSpeed(settings.speed);
    this.clock.setLoop(settings.loop);
    this.clock.setMuted(settings.muted);
    for (const person of this.world.people) person.setColour(new Color(this.colourOf(person.person.id)));
    this.viewport.setSettings(settings);
    if (settings.view !== before.view) {
      if (settings.view === "top") this.viewport.orbit.goAbove(before.view === "free");
      else if (before.view === "top") this.viewport.orbit.goHome(settings.view === "free");
    }
    if (settings.follow !== before.follow) this.viewport.orbit.setFollow(settings.follow);
    if (!this.clock.playing) this.writeLink();
  }

  private colourOf(id: number): string {
    const person = this.clip.people.find((candidate) => candidate.id === id)!;
    const own = new Color().setRGB(...person.colour, "srgb");
    return this.store.value.colours.get(id) ?? `#${own.getHexString("srgb")}`;
  }

  /** Once things are at rest: browsers refuse an address that changes all the time. */
  private writeLink(): void {
    clearTimeout(this.linkTimer);
    this.linkTimer = setTimeout(() => {
      try {
        history.replaceState(null, "", formatLink(this.clock.frame / this.clip.fps, this.store.value));
      } catch {
        // Pages without an address of their own, as within a report, have no link to keep.
      }
    }, LINK_MS);
  }

  private async saveScreenshot(): Promise<void> {
    const blob = await this.viewport.screenshot();
    if (!blob) return;
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: `${this.title}_${this.clock.frame}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

/** A clock that stays the same object while the one behind it may be replaced. */
function forwarding(clock: () => Clock): Clock {
  return {
    get frame() {
      return clock().frame;
    },
    get playing() {
      return clock().playing;
    },
    play: () => clock().play(),
    pause: () => clock().pause(),
    seek: (frame) => clock().seek(frame),
    setSpeed: (speed) => clock().setSpeed(speed),
    setLoop: (loop) => clock().setLoop(loop),
    setMuted: (muted) => clock().setMuted(muted),
  };
}

/** A video whose first picture is there; null if it cannot be played. */
async function loadVideo(url: string): Promise<HTMLVideoElement | null> {
  const video = element("video", { playsinline: true, preload: "auto", "aria-label": "Source video" });
  await new Promise<void>((resolve) => {
    video.addEventListener("loadeddata", () => resolve(), { once: true });
    video.addEventListener("error", () => resolve(), { once: true });
    video.src = mediaUrl(url);
  });
  return video.error ? null : video;
}

function notesOf({ cameras, video, people }: Clip): string[] {
  const notes: string[] = [];
  if (video && cameras.distortion.some((value) => value !== 0)) {
    notes.push("The lens bends lines, which is left out here: near the edges bodies may lie beside the picture.");
  }
  if (people.some(({ filled }) => filled?.length)) notes.push("Paler bodies are filled in over a short gap.");
  return notes;
}
