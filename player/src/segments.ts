/** Pieces of a path that may be drawn: unbroken by cuts and by frames without a position. */
import type { Interval } from "./scene";

/** A line in space; point i belongs to frame `start + i`. */
export interface Piece {
  start: number;
  /** (points, 3). */
  positions: Float32Array;
}

/**
 * Cuts a path into pieces.
 *
 * @param positions (frames, 3), metres.
 * @param present Where there is a position.
 * @param shots The clip's shots: no piece crosses from one to the next.
 * @returns Per shot, its pieces of two frames or more.
 */
export function piecesOf(positions: Float32Array, present: readonly Interval[], shots: readonly Interval[]): Piece[][] {
  return shots.map(([first, end]) =>
    present
      .map(([start, stop]): Interval => [Math.max(start, first), Math.min(stop, end)])
      .filter(([start, stop]) => stop - start > 1)
      .map(([start, stop]) => ({ start, positions: positions.subarray(3 * start, 3 * stop) })),
  );
}
