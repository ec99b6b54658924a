"""Exact motion of walking people: planned footsteps, legs solved by inverse kinematics, swinging arms.

Rest pose: SMPL's T-pose, facing +z, the left side on +x. World: y up, floor at y = 0.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import SMPL_JOINT_NAMES, joint_index
from nlf_pipeline.demo.choreography import FloorPath, Script, trace_path
from nlf_pipeline.demo.feet import FootTrack, RestFeet, track_foot
from nlf_pipeline.demo.turns import turn_x, turn_y, turn_z

_REACH = 0.997
"""Most of a leg's length that may be used: knees never lock."""
_HEIGHT_RATE_HZ = 100.0
_HEIGHT_WINDOW = 0.07
"""Half width of the filter that smooths the pelvis height, seconds."""
_BRISK_SPEED = 1.1
"""Walking speed at which the upper body swings fully, metres per second."""
_MID_STANCE = 0.62 * np.pi
"""Step angle at which the body passes over the left foot; the left foot lands at 0, the right at pi."""
_ARM_DOWN = 1.30
_HIPS, _KNEES, _ANKLES = (
    (joint_index(f"left_{name}"), joint_index(f"right_{name}")) for name in ("hip", "knee", "ankle")
)
_LOOK_AHEAD = 0.3
"""Seconds by which the head turns before the body."""


@dataclass(frozen=True)
class Motion:
    """One person's motion at n times."""

    pose_rotvecs: np.ndarray
    """(n, joints, 3) parent-relative rotation vectors, radians."""
    root: np.ndarray
    """(n, 3) pelvis joint, world, metres."""
    foot_contacts: np.ndarray
    """(n, 2) bool: the left, right forefoot stands still on the floor."""


@dataclass(frozen=True)
class _Pelvis:
    """The pelvis, its height not yet known."""

    xz: np.ndarray
    rotation: Rotation
    yaw: np.ndarray
    """(n,) turn against the heading, radians."""
    list_angle: np.ndarray
    """(n,) drop of the swinging side, radians."""


def animate(script: Script, joints_rest: np.ndarray, feet: RestFeet, t: np.ndarray, seconds: float) -> Motion:
    """Everything one person does.

    Args:
        script: what to do.
        joints_rest: (joints, 3) rest joints, metres.
        feet: the same body's feet.
        t: (n,) times of the frames, within [0, seconds].
        seconds: length of the clip.
    """
    path = trace_path(script, seconds)
    pelvis = _move_pelvis(path, script, t)
    tracks = [track_foot(path, script, feet, side, t) for side in (0, 1)]
    root = np.stack([pelvis.xz[:, 0], _pelvis_height(path, script, joints_rest, feet, t), pelvis.xz[:, 1]], axis=-1)
    rotations = {name: Rotation.identity() for name in SMPL_JOINT_NAMES}
    rotations["pelvis"] = pelvis.rotation
    for side, track in enumerate(tracks):
        rotations |= _leg_rotations(pelvis.rotation, root, track, joints_rest, side)
    rotations |= _torso_rotations(path, script, pelvis, t)
    for side in (0, 1):
        rotations |= _arm_rotations(path, script, side, t)
    pose = np.stack([np.broadcast_to(rotations[name].as_rotvec(), (len(t), 3)) for name in SMPL_JOINT_NAMES], axis=1)
    return Motion(pose, root, np.stack([track.planted for track in tracks], axis=1))


def _step_angle(script: Script, t: np.ndarray) -> np.ndarray:
    """(n,) grows by pi per step; the left foot lands at multiples of 2 pi."""
    return np.pi * (t / script.step_seconds + script.step_phase)


def _vigour(path: FloorPath, t: np.ndarray) -> np.ndarray:
    """(n,) 0 standing, 1 walking briskly."""
    return np.clip(path.speed_at(t) / _BRISK_SPEED, 0, 1.2)


def _move_pelvis(path: FloorPath, script: Script, t: np.ndarray) -> _Pelvis:
    q, vigour = _step_angle(script, t), _vigour(path, t)
    sway = 0.022 * vigour * np.cos(q - _MID_STANCE)
    heading = path.heading_at(t)
    xz = path.xz_at(t) + sway[:, None] * np.stack([np.cos(heading), -np.sin(heading)], axis=-1)
    list_angle = 0.05 * vigour * np.cos(q - 0.45 * np.pi)
    yaw, lean = -0.09 * vigour * np.cos(q), 0.03 + 0.04 * vigour
    rotation = turn_y(heading + yaw) * turn_z(list_angle) * turn_x(lean)
    return _Pelvis(xz, rotation, yaw, list_angle)


def _pelvis_height(
    path: FloorPath, script: Script, joints_rest: np.ndarray, feet: RestFeet, t: np.ndarray
) -> np.ndarray:
    """(n,) as high as both legs reach, smoothed: a minimum filter, then a Gaussian no wider, never exceeds it."""
    half = round(_HEIGHT_WINDOW * _HEIGHT_RATE_HZ)
    samples = np.arange(-4 * half, int(t[-1] * _HEIGHT_RATE_HZ) + 4 * half + 2) / _HEIGHT_RATE_HZ
    pelvis = _move_pelvis(path, script, samples)
    reach = np.full(len(samples), np.inf)
    for side in (0, 1):
        thigh, shin = _leg_bones(joints_rest, side)
        hip = pelvis.rotation.apply(joints_rest[_HIPS[side]] - joints_rest[0])
        ankle = track_foot(path, script, feet, side, samples).ankle
        away = ankle[:, [0, 2]] - pelvis.xz - hip[:, [0, 2]]
        drop = (_REACH * np.linalg.norm(thigh + shin)) ** 2 - np.sum(away**2, axis=1)
        reach = np.minimum(reach, ankle[:, 1] - hip[:, 1] + np.sqrt(np.maximum(drop, 0.01)))
    lowest = minimum_filter1d(reach, 2 * half + 1)
    return np.interp(t, samples, gaussian_filter1d(lowest, half / 2.5, radius=half))


def _leg_bones(joints_rest: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    hip, knee, ankle = joints_rest[[_HIPS[side], _KNEES[side], _ANKLES[side]]]
    return knee - hip, ankle - knee


def _leg_rotations(
    pelvis: Rotation, root: np.ndarray, track: FootTrack, joints_rest: np.ndarray, side: int
) -> dict[str, Rotation]:
    """Two-bone inverse kinematics, exact: the knee is a hinge about the rest pose's x axis."""
    thigh, shin = _leg_bones(joints_rest, side)
    reach = track.ankle - root - pelvis.apply(joints_rest[_HIPS[side]] - joints_rest[0])
    # |thigh + Rx(knee) shin| = |reach|, of which only the y and z parts turn
    wanted = (np.sum(reach**2, axis=1) - thigh @ thigh - shin @ shin) / 2 - thigh[0] * shin[0]
    cosine, sine = thigh[1:] @ shin[1:], thigh[2] * shin[1] - thigh[1] * shin[2]
    bend = np.arctan2(sine, cosine) + np.arccos(np.clip(wanted / np.hypot(cosine, sine), -1, 1))
    knee = turn_x(bend)
    sideways = pelvis.apply([1.0, 0, 0]) + track.rotation.apply([1.0, 0, 0])
    leg_rest = thigh + knee.apply(shin)
    hip = Rotation.from_matrix(
        _axes(reach, sideways) @ np.swapaxes(_axes(leg_rest, np.broadcast_to([1.0, 0, 0], leg_rest.shape)), 1, 2)
    )
    prefix = ("left_", "right_")[side]
    return {
        prefix + "hip": pelvis.inv() * hip,
        prefix + "knee": knee,
        prefix + "ankle": (hip * knee).inv() * track.rotation,
        prefix + "foot": turn_x(track.toe_bend),
    }


def _axes(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(n, 3, 3) right-handed axes in columns: z exactly along `z`, x as near to `x` as that allows."""
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = x - z * np.sum(x * z, axis=-1, keepdims=True)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _torso_rotations(path: FloorPath, script: Script, pelvis: _Pelvis, t: np.ndarray) -> dict[str, Rotation]:
    """The chest turns against the pelvis; the head stays level and looks where the path will lead."""
    q, vigour = _step_angle(script, t), _vigour(path, t)
    chest_yaw = 0.07 * vigour * np.cos(q)
    breath = 0.006 * np.sin(2 * np.pi * t / 3.7)
    twist = (chest_yaw - pelvis.yaw) / 3
    spine = turn_y(twist) * turn_z(-pelvis.list_angle / 3) * turn_x(0.015 + breath)
    ahead = np.clip(path.heading_at(t + _LOOK_AHEAD) - path.heading_at(t), -0.9, 0.9)
    idle = 0.10 * np.sin(2 * np.pi * t / 5.3 + 2 * np.pi * script.step_phase)
    look = turn_y((ahead + idle - chest_yaw) / 2) * turn_x(-0.03)
    return {"spine1": spine, "spine2": spine, "spine3": spine, "neck": look, "head": look}


def _arm_rotations(path: FloorPath, script: Script, side: int, t: np.ndarray) -> dict[str, Rotation]:
    """Arms swing against the legs; the right one waves when the script says so."""
    q, vigour = _step_angle(script, t) - 0.25, _vigour(path, t)
    sign = 1 - 2 * side
    backwards = sign * np.cos(q)  # the arm is back while the leg of its side is in front
    swing = script.arm_swing * vigour * backwards - 0.06 * vigour
    forearm = 0.22 + 0.18 * vigour + 0.11 * vigour * (1 - backwards)
    shoulder = turn_x(swing) * turn_z(-sign * _ARM_DOWN) * turn_x(-0.15)
    elbow = turn_y(-sign * forearm)
    if side == 1:
        raised = path.wave_at(t)
        wag = 0.42 * np.sin(2 * np.pi * 1.5 * t)
        shoulder = _blend(shoulder, turn_z(0.05) * turn_x(-1.35), raised)
        elbow = _blend(elbow, turn_y(1.35 + wag), raised)
    prefix = ("left_", "right_")[side]
    fingers = turn_z(-sign * 0.45)
    return {prefix + "shoulder": shoulder, prefix + "elbow": elbow, prefix + "hand": fingers}


def _blend(a: Rotation, b: Rotation, weight: np.ndarray) -> Rotation:
    """Rotations a fraction `weight` (n,) of the shortest way from a to b."""
    return a * Rotation.from_rotvec(weight[:, None] * (a.inv() * b).as_rotvec())
