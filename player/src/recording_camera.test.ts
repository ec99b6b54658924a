import assert from "node:assert/strict";
import { test } from "node:test";
import { Vector3 } from "three";
import { RecordingCamera } from "./recording_camera";

const base64 = (values: number[]): string => Buffer.from(new Float32Array(values).buffer).toString("base64");

/** Two frames: 2 m up looking along the world's -z, then moved to x = 1. */
const POSE = (x: number): number[] => [1, 0, 0, x, 0, -1, 0, 2, 0, 0, -1, 0, 0, 0, 0, 1];
const K = [500, 0, 319.5, 0, 500, 239.5, 0, 0, 1];
const CAMERA = new RecordingCamera(
  { T_world_cam: base64([...POSE(0), ...POSE(1)]), K: base64([...K, ...K]), distortion: [] },
  [640, 480],
);

test("the camera stands where the file says and looks along -z with y up", () => {
  assert.deepEqual(CAMERA.position(1).toArray(), [1, 2, 0]);
  const ahead = new Vector3(0, 0, -5).applyMatrix4(CAMERA.worldFromGl(0));
  assert.deepEqual(ahead.toArray(), [0, 2, -5]);
  assert.deepEqual(new Vector3(0, 1, 0).transformDirection(CAMERA.worldFromGl(0)).toArray(), [0, 1, 0]);
});

test("the corners of the image plane project onto the corners of the image", () => {
  const corners = CAMERA.corners(0, 2).map((corner) => {
    const seen = new Vector3(corner.x, -corner.y, -corner.z).applyMatrix4(CAMERA.projection(0, 0.1, 50));
    return [Math.round(seen.x * 1e5) / 1e5, Math.round(seen.y * 1e5) / 1e5];
  });
  assert.deepEqual(corners, [
    [-1, 1],
    [1, 1],
    [1, -1],
    [-1, -1],
  ]);
});
