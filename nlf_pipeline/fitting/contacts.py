"""When a foot is planted: slow and low, with hysteresis."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.spatial import KDTree

from nlf_pipeline.filtering import track_segments, true_runs

_REST_SPEED = 0.4
"""A foot slower than this may be at rest, metres per second."""
_REST_HEIGHT = 0.05
"""A foot so much higher than the other is not at rest, metres."""
_SAME_PLACE = 0.3
"""Stances of a person within this distance are not independent, metres."""
_STANCE_S = (0.1, 0.5)
"""Shorter rests are passing feet; longer ones are cut into pieces, since their errors change meanwhile."""
_BASELINE_S = 0.4
_BASELINE_LIMIT = 0.15
"""A person may be estimated so much too high or too low, metres; beyond it he is not on the floor."""
_SPEED_LIMIT = (0.4, 0.7)
_SPEED_FLOOR, _SPEED_PER_NOISE = 0.25, 1.5
"""A foot begins to be planted below floor + factor x the usual speed of the slower foot, within the limits, m/s."""
_END_RATIO = 1.6
"""It stays planted up to so many times that speed."""
_BEGIN_HEIGHT, _END_HEIGHT = 0.09, 0.13
_NEAR_FLOOR = 0.06
"""A foot so near the floor may stand on it, wherever the other one is, metres."""
_LEAST_SLOPE = 0.1
"""Of viewing rays towards the floor; along flatter ones the picture does not tell where a foot is."""
_LEAST_PLANTED_S = 0.1
_DRIFT_LIMIT = 0.2
"""A planted foot stays this near its stance's mean place; what goes farther took a step, however slowly, metres."""
_RIDGE = 1e-9


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
    soles: list[np.ndarray],
    visible: list[np.ndarray],
    centres: np.ndarray,
    shots: list[slice],
    up: np.ndarray,
    fps: float,
) -> Stances:
    """Everybody's feet at rest.

    Args:
        soles: for each person (frames, 2, points, 3), scene frame.
        visible: for each person (frames,) bool.
        centres: (frames, 3) camera centres, scene frame.
        shots: frame ranges between cuts.
        up: (3,) rough direction of up.
        fps: frames per second.
    """
    rows = [(np.zeros(0, dtype=int), np.zeros((0, 3)), np.zeros((0, 3)))]
    for k, (points, seen) in enumerate(zip(soles, visible, strict=True)):
        for segment in track_segments(seen, shots, 0):
            motion = foot_motion(points[segment], up, fps)
            for foot, frames in resting_feet(motion, up, fps):
                point, centre = motion.points[frames, foot].mean(axis=0), centres[segment][frames].mean(axis=0)
                rows.append((np.array([k]), centre[None], point[None]))
    return Stances(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def speeds_on_floor(motion: FootMotion, centres: np.ndarray) -> np.ndarray:
    """How fast feet would move if they were on the floor where the picture shows them.

    A foot at rest whose distance from the camera is misjudged moves along its viewing ray only.

    Args:
        motion: of one person in the world.
        centres: (frames, 3) camera centres, world.

    Returns:
        (frames, 2) metres per second.
    """
    rays = motion.points - centres[:, None]
    rays = rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), _RIDGE)
    falling = np.minimum(rays[..., 1], -_LEAST_SLOPE)
    drawn = motion.velocities - rays * (motion.velocities[..., 1] / falling)[..., None]
    return np.linalg.norm(drawn, axis=-1)


def planted_feet(motion: FootMotion, centres: np.ndarray, fps: float) -> np.ndarray:
    """How firmly each foot stands on the floor y = 0, with hysteresis: harder to begin than to continue.

    Heights are judged against the lower foot of the last and next moments, since all of a person
    may be estimated a little too high or too low; speeds against those of the slower foot, which
    mostly stands, and then moves by noise alone. Near the floor, movement along the viewing ray
    does not count, nor does the other foot.

    Args:
        motion: of one person in the world, without gaps or cuts.
        centres: (frames, 3) camera centres, world.
        fps: frames per second.

    Returns:
        (frames, 2) left, right: 0 in the air, up to 1 at rest.
    """
    heights = motion.points[..., 1]
    lowest = minimum_filter1d(heights.min(axis=1), 2 * round(_BASELINE_S * fps) + 1, mode="nearest")
    heights = heights - np.clip(lowest, -_BASELINE_LIMIT, _BASELINE_LIMIT)[:, None]
    near = np.abs(motion.points[..., 1]) < _NEAR_FLOOR
    heights = np.where(near, np.minimum(heights, _NEAR_FLOOR), heights)
    speeds = np.where(near, np.minimum(motion.speeds, speeds_on_floor(motion, centres)), motion.speeds)
    usual = float(np.median(motion.speeds.min(axis=1)))
    slow = float(np.clip(_SPEED_FLOOR + _SPEED_PER_NOISE * usual, *_SPEED_LIMIT))
    begin = (speeds < slow) & (heights < _BEGIN_HEIGHT)
    go_on = (speeds < _END_RATIO * slow) & (heights < _END_HEIGHT)
    firmness = np.clip((_END_RATIO * slow - speeds) / (_END_RATIO * slow - slow / 2), 1e-3, 1) ** 2
    planted = np.zeros(begin.shape)
    for foot in (0, 1):
        for run in true_runs(go_on[:, foot]):
            if begin[run, foot].any() and run.stop - run.start >= _LEAST_PLANTED_S * fps:
                planted[run, foot] = firmness[run, foot]
    return planted


def part_stances(hold: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Lift feet that wander during a stance where they are least firmly planted, so that each part has its own place.

    Args:
        hold: (frames, 2) how firmly each foot is planted, 0-1.
        places: (frames, 2, coordinates) of the feet, metres.

    Returns:
        (frames, 2) `hold` with gaps of one frame where a stance was parted.
    """
    hold = hold.copy()
    for foot in (0, 1):
        waiting = true_runs(hold[:, foot] > 0)
        while waiting:
            run = waiting.pop()
            weights, at = hold[run, foot], places[run, foot]
            astray = np.linalg.norm(at - np.average(at, axis=0, weights=weights), axis=-1)
            if len(weights) < 3 or astray.max() < _DRIFT_LIMIT:
                continue
            weakest = run.start + 1 + int(np.argmin(weights[1:-1]))
            hold[weakest, foot] = 0
            waiting += [slice(run.start, weakest), slice(weakest + 1, run.stop)]
    return hold
