/** The clock of a video: the frame is the one that the browser says it has put on screen. */
import type { Clock, ClockEvents } from "./clock";
import { clampFrame, frameOfClock, frameOfMediaTime, seekTime } from "./frames";

export class VideoClock implements Clock {
  frame = 0;
  /** The frame that the browser is seeking; only one seek is under way at a time. */
  private inFlight: number | null = null;
  /** The frame to seek next. */
  private wanted: number | null = null;
  private waiting: (() => void)[] = [];
  private looping = false;
  private wantsToPlay = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly fps: number,
    private readonly nFrames: number,
    private readonly events: ClockEvents,
  ) {
    video.addEventListener("play", () => events.playing(true));
    video.addEventListener("pause", this.onPause);
    video.addEventListener("seeked", this.onSeeked);
    video.addEventListener("ended", this.onEnded);
    video.addEventListener("loadeddata", () => events.picture());
    video.addEventListener("error", () => {
      this.settle();
      events.failed();
    });
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(this.onPicture);
    else requestAnimationFrame(this.poll);
  }

  get playing(): boolean {
    return !this.video.paused;
  }

  play(): void {
    this.wantsToPlay = true;
    if (this.video.ended) void this.seek(0);
    this.video.play().catch(() => {
      // A page may not make a sound before the user has touched it.
      this.video.muted = true;
      this.video.play().catch(() => this.events.playing(false));
    });
  }

  pause(): void {
    this.wantsToPlay = false;
    this.video.pause();
  }

  seek(frame: number): Promise<void> {
    const wanted = clampFrame(frame, this.nFrames);
    this.wanted = wanted;
    if (this.inFlight === null && !this.video.error) this.begin();
    this.show(wanted);
    return this.video.error ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  setSpeed(speed: number): void {
    this.video.defaultPlaybackRate = speed;
    this.video.playbackRate = speed;
  }

  setLoop(loop: boolean): void {
    this.looping = loop;
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
  }

  private begin(): void {
    this.inFlight = this.wanted;
    if (this.inFlight === null) return;
    const seconds = seekTime(this.inFlight, this.fps);
    if (this.video.readyState >= HTMLMediaElement.HAVE_METADATA) this.video.currentTime = seconds;
    else this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = seconds), { once: true });
  }

  /** A slow browser stops at a picture that it has not announced: pose and picture must agree at rest. */
  private readonly onPause = (): void => {
    const { currentTime, ended } = this.video;
    if (this.inFlight === null && !ended) void this.seek(frameOfClock(currentTime, this.fps, this.nFrames));
    this.events.playing(false);
  };

  private readonly onSeeked = (): void => {
    // News of an earlier seek, whose picture came before them, may arrive while the next is under way.
    if (this.inFlight === null || this.video.seeking) return;
    if (this.wanted !== this.inFlight) this.begin();
    else {
      // The picture is usually announced by the frame callback; it is not if the same picture was there before.
      const sought = this.inFlight;
      requestAnimationFrame(() => requestAnimationFrame(() => this.onShown(sought)));
    }
  };

  private onShown(sought: number): void {
    if (this.inFlight !== sought) return;
    if (this.wanted === sought) this.settle();
    else this.begin();
  }

  /** A video of which the last frame was sought ends at once, also while paused; one with `loop` would start anew. */
  private readonly onEnded = (): void => {
    if (this.looping && this.wantsToPlay) this.play();
    else this.wantsToPlay = false;
  };

  private readonly onPicture = (_now: number, { mediaTime }: VideoFrameCallbackMetadata): void => {
    const frame = frameOfMediaTime(mediaTime, this.fps, this.nFrames);
    if (this.inFlight === null) this.show(frame);
    else if (frame === this.inFlight && frame === this.wanted) this.settle();
    this.events.picture();
    this.video.requestVideoFrameCallback(this.onPicture);
  };

  private readonly poll = (): void => {
    if (this.inFlight === null && this.playing) {
      this.show(frameOfClock(this.video.currentTime, this.fps, this.nFrames));
      this.events.picture();
    }
    requestAnimationFrame(this.poll);
  };

  private settle(): void {
    this.inFlight = null;
    this.wanted = null;
    const kept = this.waiting;
    this.waiting = [];
    this.events.picture();
    for (const resolve of kept) resolve();
  }

  private show(frame: number): void {
    if (frame === this.frame) return;
    this.frame = frame;
    this.events.frame(frame);
  }
}
