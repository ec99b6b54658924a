"""Cameras of all frames from points whose places are known, and the path between them."""

import cv2
import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from nlf_pipeline.cameras.travelling.triangulation import Sightings
from nlf_pipeline.geometry import invert_rigid, rigid

FEWEST_POINTS = 12
_STEPS = 10
_CONVERGED = 1e-6
_KERNEL_PX = 1.0
_KERNEL_MEDIANS = 1.5
_BAD_PX = 3.0
_RANSAC_TRIALS = 200


def resect(points: np.ndarray, sightings: Sightings, T_cam_window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the camera of every frame to the points it sees.

    Robust Gauss-Newton steps from the poses given; where those end more than 3 px off, RANSAC finds another start.

    Args:
        points: (points, 3) in the window's frame.
        sightings: only of points whose places can be trusted.
        T_cam_window: (frames, 4, 4) where to start.

    Returns:
        T_cam_window (frames, 4, 4), unchanged where fewer than twelve points agree, and the median distance (frames,)
        of points from where they should be in pixels, NaN in those frames.
    """
    T_cam_window = T_cam_window.copy()
    residual_px = np.full(sightings.n_frames, np.nan)
    bounds = np.searchsorted(sightings.frame, np.arange(sightings.n_frames + 1))
    for frame in range(sightings.n_frames):
        seen = slice(bounds[frame], bounds[frame + 1])
        if bounds[frame + 1] - bounds[frame] >= FEWEST_POINTS:
            places, u = points[sightings.point[seen]], sightings.u[seen]
            focal_px = float(sightings.focal_px[seen][0])
            T, distance_px = _fit_pose(places, u, T_cam_window[frame], focal_px)
            if _is_bad(distance_px):
                T, distance_px = _fit_pose_anew(places, u, T, focal_px)
            if not _is_bad(distance_px):
                T_cam_window[frame], residual_px[frame] = T, np.median(distance_px)
    return T_cam_window, residual_px


def interpolate_path(frames: np.ndarray, at: np.ndarray, T_window_cam: np.ndarray) -> np.ndarray:
    """(frames, 4, 4) poses in `frames` from `T_window_cam` in the frames `at` (ascending); held beyond the ends."""
    if len(at) == 1:
        return np.tile(T_window_cam, (len(frames), 1, 1))
    R = Slerp(at, Rotation.from_matrix(T_window_cam[:, :3, :3]))(np.clip(frames, at[0], at[-1])).as_matrix()
    t = np.stack([np.interp(frames, at, T_window_cam[:, i, 3]) for i in range(3)], axis=1)
    return rigid(R, t)


def fill_gaps(T_window_cam: np.ndarray, tracked: np.ndarray) -> np.ndarray:
    """(frames, 4, 4) with the poses of frames that are not `tracked` (frames,) replaced by interpolation."""
    if tracked.all() or not tracked.any():
        return T_window_cam
    filled = interpolate_path(np.arange(len(tracked)), np.flatnonzero(tracked), T_window_cam[tracked])
    return np.where(tracked[:, None, None], T_window_cam, filled)


def _is_bad(distance_px: np.ndarray) -> bool:
    return bool(np.median(distance_px) > _BAD_PX or (distance_px < _BAD_PX).sum() < FEWEST_POINTS)


def _fit_pose(points: np.ndarray, u: np.ndarray, T: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Pose (4, 4) camera from window by reweighted Gauss-Newton steps, and distances (points,) in pixels."""
    R, t = T[:3, :3], T[:3, 3]
    distance_px = np.zeros(len(points))
    for _ in range(_STEPS):
        in_camera = points @ R.T + t
        depth = np.maximum(in_camera[:, 2], 1e-6)
        y = in_camera[:, :2] / depth[:, None]
        errors_px = focal_px * (y - u)
        distance_px = np.linalg.norm(errors_px, axis=1)
        kernel_px = max(_KERNEL_PX, _KERNEL_MEDIANS * float(np.median(distance_px)))
        weight = 1 / (1 + (distance_px / kernel_px) ** 2) ** 2
        J = focal_px * _pose_jacobian(y, depth).reshape(-1, 6)
        weighted = J * np.repeat(weight, 2)[:, None]
        A = weighted.T @ J
        step = -np.linalg.solve(A + np.diag(1e-9 * np.diag(A) + 1e-12), weighted.T @ errors_px.ravel())
        turn = Rotation.from_rotvec(step[:3]).as_matrix()
        R, t = turn @ R, turn @ t + step[3:]
        if np.abs(step[:3]).max() < _CONVERGED:
            break
    return rigid(R, t), distance_px


def _pose_jacobian(y: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(points, 2, 6) derivative of projections `y` (points, 2) by a small rotation and shift in camera axes."""
    J = np.zeros((len(y), 2, 6))
    a, b = y.T
    J[:, 0, 0], J[:, 0, 1], J[:, 0, 2] = -a * b, 1 + a * a, -b
    J[:, 1, 0], J[:, 1, 1], J[:, 1, 2] = -1 - b * b, a * b, a
    J[:, 0, 3] = J[:, 1, 4] = 1 / depth
    J[:, :, 5] = -y / depth[:, None]
    return J


def _fit_pose_anew(points: np.ndarray, u: np.ndarray, T: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
    """As `_fit_pose`, from a start found by RANSAC (Lepetit et al., "EPnP", IJCV 2009); else from `T`."""
    cv2.setRNGSeed(0)
    found, rotvec, t, _ = cv2.solvePnPRansac(
        points, u, np.eye(3), np.zeros(4), reprojectionError=_BAD_PX / focal_px, iterationsCount=_RANSAC_TRIALS
    )
    if found:
        T = rigid(Rotation.from_rotvec(rotvec.ravel()).as_matrix(), t.ravel())
    return _fit_pose(points, u, T, focal_px)


def to_first_camera(T_cam_any: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Express cameras and points in the axes of the first camera.

    Args:
        T_cam_any: (frames, 4, 4) from any common frame to each camera.
        points: (points, 3) in that frame.

    Returns:
        T_window_cam (frames, 4, 4), the first of which is the identity, and the points (points, 3).
    """
    first = T_cam_any[0]
    T_window_cam = first @ invert_rigid(T_cam_any)
    T_window_cam[0] = np.eye(4)
    return T_window_cam, points @ first[:3, :3].T + first[:3, 3]
