/** Frames, seconds and intervals of frames. */
import type { Interval } from "./scene";

/** The frame on screen at `seconds`, the presentation time of a video frame. */
export function frameOfMediaTime(seconds: number, fps: number, nFrames: number): number {
  return clampFrame(Math.round(seconds * fps), nFrames);
}

/** The frame on screen when a player's clock, which runs on between frames, says `seconds`. */
export function frameOfClock(seconds: number, fps: number, nFrames: number): number {
  return clampFrame(Math.floor(seconds * fps + 1e-3), nFrames);
}

/** Where to seek for `frame`: the middle of its time on screen, so that rounding cannot give a neighbour. */
export function seekTime(frame: number, fps: number): number {
  return (frame + 0.5) / fps;
}

export function clampFrame(frame: number, nFrames: number): number {
  return Math.min(Math.max(Math.round(frame), 0), Math.max(nFrames - 1, 0));
}

/** Whether `frame` lies in one of the intervals, which are in order and apart. */
export function isWithin(intervals: readonly Interval[], frame: number): boolean {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const [start, stop] = intervals[middle]!;
    if (frame < start) high = middle;
    else if (frame >= stop) low = middle + 1;
    else return true;
  }
  return false;
}

/** The shots of a clip. */
export function shotsOf(cuts: readonly number[], nFrames: number): Interval[] {
  const starts = [0, ...cuts.filter((cut) => cut > 0 && cut < nFrames)];
  return starts.map((start, i) => [start, starts[i + 1] ?? nFrames]);
}

/** Index of the shot that `frame` is in. */
export function shotAt(shots: readonly Interval[], frame: number): number {
  return Math.max(
    shots.findLastIndex(([start]) => frame >= start),
    0,
  );
}

/** Minutes, seconds and hundredths: 0:03.20. */
export function formatTime(seconds: number): string {
  const hundredths = Math.round(seconds * 100);
  const minutes = Math.floor(hundredths / 6000);
  return `${minutes}:${((hundredths % 6000) / 100).toFixed(2).padStart(5, "0")}`;
}
