"""Joint rotations from 33 landmarks in closed form: bones give directions, hinges and palms give the twist.

Vectorised over frames. Landmarks say where points are, not how limbs are twisted; the twist of an arm
or leg follows from its hinge (elbow, knee) once bent, and from the torso, hand or foot while straight.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import SMPL_PARENTS, joint_index
from nlf_pipeline.geometry import rotation_between
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES, landmark_index

_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right")
_ELBOW_SINES = (0.1, 0.4)
"""Sine of the bend below which the elbow says nothing about the arm's twist, and above which it says all."""
_KNEE_SINES = (0.15, 0.55)
_MAX_WRIST_ANGLE = 0.9
_LEFT = np.array([1.0, 0, 0])
_UP = np.array([0, 1.0, 0])


def landmark_rotations(landmarks: np.ndarray, rest_landmarks: np.ndarray) -> np.ndarray:
    """Pose a body by its landmarks.

    Args:
        landmarks: (n, 33, 3) metres, any origin, any right-handed axes; a left-right mirror image
            cannot be posed. Only directions matter, not size.
        rest_landmarks: (33, 3) of the body in its rest pose (T-pose; x left, y up, z front).

    Returns:
        (n, 24, 3, 3) parent-relative rotations; the first takes the rest pose's axes to those of `landmarks`.
    """
    n = len(landmarks)
    points: dict[str, np.ndarray] = dict(zip(BLAZEPOSE_LANDMARK_NAMES, np.moveaxis(landmarks, 1, 0), strict=True))
    rest: dict[str, np.ndarray] = dict(zip(BLAZEPOSE_LANDMARK_NAMES, rest_landmarks, strict=True))
    R = np.tile(np.eye(3), (n, len(SMPL_PARENTS), 1, 1))
    _pose_torso(R, points, rest)
    _pose_head(R, landmarks, rest_landmarks)
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        _pose_arm(R, points, rest, side, outwards)
        _pose_leg(R, points, rest, side)
    relative = R.copy()
    relative[:, 1:] = _transpose(R[:, SMPL_PARENTS[1:]]) @ R[:, 1:]
    return relative


def _pose_torso(R: np.ndarray, points: dict[str, np.ndarray], rest: dict[str, np.ndarray]) -> None:
    """Fill in pelvis and chest from hips and shoulders; the spine bends evenly between them."""

    def across_and_up(of: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        spine = of["left_shoulder"] + of["right_shoulder"] - of["left_hip"] - of["right_hip"]
        return of["left_hip"] - of["right_hip"], of["left_shoulder"] - of["right_shoulder"], spine

    (hips, shoulders, spine), (rest_hips, rest_shoulders, rest_spine) = across_and_up(points), across_and_up(rest)
    pelvis = _axes(hips, spine) @ _axes(rest_hips, rest_spine).T
    chest = _axes(spine, shoulders) @ _axes(rest_spine, rest_shoulders).T
    R[:, joint_index("pelvis")] = pelvis
    for part, name in enumerate(("spine1", "spine2", "spine3"), start=1):
        R[:, joint_index(name)] = pelvis @ _fraction(_transpose(pelvis) @ chest, part / 3)
    R[:, joint_index("left_collar")] = R[:, joint_index("right_collar")] = chest


def _pose_head(R: np.ndarray, landmarks: np.ndarray, rest_landmarks: np.ndarray) -> None:
    """Fill in the head by the best rotation of the face's points (Kabsch 1976); the neck turns half as far."""
    face = [landmark_index(name) for name in _FACE]
    points, rest = landmarks[:, face], rest_landmarks[face]
    points, rest = points - points.mean(1, keepdims=True), rest - rest.mean(0)
    U, _, Vt = np.linalg.svd(np.einsum("nka,kb->nab", points, rest))
    U[..., 2] *= np.linalg.det(U @ Vt)[:, None]
    head, chest = U @ Vt, R[:, joint_index("spine3")]
    R[:, joint_index("head")] = head
    R[:, joint_index("neck")] = chest @ _fraction(_transpose(chest) @ head, 0.5)


def _pose_arm(
    R: np.ndarray, points: dict[str, np.ndarray], rest: dict[str, np.ndarray], side: str, outwards: float
) -> None:
    """Fill in shoulder, elbow, wrist and hand of one side; `outwards` is the sign of x on that side."""
    names = ("shoulder", "elbow", "wrist", "index", "pinky")
    shoulder, elbow, wrist, index, pinky = (points[f"{side}_{name}"] for name in names)
    rest_shoulder, rest_elbow, rest_wrist, rest_index, rest_pinky = (rest[f"{side}_{name}"] for name in names)
    upper, fore = elbow - shoulder, wrist - elbow
    rest_upper, rest_fore, rest_hinge = rest_elbow - rest_shoulder, rest_wrist - rest_elbow, -outwards * _UP
    chest = R[:, joint_index("spine3")]
    swing = rotation_between(rest_upper, np.einsum("nba,nb->na", chest, upper))
    bent_hinge = np.cross(_unit(upper), _unit(fore))
    weight = _ramp(np.linalg.norm(bent_hinge, axis=-1, keepdims=True), *_ELBOW_SINES)
    hinge = weight * _unit(bent_hinge) + (1 - weight) * (chest @ swing @ rest_hinge)
    R[:, joint_index(f"{side}_shoulder")] = _axes(upper, hinge) @ _axes(rest_upper, rest_hinge).T
    forearm = _axes(fore, hinge) @ _axes(rest_fore, rest_hinge).T
    R[:, joint_index(f"{side}_elbow")] = forearm

    def palm(wrist: np.ndarray, index: np.ndarray, pinky: np.ndarray) -> np.ndarray:
        return _axes((index + pinky) / 2 - wrist, np.cross(pinky - wrist, index - wrist))

    hand = palm(wrist, index, pinky) @ palm(rest_wrist, rest_index, rest_pinky).T
    bend = Rotation.from_matrix(_transpose(forearm) @ hand).as_rotvec()
    angle = np.linalg.norm(bend, axis=-1, keepdims=True)
    clamped = Rotation.from_rotvec(bend * np.minimum(1, _MAX_WRIST_ANGLE / np.maximum(angle, 1e-6)))
    R[:, joint_index(f"{side}_wrist")] = R[:, joint_index(f"{side}_hand")] = forearm @ clamped.as_matrix()


def _pose_leg(R: np.ndarray, points: dict[str, np.ndarray], rest: dict[str, np.ndarray], side: str) -> None:
    """Fill in hip, knee, ankle and foot of one side."""
    names = ("hip", "knee", "ankle", "heel", "foot_index")
    hip, knee, ankle, heel, toe = (points[f"{side}_{name}"] for name in names)
    rest_hip, rest_knee, rest_ankle, rest_heel, rest_toe = (rest[f"{side}_{name}"] for name in names)
    thigh, shin, foot = knee - hip, ankle - knee, toe - heel
    bent_hinge = np.cross(_unit(thigh), _unit(shin))
    pelvis_hinge = _reject(R[:, joint_index("pelvis")] @ _LEFT, thigh)
    foot_hinge = np.cross(foot, shin)
    foot_hinge = foot_hinge * np.sign(_dot(foot_hinge, pelvis_hinge))
    straight_hinge = _unit(_unit(pelvis_hinge) + _unit(foot_hinge))
    weight = _ramp(np.linalg.norm(bent_hinge, axis=-1, keepdims=True), *_KNEE_SINES)
    weight = weight * (_dot(bent_hinge, pelvis_hinge) > 0)  # a knee bent backwards is noise
    hinge = weight * _unit(bent_hinge) + (1 - weight) * straight_hinge
    R[:, joint_index(f"{side}_hip")] = _axes(thigh, hinge) @ _axes(rest_knee - rest_hip, _LEFT).T
    R[:, joint_index(f"{side}_knee")] = _axes(shin, hinge) @ _axes(rest_ankle - rest_knee, _LEFT).T
    rest_shin = rest_ankle - rest_knee
    sole = _axes(foot, -shin) @ _axes(rest_toe - rest_heel, -rest_shin).T
    R[:, joint_index(f"{side}_ankle")] = R[:, joint_index(f"{side}_foot")] = sole


def _axes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations whose first column is along `first` and whose second lies towards `second`."""
    x = _unit(first)
    y = _unit(_reject(second, x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _reject(v: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The part of `v` at right angles to `along`."""
    along = _unit(along)
    return v - _dot(v, along) * along


def _fraction(R: np.ndarray, fraction: float) -> np.ndarray:
    """The rotation about the same axis by a fraction of the angle."""
    return Rotation.from_rotvec(Rotation.from_matrix(R).as_rotvec() * fraction).as_matrix()


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((x - low) / (high - low), 0, 1)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=-1, keepdims=True)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def _transpose(R: np.ndarray) -> np.ndarray:
    return np.swapaxes(R, -1, -2)
