"""Scale from the floor: the camera stands as many metres above the feet as it stands units above the floor.

The floor is a plane through points of the background; the viewing ray of a foot on it meets it
at the foot, wherever that is in metres.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.scaling.fusion import Evidence, correlated_variance
from nlf_pipeline.scaling.planted_feet import FeetInScene, Stance

_MAX_TILT = np.deg2rad(15.0)
_TOLERANCE = 0.02
"""Points within this share of their distance from the camera lie on a plane."""
_TRIALS = 400
_BELOW_COST = 2.0
"""A floor has nothing under it: so many points on a plane are outweighed by one below it."""
_LEAST_POINTS = 20
_LEAST_SHARE = 0.05
"""Of the points below the camera."""
_REFITS = 5
_HEIGHT_SD = 0.02
"""Error in the height of one person's soles over the camera's height, which steps do not average out."""
_ERROR_S = 1.0
_USUAL_RANGE = (0.3, 3.0)
"""Ratios outside of this, against the median, are no feet on this floor."""


@dataclass(frozen=True)
class PointFloor:
    """Points x with normal · x = offset, in the unit of the path."""

    normal: np.ndarray
    """(3,) unit vector, up."""
    offset: float

    def camera_height(self, centres: np.ndarray) -> np.ndarray:
        """(n,) of camera centres (n, 3)."""
        return centres @ self.normal - self.offset


def point_floor(points: np.ndarray, centres: np.ndarray, up: np.ndarray, seed: int = 0) -> PointFloor | None:
    """The lowest plane near level with many points of the background on it.

    RANSAC, then least squares on what lies on the plane.

    Args:
        points: (n, 3) of the background.
        centres: (frames, 3) camera centres.
        up: (3,) rough direction of up.
        seed: of the draws.

    Returns:
        The plane; None if too few points lie on one.
    """
    centre = centres.mean(axis=0)
    points = points[(points - centre) @ up < 0]
    if len(points) < _LEAST_POINTS:
        return None
    tolerance = _TOLERANCE * np.linalg.norm(points - centre, axis=-1)
    rng, best, best_score = np.random.default_rng(seed), None, 0.0
    for _ in range(_TRIALS):
        plane = _through(points[rng.choice(len(points), 3, replace=False)], up)
        if plane is not None and centre @ plane.normal > plane.offset:
            height = (points @ plane.normal - plane.offset) / tolerance
            score = np.sum(np.abs(height) < 1) - _BELOW_COST * np.sum(height < -2)
            if score > best_score:
                best, best_score = plane, float(score)
    if best is None:
        return None
    for _ in range(_REFITS):
        near = np.abs(points @ best.normal - best.offset) < tolerance
        if near.sum() < max(_LEAST_POINTS, _LEAST_SHARE * len(points)):
            return None
        best = _least_squares(points[near], tolerance[near], up)
    return best if best.normal @ up > np.cos(_MAX_TILT) else None


def _through(corners: np.ndarray, up: np.ndarray) -> PointFloor | None:
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    length = np.linalg.norm(normal)
    if length < 1e-12 or abs(normal @ up) < np.cos(_MAX_TILT) * length:
        return None
    normal = normal * np.sign(normal @ up) / length
    return PointFloor(normal, float(corners.mean(axis=0) @ normal))


def _least_squares(points: np.ndarray, sds: np.ndarray, up: np.ndarray) -> PointFloor:
    weights = sds**-2 / np.sum(sds**-2)
    centre = weights @ points
    spread = (points - centre) * np.sqrt(weights)[:, None]
    normal = np.linalg.svd(spread)[2][2]
    normal = normal * (1 if normal @ up > 0 else -1)
    return PointFloor(normal, float(centre @ normal))


def foot_ray_scale(feet: FeetInScene, stances: list[Stance], floor: PointFloor | None, scale: float) -> Evidence:
    """By how much each person's feet on the floor would have the assumed scale changed.

    Args:
        feet: while the camera moves.
        stances: feet at rest.
        floor: in the unit of the path; None says nothing.
        scale: the assumed one, metres per unit.
    """
    evidence = Evidence.none(len(feet.seen))
    if floor is None:
        return evidence
    heights = floor.camera_height(feet.centres)
    for k in np.unique([stance.person for stance in stances]):
        own = [stance for stance in stances if stance.person == k]
        ratios = np.array([_metres_per_unit(feet, stance, floor, heights) for stance in own])
        usual = np.median(ratios)
        good = (ratios > _USUAL_RANGE[0] * usual) & (ratios < _USUAL_RANGE[1] * usual)
        if usual > 0 and good.any():
            times = np.array([(stance.rows.start + stance.rows.stop) / 2 for stance in own]) / feet.fps
            centre, variance = _robust_mean(np.log(ratios[good]), times[good])
            evidence.deviation[k] = np.exp(centre) / scale - 1
            evidence.variance[k] = variance + _HEIGHT_SD**2
    return evidence


def _metres_per_unit(feet: FeetInScene, stance: Stance, floor: PointFloor, heights: np.ndarray) -> float:
    below = -feet.rays[stance.person, stance.rows, stance.foot] @ floor.normal
    return float(np.median(below / np.maximum(heights[stance.rows], 1e-9)))


def _robust_mean(values: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """Of values whose errors go together when near in time, by Cauchy weights, and its variance."""
    centre = float(np.median(values))
    weights = np.ones(len(values))
    for _ in range(10):
        sd = max(1.4826 * float(np.median(np.abs(values - centre))), 0.01)
        weights = 1 / (1 + ((values - centre) / (2 * sd)) ** 2)
        centre = float(weights @ values / weights.sum())
    shown = correlated_variance(weights * (values - centre), times, _ERROR_S)
    possible = float(weights @ weights) * sd**2
    return centre, max(shown, possible) / float(weights.sum()) ** 2
