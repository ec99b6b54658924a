"""How far joints and vertices posed by landmarks are off, by joint and by what was seen.

The table is the mean error of this estimator on rendered people with known joints, once the person's
size is right; hidden joints are off by more than twice as much.
"""

import numpy as np

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES, SMPL_PARENTS, smpl_carriers
from nlf_pipeline.landmarks import landmark_index

_JOINT_ERRORS = {
    "pelvis": 0.05, "spine1": 0.05, "spine2": 0.055, "spine3": 0.055, "neck": 0.055, "head": 0.06, "collar": 0.055,
    "shoulder": 0.06, "elbow": 0.085, "wrist": 0.125, "hand": 0.145, "hip": 0.05, "knee": 0.065, "ankle": 0.08,
    "foot": 0.1,
}  # fmt: skip
_HIDDEN_FACTOR = 1.5
_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_FACE = ("nose", "left_ear", "right_ear")
_LANDMARKS = {
    "shoulder": "shoulder", "elbow": "elbow", "wrist": "wrist", "hand": "index", "hip": "hip", "knee": "knee",
    "ankle": "ankle", "foot": "foot_index",
}  # fmt: skip


def joint_uncertainties(visibility: np.ndarray) -> np.ndarray:
    """Expected joint errors.

    Args:
        visibility: (..., 33) of the landmarks, in [0, 1].

    Returns:
        (..., 24) metres, of SMPL's joints. A joint is believed no more than the joints between it and the torso.
    """
    seen = np.empty((*visibility.shape[:-1], len(SMPL_JOINT_NAMES)))
    errors = np.empty(len(SMPL_JOINT_NAMES))
    for j, name in enumerate(SMPL_JOINT_NAMES):
        side, _, part = name.partition("_")
        errors[j] = _JOINT_ERRORS[part or name]
        if part in _LANDMARKS:
            evidence = [f"{side}_{_LANDMARKS[part]}"]
        else:
            evidence = _FACE if name in ("neck", "head") else _TORSO
        seen[..., j] = visibility[..., [landmark_index(landmark) for landmark in evidence]].mean(axis=-1)
        if part in _LANDMARKS and part not in ("shoulder", "hip"):
            seen[..., j] = np.minimum(seen[..., j], seen[..., SMPL_PARENTS[j]])
    return errors * (1 + _HIDDEN_FACTOR * (1 - seen))


def vertex_uncertainties(joint_errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected vertex errors: of each bone the mean of its ends, spread by the skinning weights.

    Args:
        joint_errors: (..., 24) metres, of SMPL's joints.
        weights: (vertices, joints) skinning weights of the model's own joints; rows sum to 1.

    Returns:
        (..., vertices) metres.
    """
    bones = joint_errors.copy()
    for j in range(len(SMPL_PARENTS)):
        children = [child for child, parent in enumerate(SMPL_PARENTS) if parent == j]
        if children:
            bones[..., j] = (joint_errors[..., j] + joint_errors[..., children].mean(axis=-1)) / 2
    return bones[..., smpl_carriers(weights.shape[1])] @ weights.T
