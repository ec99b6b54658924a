"""Moments at which a propagator of masks may have taken people for one another, by what the masks show.

The margins are rules of thumb, so that the gravest moments are looked at first; they are no probabilities.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import IdentityDoubt
from nlf_pipeline.segmenters.propagation.masks import Track

_SAME_ENCOUNTER_S = 1.0  # between two contacts, if both people are in sight in between
_ABOUT_S = 2.0  # before and after an encounter, to know how large somebody is
_CLEAR = 0.5  # of somebody's usual area: whose mask stays larger in an encounter was not mixed up
_AWAY_S = 1.0
_FORGOTTEN_S = 5.0  # out of sight for so long, a return is a guess
_JUMP_SIDES = 1.0  # of the square of a mask's area, from one frame to the next
_JUMP_MARGIN = 0.2


def find_doubts(tracks: Sequence[Track], fps: float) -> list[IdentityDoubt]:
    """Encounters in which somebody was hidden, returns, people who appear when others vanish, and jumps, in one shot.

    Args:
        tracks: of the people.
        fps: frames per second.

    Returns:
        Doubts about rows of `tracks`, in order of their starts.
    """
    doubts: list[IdentityDoubt] = []
    for a, b in itertools.combinations(range(len(tracks)), 2):
        doubts += _encounters(tracks, a, b, fps)
    for a, b in itertools.permutations(range(len(tracks)), 2):
        doubts += _successions(tracks, a, b, fps)
    for k, track in enumerate(tracks):
        doubts += [*_returns(track, k, fps), *_jumps(track, k)]
    return sorted(doubts, key=lambda doubt: (doubt.start, doubt.stop, doubt.person_ids))


def _encounters(tracks: Sequence[Track], a: int, b: int, fps: float) -> Iterator[IdentityDoubt]:
    contacts = [t for t in sorted(tracks[a].keys() & tracks[b].keys()) if touch(tracks[a][t], tracks[b][t])]
    runs: list[list[int]] = []
    for t in contacts:
        if runs and _is_same_encounter(tracks[a], tracks[b], runs[-1][1], t, fps):
            runs[-1][1] = t
        else:
            runs.append([t, t])
    for first, last in runs:
        shown = min(_least_shown(tracks[k], first, last, fps) for k in (a, b))
        if shown < _CLEAR:
            yield IdentityDoubt(first, last + 1, [a, b], "crossing", float(shown / _CLEAR))


def touch(a: RLEMask, b: RLEMask) -> bool:
    """Whether two masks overlap or are neighbours."""
    left_a, top_a, width_a, height_a = a.bbox()
    left_b, top_b, width_b, height_b = b.bbox()
    apart_px = max(
        left_a - left_b - width_b, left_b - left_a - width_a, top_a - top_b - height_b, top_b - top_a - height_a
    )
    return bool(apart_px <= 1 and (a.dilate3x3() & b).any())


def _is_same_encounter(a: Track, b: Track, last: int, t: int, fps: float) -> bool:
    """Whether a contact goes on, since somebody was hidden or no time passed in between."""
    apart = sum(between in a and between in b for between in range(last + 1, t))
    return apart <= _SAME_ENCOUNTER_S * fps


def _least_shown(track: Track, first: int, last: int, fps: float) -> float:
    """Part of somebody that is to be seen at an encounter's worst moment, against before and after."""
    about = round(_ABOUT_S * fps)
    around = [*range(first - about, first), *range(last + 1, last + 1 + about)]
    within = [float(track[t].area()) if t in track else 0.0 for t in range(first, last + 1)]
    usual = [float(track[t].area()) for t in around if t in track] or within
    return min(within) / max(float(np.median(usual)), 1.0)


def _successions(tracks: Sequence[Track], a: int, b: int, fps: float) -> Iterator[IdentityDoubt]:
    """Somebody appears inside the picture after another has vanished: perhaps it is he."""
    if not tracks[a] or not tracks[b]:
        return
    vanished, appeared = max(tracks[a]), min(tracks[b])
    seconds = (appeared - vanished - 1) / fps
    if 0 <= seconds < _FORGOTTEN_S and not _is_at_border(tracks[b][appeared]):
        yield IdentityDoubt(vanished + 1, appeared + 1, [a, b], "reappearance", seconds / _FORGOTTEN_S)


def _is_at_border(mask: RLEMask) -> bool:
    left, top, width, height = mask.bbox()
    height_px, width_px = mask.shape
    return left <= 1 or top <= 1 or left + width >= width_px - 1 or top + height >= height_px - 1


def _returns(track: Track, k: int, fps: float) -> Iterator[IdentityDoubt]:
    for before, after in itertools.pairwise(sorted(track)):
        seconds = (after - before - 1) / fps
        if seconds > _AWAY_S:
            yield IdentityDoubt(before + 1, after + 1, [k], "reappearance", float(np.exp(-seconds / _FORGOTTEN_S)))


def _jumps(track: Track, k: int) -> Iterator[IdentityDoubt]:
    for before, after in itertools.pairwise(sorted(track)):
        if after != before + 1 or (track[before] & track[after]).any():
            continue
        distance_px = np.linalg.norm(np.subtract(track[before].centroid(), track[after].centroid()))
        if distance_px > _JUMP_SIDES * np.sqrt(max(track[before].area(), track[after].area())):
            yield IdentityDoubt(before, after + 1, [k], "appearance", _JUMP_MARGIN)
