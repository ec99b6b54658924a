"""Where a body of known pose must be to be seen where it is seen."""

import numpy as np

from nlf_pipeline.filtering import Filter, robust_smooth

_REWEIGHTINGS = 4
_DEPTH_PERIOD_S = 1.0
_DEPTH_NOISE = 0.02  # relative
_MIN_DEPTH = 0.3


def solve_translation(points: np.ndarray, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Where point sets must be to be seen at image points: weighted least squares, linear in the translation.

    Args:
        points: (n, k, 3) metres, camera axes.
        image: (n, k, 2) undistorted image points at unit depth.
        weights: (n, k) >= 0, at least two of each n positive.

    Returns:
        (n, 3) translations t: points + t project to `image`.
    """
    A = np.zeros((*points.shape[:2], 2, 3))
    A[..., 0, 0] = A[..., 1, 1] = 1
    A[..., 2] = -image
    b = image * points[..., 2:] - points[..., :2]
    AtA = np.einsum("nk,nkia,nkib->nab", weights, A, A)
    return np.linalg.solve(AtA, np.einsum("nk,nkia,nki->na", weights, A, b)[..., None])[..., 0]


def place(points: np.ndarray, image: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """`solve_translation` that believes outliers less, by iterative reweighting.

    Args:
        points: (n, k, 3) metres, camera axes.
        image: (n, k, 2) undistorted image points at unit depth.
        weights: (n, k) >= 0.
        sigma: usual error across the viewing ray, metres; errors of this size halve a point's weight.

    Returns:
        (n, 3) translations.
    """
    t = solve_translation(points, image, weights)
    for _ in range(_REWEIGHTINGS):
        seen = points + t[:, None]
        across = (seen[..., :2] - image * seen[..., 2:]) / sigma
        t = solve_translation(points, image, weights / (1 + np.square(across).sum(-1)))
    return t


def steady_depth(positions: np.ndarray, confidence: np.ndarray, hz: float) -> np.ndarray:
    """Move positions along their viewing rays so that the depth of a track changes smoothly, robust to bursts.

    Args:
        positions: (n, 3) camera frame, metres.
        confidence: (n,) in [0, 1].
        hz: instants per second.

    Returns:
        (n, 3).
    """
    log_depth = np.log(positions[:, 2].clip(_MIN_DEPTH))
    rule = Filter(period_frames=_DEPTH_PERIOD_S * hz, noise_floor=_DEPTH_NOISE)
    smooth, _ = robust_smooth(log_depth[:, None], np.ones(len(positions), dtype=bool), confidence, rule)
    return positions * np.exp(smooth - log_depth[:, None])
