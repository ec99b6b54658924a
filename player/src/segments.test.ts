import assert from "node:assert/strict";
import { test } from "node:test";
import { piecesOf } from "./segments";

/** x is the frame. */
const path = (nFrames: number): Float32Array =>
  Float32Array.from({ length: 3 * nFrames }, (_, i) => (i % 3 ? 0 : i / 3));

test("no piece crosses a cut or a gap", () => {
  const pieces = piecesOf(
    path(20),
    [
      [0, 4],
      [6, 15],
    ],
    [
      [0, 10],
      [10, 20],
    ],
  );
  const frames = pieces.map((shot) => shot.map(({ positions }) => Array.from(positions).filter((_, i) => i % 3 === 0)));
  assert.deepEqual(frames, [
    [
      [0, 1, 2, 3],
      [6, 7, 8, 9],
    ],
    [[10, 11, 12, 13, 14]],
  ]);
  assert.deepEqual(
    pieces[1]!.map(({ start }) => start),
    [10],
  );
});

test("a single frame is no line, and nobody has no pieces", () => {
  assert.deepEqual(piecesOf(path(5), [[2, 3]], [[0, 5]]), [[]]);
  assert.deepEqual(piecesOf(path(5), [], [[0, 5]]), [[]]);
});
