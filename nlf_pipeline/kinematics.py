"""Forward kinematics of the 24-joint skeleton on numpy arrays: parent-relative and global rotations."""

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import SMPL_PARENTS


def global_rotations(pose_rotvecs: np.ndarray) -> np.ndarray:
    """(..., joints, 3) parent-relative rotation vectors to (..., joints, 3, 3) global rotations."""
    local = Rotation.from_rotvec(pose_rotvecs.reshape(-1, 3)).as_matrix().reshape(*pose_rotvecs.shape, 3)
    rotations = np.empty_like(local)
    for joint, parent in enumerate(SMPL_PARENTS):
        here = local[..., joint, :, :]
        rotations[..., joint, :, :] = here if parent < 0 else rotations[..., parent, :, :] @ here
    return rotations


def local_rotvecs(rotations: np.ndarray) -> np.ndarray:
    """(..., joints, 3, 3) global rotations to (..., joints, 3) parent-relative rotation vectors."""
    parents = rotations[..., list(SMPL_PARENTS[1:]), :, :]
    local = np.concatenate([rotations[..., :1, :, :], np.swapaxes(parents, -1, -2) @ rotations[..., 1:, :, :]], axis=-3)
    return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(local.shape[:-1])


def joint_positions(rotations: np.ndarray, root: np.ndarray, joints_rest: np.ndarray) -> np.ndarray:
    """Where the joints are.

    Args:
        rotations: (..., joints, 3, 3) global.
        root: (..., 3) root joint, metres.
        joints_rest: (joints, 3) of the unposed body, metres.

    Returns:
        (..., joints, 3) metres.
    """
    positions = np.empty(rotations.shape[:-1], dtype=rotations.dtype)
    positions[..., 0, :] = root
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            bone = joints_rest[joint] - joints_rest[parent]
            positions[..., joint, :] = positions[..., parent, :] + rotations[..., parent, :, :] @ bone
    return positions
