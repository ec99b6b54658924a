"""Planned footsteps: where each foot stands, and how it travels from one stand to the next.

A step cycle lasts two steps. The foot lands on its heel, rolls flat, stands, rolls over its toes
and swings. From flat to toe-off the forefoot does not move at all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from nlf_pipeline.demo.choreography import PADDING, FloorPath, Script
from nlf_pipeline.demo.turns import turn_x, turn_y

_FLAT_FROM, _TOE_OFF = 0.09, 0.61
"""Part of the step cycle in which the forefoot is planted."""
_ALIGNED_AT = 0.22
"""Part of the cycle at which the body passes over the planted ankle."""
STRIKE_PITCH = 0.27
"""How far the toes point up when the heel lands, radians."""
_STRIKE = ((0.0, -STRIKE_PITCH), (_FLAT_FROM, 0.0), (0.80, 0.0), (0.95, -STRIKE_PITCH), (1.0, -STRIKE_PITCH))
_PUSH = ((0.0, 0.0), (0.33, 0.0), (0.48, 0.22), (_TOE_OFF, 0.72), (0.69, 0.92), (0.80, 0.45), (0.92, 0.0), (1.0, 0.0))
"""Pitch of the foot over the step cycle, radians, heel up positive: landing on the heel, and rolling over the toes."""
_STEP_WIDTH = 0.5
"""Lateral distance of the ankles over that of the hips: people walk narrower than they stand."""
_CLEARANCE = 0.03
_SHORTEST_STEP = 0.03
"""A foot that stands this near to where it should, metres, stays where it is."""
_FULL_STEP = 0.45
"""Steps shorter than this lift and roll the foot less."""


@dataclass(frozen=True)
class RestFeet:
    """What the steps need to know of a body in its T-pose; left, right."""

    ankles: np.ndarray
    """(2, 3) ankle joints relative to the pelvis joint, metres."""
    toes: np.ndarray
    """(2, 3) toe joints relative to the pelvis joint."""
    sole_y: np.ndarray
    """(2,) lowest point of each foot relative to the pelvis joint."""
    heel_z: np.ndarray
    """(2,) where the heel lands, relative to the pelvis joint."""
    toe_tip_z: np.ndarray
    """(2,) foremost point, relative to the pelvis joint."""
    toe_press: np.ndarray
    """(2,) how far the toes bend down, radians, until they touch the floor that the ball of the foot stands on."""


@dataclass(frozen=True)
class FootTrack:
    """One foot at n times."""

    ankle: np.ndarray
    """(n, 3) ankle joint, world, metres."""
    rotation: Rotation
    """(n,) of the foot, world from rest."""
    toe_bend: np.ndarray
    """(n,) rotation of the toes against the foot about its x axis, radians."""
    planted: np.ndarray
    """(n,) bool: the forefoot stands still on the floor."""


@dataclass(frozen=True)
class _Stands:
    """Where one foot stands, cycle after cycle."""

    first_landing: float
    cycle_seconds: float
    toe_xz: np.ndarray
    """(cycles, 2) world."""
    yaw: np.ndarray
    """(cycles,) radians."""
    effort: np.ndarray
    """(cycles,) of the step that leaves this stand: 0 = the foot stays, 1 = a full step."""


def track_foot(path: FloorPath, script: Script, feet: RestFeet, side: int, t: np.ndarray) -> FootTrack:
    """One foot (`side` 0 = left, 1 = right) at the times `t` (n,), on the floor y = 0."""
    stands = _plan_stands(path, script, feet, side)
    elapsed = (t - stands.first_landing) / stands.cycle_seconds
    k = np.floor(elapsed).astype(np.int64)
    c = elapsed - k
    u = np.clip((c - _TOE_OFF) / (1 - _TOE_OFF), 0, 1)
    effort_in, effort_out = stands.effort[k - 1], stands.effort[k]
    strike = _curve(_STRIKE)(c) * np.where(u > 0, effort_out, effort_in)
    push = _curve(_PUSH)(c) * effort_out
    pitch = strike + push
    toe_bend = (feet.toe_press[side] * smooth_step(push / 0.1) - push) * (1 - smooth_step(u / 0.45))

    swing = 0.5 - 0.5 * np.cos(np.pi * u)
    yaw = stands.yaw[k] + swing * (stands.yaw[k + 1] - stands.yaw[k])
    rotation = turn_y(yaw) * turn_x(pitch)
    heel = np.array([feet.toes[side, 0], feet.sole_y[side], feet.heel_z[side]])
    heel_to_toe = feet.toes[side] - heel
    heel_to_toe[0] = 0.0  # a step's heel and toes stand in line
    rolled = turn_x(np.minimum(pitch, 0)).apply(heel_to_toe)
    toe_length = feet.toe_tip_z[side] - feet.toes[side, 2]
    forward = rolled[:, 2] - heel_to_toe[2]
    toe_xz = stands.toe_xz[k] + swing[:, None] * (stands.toe_xz[k + 1] - stands.toe_xz[k])
    toe_xz = toe_xz + forward[:, None] * np.stack([np.sin(yaw), np.cos(yaw)], axis=-1)
    lift = effort_out * _CLEARANCE * np.sin(np.pi * u) ** 2 + toe_length * np.sin(
        np.maximum(pitch + toe_bend - feet.toe_press[side], 0)
    )
    toe = np.stack([toe_xz[:, 0], rolled[:, 1] + lift, toe_xz[:, 1]], axis=-1)

    landed = (c >= _FLAT_FROM) | (effort_in == 0)
    leaving = (c > _TOE_OFF) & (effort_out > 0)
    ankle = toe - rotation.apply(feet.toes[side] - feet.ankles[side])
    return FootTrack(ankle, rotation, toe_bend, landed & ~leaving)


def _plan_stands(path: FloorPath, script: Script, feet: RestFeet, side: int) -> _Stands:
    cycle = 2 * script.step_seconds
    phase = -script.step_phase * script.step_seconds + side * script.step_seconds
    first = phase - np.floor((phase + PADDING - cycle) / cycle) * cycle
    n = int(np.floor((path.times[-1] - first) / cycle))
    passing = first + (np.arange(n) + _ALIGNED_AT) * cycle
    yaw = path.heading_at(passing)
    toe = feet.ankles[side] * [_STEP_WIDTH, 0, 1] + (feet.toes[side] - feet.ankles[side]) * [1, 0, 1]
    toe_xz = path.xz_at(passing) + turn_y(yaw).apply(toe)[:, [0, 2]]
    for k in range(1, n):
        if np.linalg.norm(toe_xz[k] - toe_xz[k - 1]) < _SHORTEST_STEP:
            toe_xz[k], yaw[k] = toe_xz[k - 1], yaw[k - 1]
    lengths = np.linalg.norm(np.diff(toe_xz, axis=0), axis=1)
    return _Stands(first, cycle, toe_xz, yaw, np.append(smooth_step(lengths / _FULL_STEP), 0.0))


def _curve(knots: tuple[tuple[float, float], ...]) -> PchipInterpolator:
    """Monotone interpolation between knots over one cycle, smooth across its ends."""
    c, value = np.array(knots).T
    return PchipInterpolator(np.concatenate([c[:-1] - 1, c, c[1:] + 1]), np.concatenate([value[:-1], value, value[1:]]))


def smooth_step(u: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, twice differentiable between (Perlin's quintic)."""
    u = np.clip(u, 0, 1)
    return u**3 * (u * (6 * u - 15) + 10)
