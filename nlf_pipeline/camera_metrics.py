"""Accuracy of a camera's path and focal length. Pure functions; results in SI units and radians."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.geometry import align_similarity

SHORTEST_PATH_M = 0.3
"""Similarity alignment explains most of what a shorter path does, so its position error says nothing."""


@dataclass(frozen=True)
class TrajectoryError:
    """How far a camera's path is from the truth."""

    ate_m: float | None
    """Absolute trajectory error: root mean square distance of the camera centres after similarity alignment
    (Sturm et al. 2012), metres. None where the true path is shorter than SHORTEST_PATH_M."""
    ate_share_of_path: float | None
    """ATE over the length of the true path."""
    largest_m: float | None
    """Largest distance after that alignment, metres."""
    rotation_mean: float
    """Mean angle to the true rotation after the best single rotation of the world, radians."""
    rotation_max: float
    """Largest such angle, radians."""
    path_m: float
    """Length of the true path, metres."""
    scale: float | None
    """True metres per unit of the given path: 1 for a metric path without error."""


def trajectory_error(T_world_cam: np.ndarray, T_true: np.ndarray) -> TrajectoryError:
    """Compare a camera's path, in any world frame and unit of length, with the true one.

    Args:
        T_world_cam: (frames, 4, 4).
        T_true: (frames, 4, 4), metres.
    """
    centres, true_centres = T_world_cam[:, :3, 3], T_true[:, :3, 3]
    path_m = path_length(T_true)
    rotation_errors = aligned_rotation_errors(T_world_cam[:, :3, :3], T_true[:, :3, :3])
    ate_m = share = largest_m = scale = None
    if path_m >= SHORTEST_PATH_M:
        scale, R, t = align_similarity(centres, true_centres)
        distances = np.linalg.norm(scale * centres @ R.T + t - true_centres, axis=-1)
        ate_m, largest_m = float(np.sqrt((distances**2).mean())), float(distances.max())
        share, scale = ate_m / path_m, float(scale)
    return TrajectoryError(
        ate_m, share, largest_m, float(rotation_errors.mean()), float(rotation_errors.max()), path_m, scale
    )


def aligned_rotation_errors(R_world_cam: np.ndarray, R_true: np.ndarray) -> np.ndarray:
    """Angles between rotations after the best single rotation of the world.

    Args:
        R_world_cam: (frames, 3, 3).
        R_true: (frames, 3, 3).

    Returns:
        (frames,) radians.
    """
    found, true = Rotation.from_matrix(R_world_cam), Rotation.from_matrix(R_true)
    return (true.inv() * (true * found.inv()).mean() * found).magnitude()


def path_length(T_world_cam: np.ndarray) -> float:
    """Length of the polyline through the camera centres of (frames, 4, 4) poses."""
    return float(np.linalg.norm(np.diff(T_world_cam[:, :3, 3], axis=0), axis=-1).sum())


def focal_error(focal_px: np.ndarray, true_focal_px: np.ndarray) -> float:
    """The relative error of focal lengths that is largest in size, with its sign: 0.01 is 1 % too long."""
    errors = np.ravel(np.asarray(focal_px) / np.asarray(true_focal_px) - 1)
    return float(errors[np.abs(errors).argmax()])
