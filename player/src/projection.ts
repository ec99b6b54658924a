/** Pictures of a pinhole camera with pixel centres at integers, as OpenCV's. */
import { Matrix4 } from "three";

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * WebGL's projection of the camera with the intrinsics `K`.
 *
 * The image covers [-0.5, width - 0.5] x [-0.5, height - 0.5] and becomes the whole of the clip space; the camera looks
 * along -z with y up, as three.js has it.
 *
 * @param K 9 numbers, row-major, pixels; its skew is kept.
 * @param size Width and height of the image in pixels.
 * @param near Nearest and
 * @param far farthest distance along the axis to draw, metres.
 */
export function projectionOf(
  K: ArrayLike<number>,
  [width, height]: readonly [number, number],
  near: number,
  far: number,
): Matrix4 {
  const [fx, skew, cx, , fy, cy] = Array.from(K) as [number, number, number, number, number, number];
  const depth = far - near;
  return new Matrix4().set(
    (2 * fx) / width,
    (-2 * skew) / width,
    1 - (2 * cx + 1) / width,
    0,
    0,
    (2 * fy) / height,
    (2 * cy + 1) / height - 1,
    0,
    0,
    0,
    -(far + near) / depth,
    (-2 * far * near) / depth,
    0,
    0,
    -1,
    0,
  );
}

/** The ray through a pixel in OpenCV's camera axes, scaled to depth 1. */
export function rayThrough(K: ArrayLike<number>, u: number, v: number): [number, number, number] {
  const [fx, skew, cx, , fy, cy] = Array.from(K) as [number, number, number, number, number, number];
  const y = (v - cy) / fy;
  return [(u - cx - skew * y) / fx, y, 1];
}

/** The largest rectangle of the given shape in the middle of a box. */
export function fitRect(aspect: number, width: number, height: number): Rect {
  const fitted = Math.min(width, height * aspect);
  return { x: (width - fitted) / 2, y: (height - fitted / aspect) / 2, width: fitted, height: fitted / aspect };
}
