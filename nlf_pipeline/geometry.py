"""Rigid and similarity transforms, projection and view geometry on numpy arrays. Frames: docs/conventions.md."""

import numpy as np


def rigid(R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations and (..., 3) translations to (..., 4, 4) transforms."""
    T = np.zeros((*np.broadcast_shapes(R.shape[:-2], t.shape[:-1]), 4, 4))
    T[..., :3, :3] = R
    T[..., :3, 3] = t
    T[..., 3, 3] = 1
    return T


def invert_rigid(T: np.ndarray) -> np.ndarray:
    """Inverse of (..., 4, 4) rigid transforms."""
    R_inverse = np.swapaxes(T[..., :3, :3], -1, -2)
    return rigid(R_inverse, -np.einsum("...ij,...j->...i", R_inverse, T[..., :3, 3]))


def transform_points(T_a_b: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Map points to frame a.

    Args:
        T_a_b: (..., 4, 4), its leading axes broadcast against those of the points.
        points_b: (..., points, 3).

    Returns:
        (..., points, 3) points in frame a.
    """
    return points_b @ np.swapaxes(T_a_b[..., :3, :3], -1, -2) + T_a_b[..., None, :3, 3]


def align_similarity(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The similarity that maps points to their targets best, in least squares (Umeyama 1991).

    Args:
        points: (..., n, 3).
        target: (..., n, 3).

    Returns:
        scale (...), R (..., 3, 3) and t (..., 3) with target = scale R point + t. The scale is 1 where all points are
        one.
    """
    mean, target_mean = points.mean(-2), target.mean(-2)
    centred, target_centred = points - mean[..., None, :], target - target_mean[..., None, :]
    U, singular, Vt = np.linalg.svd(np.swapaxes(target_centred, -1, -2) @ centred)
    signs = np.ones_like(singular)
    signs[..., 2] = np.sign(np.linalg.det(U @ Vt))
    R = U * signs[..., None, :] @ Vt
    variance = (centred**2).sum((-1, -2))
    spread_out = variance > 0
    scale = np.where(spread_out, (singular * signs).sum(-1) / np.where(spread_out, variance, 1), 1.0)
    return scale, R, target_mean - scale[..., None] * np.einsum("...ij,...j->...i", R, mean)


def focal_from_fov(fov_deg: float, size_px: tuple[int, int]) -> float:
    """Focal length in pixels of a pinhole camera whose longer image side spans `fov_deg`."""
    return max(size_px) / (2 * np.tan(np.deg2rad(fov_deg) / 2))


def pinhole_matrix(focal_px: float, size_px: tuple[int, int]) -> np.ndarray:
    """(3, 3) intrinsic matrix with square pixels and a centred principal point."""
    width_px, height_px = size_px
    return np.array(
        [[focal_px, 0, (width_px - 1) / 2], [0, focal_px, (height_px - 1) / 2], [0, 0, 1]], dtype=np.float64
    )


def project(points_cam: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Pinhole projection of (..., 3) camera-frame points by `K` (3, 3) or (..., 3, 3) to (..., 2) pixels."""
    homogeneous = np.einsum("...ij,...j->...i", K, points_cam)
    return homogeneous[..., :2] / homogeneous[..., 2:]


def rotation_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest rotations taking directions `a` to directions `b`.

    Args:
        a: (..., 3), need not be of unit length.
        b: (..., 3), broadcast against `a`; not opposite to `a`.

    Returns:
        (..., 3, 3) rotation matrices (Rodrigues' formula without trigonometry).
    """
    a = a / np.linalg.norm(a, axis=-1, keepdims=True)
    b = b / np.linalg.norm(b, axis=-1, keepdims=True)
    a, b = np.broadcast_arrays(a, b)
    cosine = np.sum(a * b, axis=-1)[..., None, None]
    cross = skew(np.cross(a, b))
    return np.eye(3) + cross + cross @ cross / np.maximum(1 + cosine, 1e-9)


def skew(v: np.ndarray) -> np.ndarray:
    """(..., 3) vectors to (..., 3, 3) matrices of the cross product v x."""
    x, y, z = np.moveaxis(v, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*v.shape[:-1], 3, 3)


def look_at(eye: np.ndarray, target: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(4, 4) T_world_cam of an OpenCV camera at `eye` looking at `target`, image up along `up`."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right = right / np.linalg.norm(right)
    return rigid(np.stack([right, np.cross(forward, right), forward], axis=-1), np.asarray(eye, dtype=np.float64))


def tangent_axes(up: np.ndarray) -> np.ndarray:
    """(2, 3) unit vectors across `up` (3,) and each other."""
    first = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    first = first / np.linalg.norm(first)
    return np.stack([first, np.cross(up, first)])
