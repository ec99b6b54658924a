"""From what DROID-SLAM returns to a path in the axes of its first camera, and points of the background beside it."""

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.slam.pictures import CELL_PX
from nlf_pipeline.filtering import Filter, robust_smooth, smooth_rotations
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points

_MOST_KEYFRAMES, _MOST_POINTS = 40, 4000
_AGREE = 0.05
"""Depths in two keyframes are of one point if they differ by less, relatively."""
_FAR = 0.1
"""Of the median disparity: what is farther away is hardly known."""
_LONG_SIDE_PX = 640
_STILL_NOISE = 1e-3
"""Of the path's extent, and radians: deviations from a smooth path below this are no outliers."""


def poses_from_trajectory(trajectory: np.ndarray) -> np.ndarray | None:
    """Poses in the axes of the first one.

    Args:
        trajectory: (frames, 7) x y z and quaternion x y z w, camera to any world.

    Returns:
        (frames, 4, 4) T_first_cam; None if a value is not finite or a quaternion is zero.
    """
    quaternions = trajectory[:, 3:]
    if not np.isfinite(trajectory).all() or np.any(np.linalg.norm(quaternions, axis=1) < 1e-6):
        return None
    T = rigid(Rotation.from_quat(quaternions).as_matrix(), trajectory[:, :3])
    return anchored(T)


def anchored(T_scene_cam: np.ndarray) -> np.ndarray:
    """(frames, 4, 4) the same poses in the axes of the first one, which becomes the identity exactly."""
    T = invert_rigid(T_scene_cam[0]) @ T_scene_cam
    T[0] = np.eye(4)
    return T


def smooth_poses(T_scene_cam: np.ndarray, period_frames: float) -> np.ndarray:
    """Poses without jitter; motion of `period_frames` keeps half its amplitude, and nothing lags behind.

    Places and rotations are smoothed by penalised least squares, which is symmetric in time.

    Args:
        T_scene_cam: (frames, 4, 4).
        period_frames: 0 or more; 0 does not smooth.

    Returns:
        (frames, 4, 4), not anchored.
    """
    n = len(T_scene_cam)
    if period_frames <= 0 or n < 4:
        return T_scene_cam
    observed, confidence = np.ones(n, dtype=bool), np.ones(n)
    centres = T_scene_cam[:, :3, 3]
    extent = float(np.ptp(centres, axis=0).max())
    places = centres
    if extent > 0:
        places, _ = robust_smooth(centres, observed, confidence, Filter(period_frames, _STILL_NOISE * extent))
    rotations, _ = smooth_rotations(T_scene_cam[:, :3, :3], observed, confidence, Filter(period_frames, _STILL_NOISE))
    return rigid(rotations, places)


def parallax_px(T_scene_cam: np.ndarray, disparities: np.ndarray, seen: np.ndarray, focal_per_side: float) -> float:
    """How far the camera's travel shifts the background in the picture, which its turning does not.

    Args:
        T_scene_cam: (frames, 4, 4).
        disparities: (keyframes, rows, columns).
        seen: (keyframes, rows, columns) bool: the background is there.
        focal_per_side: focal length over the longer side.

    Returns:
        Pixels at a longer side of 640: the largest distance from the first camera over the median depth.
    """
    if not seen.any():
        return 0.0
    travel = float(np.linalg.norm(T_scene_cam[:, :3, 3] - T_scene_cam[0, :3, 3], axis=-1).max())
    return travel * float(np.median(disparities[seen])) * focal_per_side * _LONG_SIDE_PX


def background_points(
    T_scene_cam: np.ndarray, disparities: np.ndarray, seen: np.ndarray, lens_px: np.ndarray
) -> np.ndarray:
    """Points of the background whose depth a neighbouring keyframe confirms.

    Args:
        T_scene_cam: (keyframes, 4, 4).
        disparities: (keyframes, rows, columns) 1 / depth in the middle of every cell.
        seen: (keyframes, rows, columns) bool: the background is there.
        lens_px: (4,) fx fy cx cy of the pictures.

    Returns:
        (points, 3) scene frame, in the unit of the path; at most 4000, evenly from up to 40 keyframes.
    """
    n = len(disparities)
    if n < 2 or not seen.any():
        return np.zeros((0, 3))
    nearer = _FAR * float(np.median(disparities[seen]))
    clouds = []
    for k in np.unique(np.linspace(0, n - 1, min(n, _MOST_KEYFRAMES)).round().astype(int)):
        usable = seen[k] & (disparities[k] > max(nearer, 1e-9))
        points = transform_points(T_scene_cam[k], _back_project(disparities[k], lens_px)[usable])
        neighbours = [j for j in (k - 1, k + 1) if 0 <= j < n]
        confirmed = [_is_confirmed(points, T_scene_cam[j], disparities[j], seen[j], lens_px) for j in neighbours]
        clouds.append(points[np.any(confirmed, axis=0)])
    points = np.concatenate(clouds)
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).round().astype(int))
    return points[chosen]


def _cell_middles(shape: tuple[int, int]) -> np.ndarray:
    """(rows, columns, 2) pixels at which the disparities of a grid were read."""
    rows, columns = np.indices(shape)
    return np.stack([columns, rows], axis=-1) * CELL_PX + CELL_PX // 2


def _back_project(disparities: np.ndarray, lens_px: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) points in the camera's frame."""
    rays = (_cell_middles(disparities.shape) - lens_px[2:]) / lens_px[:2]  # type: ignore[arg-type]
    depths = 1 / np.maximum(disparities, 1e-9)
    return np.concatenate([rays * depths[..., None], depths[..., None]], axis=-1)


def _is_confirmed(
    points: np.ndarray, T_scene_cam: np.ndarray, disparities: np.ndarray, seen: np.ndarray, lens_px: np.ndarray
) -> np.ndarray:
    """(points,) bool: a keyframe sees the point's surface at the point's depth."""
    points_cam = transform_points(invert_rigid(T_scene_cam), points)
    depths = np.maximum(points_cam[:, 2], 1e-9)
    pixels = points_cam[:, :2] / depths[:, None] * lens_px[:2] + lens_px[2:]
    cells = np.floor((pixels - CELL_PX // 2) / CELL_PX + 0.5)
    inside = (points_cam[:, 2] > 1e-9) & np.all((cells >= 0) & (cells < seen.shape[::-1]), axis=1)
    column, row = np.where(inside[:, None], cells, 0).astype(int).T
    return inside & seen[row, column] & (np.abs(disparities[row, column] * depths - 1) < _AGREE)
