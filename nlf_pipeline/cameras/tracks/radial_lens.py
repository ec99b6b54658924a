"""Pixels to rays and back for a pinhole with one radial term, with the derivatives that adjustments need.

Pixels are measured from the principal point here; `u` is the undistorted image point at unit depth.
"""

import numpy as np

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks

_NEWTON_STEPS = 8
_MIN_SLOPE = 0.2
"""Of the distorted radius over the undistorted one; strong barrel distortion folds the picture where it reaches 0."""
_MAX_RADIUS = 10.0


def principal_point_px(tracks: PointTracks) -> np.ndarray:
    """(2,) the middle of the working picture, the centre of the top left pixel being (0, 0)."""
    width_px, height_px = tracks.size_px
    return np.array([(width_px - 1) / 2, (height_px - 1) / 2])


def distort(u: np.ndarray, k1: float) -> np.ndarray:
    """SIMPLE_RADIAL's u (1 + k1 |u|^2) of (..., 2) points at unit depth."""
    return u * (1 + k1 * _squared_radius(u))


def undistort(d: np.ndarray, k1: float) -> np.ndarray:
    """Inverse of `distort` on (..., 2) points, by Newton's method on the radius."""
    if k1 == 0:
        return d
    radius = np.linalg.norm(d, axis=-1, keepdims=True)
    r = radius.copy()
    for _ in range(_NEWTON_STEPS):
        step = (r * (1 + k1 * r * r) - radius) / np.maximum(1 + 3 * k1 * r * r, _MIN_SLOPE)
        r = np.clip(r - step, 0, _MAX_RADIUS)
    return d * (r / np.maximum(radius, 1e-12))


def distortion_jacobian(u: np.ndarray, k1: float) -> np.ndarray:
    """(..., 2, 2) derivative of `distort` by `u`."""
    scale = 1 + k1 * _squared_radius(u)
    return scale[..., None] * np.eye(2) + 2 * k1 * u[..., :, None] * u[..., None, :]


def directions(offsets_px: np.ndarray, focal_px: np.ndarray | float, k1: float) -> np.ndarray:
    """Viewing directions of pixels.

    Args:
        offsets_px: (..., points, 2) pixels from the principal point.
        focal_px: broadcast against (...).
        k1: distortion.

    Returns:
        (..., points, 3) unit vectors in the camera's axes.
    """
    u = undistort(offsets_px / np.asarray(focal_px)[..., None, None], k1)
    rays = np.concatenate([u, np.ones_like(u[..., :1])], axis=-1)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def _squared_radius(u: np.ndarray) -> np.ndarray:
    return np.sum(u * u, axis=-1, keepdims=True)
