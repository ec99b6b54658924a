"""MakeHuman's default rig of 163 bones, merged to SMPL's 24 joints."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import SMPL_JOINT_NAMES
from nlf_pipeline.open_body.makehuman import Bone

SIDES = (("left_", "L", 1.0), ("right_", "R", -1.0))
"""SMPL's prefix, MakeHuman's suffix and the sign of x of either side."""
MAX_INFLUENCES = 4
"""Joints that move one vertex, as in SMPL."""
_MIN_WEIGHT = 1e-3

# Where each joint lies: the beginning of these bones, averaged. The default rig spreads the spine as SMPL does.
_CENTRAL_JOINTS = {
    "pelvis": ("pelvis.L",), "spine1": ("spine04",), "spine2": ("spine02",), "spine3": ("spine01",),
    "neck": ("neck01",), "head": ("head",),
}  # fmt: skip
_LIMB_JOINTS = {
    "hip": ("upperleg01",), "knee": ("lowerleg01",), "ankle": ("foot",), "foot": ("toe1-1", "toe2-1", "toe3-1"),
    "collar": ("clavicle",), "shoulder": ("upperarm01",), "elbow": ("lowerarm01",), "wrist": ("wrist",),
    "hand": ("finger3-1",),
}  # fmt: skip
# Which joint moves what a bone moved, by the beginning of the bone's name; the first match counts.
_JOINT_OF_BONE = (
    ("root", "pelvis"), ("pelvis", "pelvis"), ("spine05", "pelvis"), ("spine04", "spine1"), ("spine03", "spine1"),
    ("spine02", "spine2"), ("breast", "spine2"), ("spine01", "spine3"), ("neck01", "neck"), ("neck02", "neck"),
    ("clavicle", "collar"), ("shoulder", "collar"), ("upperarm", "shoulder"), ("lowerarm", "elbow"),
    ("wrist", "wrist"), ("metacarpal", "wrist"), ("finger1", "wrist"), ("finger", "hand"), ("upperleg", "hip"),
    ("lowerleg", "knee"), ("foot", "ankle"), ("toe", "foot"), ("", "head"),
)  # fmt: skip


@dataclass(frozen=True)
class SmplRig:
    """SMPL's joints on MakeHuman's base mesh."""

    joint_regressor: np.ndarray
    """(24, vertices) joints as means of marker vertices."""
    knuckle_regressor: np.ndarray
    """(2, 2, vertices) index and little finger's first knuckle of the left and the right hand."""
    weights: np.ndarray
    """(vertices, 24) float32 skinning weights, rows sum to 1, at most MAX_INFLUENCES in each."""


def merge_rig(bones: dict[str, Bone], n_vertices: int) -> SmplRig:
    """Merge MakeHuman's `bones` on a base mesh of `n_vertices` to SMPL's joints."""

    def centre(names: tuple[str, ...]) -> np.ndarray:
        markers = np.concatenate([bones[name].head_vertices for name in names])
        return np.bincount(markers, minlength=n_vertices) / len(markers)

    centres = {joint: centre(names) for joint, names in _CENTRAL_JOINTS.items()}
    for prefix, suffix, _ in SIDES:
        for joint, names in _LIMB_JOINTS.items():
            centres[prefix + joint] = centre(tuple(f"{name}.{suffix}" for name in names))
    knuckles = [[centre((f"finger{finger}-1.{suffix}",)) for finger in (2, 5)] for _, suffix, _ in SIDES]
    weights = np.zeros((n_vertices, len(SMPL_JOINT_NAMES)))
    for name, bone in bones.items():
        joint = SMPL_JOINT_NAMES.index(joint_of_bone(name))
        np.add.at(weights[:, joint], bone.skinned_vertices, bone.skinning_weights)
    return SmplRig(
        joint_regressor=np.stack([centres[name] for name in SMPL_JOINT_NAMES]),
        knuckle_regressor=np.array(knuckles),
        weights=limit_influences(weights).astype(np.float32),
    )


def joint_of_bone(bone: str) -> str:
    """The SMPL joint that moves what MakeHuman's `bone`, such as "lowerarm02.L", moves."""
    joint = next(joint for start, joint in _JOINT_OF_BONE if bone.startswith(start))
    if joint in SMPL_JOINT_NAMES:
        return joint
    return ("left_" if bone.endswith(".L") else "right_") + joint


def mirrored_joints() -> np.ndarray:
    """(24,) index of the joint on the other side of each of SMPL's joints."""
    swap = {"left": "right", "right": "left"}
    names = ["_".join(swap.get(word, word) for word in name.split("_")) for name in SMPL_JOINT_NAMES]
    return np.array([SMPL_JOINT_NAMES.index(name) for name in names])


def limit_influences(weights: np.ndarray) -> np.ndarray:
    """(vertices, joints) weights with at most the MAX_INFLUENCES largest of each row, scaled to sum to 1.

    Of equal weights none or all are kept, so that a symmetric body stays symmetric.
    """
    limited = np.where(weights < _MIN_WEIGHT, 0.0, weights)
    too_small = np.sort(limited, axis=1)[:, -MAX_INFLUENCES - 1, None] * (1 + 1e-6)
    limited[limited <= too_small] = 0.0
    return limited / limited.sum(axis=1, keepdims=True)
