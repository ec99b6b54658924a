"""Figures of one person's motion that need no truth. Pure functions; results in SI units.

In the (frames,) series NaN stands for frames that say nothing.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.filtering import track_segments, true_runs
from nlf_pipeline.fitting.contacts import foot_motion
from nlf_pipeline.fitting.soles import TOES, Soles
from nlf_pipeline.kinematics import global_rotations
from nlf_pipeline.metrics import foot_slide

_HARDEST = 100.0
"""Nobody's pelvis accelerates harder, metres per second squared."""
_LEAST_JUMP = 0.05
"""A second difference below this is noise rather than a jump, metres."""
_NEAR_FLOOR = 0.05
"""The lowest point of a foot that touches the floor is not higher, metres (Karunratanakul et al. 2023)."""
_SKATING_SPEED = 0.5
"""A foot at the floor that stands is slower, metres per second (the same, at 20 frames per second)."""
_OFF_FLOOR = 0.10
"""Metres above the floor."""
_CHUNK = 1024
_TRUNK = [0, 3, 6, 9, 12]
"""Pelvis, the three spine joints, neck."""
_TRUNK_RADIUS = 0.12
"""Half the least distance between the axes of two trunks, metres, is larger than half of this."""


@dataclass(frozen=True)
class FootFigures:
    """How one person's feet meet the floor."""

    slide: np.ndarray
    """(steps,) metres per frame: how far toe joints move while their foot is in detected contact."""
    contact: np.ndarray
    """(frames,) bool: some foot is in detected contact."""
    height: np.ndarray
    """(frames,) of the lowest sole point above the floor, metres."""
    skating: np.ndarray
    """(frames,) bool: a foot is at the floor, and none there is slow enough to stand."""


def jerk_series(joints: np.ndarray, segments: list[slice], fps: float) -> np.ndarray:
    """Mean size of the joints' third derivative.

    Args:
        joints: (frames, joints, 3) metres.
        segments: frame ranges without gaps or cuts.
        fps: frames per second.

    Returns:
        (frames,) metres per second cubed, at the second of each four frames.
    """
    series = np.full(len(joints), np.nan)
    for segment in segments:
        if segment.stop - segment.start > 3:
            third = np.diff(joints[segment].astype(np.float64), n=3, axis=0) * fps**3
            series[segment.start + 1 : segment.stop - 2] = np.linalg.norm(third, axis=-1).mean(axis=-1)
    return series


def find_jumps(joints: np.ndarray, segments: list[slice], fps: float) -> np.ndarray:
    """(frames,) bool: the pelvis (joint 0) accelerates harder than anybody can. Arguments are `jerk_series`'s."""
    jumps = np.zeros(len(joints), dtype=bool)
    limit = max(_LEAST_JUMP, _HARDEST / fps**2)
    for segment in segments:
        if segment.stop - segment.start > 2:
            second = np.diff(joints[segment, 0].astype(np.float64), n=2, axis=0)
            jumps[segment.start + 1 : segment.stop - 1] = np.linalg.norm(second, axis=-1) > limit
    return jumps


def foot_figures(
    pose_rotvecs: np.ndarray,
    joints: np.ndarray,
    contacts: np.ndarray,
    soles: Soles,
    segments: list[slice],
    up: np.ndarray,
    fps: float,
) -> FootFigures:
    """Slide, skating and height of one person's feet.

    Args:
        pose_rotvecs: (frames, joints, 3) in the world.
        joints: (frames, joints, 3) world, metres.
        contacts: (frames, 2) bool.
        soles: of this body.
        segments: frame ranges without gaps or cuts.
        up: (frames, 3) unit normal of the floor, which goes through the origin.
        fps: frames per second.
    """
    height, skating = np.full(len(joints), np.nan), np.zeros(len(joints), dtype=bool)
    slides = [np.zeros(0)]
    for segment in (part for whole in segments for part in _chunks(whole)):
        rotations = global_rotations(pose_rotvecs[segment].astype(np.float64))
        normal = up[segment.start]
        motion = foot_motion(soles.posed(rotations, joints[segment].astype(np.float64)), normal, fps)
        heights = motion.points @ normal
        near = heights < _NEAR_FLOOR
        height[segment] = heights.min(axis=1)
        slowest = np.where(near, motion.speeds, np.inf).min(axis=1)
        skating[segment] = near.any(axis=1) & (slowest > _SKATING_SPEED)
        slides.append(foot_slide(joints[segment][:, list(TOES)].astype(np.float64), contacts[segment]))
    return FootFigures(np.concatenate(slides), contacts.any(axis=1), height, skating)


def _chunks(segment: slice) -> list[slice]:
    """Parts of bounded length, which bound the memory; steps between parts are left out."""
    starts = range(segment.start, segment.stop, _CHUNK)
    return [slice(start, min(start + _CHUNK, segment.stop)) for start in starts]


def longest_off_floor(height: np.ndarray, segments: list[slice], fps: float) -> tuple[float, np.ndarray]:
    """How long the feet stay in the air: seconds, and (frames,) bool of that time. NaN heights are not in the air."""
    high = np.nan_to_num(height, nan=0.0) > _OFF_FLOOR
    longest = slice(0, 0)
    for segment in segments:
        for run in true_runs(high[segment]):
            if run.stop - run.start > longest.stop - longest.start:
                longest = slice(segment.start + run.start, segment.start + run.stop)
    frames = np.zeros(len(height), dtype=bool)
    frames[longest] = True
    return (longest.stop - longest.start) / fps, frames


def overlapping(joints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Who is inside somebody else.

    Args:
        joints: (people, frames, joints, 3) metres.
        visible: (people, frames) bool.

    Returns:
        (people, frames) bool: some joint of the trunk is within 12 cm of one of another person's trunk.
    """
    inside = np.zeros(visible.shape, dtype=bool)
    for a in range(len(joints)):
        for b in range(a):
            frames = np.flatnonzero(visible[a] & visible[b])
            frames = frames[np.linalg.norm(joints[a, frames, 0] - joints[b, frames, 0], axis=-1) < 1.0]
            apart = joints[a, frames][:, _TRUNK, None] - joints[b, frames][:, None, _TRUNK]
            close = np.linalg.norm(apart, axis=-1).min(axis=(1, 2), initial=np.inf) < _TRUNK_RADIUS
            inside[[[a], [b]], frames[close]] = True
    return inside


def body_segments(visible: np.ndarray, shots: list[slice]) -> list[slice]:
    """Frame ranges with a body throughout and no cut inside, of one person: `visible` is (frames,) bool."""
    return track_segments(visible, shots, 0)
