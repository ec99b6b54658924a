"""Robust smoothing of trajectories with gaps: penalised least squares, reweighted against outliers.

Everything is equivariant under rigid motion: the result does not depend on where the origin is or
how the axes lie, because only differences over time and lengths of residuals enter.

Sources: Whittaker-Henderson smoothing as in Eilers, "A perfect smoother", Analytical Chemistry
2003; weights of Geman & McClure, "Statistical methods for tomographic image reconstruction", 1987;
geometric median by Weiszfeld's iteration.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

_MEDIAN_ITERATIONS = 6
_REWEIGHTINGS = 3
_GAP_WEIGHT = 0.02
"""Of a frame interpolated linearly beforehand: enough to tame the curve in a gap, too little to bend its ends."""
_OUTLIER_FACTOR = 4.0
"""A residual of so many times the median residual gets a quarter of the weight."""
_DIFFERENCE = np.array([-1.0, 3.0, -3.0, 1.0])
"""The jerk of four frames: what a smooth path keeps small."""
_RIDGE = 1e-9
_CHUNK_FRAMES = 4096
"""Medians of so many frames at a time, which bounds the memory."""


@dataclass(frozen=True)
class Filter:
    """How strongly to smooth, and what counts as an outlier."""

    period_frames: float
    """Motion of this period keeps half its amplitude, slower motion keeps more."""
    noise_floor: float
    """Residuals below this are never outliers; in the unit of the values."""
    median_frames: int = 9
    """Window of the median from which outliers are first judged; bursts below half of it are caught."""


def true_runs(mask: np.ndarray) -> list[slice]:
    """Maximal runs of True in a (frames,) bool array, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def track_segments(observed: np.ndarray, shots: list[slice], max_gap_frames: int) -> list[slice]:
    """Frame ranges that may be smoothed as one: no cut inside, no gap longer than `max_gap_frames`.

    Args:
        observed: (frames,) bool.
        shots: frame ranges between cuts.
        max_gap_frames: longest run of unobserved frames to bridge; 0 bridges none.

    Returns:
        Ranges that start and end with an observed frame.
    """
    segments = []
    for shot in shots:
        frames = shot.start + np.flatnonzero(observed[shot])
        if len(frames):
            parts = np.split(frames, np.flatnonzero(np.diff(frames) > max_gap_frames + 1) + 1)
            segments += [slice(int(part[0]), int(part[-1]) + 1) for part in parts]
    return segments


def fill_linear(values: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """(frames, channels) with unobserved frames interpolated linearly; the ends are held."""
    if observed.all():
        return values
    frames = np.arange(len(values))
    columns = [np.interp(frames, frames[observed], column[observed]) for column in values.T]
    return np.stack(columns, axis=-1)


def windowed_median(values: np.ndarray, weights: np.ndarray, window_frames: int) -> np.ndarray:
    """Geometric median over a centred window, cut short at the ends.

    Args:
        values: (frames, channels).
        weights: (frames,) >= 0; frames of weight 0 do not count.
        window_frames: odd.

    Returns:
        (frames, channels).
    """
    half = window_frames // 2
    padded = np.pad(values, [(half, half), (0, 0)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    counts = np.lib.stride_tricks.sliding_window_view(np.pad(weights, half), 2 * half + 1)
    windows, medians = np.moveaxis(windows, -1, 1), np.empty_like(values)
    for start in range(0, len(values), _CHUNK_FRAMES):
        part = slice(start, start + _CHUNK_FRAMES)
        medians[part] = geometric_median(windows[part], counts[part])
    return medians


def geometric_median(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The point with the least weighted sum of distances, by Weiszfeld's iteration.

    Args:
        points: (..., n, channels).
        weights: (..., n) >= 0, not all 0.

    Returns:
        (..., channels).
    """
    weights = weights[..., None]
    median = (points * weights).sum(-2) / np.maximum(weights.sum(-2), _RIDGE)
    for _ in range(_MEDIAN_ITERATIONS):
        distances = np.linalg.norm(points - median[..., None, :], axis=-1, keepdims=True)
        pulls = weights / np.maximum(distances, 1e-3 * distances.mean(-2, keepdims=True) + _RIDGE)
        median = (points * pulls).sum(-2) / np.maximum(pulls.sum(-2), _RIDGE)
    return median


def whittaker(values: np.ndarray, weights: np.ndarray, period_frames: float) -> np.ndarray:
    """Penalised least squares: sum of w |error|^2 + lambda |third difference|^2 is smallest.

    With unit weights, motion of `period_frames` keeps half its amplitude.

    Args:
        values: (frames, channels).
        weights: (frames,) >= 0; 0 for a missing frame.
        period_frames: the period of half amplitude.

    Returns:
        (frames, channels).
    """
    n, order = len(values), len(_DIFFERENCE) - 1
    if n <= order or period_frames <= 0:
        return values
    penalty = (period_frames / (2 * np.pi)) ** (2 * order)
    weights = weights + _RIDGE * penalty
    band = np.zeros((order + 1, n))
    band[0] = weights
    for first in range(order + 1):
        for second in range(first, order + 1):
            band[second - first, first : n - order + first] += penalty * _DIFFERENCE[first] * _DIFFERENCE[second]
    return solveh_banded(band, weights[:, None] * values, lower=True, check_finite=False)


def robust_smooth(
    values: np.ndarray, observed: np.ndarray, confidence: np.ndarray, rule: Filter
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth one segment, giving outliers little weight and filling the frames not observed.

    Args:
        values: (frames, channels); ignored where not observed.
        observed: (frames,) bool, at least one of them True.
        confidence: (frames,) inverse variance, about 1 for a usual frame.
        rule: strength and outlier threshold.

    Returns:
        (frames, channels) smooth values, and (frames,) how far each frame was believed: 1 entirely, 0 not at all.
    """
    values = fill_linear(values, observed)
    smooth = windowed_median(values, observed.astype(np.float64), rule.median_frames)
    believed = observed.astype(np.float64)
    for _ in range(_REWEIGHTINGS):
        believed = np.where(observed, _geman_mcclure(values - smooth, observed, confidence, rule), 0.0)
        weights = np.where(observed, believed * confidence, _GAP_WEIGHT)
        smooth = whittaker(values, weights, rule.period_frames)
    return smooth, believed


def smooth_rotations(
    rotations: np.ndarray, observed: np.ndarray, confidence: np.ndarray, rule: Filter
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth rotations as matrices and project the result onto rotations.

    Args:
        rotations: (frames, 3, 3).
        observed: (frames,) bool, at least one of them True.
        confidence: (frames,) inverse variance, about 1 for a usual frame.
        rule: strength and outlier threshold; its noise floor is in radians.

    Returns:
        (frames, 3, 3) rotations and (frames,) how far each frame was believed.
    """
    smooth, believed = robust_smooth(rotations.reshape(-1, 9).astype(np.float64), observed, confidence, rule)
    return project_rotations(smooth.reshape(-1, 3, 3)), believed


def smooth_path(
    points: np.ndarray,
    centres: np.ndarray,
    observed: np.ndarray,
    confidence: np.ndarray,
    lateral: Filter,
    depth: Filter,
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth a path seen by a camera: one filter across the viewing rays, another along them.

    Distance is far noisier than direction in one view, so it wants a longer period; the picture of
    the path is that of the lateral filter alone.

    Args:
        points: (frames, 3) any fixed frame, metres; ignored where not observed.
        centres: (frames, 3) camera centres in that frame.
        observed: (frames,) bool, at least one of them True.
        confidence: (frames,) inverse variance, about 1 for a usual frame.
        lateral: filter across the rays.
        depth: filter along the rays.

    Returns:
        (frames, 3) smooth path and (frames,) how far each frame was believed.
    """
    near, believed = robust_smooth(points, observed, confidence, lateral)
    far, _ = robust_smooth(points, observed, confidence, depth)
    rays = near - centres
    rays = rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), _RIDGE)
    return near + rays * np.sum(rays * (far - near), axis=-1, keepdims=True), believed


def project_rotations(matrices: np.ndarray) -> np.ndarray:
    """Nearest rotations to (..., 3, 3) matrices in the Frobenius norm."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., -1] *= np.linalg.det(u @ vt)[..., None]
    return u @ vt


def _geman_mcclure(residuals: np.ndarray, observed: np.ndarray, confidence: np.ndarray, rule: Filter) -> np.ndarray:
    squared = confidence * np.sum(residuals**2, axis=-1)
    usual = max(float(np.sqrt(np.median(squared[observed]))), rule.noise_floor)
    return 1 / (1 + squared / (_OUTLIER_FACTOR * usual) ** 2) ** 2
