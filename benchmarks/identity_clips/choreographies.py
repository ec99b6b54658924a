"""Who walks where: crossings, circles, people hidden for seconds, people who come and go."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.demo.choreography import Leg, Script
from nlf_pipeline.demo.furniture import Box, Finish

FPS = 25.0
_FOR_EVER = 1000.0


@dataclass(frozen=True)
class IdentityClip:
    """What happens in one clip."""

    scripts: tuple[Script, ...]
    """One per person, four at most."""
    n_frames: int
    twins: bool = False
    """All wear the same."""
    pan_deg: float = 0.0
    """The camera turns to and fro by so much ..."""
    pan_seconds: float = 3.0
    """... once in so long."""
    furniture: tuple[Box, ...] = ()


def _script(start_xz: tuple[float, float], heading: float, *legs: Leg, phase: float = 0.0) -> Script:
    return Script(start_xz, heading, legs, step_seconds=0.53, step_phase=phase)


def _straight(start_xz: tuple[float, float], end_xz: tuple[float, float], seconds: float, phase: float = 0.0) -> Script:
    """From one point past the other, at the speed that takes `seconds` between them."""
    dx, dz = np.subtract(end_xz, start_xz)
    return _script(start_xz, float(np.arctan2(dx, dz)), Leg(_FOR_EVER, float(np.hypot(dx, dz)) / seconds), phase=phase)


def _circle(centre_xz: tuple[float, float], radius: float, speed: float, angle: float) -> Script:
    start = (centre_xz[0] + radius * np.sin(angle), centre_xz[1] + radius * np.cos(angle))
    round_trip = 2 * np.pi * radius / speed
    return _script(start, angle + np.pi / 2, Leg(round_trip, speed, turn=2 * np.pi), phase=angle)


_LEFT, _RIGHT, _NEARER = -np.pi / 2, np.pi / 2, 0.0
_TOGETHER = (
    _straight((-2.2, -4.6), (2.2, -4.6), 4.6),
    _straight((-1.9, -5.3), (2.5, -5.3), 4.6, phase=0.7),
    _straight((2.4, -6.0), (-2.4, -6.0), 4.8, phase=1.3),
)
_SIDE_BY_SIDE = (
    _straight((-2.4, -4.6), (1.6, -4.6), 4.6),
    _straight((-1.5, -5.0), (2.5, -5.0), 4.6, phase=0.7),
    _straight((2.4, -5.6), (-2.4, -5.6), 4.8, phase=1.3),
)
_FRONT_TO_BACK = (
    _straight((-0.55, -9.0), (0.3, -3.6), 5.4),
    _straight((0.25, -3.6), (-1.5, -8.6), 5.4, phase=0.8),
    _straight((1.9, -8.4), (-1.2, -4.6), 5.4, phase=1.4),
)
_HIDDEN = (
    _script((-1.75, -3.6), _RIGHT, Leg(1.9, 0.85), Leg(2.7, 0.36), Leg(_FOR_EVER, 0.0)),
    _script((-1.75, -7.0), _RIGHT, Leg(_FOR_EVER, 0.72), phase=0.6),
)
_CIRCLE = tuple(_circle((0.0, -6.0), 1.35, 0.95, k * np.pi / 2 + 0.3) for k in range(4))
_LATE = (
    _straight((-1.2, -5.0), (4.8, -5.0), 6.0),
    _straight((0.3, -7.6), (0.0, -4.6), 6.5, phase=0.5),
    _straight((6.6, -5.8), (-1.0, -5.6), 7.6, phase=1.1),
)
_RETURN = (
    _script((1.2, -4.8), _RIGHT, Leg(3.0, 1.2), Leg(1.6, 0.3, turn=-np.pi), Leg(_FOR_EVER, 1.2)),
    _script((-2.0, -6.4), _RIGHT, Leg(_FOR_EVER, 0.5), phase=0.9),
)
_WALL = (Box((0.0, 1.15, -5.0), (2.0, 2.3, 0.2), (0.42, 0.29, 0.15), Finish.WOOD),)
_BEHIND_A_WALL = (
    _straight((-2.7, -6.2), (2.7, -6.2), 5.6),
    _straight((2.9, -6.9), (-2.9, -6.9), 6.0, phase=0.9),
)
_BACK_FROM_A_WALL = (
    _script((-2.4, -6.2), _RIGHT, Leg(2.4, 0.95), Leg(1.6, 0.3, turn=np.pi), Leg(_FOR_EVER, 0.95)),
    _script((2.5, -7.9), _LEFT, Leg(2.4, 0.95), Leg(1.6, 0.3, turn=np.pi), Leg(_FOR_EVER, 0.95), phase=0.9),
)
_MEET_AND_TURN = (
    _script((-1.9, -4.8), _RIGHT, Leg(1.9, 0.95), Leg(1.4, 0.2, turn=-np.pi), Leg(_FOR_EVER, 0.95)),
    _script((2.1, -5.5), _LEFT, Leg(1.9, 0.95), Leg(1.4, 0.2, turn=np.pi), Leg(_FOR_EVER, 0.95), phase=0.9),
)
_APART = (
    _straight((-1.6, -5.0), (-1.2, -6.0), 5.0),
    _straight((1.5, -6.0), (1.7, -4.8), 5.0, phase=0.9),
)

CLIPS = {
    "side_by_side": IdentityClip(_SIDE_BY_SIDE, 125),
    "together": IdentityClip(_TOGETHER, 125),
    "front_to_back": IdentityClip(_FRONT_TO_BACK, 135),
    "hidden": IdentityClip(_HIDDEN, 160),
    "circle": IdentityClip(_CIRCLE, 200),
    "late": IdentityClip(_LATE, 170),
    "return": IdentityClip(_RETURN, 190),
    "wall": IdentityClip(_BEHIND_A_WALL, 150, furniture=_WALL),
    "wall_back": IdentityClip(_BACK_FROM_A_WALL, 160, furniture=_WALL),
    "turn": IdentityClip(_MEET_AND_TURN, 130),
    "apart": IdentityClip(_APART, 125),
    "twins": IdentityClip(_TOGETHER[::2], 125, twins=True),
    "wall_twins": IdentityClip(_BACK_FROM_A_WALL, 160, twins=True, furniture=_WALL),
    "side_by_side_pan": IdentityClip(_SIDE_BY_SIDE, 125, pan_deg=8.0),
    "hidden_pan": IdentityClip(_HIDDEN, 160, pan_deg=8.0),
    "circle_pan": IdentityClip(_CIRCLE, 200, pan_deg=8.0),
}
"""By name. `twins` and `wall_twins` cannot be told apart by looks: there, doubts should be raised."""
