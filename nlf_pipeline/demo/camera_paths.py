"""Where the demo's camera is: on a tripod, or in the hand of somebody who walks around the people."""

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.geometry import look_at, rigid

_UP = np.array([0.0, 1.0, 0.0])
_TRIPOD_HEIGHT, _TRIPOD_PITCH = 1.6, np.deg2rad(5.0)

_ARC_CENTRE = np.array([0.1, -6.3])
"""(x, z) on the floor that the walk leads around, metres."""
_ARC_RADIUS, _ARC_HALF_ANGLE = 5.7, np.deg2rad(28.0)
_WALK_SECONDS = 9.5
"""From one end of the arc to the other; then back."""
_BRISK_SPEED = 0.9
"""Walking speed at which the camera bobs fully, metres per second."""
_HELD_HEIGHT, _TARGET_HEIGHT = 1.55, 1.0
_STEP_HZ, _BOB, _SWAY = 1.75, 0.02, 0.015
"""Steps per second; how far a walker's hands move up and down, and from side to side, metres."""
_WANDER_HZ, _SHAKE_HZ = (0.08, 0.8), (1.0, 8.0)
"""Slow changes of aim, and tremor."""
_WANDER_M, _WANDER_RAD = (0.05, 0.03, 0.08), np.deg2rad([1.0, 3.0, 0.8])
"""Standard deviations along x, y, z and about the camera's axes: nodding, panning, rolling."""
_SHAKE_M, _SHAKE_RAD = (0.002, 0.002, 0.002), np.deg2rad([0.15, 0.15, 0.10])
_WAVES = 24
"""Sines that make up a random motion."""


def tripod(n_frames: int) -> np.ndarray:
    """(frames, 4, 4) T_world_cam above the origin, at rest, looking along -z and slightly down."""
    eye = np.array([0.0, _TRIPOD_HEIGHT, 0.0])
    pose = look_at(eye, eye + [0.0, -np.sin(_TRIPOD_PITCH), -np.cos(_TRIPOD_PITCH)], _UP)
    return np.tile(pose, (n_frames, 1, 1))


def handheld_walk(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A phone in the hand of somebody who walks an arc around the people, to and fro, and pans to keep them in view.

    The walker starts at rest. Height and side follow his steps; aim and hands wander and tremble.

    Args:
        t: (frames,) seconds.
        rng: for what wanders and trembles.

    Returns:
        (frames, 4, 4) T_world_cam, world with y up and the floor at y = 0, metres.
    """
    phase = np.pi * t / _WALK_SECONDS
    angle = -_ARC_HALF_ANGLE * np.cos(phase)
    speed = _ARC_RADIUS * _ARC_HALF_ANGLE * np.pi / _WALK_SECONDS * np.abs(np.sin(phase))
    vigour = np.clip(speed / _BRISK_SPEED, 0, 1)
    step = 2 * np.pi * _STEP_HZ * t
    outward = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=-1)
    eye = np.array([_ARC_CENTRE[0], _HELD_HEIGHT, _ARC_CENTRE[1]]) + _ARC_RADIUS * outward
    eye += (_BOB * vigour * np.sin(step))[:, None] * _UP + (_SWAY * vigour * np.sin(step / 2))[:, None] * outward
    eye += _random_motion(t, _WANDER_HZ, _WANDER_M, rng) + _random_motion(t, _SHAKE_HZ, _SHAKE_M, rng)
    target = np.array([_ARC_CENTRE[0], _TARGET_HEIGHT, _ARC_CENTRE[1]])
    aimed = np.stack([look_at(place, target, _UP)[:3, :3] for place in eye])
    turned = _random_motion(t, _WANDER_HZ, _WANDER_RAD, rng) + _random_motion(t, _SHAKE_HZ, _SHAKE_RAD, rng)
    return rigid(aimed @ Rotation.from_rotvec(turned).as_matrix(), eye)


def _random_motion(
    t: np.ndarray, band_hz: tuple[float, float], deviations: tuple[float, ...] | np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(frames, 3) sums of sines of random frequencies in a band, the slower the larger; standard deviations given."""
    lowest, highest = np.log(band_hz)
    frequencies = np.exp(rng.uniform(lowest, highest, (_WAVES, 3)))
    phases = rng.uniform(0, 2 * np.pi, (_WAVES, 3))
    sizes = np.sqrt(2) / frequencies / np.linalg.norm(1 / frequencies, axis=0)
    waves = np.sin(2 * np.pi * frequencies * t[:, None, None] + phases)
    return np.asarray(deviations) * np.einsum("twk,wk->tk", waves, sizes)
