"""Scale from planted feet: a foot at rest stays in one place while the camera moves.

With the foot at rays + s centres in the scene, its place in a stance is one unknown and s another;
least squares, reweighted against frames in which the foot was moving after all.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.scaling.fusion import Evidence, correlated_variance
from nlf_pipeline.scaling.planted_feet import FeetInScene, Stance

_ITERATIONS = 8
_NOISE_FLOOR = (0.005, 0.01)
"""Errors of a foot across and along the viewing ray are no smaller than this, metres."""
_OUTLIER_FACTOR = 2.0
"""A residual of so many standard deviations halves a frame's weight."""
_NORMAL_MEDIAN, _RAYLEIGH_MEDIAN = 0.6745, 1.1774
"""Median length of Gaussian errors in one and in two dimensions, in standard deviations."""
_LEAST_INFORMATION = 1e-12
_ERROR_S = 1.0
"""Within this time the errors of a person's feet go together, seconds."""


@dataclass(frozen=True)
class _Rows:
    """The frames of all stances of one person, one row each, in axes along (last) and across the viewing ray."""

    places: np.ndarray
    """(n, 3) where the foot seems to be at the assumed scale, metres."""
    shifts: np.ndarray
    """(n, 3) what a relative change of the scale adds."""
    stance: np.ndarray
    """(n,) int from 0."""


def contact_scale(feet: FeetInScene, stances: list[Stance], scale: float) -> Evidence:
    """By how much each person's planted feet would have the assumed scale changed.

    Args:
        feet: while the camera moves.
        stances: feet at rest at the assumed scale.
        scale: the assumed one, metres per unit.
    """
    evidence = Evidence.none(len(feet.seen))
    inflation = []
    for k in np.unique([stance.person for stance in stances]):
        own = [stance for stance in stances if stance.person == k]
        rows = _gather(feet, own, scale)
        evidence.deviation[k], weights, noise = solve_contact(rows.places, rows.shifts, rows.stance)
        shown, evidence.variance[k] = _variances(rows, evidence.deviation[k], weights, noise, own, feet.fps)
        inflation.append(shown / evidence.variance[k])
    if inflation:  # over everybody, since one person's stances are too few to tell
        evidence.variance[:] *= max(1.0, float(np.mean(inflation)))
    return evidence


def _gather(feet: FeetInScene, stances: list[Stance], scale: float) -> _Rows:
    places, shifts = [], []
    for stance in stances:
        rays, centres = feet.rays[stance.person, stance.rows, stance.foot], feet.centres[stance.rows] * scale
        axes = ray_axes(rays.mean(axis=0))
        places.append((rays + centres) @ axes.T)
        shifts.append(centres @ axes.T)
    lengths = [len(part) for part in places]
    return _Rows(np.concatenate(places), np.concatenate(shifts), np.repeat(np.arange(len(stances)), lengths))


def ray_axes(ray: np.ndarray) -> np.ndarray:
    """(3, 3) rows: two axes across a direction (3,), and it."""
    _, _, axes = np.linalg.svd(ray[None])
    return np.concatenate([axes[1:], ray[None] / np.linalg.norm(ray)])


def solve_contact(places: np.ndarray, shifts: np.ndarray, stance: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The number d for which places + d shifts are most nearly constant in every stance.

    Cauchy's weights; the noise across and along the ray is estimated on the way.

    Args:
        places: (n, 3) metres, the last axis along the viewing ray.
        shifts: (n, 3) metres.
        stance: (n,) int from 0: rows of one stance share a place.

    Returns:
        d, (n,) weights, and (3,) standard deviation of the noise along the axes.
    """
    weights, noise, deviation = np.ones(len(stance)), np.array([1.0, 1.0, 3.0]), 0.0
    for _ in range(_ITERATIONS):
        y, a = (_about_means(values, weights, stance) / noise for values in (places, shifts))
        information = np.sum(weights[:, None] * a * a)
        deviation = -float(np.sum(weights[:, None] * a * y) / max(float(information), _LEAST_INFORMATION))
        residual = (y + deviation * a) * noise
        across = np.median(np.linalg.norm(residual[:, :2], axis=-1)) / _RAYLEIGH_MEDIAN
        along = np.median(np.abs(residual[:, 2])) / _NORMAL_MEDIAN
        noise = np.maximum([across, across, along], [_NOISE_FLOOR[0], _NOISE_FLOOR[0], _NOISE_FLOOR[1]])
        squared = np.sum((residual / noise) ** 2, axis=-1) / 3
        weights = 1 / (1 + squared / _OUTLIER_FACTOR**2)
    return deviation, weights, noise


def _about_means(values: np.ndarray, weights: np.ndarray, stance: np.ndarray) -> np.ndarray:
    """Rows minus their stance's weighted mean."""
    total = np.bincount(stance, weights)
    means = np.stack([np.bincount(stance, weights * column) / total for column in values.T], axis=-1)
    return values - means[stance]


def _variances(
    rows: _Rows, deviation: float, weights: np.ndarray, noise: np.ndarray, stances: list[Stance], fps: float
) -> tuple[float, float]:
    """Of the deviation, if errors go together within a stance and with those of stances at about the same time.

    First what the residuals show; then, since stances may be few, what errors of their size can do
    that drift along with the camera.
    """
    y, a = (_about_means(values, weights, rows.stance) / noise for values in (rows.places, rows.shifts))
    information = np.bincount(rows.stance, np.sum(weights[:, None] * a * a, axis=-1))
    pulls = np.bincount(rows.stance, np.sum(weights[:, None] * a * (y + deviation * a), axis=-1))
    times = np.array([(stance.rows.start + stance.rows.stop) / 2 for stance in stances]) / fps
    together = np.minimum(np.bincount(rows.stance), _ERROR_S * fps)
    shown, possible = correlated_variance(pulls, times, _ERROR_S), float(information @ together)
    squared = max(float(information.sum()), _LEAST_INFORMATION) ** 2
    return shown / squared, max(possible, _LEAST_INFORMATION) / squared
