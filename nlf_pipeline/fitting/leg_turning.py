"""Legs reach for where their feet rest, turning as little as they can where it shows.

A leg that is almost straight must turn its knee by seven degrees to become a centimetre longer, and the knee then
stands centimetres aside. The pitch of the foot and the leg's swing along the viewing ray do the same unseen.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.fitting.soles import ANKLES, TOES, Soles
from nlf_pipeline.geometry import skew
from nlf_pipeline.kinematics import joint_positions

_HIPS = [joint_index("left_hip"), joint_index("right_hip")]
_KNEES = [joint_index("left_knee"), joint_index("right_knee")]
_ANKLES, _TOES = list(ANKLES), list(TOES)
_SIDEWAYS = np.array([1.0, 0.0, 0.0])
"""Axis of ankles in the unposed body."""
_ROLL_SD, _SWING_SD = 0.03, 0.1
"""Error of a leg's direction in the picture, and along the viewing ray, radians."""
_KNEE_SDS, _PITCH_SD = np.array([0.15, 0.02, 0.1]), 0.1
"""Errors of a knee about its hinge, along the shank and aside, and of a foot's pitch, radians."""
_PITCH_LIMIT = 0.5
_STEP_LIMIT = 0.3
_SOLE_SOFTNESS = 0.008
"""Points of a sole so little above the lowest one share its weight, so that it passes smoothly from heel to toes."""
_TOLERANCE = 1e-3
"""How exactly goals are met, metres; it lets legs that are too short give up."""
_ITERATIONS = 6


def leg_turns(rotations: np.ndarray, root: np.ndarray, feet: Soles, goals: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """The most probable turns of hips, knees and ankles by which the feet reach their goals, by Gauss-Newton.

    Feet keep their orientation but for their pitch.

    Args:
        rotations: (frames, joints, 3, 3) global.
        root: (frames, 3) root joint, metres.
        feet: of this person.
        goals: (frames, 2, 3) left, right: x and z of the toe joint, y of the lowest point of the sole; metres.
        rays: (frames, 3) unit vectors from the camera to the body.

    Returns:
        (frames, 2, 7) for `turn_legs`, radians.
    """
    prior, turns = _turn_covariance(rotations, rays), np.zeros((len(root), 2, 7))
    for _ in range(_ITERATIONS):
        turned = turn_legs(rotations, turns)
        missing, jacobian = _linearised(turned, root, feet, goals)
        spread = prior @ np.swapaxes(jacobian, -1, -2)
        wanted = missing[..., None] + jacobian @ turns[..., None]
        solution = spread @ np.linalg.solve(jacobian @ spread + _TOLERANCE**2 * np.eye(3), wanted)
        turns = turns + np.clip(solution[..., 0] - turns, -_STEP_LIMIT, _STEP_LIMIT)
        turns[..., 6] = np.clip(turns[..., 6], -_PITCH_LIMIT, _PITCH_LIMIT)
    return turns


def turn_legs(rotations: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Turn legs.

    Args:
        rotations: (frames, joints, 3, 3) global.
        turns: (frames, 2, 7) left, right: rotation vectors of the leg about the hip and of the shank about the knee,
            and a turn of the foot about its sideways axis, radians.

    Returns:
        (frames, joints, 3, 3) global rotations.
    """
    swing = _from_rotvecs(turns[..., :3])
    bend = _from_rotvecs(turns[..., 3:6])
    tilt = _from_rotvecs(turns[..., 6:] * (rotations[:, _ANKLES] @ _SIDEWAYS))
    turned = rotations.copy()
    turned[:, _HIPS] = swing @ rotations[:, _HIPS]
    turned[:, _KNEES] = swing @ bend @ rotations[:, _KNEES]
    for part in (_ANKLES, _TOES):
        turned[:, part] = tilt @ rotations[:, part]
    return turned


def feet_at(rotations: np.ndarray, joints: np.ndarray, feet: Soles) -> np.ndarray:
    """(frames, 2, 3) x and z of the toe joints, y of the lowest points of the soles; see `turn_legs`."""
    at = joints[:, _TOES]
    at[..., 1] = feet.posed(rotations, joints)[..., 1].min(axis=-1)
    return at


def _turn_covariance(rotations: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """(frames, 2, 7, 7) of rotation vectors of the whole leg and of the shank, and a turn of the foot, radians."""
    along = rays[:, :, None] * rays[:, None, :]
    covariance = np.zeros((len(rays), 2, 7, 7))
    covariance[..., :3, :3] = (_ROLL_SD**2 * along + _SWING_SD**2 * (np.eye(3) - along))[:, None]
    knees = rotations[:, _KNEES]
    covariance[..., 3:6, 3:6] = knees * _KNEE_SDS**2 @ np.swapaxes(knees, -1, -2)
    covariance[..., 6, 6] = _PITCH_SD**2
    return covariance


def _linearised(
    rotations: np.ndarray, root: np.ndarray, feet: Soles, goals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(frames, 2, 3) what the feet lack to their goals, and (frames, 2, 3, 7) how the turns move them."""
    joints = joint_positions(rotations, root, feet.joints_rest)
    soles = feet.posed(rotations, joints)
    heights = soles[..., 1] - soles[..., 1].min(axis=-1, keepdims=True)
    shares = np.exp(-heights / _SOLE_SOFTNESS)[..., None]
    lowest = (soles * shares).sum(axis=-2) / shares.sum(axis=-2)
    ankles = joints[:, _ANKLES]
    foot, touching = joints[:, _TOES] - ankles, lowest - ankles
    pitch_axis = rotations[:, _ANKLES] @ _SIDEWAYS
    by_pitch = np.cross(pitch_axis, foot)
    by_pitch[..., 1] = np.cross(pitch_axis, touching)[..., 1]
    jacobian = np.concatenate(
        [
            -skew(ankles - joints[:, _HIPS]),
            -skew(ankles - joints[:, _KNEES]),
            (by_pitch * _forefoot_share(foot, touching))[..., None],
        ],
        axis=-1,
    )
    return goals - feet_at(rotations, joints, feet), jacobian


def _forefoot_share(foot: np.ndarray, touching: np.ndarray) -> np.ndarray:
    """(frames, 2, 1) 1 where the toes touch, 0 at the ankle and behind: a foot that stands on its heel keeps its pitch.

    Else the toes might rise ever farther to let the heel down.
    """
    ahead = foot * [1, 0, 1]
    share = np.sum(touching * ahead, axis=-1, keepdims=True)
    return np.clip(share / np.maximum(np.sum(ahead**2, axis=-1, keepdims=True), 1e-6), 0, 1)


def _from_rotvecs(rotvecs: np.ndarray) -> np.ndarray:
    return Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(*rotvecs.shape, 3)
