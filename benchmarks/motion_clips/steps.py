"""Planned footsteps: a foot lands flat, stands, rolls over its toes and swings to its next stand.

From landing to toe-off the toe joint does not move at all.
"""

from dataclasses import dataclass

import numpy as np

from motion_clips.wandering import FloorPath
from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.feet import FootTrack, smooth_step
from nlf_pipeline.demo.turns import turn_x, turn_y

_HIPS, _ANKLES, _TOES = (
    tuple(joint_index(f"{side}_{name}") for side in ("left", "right")) for name in ("hip", "ankle", "foot")
)
_STANCE = 1.24
"""Time a foot stands, in steps."""
_MIDDLE = 0.62
"""When the body passes the foot, in steps after landing."""
_STEP_WIDTH = 0.75
"""Lateral distance of the feet over that of the hips."""
_HEEL_OFF = 0.68
"""Part of the stance after which the heel rises."""
_SHORTEST_STEP = 0.03
"""A foot that stands this near to where it should, metres, and not turned by more than _SMALLEST_TURN, stays."""
_SMALLEST_TURN = 0.15
_FULL_STEP = 0.4
_LIFT = 0.09
_HEEL_PITCH = 0.45
_LANDING_PITCH = 0.08


@dataclass(frozen=True)
class RestFeet:
    """What the steps need to know of an unposed body."""

    joints: np.ndarray
    """(joints, 3) metres."""
    soles_y: np.ndarray
    """(2,) lowest point of the left, right foot."""


@dataclass(frozen=True)
class Gait:
    """When the feet land: the left one at `phase_s`, the right one a step later, and so on."""

    step_s: float
    phase_s: float


@dataclass(frozen=True)
class _Stands:
    """Where one foot stands, one after the other; effort of the step that leaves each: 0 = none, 1 = a full one."""

    toe: np.ndarray
    yaw: np.ndarray
    effort: np.ndarray


def track_foot(path: FloorPath, gait: Gait, feet: RestFeet, side: int, t: np.ndarray) -> FootTrack:
    """One foot (`side` 0 = left, 1 = right) at the ascending times `t` (n,)."""
    cycle_s, landing_s = 2 * gait.step_s, gait.phase_s + side * gait.step_s
    cycle = np.floor((t - landing_s) / cycle_s).astype(int)
    first, last = int(cycle[0]), int(cycle[-1]) + 1
    stands = _plan(path, landing_s + np.arange(first, last + 1) * cycle_s + _MIDDLE * gait.step_s, feet, side)
    now = cycle - first
    elapsed = t - landing_s - cycle * cycle_s
    stance = elapsed / (_STANCE * gait.step_s)
    swing = np.clip((elapsed - _STANCE * gait.step_s) / (cycle_s - _STANCE * gait.step_s), 0, 1)
    share, effort, high = smooth_step(swing), stands.effort[now], smooth_step(2 * np.minimum(swing, 1 - swing))
    toe = stands.toe[now] + share[:, None] * (stands.toe[now + 1] - stands.toe[now])
    toe[:, 1] += _LIFT * effort * high
    heel = _HEEL_PITCH * smooth_step((stance - _HEEL_OFF) / (1 - _HEEL_OFF)) * (1 - smooth_step(swing / 0.6))
    pitch = effort * (heel - _LANDING_PITCH * high * (swing > 0.5))
    rotation = turn_y(stands.yaw[now] + share * (stands.yaw[now + 1] - stands.yaw[now])) * turn_x(pitch)
    ankle = toe - rotation.apply(feet.joints[_TOES[side]] - feet.joints[_ANKLES[side]])
    toe_bend = -np.clip(pitch, 0, None) * (1 - smooth_step(swing / 0.5))
    return FootTrack(ankle, rotation, toe_bend, (swing == 0) | (effort == 0))


def _plan(path: FloorPath, middles: np.ndarray, feet: RestFeet, side: int) -> _Stands:
    """Stands beside the path at the times `middles`, except that feet make no tiny steps."""
    ankle, toe = feet.joints[_ANKLES[side]], feet.joints[_TOES[side]]
    beside = np.array([_STEP_WIDTH * feet.joints[_HIPS[side], 0], 0, 0]) + (toe - ankle) * [1, 0, 1]
    xz, yaw = path.at(path.xz, middles), path.at(path.heading, middles)
    toes = np.stack([xz[:, 0], np.full(len(xz), toe[1] - feet.soles_y[side]), xz[:, 1]], axis=-1)
    toes = toes + turn_y(yaw).apply(beside)
    effort = np.zeros(len(toes))
    for k in range(1, len(toes)):
        distance, turn = np.linalg.norm(toes[k] - toes[k - 1]), abs(yaw[k] - yaw[k - 1])
        if distance < _SHORTEST_STEP and turn < _SMALLEST_TURN:
            toes[k], yaw[k] = toes[k - 1], yaw[k - 1]
        else:
            effort[k - 1] = 0.3 + 0.7 * smooth_step((distance + 0.25 * turn) / _FULL_STEP)
    return _Stands(toes, yaw, effort)
