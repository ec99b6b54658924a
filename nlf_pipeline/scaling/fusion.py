"""Joining what several people and kinds of evidence say about one scale."""

from dataclasses import dataclass
from typing import Self

import numpy as np

_SIZE_SD = 0.04
"""How far estimated sizes of people usually are from the truth, relatively."""
_GIVEN_SIZE_SD = 0.01
"""The same for people whose height was given."""
_SYSTEMATIC_SD = 0.01
"""Of everything that does not average out: shoes, lens, path."""
_DISAGREEMENT = 0.15
"""People whose own scale is so much off that of the others are left out."""
_SIGNIFICANCE = 3.0


@dataclass(frozen=True)
class Evidence:
    """How far each person would have an assumed scale changed."""

    deviation: np.ndarray
    """(people,) relative: 0.1 asks for a scale that is 10 % larger."""
    variance: np.ndarray
    """(people,) of that; infinite where there is no evidence."""

    @classmethod
    def none(cls, people: int) -> Self:
        """Of people who say nothing."""
        return cls(np.zeros(people), np.full(people, np.inf))


@dataclass(frozen=True)
class FusedScale:
    """What everybody says together."""

    deviation: float
    """Relative to the assumed scale."""
    spread: float
    """Relative standard deviation of the scale; infinite without evidence."""
    believed: np.ndarray
    """(people,) bool: who counted."""
    apart: np.ndarray
    """(people,) bool: whose own scale is far off that of the others."""


def fuse_kinds(first: Evidence, second: Evidence) -> Evidence:
    """Join two kinds of evidence for each person by inverse variance.

    Where they disagree by more than their variances allow, the joint variance grows by the excess
    (Birge's ratio).
    """
    weights = 1 / first.variance + 1 / second.variance
    sure = np.maximum(weights, 1e-300)
    deviation = (first.deviation / first.variance + second.deviation / second.variance) / sure
    both = np.isfinite(first.variance) & np.isfinite(second.variance)
    expected = np.where(both, first.variance + second.variance, 1.0)
    excess = np.where(both, (first.deviation - second.deviation) ** 2 / expected, 0.0)
    return Evidence(deviation, np.where(weights > 0, np.maximum(excess, 1) / sure, np.inf))


def fuse_people(evidence: Evidence, is_given: np.ndarray) -> FusedScale:
    """Join everybody's scale, apart from people who are far off the others.

    Estimated sizes are off by some per cent for every person, so several people count for more than
    many steps of one (random effects, DerSimonian & Laird 1986).

    Args:
        evidence: of each person.
        is_given: (people,) bool: their height was given. If one of them says anything, only they count.
    """
    says = np.isfinite(evidence.variance)
    if (says & is_given).any():
        says = says & is_given
    apart = np.zeros(len(says), dtype=bool)
    believed = says.copy()
    while believed.sum() > 1:
        worst, distance = _farthest(evidence, believed)
        if distance < 1:
            break
        apart[worst] = True
        if believed.sum() == 2:  # neither is "the others"
            apart |= believed
            break
        believed[worst] = False
    if not believed.any():
        return FusedScale(0.0, np.inf, believed, apart)
    deviation, variance = _random_effects(
        evidence.deviation[believed],
        evidence.variance[believed],
        np.where(is_given, _GIVEN_SIZE_SD, _SIZE_SD)[believed],
    )
    return FusedScale(deviation, float(np.sqrt(variance + _SYSTEMATIC_SD**2)), believed, apart)


def _farthest(evidence: Evidence, believed: np.ndarray) -> tuple[int, float]:
    """The person farthest from the rest, and the distance over what is tolerated."""
    distances = np.full(len(believed), -np.inf)
    for k in np.flatnonzero(believed):
        rest = believed & (np.arange(len(believed)) != k)
        centre, variance = _random_effects(
            evidence.deviation[rest], evidence.variance[rest], np.full(rest.sum(), _SIZE_SD)
        )
        ratio = np.log(max(1 + evidence.deviation[k], 1e-3) / max(1 + centre, 1e-3))
        tolerated = max(_DISAGREEMENT, _SIGNIFICANCE * np.sqrt(evidence.variance[k] + variance))
        distances[k] = abs(ratio) / tolerated
    return int(np.argmax(distances)), float(distances.max())


def _random_effects(values: np.ndarray, variances: np.ndarray, prior_sds: np.ndarray) -> tuple[float, float]:
    """Weighted mean and its variance, each value being off by its own variance and by its person's."""
    variances = variances + prior_sds**2
    weights = 1 / variances
    mean = float(weights @ values / weights.sum())
    excess = max(0.0, float(weights @ (values - mean) ** 2) - (len(values) - 1))
    between = excess / max(float(weights.sum() - (weights**2).sum() / weights.sum()), 1e-12)
    weights = 1 / (variances + between)
    return float(weights @ values / weights.sum()), float(1 / weights.sum())


def correlated_variance(terms: np.ndarray, times: np.ndarray, within_s: float) -> float:
    """Variance of the sum of terms that go together when they are near in time (Newey & West 1987).

    Args:
        terms: (n,) each of expectation 0.
        times: (n,) seconds.
        within_s: terms this far apart are independent, seconds.
    """
    order = np.argsort(times)
    terms, times = terms[order], times[order]
    total = 0.0
    for term, time in zip(terms, times, strict=True):
        near = slice(*np.searchsorted(times, [time - within_s, time + within_s]))
        total += term * float((1 - np.abs(times[near] - time) / within_s) @ terms[near])
    return total * len(terms) / max(len(terms) - 1, 1)
