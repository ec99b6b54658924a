"""Feet at rest, found before anybody knows where the floor is."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from nlf_pipeline.filtering import true_runs

_REST_SPEED = 0.4
"""A foot slower than this may be at rest, metres per second."""
_REST_HEIGHT = 0.05
"""A foot so much higher than the other is not at rest, metres."""
_SAME_PLACE = 0.3
"""Stances of a person within this distance are not independent, metres."""
_STANCE_S = (0.1, 0.5)
"""Shorter rests are passing feet; longer ones are cut into pieces, since their errors change meanwhile."""
_CHUNK_FRAMES = 1024


@dataclass(frozen=True)
class FootMotion:
    """Lowest sole point of each foot of one person."""

    points: np.ndarray
    """(frames, 2, 3) left, right; metres."""
    velocities: np.ndarray
    """(frames, 2, 3) velocity of that point of the sole, metres per second."""

    @property
    def speeds(self) -> np.ndarray:
        """(frames, 2) metres per second."""
        return np.linalg.norm(self.velocities, axis=-1)


def foot_motion(soles: np.ndarray, up: np.ndarray, fps: float) -> FootMotion:
    """Where the feet are lowest, and how fast that part of the sole moves.

    Args:
        soles: (frames, 2, points, 3) metres, without gaps or cuts.
        up: (3,) unit vector.
        fps: frames per second.
    """
    lowest = np.argmin(soles @ up, axis=-1)[..., None]
    points = np.take_along_axis(soles, lowest[..., None], axis=-2)[..., 0, :]
    if len(soles) < 2:
        return FootMotion(points, np.zeros_like(points))
    velocities = np.gradient(soles, 1 / fps, axis=0)
    return FootMotion(points, np.take_along_axis(velocities, lowest[..., None], axis=-2)[..., 0, :])


def long_foot_motion(posed: Callable[[slice], np.ndarray], n: int, up: np.ndarray, fps: float) -> FootMotion:
    """The same for so many frames that their soles would take much memory.

    Args:
        posed: gives the soles of a range of the `n` frames, as above.
        n: frames, without gaps or cuts.
        up: (3,) unit vector.
        fps: frames per second.
    """
    parts = []
    for start in range(0, max(n, 1), _CHUNK_FRAMES):
        stop = min(start + _CHUNK_FRAMES, n)
        first, last = max(start - 1, 0), min(stop + 1, n)  # velocities need a frame on either side
        motion = foot_motion(posed(slice(first, last)), up, fps)
        parts.append(FootMotion(*(a[start - first : stop - first] for a in (motion.points, motion.velocities))))
    points, velocities = ([getattr(part, name) for part in parts] for name in ("points", "velocities"))
    return FootMotion(np.concatenate(points), np.concatenate(velocities))


@dataclass(frozen=True)
class Stances:
    """Feet at rest on the floor, one row per stance."""

    person: np.ndarray
    """(n,) int: whose foot."""
    centre: np.ndarray
    """(n, 3) camera centre meanwhile, scene frame, metres."""
    point: np.ndarray
    """(n, 3) lowest point of the sole, scene frame, metres."""

    def select(self, rows: np.ndarray) -> "Stances":
        """The chosen rows."""
        return Stances(self.person[rows], self.centre[rows], self.point[rows])

    def weights(self) -> np.ndarray:
        """(n,) in (0, 1]: less for a person who stays where he is, whose errors do not average out."""
        weights = np.ones(len(self.person))
        for k in np.unique(self.person):
            own = self.point[self.person == k]
            weights[self.person == k] = KDTree(own).query_ball_point(own, _SAME_PLACE, return_length=True) ** -0.5
        return weights


def resting_feet(motion: FootMotion, up: np.ndarray, fps: float) -> list[tuple[int, slice]]:
    """Feet at rest, judged without knowing the floor: slow, and not higher than the other foot.

    Args:
        motion: of one person, without gaps or cuts.
        up: (3,) rough direction of up.
        fps: frames per second.

    Returns:
        (foot, frames) of every stance, long ones in pieces.
    """
    heights = motion.points @ up
    resting = (motion.speeds < _REST_SPEED) & (heights < heights.min(axis=1, keepdims=True) + _REST_HEIGHT)
    shortest, longest = (max(2, round(seconds * fps)) for seconds in _STANCE_S)
    stances = []
    for foot in (0, 1):
        for run in true_runs(resting[:, foot]):
            length = run.stop - run.start
            bounds = run.start + np.round(np.linspace(0, length, max(1, round(length / longest)) + 1)).astype(int)
            if length >= shortest:
                stances += [(foot, slice(int(a), int(b))) for a, b in itertools.pairwise(bounds)]
    return stances


def find_stances(
    soles: list[Callable[[slice], np.ndarray]],
    visible: list[np.ndarray],
    centres: np.ndarray,
    up: np.ndarray,
    fps: float,
) -> Stances:
    """Everybody's feet at rest in one shot.

    Args:
        soles: for each person what gives the soles of some frames: (n, 2, points, 3), scene frame.
        visible: for each person (frames,) bool.
        centres: (frames, 3) camera centres, scene frame.
        up: (3,) rough direction of up.
        fps: frames per second.
    """
    rows = [(np.zeros(0, dtype=int), np.zeros((0, 3)), np.zeros((0, 3)))]
    for k, (posed, seen) in enumerate(zip(soles, visible, strict=True)):
        for segment in true_runs(seen):
            motion = long_foot_motion(_from(posed, segment.start), segment.stop - segment.start, up, fps)
            for foot, frames in resting_feet(motion, up, fps):
                point, centre = motion.points[frames, foot].mean(axis=0), centres[segment][frames].mean(axis=0)
                rows.append((np.array([k]), centre[None], point[None]))
    return Stances(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _from(posed: Callable[[slice], np.ndarray], start: int) -> Callable[[slice], np.ndarray]:
    return lambda frames: posed(slice(start + frames.start, start + frames.stop))
