/** The camera that took the clip. */
import { Matrix4, Vector3 } from "three";
import { floatsOfBase64 } from "./data";
import { projectionOf, rayThrough } from "./projection";
import type { CameraTrack } from "./scene";

/** From three.js's camera axes (y up, looking along -z) to OpenCV's (y down, looking along z). */
const CV_FROM_GL = new Matrix4().makeScale(1, -1, -1);

export class RecordingCamera {
  private readonly poses: Float32Array;
  private readonly intrinsics: Float32Array;

  constructor(
    track: CameraTrack,
    readonly size: readonly [number, number],
  ) {
    this.poses = floatsOfBase64(track.T_world_cam);
    this.intrinsics = floatsOfBase64(track.K);
  }

  /** 9 numbers, row-major, pixels. */
  K(frame: number): Float32Array {
    return this.intrinsics.subarray(9 * frame, 9 * frame + 9);
  }

  /** Maps OpenCV's camera axes to the world. */
  worldFromCv(frame: number): Matrix4 {
    return new Matrix4().fromArray(this.poses, 16 * frame).transpose();
  }

  /** Maps three.js's camera axes to the world. */
  worldFromGl(frame: number): Matrix4 {
    return this.worldFromCv(frame).multiply(CV_FROM_GL);
  }

  projection(frame: number, near: number, far: number): Matrix4 {
    return projectionOf(this.K(frame), this.size, near, far);
  }

  position(frame: number, target = new Vector3()): Vector3 {
    const i = 16 * frame;
    return target.set(this.poses[i + 3]!, this.poses[i + 7]!, this.poses[i + 11]!);
  }

  /** The image's corners at `depth` metres: top left, top right, bottom right, bottom left; OpenCV's camera axes. */
  corners(frame: number, depth: number): Vector3[] {
    const [width, height] = this.size;
    const [right, bottom] = [width - 0.5, height - 0.5];
    const pixels = [
      [-0.5, -0.5],
      [right, -0.5],
      [right, bottom],
      [-0.5, bottom],
    ] as const;
    return pixels.map(([u, v]) => new Vector3(...rayThrough(this.K(frame), u, v)).multiplyScalar(depth));
  }
}
