"""Runs of frames in which an estimator took left for right: found by how the body would have to move, and put right.

What one view shows hardly tells which leg is which, nor whether somebody far away faces us or not. But bodies do not
turn around between two frames. The most likely way through each track is found by dynamic programming (Viterbi,
"Error bounds for convolutional codes", IEEE Transactions on Information Theory 1967) over what each frame may be.
"""

import functools
from dataclasses import dataclass
from enum import IntEnum
from itertools import product

import numpy as np

from nlf_pipeline.body_kinds import joint_index, skeleton
from nlf_pipeline.kinematics import joint_positions

_LEGS = [joint_index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")]
_JUDGED = [
    joint_index(f"{side}_{part}")
    for side in ("left", "right")
    for part in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist")
]
_MIRROR = np.diag([-1.0, 1.0, 1.0])
_CHUNK_FRAMES = 1024
_INDEPENDENT_JOINTS = 5.0
"""The evidence of all joints together counts as that of so many that move on their own."""
_NOISE_M, _ACCELERATION = 0.015, 12.0
"""Usual second differences of joints: error of the estimates, metres, and motion, metres per second squared."""
_SWITCH = 2.5
"""Price of beginning or ending a run of flips, as a logarithm of odds, like all that follow."""
_START, _END = 40.0, 5.0
"""Of being flipped at a track's start, and at its end."""
_FLIPPED_PER_S = 1.0
_BACKWARDS_PER_S = 2.0
"""Of moving against the direction that one faces."""
_WALKING_M_S = (0.3, 0.8)
"""From where to where the direction of travel tells more and more."""


class Sides(IntEnum):
    """What an estimate may be."""

    RIGHT = 0
    """As it should be."""
    TURNED = 1
    """Facing the other way, limbs mirrored: about the same picture."""
    LEGS = 2
    """Each leg in the pose of the other."""


@dataclass(frozen=True)
class TurnedRotations:
    """Rotations in other axes, made for the rows asked for, since all of them at once take much memory."""

    turns: np.ndarray
    """(n, 3, 3) to these axes, in each of the frames."""
    rotations: np.ndarray
    """(frames of the clip, joints, 3, 3) global."""
    frames: np.ndarray
    """(n,) int: the frames that are meant."""

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """(rows, joints, 3, 3) of some of the n."""
        return self.turns[rows, None] @ self.rotations[self.frames[rows]]


@dataclass(frozen=True)
class SeenTrack:
    """One person's estimates, frame by frame and without gaps longer than may be bridged, scene frame."""

    frames: np.ndarray
    """(n,) int, ascending: when each estimate was made."""
    rotations: np.ndarray | TurnedRotations
    """(n, joints, 3, 3) global."""
    root: np.ndarray
    """(n, 3) metres; a smooth path, from which the direction of travel is taken."""
    rays: np.ndarray
    """(n, 3) from the camera to the root."""


def find_flips(track: SeenTrack, joints_rest: np.ndarray, up: np.ndarray, fps: float) -> np.ndarray:
    """What every estimate most likely is.

    Args:
        track: estimates.
        joints_rest: (joints, 3) of the unposed body, metres.
        up: (3,) rough direction of up, scene frame.
        fps: frames per second.

    Returns:
        (n,) int: Sides.
    """
    n = len(track.frames)
    if n < 3:
        return np.zeros(n, dtype=np.int64)
    places, facing = np.empty((len(Sides), n, len(_JUDGED), 3), np.float32), np.empty((len(Sides), n, 3))
    for start, side in product(range(0, n, _CHUNK_FRAMES), Sides):
        part = slice(start, start + _CHUNK_FRAMES)
        rotations, rays = track.rotations[part], track.rays[part]
        turned = corrected(rotations, np.full(len(rays), side), rays, up)
        places[side, part] = joint_positions(turned, np.zeros((len(rays), 3)), joints_rest)[:, _JUDGED]
        facing[side, part] = turned[:, 0, :, 2]
    return _cheapest_way(_motion_costs(places, track.frames / fps), _state_costs(facing, track, up, fps))


@functools.cache
def _other_side(n_joints: int) -> np.ndarray:
    """(n_joints,) index of the joint on the other side of each."""
    names, swap = skeleton(n_joints)[0], {"left": "right", "right": "left"}
    return np.array([names.index("_".join(swap.get(word, word) for word in name.split("_"))) for name in names])


def corrected(rotations: np.ndarray, sides: np.ndarray, rays: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Global rotations (n, joints, 3, 3) with flips put right; each flip is its own inverse.

    Args:
        rotations: (n, joints, 3, 3) global.
        sides: (n,) Sides.
        rays: (n, 3) from the camera to the root.
        up: (3,).
    """
    fixed = rotations.copy()
    turned, swapped, other_side = sides == Sides.TURNED, sides == Sides.LEGS, _other_side(rotations.shape[1])
    in_depth = _reflection(_level(rays[turned], up))
    fixed[turned] = in_depth[:, None] @ rotations[turned][:, other_side] @ _MIRROR
    sagittal = _reflection(rotations[swapped, 0, :, 0])
    mirrored = sagittal[:, None] @ rotations[swapped][:, other_side] @ _MIRROR
    fixed[np.flatnonzero(swapped)[:, None], _LEGS] = mirrored[:, _LEGS]
    return fixed


def swap_sides(values: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Values (n, joints, ...) of joints, those that flips exchanged changed back."""
    fixed, other_side = values.copy(), _other_side(values.shape[1])
    fixed[sides == Sides.TURNED] = values[sides == Sides.TURNED][:, other_side]
    legs = np.flatnonzero(sides == Sides.LEGS)[:, None]
    fixed[legs, _LEGS] = values[legs, other_side[_LEGS]]
    return fixed


def _level(directions: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The horizontal part of (n, 3) directions; where there is little of it, all of them."""
    level = directions - (directions @ up)[:, None] * up
    is_steep = np.linalg.norm(level, axis=-1) < 0.2 * np.linalg.norm(directions, axis=-1)
    return np.where(is_steep[:, None], directions, level)


def _reflection(normals: np.ndarray) -> np.ndarray:
    """(n, 3, 3) reflections at the planes across (n, 3) normals of any length."""
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return np.eye(3) - 2 * normals[:, :, None] * normals[:, None, :]


def _motion_costs(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(n - 2, sides, sides, sides) costs of the second differences of (sides, n, joints, 3) places at (n,) times."""
    before, after = np.diff(times)[:-1], np.diff(times)[1:]
    tolerance = (_NOISE_M + _ACCELERATION * after * np.maximum(before, after)) ** 2
    ahead = np.minimum(after / before, 2.0)[:, None, None]
    costs = np.empty((len(before), *[len(places)] * 3), np.float32)
    for start, a, b, c in product(range(0, len(before), _CHUNK_FRAMES), *[range(len(places))] * 3):
        part = slice(start, start + _CHUNK_FRAMES)
        first, second, third = places[a, :-2][part], places[b, 1:-1][part], places[c, 2:][part]
        bend = third - second - ahead[part] * (second - first)
        squared = np.sum(bend**2, axis=-1) / tolerance[part, None]
        costs[part, a, b, c] = _INDEPENDENT_JOINTS / 2 * np.log1p(squared).mean(axis=-1)
    return costs


def _state_costs(facing: np.ndarray, track: SeenTrack, up: np.ndarray, fps: float) -> np.ndarray:
    """(n, sides) cost of every estimate alone, given the (sides, n, 3) direction that each way the body faces."""
    travel = np.gradient(track.root, track.frames / fps, axis=0)
    travel, facing = (v - (v @ up)[..., None] * up for v in (travel, facing))
    speed, length = np.linalg.norm(travel, axis=-1), np.linalg.norm(facing, axis=-1)
    cosine = np.sum(facing * travel, axis=-1) / np.maximum(length * speed, 1e-6)
    slowest, fast = _WALKING_M_S
    telling = np.clip((speed - slowest) / (fast - slowest), 0, 1)
    costs = (_BACKWARDS_PER_S * telling * (1 - cosine) / 2).T
    costs[:, 1:] += _FLIPPED_PER_S
    return costs / fps


def _cheapest_way(motion: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """(n,) states with the least sum of costs: of three in a row (n - 2, s, s, s), of one alone (n, s), of switches."""
    n, s = alone.shape
    switch = _SWITCH * (1 - np.eye(s))
    start = np.where(np.arange(s) > 0, _START, 0.0)
    best = (start + alone[0])[:, None] + switch + alone[1]
    came_from = np.zeros((n, s, s), np.int8)
    for i in range(2, n):
        ways = best[:, :, None] + motion[i - 2]
        came_from[i] = ways.argmin(axis=0)
        best = ways.min(axis=0) + switch + alone[i]
    path = np.empty(n, dtype=np.int64)
    best = best + np.where(np.arange(s) > 0, _END, 0.0)
    path[-2:] = np.unravel_index(best.argmin(), best.shape)
    for i in range(n - 1, 1, -1):
        path[i - 2] = came_from[i, path[i - 1], path[i]]
    return path
