import assert from "node:assert/strict";
import { test } from "node:test";
import { clampFrame, formatTime, frameOfClock, frameOfMediaTime, isWithin, seekTime, shotAt, shotsOf } from "./frames";

const RATES = [24, 25, 30000 / 1001, 50, 60000 / 1001, 120];

test("a frame's presentation time gives that frame, rounded to a microsecond or not", () => {
  for (const fps of RATES) {
    for (const frame of [0, 1, 2, 999, 17_981, 100_000]) {
      const exact = frame / fps;
      for (const seconds of [exact, Math.round(exact * 1e6) / 1e6, Math.fround(exact)]) {
        assert.equal(frameOfMediaTime(seconds, fps, 200_000), frame);
      }
    }
  }
});

test("seeking a frame lands within it, and a running clock agrees", () => {
  for (const fps of RATES) {
    for (const frame of [0, 1, 500, 99_999]) {
      assert.equal(frameOfClock(seekTime(frame, fps), fps, 200_000), frame);
      assert.equal(frameOfClock(frame / fps, fps, 200_000), frame);
      assert.equal(frameOfClock((frame + 0.99) / fps, fps, 200_000), frame);
    }
  }
});

test("frames stay within the clip", () => {
  assert.equal(clampFrame(-3, 10), 0);
  assert.equal(clampFrame(Infinity, 10), 9);
  assert.equal(clampFrame(4, 0), 0);
  assert.equal(frameOfMediaTime(99, 25, 10), 9);
});

test("intervals hold their start and not their stop", () => {
  const intervals: [number, number][] = [
    [2, 4],
    [4, 5],
    [9, 12],
  ];
  const inside = Array.from({ length: 14 }, (_, frame) => frame).filter((frame) => isWithin(intervals, frame));
  assert.deepEqual(inside, [2, 3, 4, 9, 10, 11]);
  assert.equal(isWithin([], 0), false);
});

test("shots cover the clip, and cuts begin them", () => {
  const shots = shotsOf([10, 25], 40);
  assert.deepEqual(shots, [
    [0, 10],
    [10, 25],
    [25, 40],
  ]);
  assert.deepEqual(
    [0, 9, 10, 24, 25, 39].map((frame) => shotAt(shots, frame)),
    [0, 0, 1, 1, 2, 2],
  );
  assert.deepEqual(shotsOf([], 7), [[0, 7]]);
});

test("times carry over to minutes only when full", () => {
  assert.equal(formatTime(0), "0:00.00");
  assert.equal(formatTime(3.2), "0:03.20");
  assert.equal(formatTime(59.999), "1:00.00");
  assert.equal(formatTime(754.5), "12:34.50");
});
