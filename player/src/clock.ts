/** What says which frame is on screen. */
import { clampFrame, frameOfClock } from "./frames";

export interface ClockEvents {
  /** Another frame is on screen, or is about to be after a seek. */
  frame(frame: number): void;
  /** Playing began or stopped. */
  playing(playing: boolean): void;
  /** The picture of the video changed. */
  picture(): void;
  /** The video cannot be played. */
  failed(): void;
}

export interface Clock {
  readonly frame: number;
  readonly playing: boolean;
  play(): void;
  pause(): void;
  /** Shows `frame`; the promise is kept when its picture is there too. */
  seek(frame: number): Promise<void>;
  setSpeed(speed: number): void;
  setLoop(loop: boolean): void;
  setMuted(muted: boolean): void;
}

/** Runs by itself, for clips without a video. Counts from where playing began, so that nothing drifts. */
export class FreeClock implements Clock {
  frame = 0;
  playing = false;
  private speed = 1;
  private loop = true;
  private startFrame = 0;
  private startTime = 0;

  constructor(
    private readonly fps: number,
    private readonly nFrames: number,
    private readonly events: ClockEvents,
  ) {}

  play(): void {
    if (this.playing || this.nFrames < 2) return;
    if (this.frame >= this.nFrames - 1) this.show(0);
    this.playing = true;
    this.restart();
    this.events.playing(true);
    requestAnimationFrame(this.tick);
  }

  pause(): void {
    if (!this.playing) return;
    this.playing = false;
    this.events.playing(false);
  }

  seek(frame: number): Promise<void> {
    this.show(clampFrame(frame, this.nFrames));
    this.restart();
    return Promise.resolve();
  }

  setSpeed(speed: number): void {
    this.restart();
    this.speed = speed;
  }

  setLoop(loop: boolean): void {
    this.loop = loop;
  }

  setMuted(): void {}

  private readonly tick = (now: number): void => {
    if (!this.playing) return;
    const seconds = this.startFrame / this.fps + ((now - this.startTime) / 1000) * this.speed;
    if (seconds * this.fps >= this.nFrames) this.wrap();
    else this.show(frameOfClock(seconds, this.fps, this.nFrames));
    requestAnimationFrame(this.tick);
  };

  private wrap(): void {
    this.show(this.loop ? 0 : this.nFrames - 1);
    this.restart();
    if (!this.loop) this.pause();
  }

  private restart(): void {
    this.startFrame = this.frame;
    this.startTime = performance.now();
  }

  private show(frame: number): void {
    if (frame === this.frame) return;
    this.frame = frame;
    this.events.frame(frame);
  }
}
