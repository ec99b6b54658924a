"""Bring people from MakeHuman's resting pose to SMPL's T-pose.

MakeHuman rests with the arms down and forward and the elbows bent by 25 degrees.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import SMPL_JOINT_NAMES, SMPL_PARENTS, joint_index
from nlf_pipeline.geometry import rotation_between
from nlf_pipeline.open_body.smpl_rig import SIDES, SmplRig

_DOWN = np.array([0.0, -1.0, 0.0])
_TOES_OUT_RAD = 0.12
_PEOPLE_AT_A_TIME = 50  # bounds the memory
_LIMBS = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot")
_BONES = (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"), ("hip", "knee"), ("knee", "ankle"),
          ("ankle", "foot"))  # fmt: skip


@dataclass(frozen=True)
class TPosedPeople:
    """People in SMPL's T-pose, pelvis at the origin, y up, facing +z, metres."""

    vertices: np.ndarray
    """(people, vertices, 3)."""
    joints: np.ndarray
    """(people, 24, 3)."""


def pose_people(vertices: np.ndarray, coefficients: np.ndarray, targets: np.ndarray, rig: SmplRig) -> TPosedPeople:
    """Shape the base mesh as every person and pose it.

    Args:
        vertices: (vertices, 3) base mesh.
        coefficients: (people, targets).
        targets: (targets, vertices, 3) displacements; their precision is that of the result.
        rig: SMPL's joints on the base mesh.
    """
    n_vertices = len(vertices)
    posed = np.empty((len(coefficients), n_vertices, 3), targets.dtype)
    joints = np.empty((len(coefficients), len(SMPL_JOINT_NAMES), 3))
    flat_targets = targets.reshape(len(targets), -1)
    for start in range(0, len(coefficients), _PEOPLE_AT_A_TIME):
        part = slice(start, start + _PEOPLE_AT_A_TIME)
        displacements = coefficients[part].astype(targets.dtype) @ flat_targets
        shaped = vertices.astype(targets.dtype) + displacements.reshape(-1, n_vertices, 3)
        posed[part], joints[part] = _to_t_pose(shaped, rig)
    return TPosedPeople(posed, joints)


def _to_t_pose(vertices: np.ndarray, rig: SmplRig) -> tuple[np.ndarray, np.ndarray]:
    rest = _regress(rig.joint_regressor, vertices)
    knuckles = _regress(rig.knuckle_regressor.reshape(4, -1), vertices).reshape(-1, 2, 2, 3)
    wrists = rest[:, [joint_index("left_wrist"), joint_index("right_wrist")]]
    across = np.cross(knuckles[:, :, 1] - wrists, knuckles[:, :, 0] - wrists)
    palms = across * np.array([sign for *_, sign in SIDES])[:, None]  # pointing out of the palm
    rotations = t_pose_rotations(rest, palms)
    joints = np.zeros_like(rest)
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            bone = rest[:, joint] - rest[:, parent]
            joints[:, joint] = joints[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], bone)
    translations = joints - np.einsum("nkij,nkj->nki", rotations, rest)
    transforms = np.concatenate([rotations, translations[..., None]], axis=-1).astype(vertices.dtype)
    return skin(vertices, rig.weights, transforms), joints


def t_pose_rotations(joints: np.ndarray, palms: np.ndarray) -> np.ndarray:
    """Rotation of every body part from MakeHuman's rest to SMPL's T-pose.

    Arms unbend about the elbow's own hinge, palms come to face down, legs hang straight, soles stay flat.

    Args:
        joints: (people, 24, 3) at rest.
        palms: (people, 2, 3) directions in which the left and the right palm face, at rest.

    Returns:
        (people, 24, 3, 3), not relative to the parents.
    """
    rotations = np.tile(np.eye(3), (len(joints), len(SMPL_JOINT_NAMES), 1, 1))
    for side, (prefix, _, sign) in enumerate(SIDES):
        at = {name: joint_index(prefix + name) for name in _LIMBS}
        bones = {end: joints[:, at[end]] - joints[:, at[start]] for start, end in _BONES}
        outwards = np.array([sign, 0.0, 0.0])
        hinge = np.cross(bones["elbow"], bones["wrist"])
        straight = _frame(outwards, np.array([0.0, -sign, 0.0]))  # flexing turns the forearm forwards
        rotations[:, at["shoulder"]] = straight @ _transposed(_frame(bones["elbow"], hinge))
        rotations[:, at["elbow"]] = straight @ _transposed(_frame(bones["wrist"], hinge))
        hand = _frame(outwards, _DOWN) @ _transposed(_frame(bones["hand"], palms[:, side]))
        rotations[:, at["wrist"]] = rotations[:, at["hand"]] = hand
        rotations[:, at["hip"]] = rotation_between(bones["knee"], _DOWN)
        rotations[:, at["knee"]] = rotation_between(bones["ankle"], _DOWN)
        forwards = np.array([sign * np.sin(_TOES_OUT_RAD), 0.0, np.cos(_TOES_OUT_RAD)])
        turn = rotation_between(bones["foot"] * np.array([1.0, 0.0, 1.0]), forwards)
        rotations[:, at["ankle"]] = rotations[:, at["foot"]] = turn
    return rotations


def skin(vertices: np.ndarray, weights: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Linear blend skinning.

    Args:
        vertices: (people, vertices, 3).
        weights: (vertices, joints).
        transforms: (people, joints, 3, 4).

    Returns:
        (people, vertices, 3).
    """
    skinned = np.empty_like(vertices)
    for person, (points, joint_transforms) in enumerate(zip(vertices, transforms, strict=True)):
        blended = (weights @ joint_transforms.reshape(len(joint_transforms), 12)).reshape(-1, 3, 4)
        skinned[person] = np.einsum("vij,vj->vi", blended[:, :, :3], points) + blended[:, :, 3]
    return skinned


def _regress(regressor: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    used = np.flatnonzero(regressor.any(axis=0))
    return np.einsum("kv,nvi->nki", regressor[:, used], vertices[:, used].astype(np.float64), optimize=True)


def _frame(direction: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations whose first axis is `direction` and whose second is as near to `towards` as can be."""
    first = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    second = towards - np.sum(towards * first, axis=-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _transposed(R: np.ndarray) -> np.ndarray:
    return np.swapaxes(R, -1, -2)
