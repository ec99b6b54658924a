"""BlazePose's 33 landmarks on any body of the SMPL family, found by the shape of its T-posed template.

Body joints are the model's own. The others follow from anthropometric proportions of the head, hand and foot, so a
mesh needs no marked vertices. The template stands in T-pose, y up, facing +z, in metres.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES, joint_index, smpl_carriers, smpl_joints
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES
from nlf_pipeline.open_body.regressors import convex_weights

_SIDES = {"left": 1.0, "right": -1.0}
# Points of the face in units of the height from the tip of the nose to the crown: towards the side, up
_FACE = {
    "{side}_eye_inner": (0.13, 0.26), "{side}_eye": (0.20, 0.26), "{side}_eye_outer": (0.28, 0.26),
    "mouth_{side}": (0.16, -0.21),
}  # fmt: skip
_EAR_BEHIND_NOSE = 0.5  # nearest to the face that an ear can be, in the same units
_EAR_FROM_RIM = np.array([-0.08, -0.03, 0.12])  # from the outermost point of the ear to its canal
# Points of the hand in units of the length from wrist to finger tips: outwards, forwards from the palm's outer edge
_KNUCKLES = {"pinky": (0.48, 0.065), "index": (0.57, 0.415)}
_THUMB_JOINT_FROM_TIP = 0.14
_N_NEAREST = 40


@dataclass(frozen=True)
class BodyPart:
    """Vertices that some joints move."""

    indices: np.ndarray
    """(n,) vertex indices."""
    points: np.ndarray
    """(n, 3) their positions."""


def landmark_regressor(template: np.ndarray, weights: np.ndarray, joint_regressor: np.ndarray) -> np.ndarray:
    """Regressor from vertices to BlazePose's landmarks.

    Args:
        template: (vertices, 3) T-pose, metres.
        weights: (vertices, joints) skinning weights.
        joint_regressor: (joints, vertices).

    Returns:
        (33, vertices), rows sum to 1, in the order of BLAZEPOSE_LANDMARK_NAMES.
    """
    n_joints = weights.shape[1]
    weights = weights @ np.eye(len(SMPL_JOINT_NAMES))[smpl_carriers(n_joints)]
    joint_regressor = joint_regressor[smpl_joints(n_joints)]
    joint_regressor = joint_regressor / joint_regressor.sum(axis=1, keepdims=True)
    joints = joint_regressor @ template
    head = _part(template, weights, "head")
    positions = _face_landmarks(head.points, joints[joint_index("head")])
    on_parts = dict.fromkeys(positions, head)
    for side, sign in _SIDES.items():
        hand = _part(template, weights, f"{side}_wrist", f"{side}_hand")
        foot = _part(template, weights, f"{side}_ankle", f"{side}_foot")
        wrist, palm, ankle, ball = (joints[joint_index(f"{side}_{j}")] for j in ("wrist", "hand", "ankle", "foot"))
        for part, found in (
            (hand, _hand_landmarks(hand.points, wrist, palm, sign)),
            (foot, _foot_landmarks(foot.points, ankle, ball, sign)),
        ):
            positions |= {f"{side}_{name}": point for name, point in found.items()}
            on_parts |= {f"{side}_{name}": part for name in found}
    regressor = np.zeros((len(BLAZEPOSE_LANDMARK_NAMES), len(template)))
    for row, name in enumerate(BLAZEPOSE_LANDMARK_NAMES):
        if name in positions:
            part = on_parts[name]
            nearest = np.argsort(np.linalg.norm(part.points - positions[name], axis=1), kind="stable")[:_N_NEAREST]
            regressor[row, part.indices[nearest]] = convex_weights(part.points[None, nearest], positions[name][None])
        else:
            regressor[row] = joint_regressor[SMPL_JOINT_NAMES.index(name)]
    return regressor


def _part(template: np.ndarray, weights: np.ndarray, *joints: str) -> BodyPart:
    indices = np.flatnonzero(weights[:, [joint_index(joint) for joint in joints]].sum(axis=1) > 0.5)
    return BodyPart(indices, template[indices])


def _face_landmarks(head: np.ndarray, head_joint: np.ndarray) -> dict[str, np.ndarray]:
    """Nose, eyes, mouth and ears by name."""
    nose = head[np.argmax(head[:, 2] - 3 * np.abs(head[:, 0] - head_joint[0]))]
    unit = head[:, 1].max() - nose[1]
    found = {"nose": nose}
    for side, sign in _SIDES.items():
        for name, (aside, up) in _FACE.items():
            point = nose + unit * np.array([sign * aside, up, 0.0])
            found[name.format(side=side)] = np.append(point[:2], _front_of_face(head, point[:2], unit))
        level = np.abs(head[:, 1] - nose[1] - 0.15 * unit) < 0.2 * unit
        ear = head[level & (head[:, 2] < nose[2] - _EAR_BEHIND_NOSE * unit)]
        rim = ear[np.argmax(sign * ear[:, 0])]
        found[f"{side}_ear"] = rim + unit * _EAR_FROM_RIM * np.array([sign, 1.0, 1.0])
    return found


def _front_of_face(head: np.ndarray, xy: np.ndarray, unit: float) -> float:
    """Depth z of the face's surface at `xy`: of what lies there, the foremost."""
    near = head[np.argsort(np.linalg.norm(head[:, :2] - xy, axis=1), kind="stable")[:12]]
    near = near[near[:, 2] > near[:, 2].max() - 0.1 * unit]
    closeness = 1 / (np.linalg.norm(near[:, :2] - xy, axis=1) + 0.01 * unit)
    return float(closeness @ near[:, 2] / closeness.sum())


def _hand_landmarks(hand: np.ndarray, wrist: np.ndarray, palm: np.ndarray, sign: float) -> dict[str, np.ndarray]:
    """First knuckles of the little finger and index, last joint of the thumb, by name."""
    out = _unit(palm - wrist)
    forward = _unit(np.array([0.0, 0.0, 1.0]) - out[2] * out)
    axes = np.stack([out, forward, sign * np.cross(forward, out)])  # outwards, forwards, up
    local = (hand - wrist) @ axes.T
    length = local[:, 0].max()
    across = np.abs(local[:, 0] / length - 0.5) < 0.05
    edge = local[across, 1].min()  # of the palm, on the side of the little finger
    found = {}
    for name, (outwards, forwards) in _KNUCKLES.items():
        point = np.array([outwards * length, edge + forwards * length])
        around = local[np.linalg.norm(local[:, :2] - point, axis=1) < 0.1 * length, 2]
        found[name] = np.append(point, (around.min() + around.max()) / 2)
    tip = local[np.argmax(local[:, 1])]  # the thumb reaches farthest forward
    found["thumb"] = tip - _THUMB_JOINT_FROM_TIP * length * _unit(tip)
    return {name: wrist + point @ axes for name, point in found.items()}


def _foot_landmarks(foot: np.ndarray, ankle: np.ndarray, ball: np.ndarray, sign: float) -> dict[str, np.ndarray]:
    """Back of the heel and tip of the big toe, by name."""
    forward = _unit((ball - ankle) * np.array([1.0, 0.0, 1.0]))
    axes = np.stack([np.array([forward[2], 0.0, -forward[0]]), [0.0, 1.0, 0.0], forward])  # left, up, forwards
    local = foot @ axes.T
    back, length = local[:, 2].min(), np.ptp(local[:, 2])
    hind = local[local[:, 2] < back + 0.2 * length]
    sole = hind[:, 1].min()
    hind = hind[hind[:, 1] < sole + 0.2 * length]
    heel = np.array([(hind[:, 0].min() + hind[:, 0].max()) / 2, sole + 0.1 * length, back + 0.02 * length])
    tip = local[np.argmax(local[:, 2] - 0.3 * sign * local[:, 0])]  # inwards, for the big toe
    toe = local[np.linalg.norm(local - tip, axis=1) < 0.05 * length].mean(axis=0)
    return {"heel": heel @ axes, "foot_index": toe @ axes}


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)
