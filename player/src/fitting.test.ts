import assert from "node:assert/strict";
import { test } from "node:test";
import { Vector3 } from "three";
import { eyeToSee } from "./fitting";

const POINTS = [
  [0, 0, 0],
  [3, 1.8, -2],
  [-1, 0.2, 4],
  [2, 3, 1],
].map(([x, y, z]) => new Vector3(x, y, z));

test("all points are in sight and one touches the border", () => {
  for (const [direction, tanX, tanY] of [
    [new Vector3(0.3, 0.4, 0.8), 0.6, 0.35],
    [new Vector3(-0.9, 0.1, 0.2), 0.2, 0.5],
  ] as const) {
    direction.normalize();
    const eye = eyeToSee(POINTS, direction, tanX, tanY);
    const right = new Vector3(0, 1, 0).cross(direction).normalize();
    const up = direction.clone().cross(right);
    const outermost = POINTS.map((point) => {
      const seen = point.clone().sub(eye);
      const depth = -seen.dot(direction);
      assert.ok(depth > 0);
      return Math.max(Math.abs(seen.dot(right)) / (depth * tanX), Math.abs(seen.dot(up)) / (depth * tanY));
    });
    assert.ok(Math.abs(Math.max(...outermost) - 1) < 1e-9);
  }
});
