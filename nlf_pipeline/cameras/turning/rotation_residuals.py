"""Where points seen by one keyframe of a turning camera should be in another, and the derivatives of that."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.cameras.tracks.radial_lens import distort, distortion_jacobian, undistort
from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs

_MIN_DEPTH = 0.05


@dataclass(frozen=True)
class TurningCamera:
    """Rotations and lenses of the keyframes."""

    R_cam_window: np.ndarray
    """(keyframes, 3, 3)."""
    focal_px: np.ndarray
    """(keyframes,)."""
    k1: float


def pair_errors(pairs: KeyframePairs, camera: TurningCamera) -> np.ndarray:
    """(pairs, points, 2) pixels from where each point is seen in the second picture to where it should be.

    Infinite for points that turn behind the camera; anything for padding.
    """
    u = undistort(pairs.offsets_first_px / camera.focal_px[pairs.first][:, None, None], camera.k1)
    y, depth = _turn(u, _relative_rotations(pairs, camera))
    x = camera.focal_px[pairs.second][:, None, None] * distort(y, camera.k1)
    return np.where(depth > _MIN_DEPTH, x - pairs.offsets_second_px, np.inf)


def pair_residuals(pairs: KeyframePairs, camera: TurningCamera) -> np.ndarray:
    """(pairs, points) length of `pair_errors` in pixels; NaN for padding."""
    return np.where(pairs.valid, np.linalg.norm(pair_errors(pairs, camera), axis=-1), np.nan)


def pair_jacobian(pairs: KeyframePairs, camera: TurningCamera) -> np.ndarray:
    """(pairs, points, 2, 9) derivatives of `pair_errors`.

    By the rotation vectors of the first and of the second keyframe (R <- exp(w) R), the logarithms of
    their focal lengths, and k1.
    """
    k1, focal_second = camera.k1, camera.focal_px[pairs.second][:, None, None]
    u = undistort(pairs.offsets_first_px / camera.focal_px[pairs.first][:, None, None], k1)
    R = _relative_rotations(pairs, camera)
    y, depth = _turn(u, R)
    rr_u, rr_y = (np.sum(p * p, axis=-1, keepdims=True) for p in (u, y))
    by_second = focal_second[..., None] * (distortion_jacobian(y, k1) @ rotation_jacobian(y))
    # Both a longer focal length and distortion move u along its radius, by shares of u.
    outward = (u @ np.swapaxes(R[:, :2, :2], -1, -2) - y * (u @ R[:, 2, :2, None])) / np.maximum(depth, _MIN_DEPTH)
    outward = focal_second * (outward * (1 + k1 * rr_y) + 2 * k1 * y * np.sum(y * outward, axis=-1, keepdims=True))
    outward = outward / (1 + 3 * k1 * rr_u)
    by_k1 = focal_second * y * rr_y - outward * rr_u
    lens = np.stack([-outward * (1 + k1 * rr_u), focal_second * distort(y, k1), by_k1], axis=-1)
    by_first = -(by_second.reshape(len(pairs), -1, 3) @ R).reshape(by_second.shape)
    return np.concatenate([by_first, by_second, lens], axis=-1)


def _relative_rotations(pairs: KeyframePairs, camera: TurningCamera) -> np.ndarray:
    return camera.R_cam_window[pairs.second] @ np.swapaxes(camera.R_cam_window[pairs.first], -1, -2)


def _turn(u: np.ndarray, R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at unit depth (pairs, points, 2) after a rotation, and their depths (pairs, points, 1) then."""
    turned = u @ np.swapaxes(R[:, :2, :2], -1, -2) + R[:, None, :2, 2]
    depth = u @ R[:, 2, :2, None] + R[:, 2, 2, None, None]
    return turned / np.maximum(depth, _MIN_DEPTH), depth


def rotation_jacobian(y: np.ndarray) -> np.ndarray:
    """(..., 2, 3) derivative of points at unit depth by a small rotation of their rays."""
    a, b = y[..., 0], y[..., 1]
    rows = [-a * b, 1 + a * a, -b, -(1 + b * b), a * b, a]
    return np.stack(rows, axis=-1).reshape(*a.shape, 2, 3)
