"""Which stretches of sightings are one person, decided over a whole shot at once. Numbers in, numbers out.

The evidence for a link is a logarithm of a likelihood ratio, in nats: the same person against two people
who have nothing to do with each other. The best set of links is a minimum-cost assignment, as in Huang et
al., Robust object tracking by hierarchical association of detection responses, 2008.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from nlf_pipeline.segmenters.association import Motion, predict_motion

_UNRELATED_SPEED_STD = np.array([1.0, 0.4, 0.4])  # radii / s and 1 / s, of anybody
_SIZE_RANGE = 1.5  # of log radii in one picture
_SURPRISE = 0.1  # share of people who do not go on as before
_MOST_RADII_PER_S = 8.0  # nobody is faster ...
_MOST_PICTURES_PER_S = 0.5  # ... but for the camera's turning
_MOST_SIZE_PER_S = 2.0  # change of log radius
_SLACK_RADII = 0.5
_LONGEST_GAP_S = 15.0
_GAP_NATS_PER_S = 0.25
_END_NATS = 2.5  # who is in the picture seldom vanishes for good
_END_AT_BORDER_NATS = 0.5
_BORDER_RADII = 0.5
_LOOKS_NATS = 28.0  # per unit of distance, by logistic regression
_SAME_LOOKS = 0.25  # one person's stay below, two people's above
_MOST_LOOKS_NATS = 4.5
_UNKNOWN_LOOKS_NATS = -1.0


@dataclass(frozen=True)
class TrackletEnds:
    """Where and when a stretch of one person's frames starts and ends."""

    first_frame: int
    last_frame: int
    first: Motion
    """At the first frame, estimated from the frames after it."""
    last: Motion
    """At the last frame, estimated from the frames before it."""


def motion_evidence(before: TrackletEnds, after: TrackletEnds, fps: float, size_px: tuple[int, int]) -> float:
    """How well `after` goes on where `before` ended, in place, size and speed.

    Args:
        before: the earlier stretch.
        after: the later one.
        fps: frames per second.
        size_px: (width, height) of the picture.

    Returns:
        Nats; minus infinity if nobody can have moved so, or the time between is not positive or too long.
    """
    seconds = (after.first_frame - before.last_frame) / fps
    if not 0 < seconds <= _LONGEST_GAP_S:
        return -np.inf
    radius_px = np.sqrt(before.last.radius_px * after.first.radius_px)
    width, height = np.array(size_px) / radius_px
    jump = (after.first.mean[:, 0] - before.last.mean[:, 0]) / [radius_px, radius_px, 1.0]
    reach = _SLACK_RADII + max(_MOST_RADII_PER_S, _MOST_PICTURES_PER_S * width) * seconds
    size_reach = _SLACK_RADII + _MOST_SIZE_PER_S * seconds
    if np.hypot(jump[0], jump[1]) > reach or abs(jump[2]) > size_reach:
        return -np.inf
    picture = width * height * _SIZE_RANGE
    reachable = min(picture, np.pi * reach**2 * 2 * size_reach)
    smooth = np.log1p(-_SURPRISE) + np.log(picture) + _log_ratio(before.last, after.first, seconds, radius_px)
    surprising = np.log(_SURPRISE * picture / reachable)
    return float(np.logaddexp(smooth, surprising)) - _GAP_NATS_PER_S * seconds


def _log_ratio(last: Motion, first: Motion, seconds: float, radius_px: float) -> float:
    """Log density of `first` given `last`, per radius squared, over that of anybody's speed."""
    predicted = predict_motion(last, seconds)
    scale = np.array([radius_px, radius_px, 1.0])
    # The states at both ends are estimates from different frames, so their errors add.
    covariance = (predicted.covariance + first.covariance) / scale[:, None, None] ** 2
    error = (first.mean - predicted.mean) / scale[:, None]
    speed, speed_variance = first.mean[:, 1] / scale, first.covariance[:, 1, 1] / scale**2 + _UNRELATED_SPEED_STD**2
    mahalanobis = np.einsum("ai,aij,aj->a", error, np.linalg.inv(covariance), error)
    same = -0.5 * (mahalanobis + np.log(np.linalg.det(covariance)) + 2 * np.log(2 * np.pi))
    anybody = -0.5 * (speed**2 / speed_variance + np.log(2 * np.pi * speed_variance))
    return float(np.sum(same - anybody))


def looks_evidence(distance: float | None) -> float:
    """Nats that looks at this distance (None: unknown) say for one person."""
    if distance is None:
        return _UNKNOWN_LOOKS_NATS
    return float(np.clip(_LOOKS_NATS * (_SAME_LOOKS - distance), -_MOST_LOOKS_NATS, _MOST_LOOKS_NATS))


def end_cost(motion: Motion, size_px: tuple[int, int]) -> float:
    """Nats that it takes for somebody to appear or vanish for good at `motion`: few at the picture's border."""
    room_px = min(*motion.centre_px, *(np.array(size_px) - motion.centre_px))
    return _END_AT_BORDER_NATS if room_px < _BORDER_RADII * motion.radius_px else _END_NATS


def best_links(gains: np.ndarray) -> dict[int, int]:
    """The follower of each row that has one: the one-to-one links of greatest total gain.

    Args:
        gains: (n, n) nats by which column following row is better than neither; minus infinity where impossible.
    """
    useful = np.maximum(gains, 0.0)
    rows, columns = linear_sum_assignment(-useful)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if useful[i, j] > 0}


def chains(links: dict[int, int], n: int) -> list[list[int]]:
    """Rows 0 .. n - 1 in the order of the links; every row in exactly one list."""
    found = []
    for start in sorted(set(range(n)) - set(links.values())):
        chain = [start]
        while chain[-1] in links:
            chain.append(links[chain[-1]])
        found.append(chain)
    return found


@dataclass(frozen=True)
class Rivalry:
    """What else might have been, at one place where links were chosen."""

    before: int
    after: int
    """A link chosen, or one left out although nothing else takes its ends."""
    rivals: tuple[int, ...]
    """Other rows that the next best links involve."""
    nats: float
    """By which the choice is better; 0 or more."""


def rivalries(gains: np.ndarray, links: dict[int, int]) -> list[Rivalry]:
    """For each link, and each pair of open ends, the best exchange with at most one other link.

    Args:
        gains: as for `best_links`.
        links: the best ones.
    """
    n = len(gains)
    useful = np.maximum(gains, 0.0)
    free_rows, free_columns = sorted(set(range(n)) - set(links)), sorted(set(range(n)) - set(links.values()))
    found = []
    for i, j in links.items():
        instead = [m for m in free_columns if useful[i, m] > 0], [k for k in free_rows if useful[k, j] > 0]
        takers = (
            *sorted(instead[0], key=lambda m: -useful[i, m])[:1],
            *sorted(instead[1], key=lambda k: -useful[k, j])[:1],
        )
        lost = gains[i, j] - useful[i, free_columns].max(initial=0.0) - useful[free_rows, j].max(initial=0.0)
        options = [(lost, takers)]
        options += [
            (gains[i, j] + gains[k, m] - useful[i, m] - useful[k, j], (k, m))
            for k, m in links.items()
            if k != i and useful[i, m] + useful[k, j] > 0
        ]
        nats, rivals = min(options, key=lambda option: option[0])
        found.append(Rivalry(i, j, rivals, max(float(nats), 0.0)))
    for i in free_rows:
        found += [Rivalry(i, j, (), float(-gains[i, j])) for j in free_columns if np.isfinite(gains[i, j])]
    return found
