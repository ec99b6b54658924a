"""Where the feet of one person should be: at rest while planted, on their way in between."""

import numpy as np

from nlf_pipeline.filtering import true_runs, whittaker
from nlf_pipeline.fitting.body_motion import Stepping

_PLACE_SCALE = 0.05
"""Feet seen so far from their stance's place say little about it, metres."""
_GAIT_SD = 0.1
"""How well the other steps tell where a foot stands, metres."""
_GAIT_FRAMES = 2.0
"""Feet seen planted for so many frames need no other steps."""
_PLACE_ERROR_FRAMES = 8.0
_REWEIGHTINGS = 4
_LOCK_WEIGHT = 1e5
_UNKNOWN_WEIGHT = 0.02
_RELEASE_PERIOD_S = 0.4
"""A foot's offset bends no faster than this on its way from one stance to the next, seconds."""
_MOST_TURNED = 0.2
"""Cosine of the greatest turn of a foot against the pelvis."""
_ANGLE_SCALE = 0.2
_LIFT = 0.06
"""Of a swinging foot that nobody saw, metres."""


def resting_offsets(steps: Stepping, body_frames: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Offsets that bring planted feet to rest: at the stance's most probable place on the floor.

    Where feet are surest across the viewing rays, that is where the rays meet the floor. A foot that nobody saw
    planted stands where the person's feet usually stand relative to the body.

    Args:
        steps: of one person.
        body_frames: (frames, 3, 3) rotation of the pelvis.
        root: (frames, 3) root joint, metres.

    Returns:
        (frames, 2, 3) metres; 0 where no foot is planted.
    """
    left, usual = np.zeros_like(steps.toes), _usual_places(steps, body_frames, root)
    for (foot, run), guess in zip(steps.plants, usual, strict=True):
        at = steps.toes[run, foot].copy()
        at[:, 1] = steps.lowest[run, foot]
        hold, precision = steps.hold[run, foot], steps.precision[run, foot] / _PLACE_ERROR_FRAMES
        prior = max(0.0, 1 - hold.sum() / _GAIT_FRAMES) / _GAIT_SD**2 + 1e-6
        x, z = guess
        for _ in range(_REWEIGHTINGS):
            astray = np.hypot(at[:, 0] - x, at[:, 2] - z) / _PLACE_SCALE
            weighted = precision * (hold / (1 + astray**2))[:, None, None]
            pull = (weighted @ at[..., None]).sum(axis=0)[[0, 2], 0] + prior * guess
            x, z = np.linalg.solve(weighted.sum(axis=0)[[0, 2]][:, [0, 2]] + prior * np.eye(2), pull)
        left[run, foot] = np.array([x, 0, z]) - at
    return left


def _usual_places(steps: Stepping, body_frames: np.ndarray, root: np.ndarray) -> list[np.ndarray]:
    """(x, z) for every stance: where the foot usually is, relative to the body, in the middle of a stance."""
    plants = steps.plants
    middles = np.array([(run.start + run.stop - 1) // 2 for _, run in plants], dtype=int)
    turns = _headings(body_frames[middles])
    seen = np.array([steps.hold[run, foot].sum() for foot, run in plants])
    centres = [np.average(steps.toes[run, foot][:, ::2], axis=0, weights=steps.hold[run, foot]) for foot, run in plants]
    beside = [turn.T @ (at - root[i, ::2]) for turn, at, i in zip(turns, centres, middles, strict=True)]
    usual = []
    for index, (foot, _) in enumerate(plants):
        own = [beside[j] for j, (other, _) in enumerate(plants) if other == foot and seen[j] >= _GAIT_FRAMES]
        at = np.median(own, axis=0) if own else beside[index]
        usual.append(root[middles[index], ::2] + turns[index] @ at)
    return usual


def _headings(rotations: np.ndarray) -> np.ndarray:
    """(n, 2, 2) of the x and z axes of (n, 3, 3) upright bodies, in (x, z) of the world."""
    ahead = rotations[:, ::2, 2]
    ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=-1, keepdims=True), 1e-9)
    across = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
    return np.stack([across, ahead], axis=-1)


def foot_offsets(left: np.ndarray, steps: Stepping, known: np.ndarray, fps: float) -> np.ndarray:
    """Move planted feet all the way to rest, let go smoothly in between, and step where nobody saw them.

    Args:
        left: (frames, 2, 3) offsets wanted while planted.
        steps: of one person.
        known: (frames,) bool: the legs were seen.
        fps: frames per second.

    Returns:
        (frames, 2, 3) offsets of the feet.
    """
    offsets = np.zeros_like(left)
    for foot in (0, 1):
        held = steps.hold[:, foot] > 0
        wanted, weights = left[:, foot].copy(), np.where(known, 1.0, _UNKNOWN_WEIGHT)
        for run in true_runs(~held):
            if run.start > 0 and run.stop < len(held) and not known[run].all():
                blind = np.flatnonzero(~known[run]) + run.start
                step = _step(steps, foot, run, left)[blind - run.start]
                wanted[blind] = step - _at(steps, foot, blind)
                weights[blind] = 1.0
        weights = weights + _LOCK_WEIGHT * steps.hold[:, foot]
        offsets[:, foot] = whittaker(wanted, weights, _RELEASE_PERIOD_S * fps)
    return offsets


def _at(steps: Stepping, foot: int, frames: np.ndarray | slice) -> np.ndarray:
    at = steps.toes[frames, foot].copy()
    at[..., 1] = steps.lowest[frames, foot]
    return at


def _step(steps: Stepping, foot: int, run: slice, left: np.ndarray) -> np.ndarray:
    """(frames of the run, 3) a plain step from one stance to the next."""
    ends = np.array([run.start - 1, run.stop])
    a, b = _at(steps, foot, ends) + left[ends, foot]
    share = (np.arange(run.start, run.stop) - run.start + 1) / (run.stop - run.start + 1)
    ease = share**3 * (share * (6 * share - 15) + 10)
    path = a + ease[:, None] * (b - a)
    path[:, 1] += _LIFT * np.sin(np.pi * share) ** 2
    return path


def heading_corrections(feet_ahead: np.ndarray, body_ahead: np.ndarray, hold: np.ndarray, fps: float) -> np.ndarray:
    """Turns about the vertical by which planted feet stop twisting; a foot that points backwards is turned round.

    Args:
        feet_ahead: (frames, 2, 2) x and z of unit vectors from ankle to toes.
        body_ahead: (frames, 2) the same of the pelvis' forward axis.
        hold: (frames, 2) how firmly each foot is planted.
        fps: frames per second.

    Returns:
        (frames, 2) radians.
    """
    turns = np.zeros(hold.shape)
    for foot in (0, 1):
        yaw = np.arctan2(feet_ahead[:, foot, 0], feet_ahead[:, foot, 1])
        clarity = np.linalg.norm(feet_ahead[:, foot], axis=-1)
        forward = np.sum(feet_ahead[:, foot] * body_ahead, axis=-1) > _MOST_TURNED * clarity
        wanted, weights = np.zeros(len(yaw)), np.where(forward, 1.0, _UNKNOWN_WEIGHT)
        for run in true_runs(hold[:, foot] > 0):
            usual = _usual_angle(yaw[run], hold[run, foot] * clarity[run] * np.where(forward[run], 1, 1e-3))
            wanted[run] = (usual - yaw[run] + np.pi) % (2 * np.pi) - np.pi
            weights[run] = _LOCK_WEIGHT * 1e-2
        turns[:, foot] = whittaker(wanted[:, None], weights, _RELEASE_PERIOD_S * fps)[:, 0]
    return turns


def _usual_angle(angles: np.ndarray, weights: np.ndarray) -> float:
    """Robust weighted mean of (n,) angles, radians."""
    axes, believed = np.exp(1j * angles), weights
    for _ in range(_REWEIGHTINGS):
        mean = np.angle(np.sum(believed * axes))
        believed = weights / (1 + (np.angle(axes * np.exp(-1j * mean)) / _ANGLE_SCALE) ** 2)
    return float(mean)
