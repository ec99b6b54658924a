"""Keeping people apart from frame to frame: motion, likeness of poses, matching. Numbers in, numbers out.

Motion is a constant-velocity Kalman filter on the body circle's centre and the logarithm of its
radius, which stands for depth (Kalman 1960). Likeness of poses is COCO's object keypoint
similarity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

_MEASUREMENT_STD = np.array([0.02, 0.02, 0.03])  # centre in radii, log radius: jitter of the landmark model
_SPEED_CHANGE_STD = np.array([1.8, 1.8, 0.6])  # radii / s and 1 / s, over one second: walking off, or turning back
_START_SPEED_STD = np.array([1.0, 1.0, 0.4])  # radii / s, 1 / s
_LANDMARK_SPREAD = 0.1  # of the radius: like COCO's keypoint constants for hips and shoulders


@dataclass(frozen=True)
class Motion:
    """Where a body circle is and how it moves: Gaussian over (x, y, log radius), independent axes."""

    mean: np.ndarray
    """(3, 2) value and its change per second; pixels and log pixels."""
    covariance: np.ndarray
    """(3, 2, 2)."""

    @property
    def centre_px(self) -> np.ndarray:
        """(2,) expected centre."""
        return self.mean[:2, 0]

    @property
    def radius_px(self) -> float:
        """Expected radius."""
        return float(np.exp(self.mean[2, 0]))

    @property
    def centre_std_px(self) -> float:
        """Standard deviation of the centre along an axis."""
        return float(np.sqrt(self.covariance[0, 0, 0]))


def start_motion(centre_px: np.ndarray, radius_px: float) -> Motion:
    """A circle at rest, its speed unknown."""
    scale = np.array([radius_px, radius_px, 1.0])
    mean = np.zeros((3, 2))
    mean[:, 0] = (*centre_px, np.log(radius_px))
    covariance = np.zeros((3, 2, 2))
    covariance[:, 0, 0] = (_MEASUREMENT_STD * scale) ** 2
    covariance[:, 1, 1] = (_START_SPEED_STD * scale) ** 2
    return Motion(mean, covariance)


def predict_motion(motion: Motion, seconds: float) -> Motion:
    """The same circle `seconds` later (or earlier) at constant velocity, with white noise as acceleration."""
    F = np.array([[1.0, seconds], [0.0, 1.0]])
    s = abs(seconds)
    noise = np.array([[s**3 / 3, s * seconds / 2], [s * seconds / 2, s]])
    density = (_SPEED_CHANGE_STD * np.array([motion.radius_px, motion.radius_px, 1.0])) ** 2
    return Motion(motion.mean @ F.T, F @ motion.covariance @ F.T + density[:, None, None] * noise)


def update_motion(motion: Motion, centre_px: np.ndarray, radius_px: float, visible_part: float = 1.0) -> Motion:
    """Correct a prediction by an observed circle.

    Args:
        motion: the prediction.
        centre_px: (2,) observed.
        radius_px: observed.
        visible_part: of the body; the less is seen, the less the observation counts: the model makes up the rest.
    """
    observed = np.array([*centre_px, np.log(radius_px)])
    scale = np.array([radius_px, radius_px, 1.0])
    noise_std = _MEASUREMENT_STD * scale / np.clip(visible_part, 0.1, 1.0) ** 1.5
    variance = motion.covariance[:, 0, 0] + noise_std**2
    gain = motion.covariance[:, :, 0] / variance[:, None]
    mean = motion.mean + gain * (observed - motion.mean[:, 0])[:, None]
    return Motion(mean, motion.covariance - gain[:, :, None] * motion.covariance[:, None, 0, :])


def fuse_motions(a: Motion, b: Motion) -> Motion:
    """One estimate out of two independent ones of the same moment, such as a prediction from before and one from after.

    Each axis is weighed by how sure either is (the information form of the Kalman filter).
    """
    information = np.linalg.inv(a.covariance), np.linalg.inv(b.covariance)
    covariance = np.linalg.inv(information[0] + information[1])
    weighted = sum(np.einsum("aij,aj->ai", i, motion.mean) for i, motion in zip(information, (a, b), strict=True))
    return Motion(np.einsum("aij,aj->ai", covariance, weighted), covariance)


def motion_distance(a: Motion, b: Motion) -> float:
    """How far apart two independent estimates of a circle are, in standard deviations, along the worst axis."""
    variance = a.covariance[:, 0, 0] + b.covariance[:, 0, 0]
    return float(np.max(np.abs(a.mean[:, 0] - b.mean[:, 0]) / np.sqrt(variance)))


def landmark_similarity(a_px: np.ndarray, b_px: np.ndarray, radius_px: float, std_px: float = 0.0) -> float:
    """Object keypoint similarity of two poses (COCO), in [0, 1].

    Args:
        a_px: (landmarks, 2).
        b_px: (landmarks, 2).
        radius_px: size of the body.
        std_px: along an axis, of where one of them is expected.
    """
    squared = np.sum((a_px - b_px) ** 2, axis=-1)
    return float(np.mean(np.exp(-squared / (2 * ((_LANDMARK_SPREAD * radius_px) ** 2 + std_px**2)))))


def overlap_groups(boxes_px: np.ndarray) -> list[list[int]]:
    """Indices of boxes that touch, directly or through others.

    Args:
        boxes_px: (boxes, 4) left, top, right, bottom.
    """
    if len(boxes_px) == 0:
        return []
    low = np.maximum(boxes_px[:, None, :2], boxes_px[None, :, :2])
    high = np.minimum(boxes_px[:, None, 2:], boxes_px[None, :, 2:])
    n_groups, labels = connected_components(np.all(high > low, axis=-1), directed=False)
    return [np.flatnonzero(labels == group).tolist() for group in range(n_groups)]


def match(costs: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """The one-to-one pairs of least total cost, none dearer than `limit` (Hungarian algorithm).

    Leaving a row and a column alone costs `limit`, so a cheap pair is never given up for more pairs.

    Args:
        costs: (rows, columns); not finite where a pair is impossible.
        limit: what a pair may cost.
    """
    gains = np.where(np.isfinite(costs) & (costs <= limit), costs - limit, 0.0)
    rows, columns = linear_sum_assignment(gains)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if gains[i, j] < 0]


def inconsistent_frames(appearance_distances: Sequence[float], limit: float) -> list[int]:
    """Positions of local maxima above `limit`: where what was seen before differs from what came after."""
    d = np.asarray(appearance_distances, dtype=np.float64)
    padded = np.concatenate([[-np.inf], d, [-np.inf]])
    peaks = (d > limit) & (d >= padded[:-2]) & (d > padded[2:])
    return np.flatnonzero(peaks).tolist()
