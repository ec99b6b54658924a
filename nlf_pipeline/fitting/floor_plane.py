"""The plane under feet at rest: RANSAC for the consensus, then a fit that knows roughly where up is."""

import warnings
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.geometry import tangent_axes

_MAX_TILT = np.deg2rad(35.0)
_TILT_SD = np.deg2rad(3.0)
"""Error of the rough direction of up."""
_STANCE_SD = 0.03
"""Error in the height of one stance, metres."""
_RANSAC_FROM = 8
_RANSAC_TRIALS = 200
_ITERATIONS = 10


@dataclass(frozen=True)
class FloorPlane:
    """Points x with normal · x = offset, and how well the feet support it."""

    normal: np.ndarray
    """(3,) unit vector, up."""
    offset: float
    inliers: np.ndarray
    """(n,) bool."""
    spread: float
    """Median distance of the inliers from the plane."""


def fit_floor(points: np.ndarray, weights: np.ndarray, up: np.ndarray, threshold: float, seed: int) -> FloorPlane:
    """The floor from points on it.

    With few points, or with points on one line, the normal cannot be seen and stays at `up`.

    Args:
        points: (n, 3) lowest points of feet at rest, n >= 1, metres.
        weights: (n,) of the points, > 0.
        up: (3,) rough direction of up.
        threshold: a point farther from the floor than this is not on it, metres.
        seed: of RANSAC's draws.
    """
    up = up / np.linalg.norm(up)
    axes = np.vstack([tangent_axes(up), up])  # two horizontal, and up
    centre = np.median(points, axis=0)
    local = (points - centre) @ axes.T
    design = np.column_stack([local[:, :2], np.ones(len(local))])
    prior = np.diag([np.tan(_TILT_SD) ** -2, np.tan(_TILT_SD) ** -2, 0.0])
    share = consensus(local, threshold, seed).astype(np.float64)
    for _ in range(_ITERATIONS):
        believed = weights * share / _STANCE_SD**2
        plane = np.linalg.solve(design.T @ (believed[:, None] * design) + prior, design.T @ (believed * local[:, 2]))
        share = 1 / (1 + ((local[:, 2] - design @ plane) / threshold) ** 2) ** 2
    tilt, height = plane[:2], plane[2]
    normal = np.array([-tilt[0], -tilt[1], 1.0]) @ axes
    normal = normal / np.linalg.norm(normal)
    offset = float(normal @ (centre + height * axes[2]))
    distance = np.abs(points @ normal - offset)
    near = distance < threshold
    return FloorPlane(normal, offset, near, float(np.median(distance[near])) if near.any() else 0.0)


def consensus(local: np.ndarray, threshold: float, seed: int) -> np.ndarray:
    """(n,) bool: the points of the plane with the most points on it, near level."""
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.linear_model import LinearRegression, RANSACRegressor

    if len(local) < _RANSAC_FROM:
        return _at_one_height(local[:, 2], 2 * threshold)
    ransac = RANSACRegressor(
        LinearRegression(),
        min_samples=3,
        residual_threshold=threshold,
        max_trials=_RANSAC_TRIALS,
        is_model_valid=lambda model, *_: bool(np.hypot(*model.coef_) < np.tan(_MAX_TILT)),
        random_state=seed,
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)  # of a draw with a single inlier
            return ransac.fit(local[:, :2], local[:, 2]).inlier_mask_
    except ValueError:  # no draw gave a plane near level
        return _at_one_height(local[:, 2], 2 * threshold)


def _at_one_height(heights: np.ndarray, tolerance: float) -> np.ndarray:
    """(n,) bool: the largest group of points within `tolerance` of one of them, the lowest of equals; never empty."""
    near = np.abs(heights[:, None] - np.sort(heights)) < tolerance
    return near[:, np.argmax(near.sum(axis=0))]
