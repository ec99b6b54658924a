import assert from "node:assert/strict";
import { test } from "node:test";
import { Vector3 } from "three";
import { fitRect, projectionOf, rayThrough } from "./projection";

const K = [1100, 3, 611.5, 0, 1080, 402.25, 0, 0, 1];
const SIZE = [1280, 720] as const;

/** Pixel of a point in OpenCV's camera axes, by the definition of K. */
function pixelOf([x, y, z]: readonly [number, number, number]): [number, number] {
  return [(K[0]! * x + K[1]! * y) / z + K[2]!, (K[4]! * y) / z + K[5]!];
}

test("points land on the pixels that K says, pixel centres being at integers", () => {
  const projection = projectionOf(K, SIZE, 0.1, 100);
  for (const point of [
    [0, 0, 1],
    [0.7, -0.4, 3],
    [-2, 1.1, 9.5],
    [0.01, 0.3, 0.6],
  ] as const) {
    const clip = new Vector3(point[0], -point[1], -point[2]).applyMatrix4(projection);
    const [u, v] = pixelOf(point);
    assert.ok(Math.abs(((clip.x + 1) / 2) * SIZE[0] - 0.5 - u) < 1e-9);
    assert.ok(Math.abs(((1 - clip.y) / 2) * SIZE[1] - 0.5 - v) < 1e-9);
    assert.ok(clip.z > -1 && clip.z < 1);
  }
});

test("the image's outermost edges are the edges of the clip space", () => {
  const projection = projectionOf(K, SIZE, 0.1, 100);
  for (const [u, v, x, y] of [
    [-0.5, -0.5, -1, 1],
    [1279.5, 719.5, 1, -1],
  ] as const) {
    const ray = rayThrough(K, u, v);
    const clip = new Vector3(ray[0], -ray[1], -ray[2]).multiplyScalar(7).applyMatrix4(projection);
    assert.ok(Math.abs(clip.x - x) < 1e-9 && Math.abs(clip.y - y) < 1e-9);
  }
});

test("near and far planes are the ends of the clip space", () => {
  const projection = projectionOf(K, SIZE, 0.1, 100);
  assert.ok(Math.abs(new Vector3(0, 0, -0.1).applyMatrix4(projection).z + 1) < 1e-9);
  assert.ok(Math.abs(new Vector3(0, 0, -100).applyMatrix4(projection).z - 1) < 1e-9);
});

test("rays invert the projection", () => {
  for (const [u, v] of [
    [0, 0],
    [611.5, 402.25],
    [1279, 3.5],
  ] as const) {
    const back = pixelOf(rayThrough(K, u, v));
    assert.ok(Math.abs(back[0] - u) < 1e-9 && Math.abs(back[1] - v) < 1e-9);
  }
});

test("a fitted rectangle touches two sides of its box and keeps its shape", () => {
  assert.deepEqual(fitRect(16 / 9, 1600, 1600), { x: 0, y: 350, width: 1600, height: 900 });
  assert.deepEqual(fitRect(0.5, 400, 200), { x: 150, y: 0, width: 100, height: 200 });
});
