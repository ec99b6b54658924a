/** Where to stand to see everything. */
import { Vector3 } from "three";

/**
 * The nearest place from which all points are within the view.
 *
 * Along each axis of the view, the sides of the pyramid of sight touch the outermost points.
 *
 * @param points At least one.
 * @param direction From what is seen to the eye, unit length; not straight up.
 * @param tanX Half the view's width at depth 1 and
 * @param tanY its height.
 */
export function eyeToSee(points: readonly Vector3[], direction: Vector3, tanX: number, tanY: number): Vector3 {
  const right = new Vector3(0, 1, 0).cross(direction).normalize();
  const up = direction.clone().cross(right);
  const x = extent(points, right, direction, tanX);
  const y = extent(points, up, direction, tanY);
  return new Vector3()
    .addScaledVector(right, x.middle)
    .addScaledVector(up, y.middle)
    .addScaledVector(direction, Math.max(x.back, y.back));
}

/** Where the two sides of a wedge meet that opens by `tan` and just holds the points. */
function extent(
  points: readonly Vector3[],
  across: Vector3,
  direction: Vector3,
  tan: number,
): { middle: number; back: number } {
  const side = (sign: number): number =>
    Math.max(...points.map((point) => sign * point.dot(across) + tan * point.dot(direction)));
  const [plus, minus] = [side(1), side(-1)];
  return { middle: (plus - minus) / 2, back: (plus + minus) / (2 * tan) };
}
