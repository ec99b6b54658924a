"""Forward kinematics of the SMPL family on numpy arrays: parent-relative and global rotations.

The number of joints tells which skeleton it is.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES, skeleton, smpl_carriers


def global_rotations(pose_rotvecs: np.ndarray) -> np.ndarray:
    """(..., joints, 3) parent-relative rotation vectors to (..., joints, 3, 3) global rotations."""
    local = Rotation.from_rotvec(pose_rotvecs.reshape(-1, 3)).as_matrix().reshape(*pose_rotvecs.shape, 3)
    rotations = np.empty_like(local)
    for joint, parent in enumerate(skeleton(local.shape[-3])[1]):
        here = local[..., joint, :, :]
        rotations[..., joint, :, :] = here if parent < 0 else rotations[..., parent, :, :] @ here
    return rotations


def local_rotvecs(rotations: np.ndarray) -> np.ndarray:
    """(..., joints, 3, 3) global rotations to (..., joints, 3) parent-relative rotation vectors."""
    parents = rotations[..., list(skeleton(rotations.shape[-3])[1][1:]), :, :]
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
    for joint, parent in enumerate(skeleton(rotations.shape[-3])[1]):
        if parent >= 0:
            bone = joints_rest[joint] - joints_rest[parent]
            positions[..., joint, :] = positions[..., parent, :] + rotations[..., parent, :, :] @ bone
    return positions


def from_smpl_pose(rotations: np.ndarray, n_joints: int) -> np.ndarray:
    """Poses of SMPL as those of a model with other joints: jaw and eyes at rest, fingers bent at the knuckles alone.

    Args:
        rotations: (..., 24, 3, 3) parent-relative.
        n_joints: of the model.

    Returns:
        (..., n_joints, 3, 3) parent-relative.
    """
    names = skeleton(n_joints)[0]
    if names == SMPL_JOINT_NAMES:
        return rotations
    posed = np.broadcast_to(np.eye(3, dtype=rotations.dtype), (*rotations.shape[:-3], n_joints, 3, 3)).copy()
    for joint, carrier in enumerate(smpl_carriers(n_joints)):
        is_hand = SMPL_JOINT_NAMES[carrier].endswith("hand")
        if names[joint] == SMPL_JOINT_NAMES[carrier] or (is_hand and names[joint].endswith("1")):
            posed[..., joint, :, :] = rotations[..., carrier, :, :]
    return posed
