"""Feet that stand still in the scene, and the scale of the camera's path at which they are stillest."""

import itertools
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.filtering import true_runs

_HALF_STEP_S = 0.1
"""Speeds are taken over twice this, seconds."""
_DEPTH_TRUST = 1 / 3
"""Weight of speed along the viewing ray, which is seen so much worse than across it."""
_STILL_SPEED = 0.3
"""Penalty of a foot's speed is half its most here, metres per second."""
_REST_SPEEDS = (0.35, 0.7)
_REST_PER_USUAL = 2.0
"""A foot rests below so many times the usual speed of the slower foot, within the limits, metres per second."""
_STANCE_S = (0.16, 2.0)
"""Shorter rests are passing feet; longer ones are cut into pieces, since errors change meanwhile."""
_TRIAL_SPEEDS = (0.003, 30.0)
_TRIALS = 121
"""Speeds of the camera to try, metres per second: 8 % apart."""


@dataclass(frozen=True)
class Stance:
    """A foot at rest."""

    person: int
    foot: int
    rows: slice
    """Of the frames in which it was looked for."""


@dataclass(frozen=True)
class FeetInScene:
    """Everybody's feet while the camera moves, which it does at a scale that is not known: feet = rays + s centres."""

    rays: np.ndarray
    """(people, frames, 2, 3) from the camera to the balls of the feet, axes of the scene, metres."""
    centres: np.ndarray
    """(frames, 3) camera centres, in the path's unit."""
    seen: np.ndarray
    """(people, frames) bool."""
    fps: float

    @property
    def camera_speed(self) -> float:
        """Root mean square, units per second."""
        return float(np.sqrt(np.mean(np.sum(np.diff(self.centres, axis=0) ** 2, axis=-1)))) * self.fps

    def speeds(self, scales: np.ndarray) -> np.ndarray:
        """How fast the feet seem to move, motion along the viewing rays counting for a third.

        Args:
            scales: (n,) metres per unit.

        Returns:
            (n, people, frames, 2) metres per second; infinite where a foot is not seen around that time.
        """
        n, half = len(self.centres), max(1, round(_HALF_STEP_S * self.fps))
        before, after = np.maximum(np.arange(n) - half, 0), np.minimum(np.arange(n) + half, n - 1)
        per_s = (self.fps / np.maximum(after - before, 1))[:, None, None]
        of_rays = (self.rays[:, after] - self.rays[:, before]) * per_s
        of_camera = (self.centres[after] - self.centres[before])[:, None] * per_s
        along = self.rays / np.maximum(np.linalg.norm(self.rays, axis=-1, keepdims=True), 1e-9)

        def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.sum(a * b, -1) - (1 - _DEPTH_TRUST**2) * np.sum(a * along, -1) * np.sum(b * along, -1)

        known = self.seen & self.seen[:, before] & self.seen[:, after] & (after > before)
        s = scales[:, None, None, None]
        squared = product(of_rays, of_rays) + 2 * s * product(of_rays, of_camera) + s**2 * product(of_camera, of_camera)
        return np.where(known[..., None], np.sqrt(np.maximum(squared, 0)), np.inf)


def stillest_scale(feet: FeetInScene) -> float:
    """The scale at which, over all people and frames, the slower foot is stillest; by trying scales 8 % apart.

    Args:
        feet: while the camera moves.

    Returns:
        Metres per unit.
    """
    scales = np.geomspace(*_TRIAL_SPEEDS, _TRIALS) / feet.camera_speed
    costs = [_restlessness(feet.speeds(part)) for part in np.array_split(scales, _TRIALS // 8)]
    return float(scales[np.argmin(np.concatenate(costs))])


def _restlessness(speeds: np.ndarray) -> np.ndarray:
    """(n,) penalties of the slower foot's speed, which saturate; of (n, people, frames, 2) speeds."""
    slower = speeds.min(axis=-1)
    share = np.where(np.isfinite(slower), 1 - 1 / (1 + (slower / _STILL_SPEED) ** 2), 0)
    return share.sum(axis=(1, 2))


def find_stances(feet: FeetInScene, scale: float) -> list[Stance]:
    """Feet at rest at a given scale of the path: slow for their owner, and for long enough.

    Args:
        feet: while the camera moves.
        scale: metres per unit.
    """
    speeds = feet.speeds(np.array([scale]))[0]
    shortest, longest = (max(3, round(seconds * feet.fps)) for seconds in _STANCE_S)
    stances = []
    for k in range(len(speeds)):
        slower = speeds[k].min(axis=-1)
        if not np.isfinite(slower).any():
            continue
        limit = np.clip(_REST_PER_USUAL * np.median(slower[np.isfinite(slower)]), *_REST_SPEEDS)
        for foot in (0, 1):
            for run in true_runs(speeds[k, :, foot] < limit):
                length = run.stop - run.start
                bounds = run.start + np.round(np.linspace(0, length, max(1, -(-length // longest)) + 1)).astype(int)
                if length >= shortest:
                    stances += [Stance(k, foot, slice(int(a), int(b))) for a, b in itertools.pairwise(bounds)]
    return stances
