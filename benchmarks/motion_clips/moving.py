"""From a way over the floor to poses: legs by exact inverse kinematics, trunk and arms in step with them."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.spatial.transform import Rotation

from motion_clips.steps import Gait, RestFeet, track_foot
from motion_clips.terrain import Terrain
from motion_clips.wandering import FloorPath
from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.feet import FootTrack
from nlf_pipeline.demo.turns import turn_x, turn_y

_LEGS = tuple(
    tuple(joint_index(f"{side}_{name}") for name in ("hip", "knee", "ankle", "foot")) for side in ("left", "right")
)
_ARMS = tuple(
    tuple(joint_index(f"{side}_{name}") for name in ("shoulder", "elbow", "hand")) for side in ("left", "right")
)
_SPINE = [joint_index(name) for name in ("spine1", "spine2", "spine3")]
_NECK = [joint_index(name) for name in ("neck", "head")]
_REACH = 0.99
"""Legs are never straighter than this share of their length."""
_HEIGHT_WINDOW_S = 0.12
_SQUAT_DEPTH = 0.5
"""Of the leg's length."""
_SQUAT_LEAN = 0.6


@dataclass(frozen=True)
class Motion:
    """One person's motion at n times."""

    pose_rotvecs: np.ndarray
    """(n, joints, 3) parent-relative rotation vectors, radians."""
    root: np.ndarray
    """(n, 3) pelvis joint, world, metres."""
    planted: np.ndarray
    """(n, 2) bool: the left, right toes stand still on the floor."""


def animate(
    rng: np.random.Generator, path: FloorPath, feet: RestFeet, t: np.ndarray, fps: float, terrain: Terrain | None = None
) -> Motion:
    """Everything one person does.

    Args:
        rng: for the gait and where the person looks.
        path: the way.
        feet: of the body.
        t: (n,) seconds, evenly spaced.
        fps: their rate.
        terrain: the floor, if it is not level.
    """
    step_s = rng.uniform(0.52, 0.6)
    gait = Gait(step_s, rng.uniform(-1, 0) * step_s)
    beat, vigour = np.pi * (t - gait.phase_s) / step_s, path.at(path.speed, t)
    squat, heading, xz = path.at(path.squat, t), path.at(path.heading, t), path.at(path.xz, t)
    tracks = [track_foot(path, gait, feet, side, t) for side in (0, 1)]
    if terrain is not None:
        tracks = [terrain.laid_on(track, feet, side, t) for side, track in enumerate(tracks)]
    sway = np.stack([0.04 + _SQUAT_LEAN * squat, 0.07 * np.sin(beat) * vigour, 0.02 * np.sin(beat) * vigour], axis=-1)
    pelvis = turn_y(heading) * Rotation.from_rotvec(sway)
    shift = np.stack([0.02 * np.cos(beat - 0.9) * vigour, 0 * t, -0.12 * squat], axis=-1)
    root = np.stack([xz[:, 0], 0 * t, xz[:, 1]], axis=-1) + turn_y(heading).apply(shift)
    leg_length = np.linalg.norm(np.diff(feet.joints[list(_LEGS[0][:3])], axis=0), axis=1).sum()
    root[:, 1] = _pelvis_height(root, pelvis, tracks, feet, fps) - _SQUAT_DEPTH * leg_length * squat
    pose = np.zeros((len(t), len(feet.joints), 3))
    pose[:, 0] = pelvis.as_rotvec()
    for side, track in enumerate(tracks):
        pose[:, list(_LEGS[side])] = _leg(pelvis, root, track, feet, side)
        pose[:, list(_ARMS[side])] = _arm(beat, vigour, squat, side)
    _wave(pose, path.at(path.wave, t), t)
    pose[:, _SPINE] = np.stack([0.02 + 0 * t, -0.035 * np.sin(beat) * vigour, 0 * t], axis=-1)[:, None]
    look = gaussian_filter1d(rng.normal(size=len(t) + 200), 0.8 * fps)[100:-100]
    pose[:, _NECK, 1] = (0.25 * look / max(look.std(), 1e-9))[:, None]
    return Motion(pose, root, np.stack([track.planted for track in tracks], axis=-1))


def _pelvis_height(
    root: np.ndarray, pelvis: Rotation, tracks: list[FootTrack], feet: RestFeet, fps: float
) -> np.ndarray:
    """(n,) as high as both legs reach, smoothed: a minimum filter, then a Gaussian no wider, never exceeds it."""
    reach = np.full(len(root), np.inf)
    for (hip, _, ankle, _), track in zip(_LEGS, tracks, strict=True):
        straight = _REACH * np.linalg.norm(feet.joints[ankle] - feet.joints[hip])
        from_root = pelvis.apply(feet.joints[hip] - feet.joints[0])
        away = track.ankle - root - from_root
        rise = np.sqrt(np.maximum(straight**2 - away[:, 0] ** 2 - away[:, 2] ** 2, 0.01))
        reach = np.minimum(reach, track.ankle[:, 1] - from_root[:, 1] + rise)
    half = max(1, round(_HEIGHT_WINDOW_S * fps))
    return gaussian_filter1d(minimum_filter1d(reach, 2 * half + 1), half / 2.5, radius=half)


def _leg(pelvis: Rotation, root: np.ndarray, track: FootTrack, feet: RestFeet, side: int) -> np.ndarray:
    """(n, 4, 3) hip, knee, ankle and toes: the knee is a hinge about the unposed x axis."""
    hip, knee, ankle, _ = _LEGS[side]
    thigh, shank = feet.joints[knee] - feet.joints[hip], feet.joints[ankle] - feet.joints[knee]
    target = track.ankle - root - pelvis.apply(feet.joints[hip] - feet.joints[0])
    # |thigh + Rx(bend) shank| = |target|, of which only the y and z parts turn
    wanted = (np.sum(target**2, axis=1) - thigh @ thigh - shank @ shank) / 2 - thigh[0] * shank[0]
    cosine, sine = thigh[1:] @ shank[1:], thigh[2] * shank[1] - thigh[1] * shank[2]
    bend = turn_x(np.arctan2(sine, cosine) + np.arccos(np.clip(wanted / np.hypot(cosine, sine), -1, 1)))
    straight = thigh + bend.apply(shank)
    sideways = pelvis.apply([1.0, 0, 0]) + track.rotation.apply([1.0, 0, 0])
    at_rest = _axes(straight, np.tile([1.0, 0, 0], (len(root), 1)))
    turned = Rotation.from_matrix(_axes(target, sideways) @ np.swapaxes(at_rest, 1, 2))
    toes = turn_x(track.toe_bend)
    parts = (pelvis.inv() * turned, bend, (turned * bend).inv() * track.rotation, toes)
    return np.stack([part.as_rotvec() for part in parts], axis=1)


def _axes(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(n, 3, 3) right-handed axes in columns: z exactly along `z`, x as near to `x` as that allows."""
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = x - z * np.sum(x * z, axis=-1, keepdims=True)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _arm(beat: np.ndarray, vigour: np.ndarray, squat: np.ndarray, side: int) -> np.ndarray:
    """(n, 3, 3) shoulder, elbow and hand: swinging against the legs, stretched forwards in a squat."""
    sign, still = 1 - 2 * side, np.zeros(len(beat))
    swing = turn_x(-sign * 0.4 * np.sin(beat) * vigour)
    hanging = (swing * Rotation.from_rotvec([0, 0, -sign * 1.22])).as_rotvec()
    forwards = np.array([0, -sign * 1.3, 0])
    shoulder = hanging + squat[:, None] * (forwards - hanging)
    bend = -sign * (0.35 + 0.2 * np.clip(-sign * np.sin(beat), 0, 1) * vigour)
    elbow, hand = np.stack([still, bend, still], axis=-1), np.tile([0, 0, -sign * 0.25], (len(beat), 1))
    return np.stack([shoulder, elbow, hand], axis=1)


def _wave(pose: np.ndarray, raised: np.ndarray, t: np.ndarray) -> None:
    """Raise the right arm of `pose` (n, joints, 3) by `raised` (n,) and wave."""
    shoulder, elbow, _ = _ARMS[1]
    wag = np.stack([0 * t, 0 * t, -1.5 + 0.45 * np.sin(2 * np.pi * 1.4 * t)], axis=-1)
    for joint, up in ((shoulder, np.array([0, 0, 0.15])), (elbow, wag)):
        pose[:, joint] += raised[:, None] * (up - pose[:, joint])
