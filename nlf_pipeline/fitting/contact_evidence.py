"""What the motion of a body says about which of its feet stand."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, median_filter, minimum_filter1d, uniform_filter1d

from nlf_pipeline.filtering import true_runs
from nlf_pipeline.fitting.foot_tracks import FootTrack

_LEAST_SLOPE = 0.1
"""Of viewing rays towards the floor; along flatter ones the picture does not tell where a foot is."""
_SLOWEST = 0.02
_REST_SPEED, _REST_LIMIT = 0.4, 1.0
"""At this speed above what noise alone makes a foot may as well stand as swing, and never above the limit, m/s."""
_REST_SHARE = 1.0
_USUAL_S = 1.2
_SPEED_GAIN, _RATIO_GAIN = 1.5, 0.5
"""Log odds per e-fold of a foot's speed, and of its ratio to the other foot's."""
_LOW, _HEIGHT_SCALE = 0.06, 0.03
"""A foot higher than this above where feet stand is the less likely planted, metres."""
_BASELINE_S, _BASELINE_LIMIT = 0.4, 0.15
"""All of a person may be estimated so much too high or too low, metres; beyond it he is not on the floor."""
_LINGER = 1.45
"""A foot that rolls off the floor has left it when it is faster than so many times the speed of rest."""
_STRONGEST = (-2.5, 2.0)
"""Log odds that one moment may give."""
_MOMENT_S = 0.08
"""Errors of frames within this time are the same, seconds."""
_SHORT_GAP_S = 0.1
"""Over such a gap a foot does not begin or end a stance unnoticed, seconds."""
_FALLING, _FALLING_SCALE, _FALLING_LIMIT = 4.0, 3.0, 1.5
"""Who accelerates downwards faster than this is in the air, m/s^2."""


@dataclass(frozen=True)
class FootEvidence:
    """What is known about the feet of one person, frame by frame, without gaps or cuts."""

    log_odds: np.ndarray
    """(frames, 2) of left, right foot being planted, per moment of _MOMENT_S; 0 where nothing is known."""
    falling: np.ndarray
    """(frames,) log odds of nothing carrying the body, per moment."""
    strides: np.ndarray
    """(frames,) how far the body has come since the frame before, in lengths of its legs."""
    slow: np.ndarray
    """(frames, 2) bool: a foot that stood so far may still do so."""
    known: np.ndarray
    """(frames,) bool: the feet were seen."""
    moment_frames: float
    """Errors of so many frames are the same."""


def foot_evidence(
    track: FootTrack, root: np.ndarray, leg: float, centres: np.ndarray, fps: float, seen: np.ndarray, level: bool
) -> FootEvidence:
    """Slow and low feet are probably planted.

    A foot at rest whose distance from the camera is misjudged moves along its viewing ray, so half of the say is with
    the speed that it would have on a level floor where the picture shows it.

    Args:
        track: of the feet.
        root: (frames, 3) root joint, metres, y up.
        leg: its length, metres.
        centres: (frames, 3) camera centres.
        fps: frames per second.
        seen: (frames,) bool: estimated rather than filled in.
        level: the floor is y = 0; otherwise feet may stand at any height.
    """
    moment = max(1.0, _MOMENT_S * fps)
    known = np.logical_not(_long_unseen(seen, fps))
    toes, low = track.toes, track.lowest
    in_space, on_floor = _speeds(toes, fps), speeds_on_floor(toes, centres, fps)
    speeds = np.sqrt(in_space * on_floor) + _SLOWEST
    usual = median_filter(speeds.min(axis=1), 2 * round(_USUAL_S / 2 * fps) + 1, mode="nearest")
    rest = np.clip(_REST_SPEED + _REST_SHARE * usual, _REST_SPEED, _REST_LIMIT)[:, None]
    window = 2 * round(_BASELINE_S * fps) + 1
    baseline = minimum_filter1d(low.min(axis=1), window, mode="nearest")
    heights = low - (np.clip(baseline, -_BASELINE_LIMIT, _BASELINE_LIMIT) if level else baseline)[:, None]
    odds = _SPEED_GAIN * np.log(rest / speeds) + _RATIO_GAIN * np.log(speeds[:, ::-1] / speeds)
    odds = np.clip(odds - np.maximum(heights - _LOW, 0) / _HEIGHT_SCALE, *_STRONGEST)
    strides = np.linalg.norm(np.diff(root[:, ::2], axis=0, prepend=root[:1, ::2]), axis=-1) / leg
    return FootEvidence(
        log_odds=odds * known[:, None],
        falling=_falling(root[:, 1], fps) * known,
        strides=strides,
        slow=(np.maximum(in_space, on_floor) < _LINGER * rest) & known[:, None],
        known=known,
        moment_frames=moment,
    )


def _long_unseen(seen: np.ndarray, fps: float) -> np.ndarray:
    """(frames,) bool: in or near a gap so long that what filled it says nothing about feet."""
    gaps = np.zeros(len(seen), dtype=bool)
    for run in true_runs(~seen):
        gaps[run] = run.stop - run.start > _SHORT_GAP_S * fps
    return binary_dilation(gaps, iterations=max(1, round(_MOMENT_S * fps)))


def speeds_on_floor(points: np.ndarray, centres: np.ndarray, fps: float) -> np.ndarray:
    """How fast points would move if they stayed level where the picture shows them.

    Args:
        points: (frames, n, 3) y up, metres.
        centres: (frames, 3) camera centres.
        fps: frames per second.

    Returns:
        (frames, n) metres per second.
    """
    rays = points - centres[:, None]
    rays = rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), 1e-9)
    velocities = _velocities(points, fps)
    steep = np.where(rays[..., 1] > 0, 1, -1) * np.maximum(np.abs(rays[..., 1]), _LEAST_SLOPE)
    return np.linalg.norm(velocities - rays * (velocities[..., 1] / steep)[..., None], axis=-1)


def _velocities(points: np.ndarray, fps: float) -> np.ndarray:
    return np.gradient(points, 1 / fps, axis=0) if len(points) > 1 else np.zeros_like(points)


def _speeds(points: np.ndarray, fps: float) -> np.ndarray:
    return np.linalg.norm(_velocities(points, fps), axis=-1)


def _falling(height: np.ndarray, fps: float) -> np.ndarray:
    """(frames,) log odds of being in the air, from the height of the pelvis."""
    acceleration = _velocities(_velocities(height, fps), fps)
    acceleration = uniform_filter1d(acceleration, 2 * round(0.75 * _MOMENT_S * fps) + 1, mode="nearest")
    return np.clip((-acceleration - _FALLING) / _FALLING_SCALE, -_FALLING_LIMIT, _FALLING_LIMIT)
