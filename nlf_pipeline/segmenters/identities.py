"""Who is who over a shot: pieces of tracklets joined into people, and where that is uncertain."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts.people import DoubtReason
from nlf_pipeline.segmenters.appearance import average_parts, parts_distance
from nlf_pipeline.segmenters.encounters import Piece, cut_tracklets
from nlf_pipeline.segmenters.linking import (
    Rivalry,
    TrackletEnds,
    best_links,
    chains,
    end_cost,
    looks_evidence,
    motion_evidence,
    rivalries,
)
from nlf_pipeline.segmenters.strays import return_strays
from nlf_pipeline.segmenters.tracklets import CLEAR, Tracklet, ends, typical_appearance

_ROUNDS = 4  # of linking; looks are compared over the chains of the round before
_LOOKS_PIECES = 4  # of a chain, on either side of a link
_MANY_LOOKS = 25  # sightings; more do not make looks surer
_CONTINUED_NATS = 5.0  # for pieces of one tracklet whose person was in full sight
_DOUBT_MARGIN = 0.8
_REAPPEARANCE_S = 1.0
_SHOWN_PART = 0.2  # visible part of a body below which masks are mostly somebody else's


@dataclass(frozen=True)
class Doubt:
    """Frames start .. stop - 1, after which people may have been mixed up."""

    start: int
    stop: int
    people: tuple[int, ...]
    """Rows of the people in question, the first one most."""
    reason: DoubtReason
    margin: float
    """0 (a coin's toss) to 1 (no doubt)."""


@dataclass(frozen=True)
class Identities:
    """The people of a shot."""

    people: tuple[Tracklet, ...]
    """Without sightings that show too little to be trusted; may be empty."""
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True)
class _Evidence:
    """What speaks for links but for the looks, and the looks themselves."""

    steady: np.ndarray
    """(n, n) nats by which linking is better than two open ends, of motion alone."""
    looks: np.ndarray
    """(n, parts, 3, bins)."""
    weights: np.ndarray
    """(n,) number of sightings behind the looks, capped."""

    def gains(self, chained: Sequence[Sequence[int]]) -> np.ndarray:
        """(n, n) nats with the looks of whole chains."""
        head, tail = np.empty_like(self.looks), np.empty_like(self.looks)
        for chain in chained:
            for place, k in enumerate(chain):
                head[k] = self._mean(chain[max(0, place + 1 - _LOOKS_PIECES) : place + 1])
                tail[k] = self._mean(chain[place : place + _LOOKS_PIECES])
        gains = self.steady.copy()
        for i, j in np.argwhere(np.isfinite(gains)):
            seen = (head[i].any(axis=(1, 2)) & tail[j].any(axis=(1, 2))).any()
            gains[i, j] += looks_evidence(parts_distance(head[i], tail[j]) if seen else None)
        return gains

    def _mean(self, pieces: Sequence[int]) -> np.ndarray:
        weights = self.weights[list(pieces)]
        if not weights.any():
            return np.zeros_like(self.looks[0])
        return average_parts(self.looks[list(pieces)], weights)


def identify(tracklets: Sequence[Tracklet], fps: float, size_px: tuple[int, int]) -> Identities:
    """Join tracklets of one shot that are the same person, cutting them first where people met.

    Args:
        tracklets: in any order.
        fps: frames per second.
        size_px: (width, height) of the picture they were seen in.
    """
    pieces = cut_tracklets([tracklet for tracklet in return_strays(tracklets, fps) if tracklet], fps)
    if not pieces:
        return Identities((), ())
    tips = [ends(piece.sightings, fps) for piece in pieces]
    evidence = _gather(pieces, tips, fps, size_px)
    chained: list[list[int]] = [[k] for k in range(len(pieces))]
    links: dict[int, int] = {}
    for _ in range(_ROUNDS):
        gains = evidence.gains(chained)
        links, before = best_links(gains), links
        chained = chains(links, len(pieces))
        if links == before:
            break
    joined = [tuple(s for k in chain for s in pieces[k].sightings) for chain in chained]
    people = tuple(tuple(s for s in person if s.visible_part >= _SHOWN_PART) for person in return_strays(joined, fps))
    row_of = {k: row for row, chain in enumerate(chained) for k in chain}
    doubts = [
        _doubt(rivalry, pieces, tips, row_of, fps)
        for rivalry in rivalries(evidence.gains(chained), links)
        if np.tanh(rivalry.nats / 2) < _DOUBT_MARGIN
    ]
    return Identities(people, tuple(_merged(doubts)))


def _gather(pieces: Sequence[Piece], tips: Sequence[TrackletEnds], fps: float, size_px: tuple[int, int]) -> _Evidence:
    n = len(pieces)
    steady = np.full((n, n), -np.inf)
    for i, before in enumerate(tips):
        for j, after in enumerate(tips):
            if after.first_frame > before.last_frame:
                steady[i, j] = motion_evidence(before, after, fps, size_px)
                steady[i, j] += end_cost(before.last, size_px) + end_cost(after.first, size_px)
    for j, piece in enumerate(pieces):
        if piece.cut == "crossing" and np.isfinite(steady[j - 1, j]):
            steady[j - 1, j] += _CONTINUED_NATS * min(1.0, piece.clearness / CLEAR)
    looks = np.stack([typical_appearance(piece.sightings) for piece in pieces])
    clear = [sum(s.visible_part >= CLEAR for s in piece.sightings) for piece in pieces]
    return _Evidence(steady, looks, np.minimum(clear, _MANY_LOOKS).astype(np.float64))


def _doubt(
    rivalry: Rivalry, pieces: Sequence[Piece], tips: Sequence[TrackletEnds], row_of: dict[int, int], fps: float
) -> Doubt:
    start, stop = tips[rivalry.before].last_frame, tips[rivalry.after].first_frame
    rows = dict.fromkeys(row_of[k] for k in (rivalry.before, rivalry.after, *rivalry.rivals))
    cut = pieces[rivalry.after].cut
    reason: DoubtReason
    if cut == "start":
        reason = "reappearance" if stop - start > _REAPPEARANCE_S * fps else "occlusion"
    else:
        reason = cut
    return Doubt(start, max(stop, start + 1), tuple(rows), reason, float(np.tanh(rivalry.nats / 2)))


def _merged(doubts: Sequence[Doubt]) -> list[Doubt]:
    """One doubt for the same people at the same time, the gravest."""
    kept: list[Doubt] = []
    for doubt in sorted(doubts, key=lambda doubt: doubt.margin):
        if not any(
            other.start < doubt.stop and doubt.start < other.stop and set(doubt.people) & set(other.people)
            for other in kept
        ):
            kept.append(doubt)
    return sorted(kept, key=lambda doubt: doubt.start)
