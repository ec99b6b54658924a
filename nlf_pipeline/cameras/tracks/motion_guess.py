"""A rough guess of how the whole picture moves from one frame to the next: where to start looking for the points."""

import cv2
import numpy as np

_REDUCTION = 4
_SMALLEST_PX = 16
_LEAST_OVERLAP = 0.3
_FEWEST_POINTS = 12
_INLIER_PX = 2.0
_AREA_CHANGE = (0.5, 2.0)


def guess_motion(
    before: np.ndarray, after: np.ndarray, background: np.ndarray, candidates: list[np.ndarray]
) -> np.ndarray:
    """The candidate, or shift by phase correlation, that brings the pictures together best.

    Lucas and Kanade's method alone loses motions beyond some 60 pixels per frame.

    Args:
        before: (height, width) uint8.
        after: (height, width) uint8.
        background: (height, width) uint8, 255 where `after` counts.
        candidates: (3, 3) affine motions from `before` to `after`, pixels; the first wins ties.

    Returns:
        (3, 3) motion, pixels.
    """
    if min(before.shape) < _SMALLEST_PX * _REDUCTION:
        return candidates[0]
    size_px = before.shape[1] // _REDUCTION, before.shape[0] // _REDUCTION
    small_before, small_after = (cv2.resize(x, size_px, interpolation=cv2.INTER_AREA) for x in (before, after))
    small_background = cv2.resize(background, size_px, interpolation=cv2.INTER_NEAREST)
    scale = np.diag([before.shape[1] / size_px[0], before.shape[0] / size_px[1], 1.0])
    shift = scale @ _phase_shift(small_before, small_after) @ np.linalg.inv(scale)
    motions = [*candidates, shift]
    misfits = [
        _misfit(small_before, small_after, small_background, np.linalg.inv(scale) @ motion @ scale)
        for motion in motions
    ]
    return motions[int(np.argmin(misfits))]


def fit_motion(before_px: np.ndarray, after_px: np.ndarray) -> np.ndarray:
    """(3, 3) affine motion that most of the points (points, 2) share; the identity where there is none."""
    if len(before_px) < _FEWEST_POINTS:
        return np.eye(3)
    affine, _ = cv2.estimateAffine2D(
        before_px, after_px, ransacReprojThreshold=_INLIER_PX, maxIters=200, confidence=0.99, refineIters=3
    )
    if affine is None or not _AREA_CHANGE[0] < np.linalg.det(affine[:, :2]) < _AREA_CHANGE[1]:
        return np.eye(3)
    return np.vstack([affine, [0, 0, 1]])


def _phase_shift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(3, 3) shift by phase correlation; the identity for pictures that have none."""
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), window)
    motion = np.eye(3)
    if np.isfinite(shift).all():
        motion[:2, 2] = shift
    return motion


def _misfit(before: np.ndarray, after: np.ndarray, background: np.ndarray, motion: np.ndarray) -> float:
    """Mean absolute difference where the moved picture and the background overlap; infinite where they hardly do."""
    size_px = before.shape[::-1]
    moved = cv2.warpAffine(before, motion[:2], size_px)
    covered = cv2.warpAffine(np.full_like(before, 255), motion[:2], size_px, flags=cv2.INTER_NEAREST)
    if np.count_nonzero(covered) < _LEAST_OVERLAP * covered.size:
        return np.inf
    return cv2.mean(cv2.absdiff(moved, after), cv2.bitwise_and(covered, background))[0]
