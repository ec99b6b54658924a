"""Where people were so close that they may have been taken for one another: tracklets are cut there.

Whether the pieces belong together is then decided with hindsight, over the whole shot.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nlf_pipeline.segmenters.tracklets import CLEAR, Sighting, Tracklet, changes

_NEAR_RADII = 0.8  # between the hips of people who may be mixed up
_SHORTEST = 4  # sightings in a piece


@dataclass(frozen=True)
class Piece:
    """A stretch of a tracklet."""

    sightings: Tracklet
    tracklet: int
    """Which one it comes from."""
    cut: Literal["start", "crossing", "appearance"]
    """What it starts with: its tracklet, or a cut."""
    clearness: float
    """Visible part of the person at the cut, of all who met there the least; 0 at a tracklet's start."""


def cut_tracklets(tracklets: Sequence[Tracklet], fps: float) -> list[Piece]:
    """Pieces of tracklets between the moments at which people may have been mixed up, in order of tracklets."""
    cuts: list[dict[int, float]] = [{} for _ in tracklets]
    where = [{s.frame: i for i, s in enumerate(tracklet)} for tracklet in tracklets]
    for k, tracklet in enumerate(tracklets):
        for moment, clearness in _hidden_moments(tracklet):
            hidden = tracklet[moment]
            met = [j for j in range(len(tracklets)) if j != k and _is_near(tracklets[j], where[j], hidden)]
            if not met:
                continue
            for j in (k, *met):
                position = where[j][hidden.frame]
                cuts[j][position] = min(clearness, cuts[j].get(position, 1.0))
    return [
        piece
        for k, tracklet in enumerate(tracklets)
        for piece in _pieces(k, tracklet, cuts[k], set(changes(tracklet, fps)))
    ]


def _hidden_moments(tracklet: Tracklet) -> list[tuple[int, float]]:
    """Positions at which least is visible, in each stretch between clear sightings, and how much that is."""
    frames = [s.frame for s in tracklet]
    shown = [
        0.0 if k and frames[k] > frames[k - 1] + 1 else s.visible_part  # after a gap, in which he was hidden
        for k, s in enumerate(tracklet)
    ]
    moments = []
    for hidden, run in itertools.groupby(range(len(tracklet)), key=lambda k: shown[k] < CLEAR):
        if hidden:
            least = min(run, key=lambda k: shown[k])
            moments.append((least, shown[least]))
    return moments


def _is_near(tracklet: Tracklet, where: dict[int, int], hidden: Sighting) -> bool:
    position = where.get(hidden.frame)
    if position is None:
        return False
    other = tracklet[position]
    distance_px = np.linalg.norm(other.centre_px - hidden.centre_px)
    return bool(distance_px < _NEAR_RADII * max(other.radius_px, hidden.radius_px))


def _pieces(k: int, tracklet: Tracklet, crossings: dict[int, float], jumps: set[int]) -> list[Piece]:
    """Pieces that are long enough; cuts that would leave shorter ones are passed over."""
    pieces, start = [], 0
    for position in sorted({*crossings, *jumps}):
        if min(position - start, len(tracklet) - position) >= _SHORTEST:
            pieces.append(_piece(k, tracklet, start, position, crossings, jumps))
            start = position
    return [*pieces, _piece(k, tracklet, start, len(tracklet), crossings, jumps)]


def _piece(k: int, tracklet: Tracklet, start: int, stop: int, crossings: dict[int, float], jumps: set[int]) -> Piece:
    cut = "start" if start == 0 else "appearance" if start in jumps else "crossing"
    return Piece(tracklet[start:stop], k, cut, crossings.get(start, 0.0))
