"""Gathering the people of a clip's shots into rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rlemasklib import RLEMask

from nlf_pipeline.artefacts import IdentityDoubt, VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segmenters.identities import Doubt, Identities
from nlf_pipeline.segmenters.tracklets import Tracklet, reliability

_SHORTEST_S = 0.3  # or half the shot


@dataclass
class CollectedPeople:
    """Everybody who was seen for long enough, in any order, and what is doubtful about them."""

    least_reliability: float
    """Below it something counts as a pattern that was taken for a person."""
    keep_unreliable: bool = False
    """Whether patterns are collected too, because they may be people all the same."""
    people: list[Tracklet] = field(default_factory=list)
    unreliable: set[int] = field(default_factory=set)
    """Rows of patterns."""
    doubts: list[IdentityDoubt] = field(default_factory=list)
    """By row."""
    n_patterns: int = 0
    """Whatever was seen and not collected."""

    def add(self, found: Identities, shot: slice, fps: float) -> None:
        """Add the people of a shot."""
        shortest = min(_SHORTEST_S * fps, (shot.stop - shot.start) / 2)
        row_of: dict[int, int] = {}
        for k, person in enumerate(found.people):
            if len(person) < shortest:
                continue
            reliable = reliability(person, fps) > self.least_reliability
            if reliable or self.keep_unreliable:
                row_of[k] = len(self.people)
                self.people.append(person)
            if not reliable and self.keep_unreliable:
                self.unreliable.add(row_of[k])
        self.doubts += _doubts_by_row(found.doubts, row_of)
        self.n_patterns += len(found.people) - len(row_of)

    def tracks(self, facts: VideoFacts) -> MaskTracks:
        """Masks by row."""
        masks = [_masks_by_frame(person, facts.n_frames) for person in self.people]
        return MaskTracks(facts.size_px, facts.fps, facts.n_frames, tuple(range(len(masks))), tuple(masks))


def _doubts_by_row(doubts: Iterable[Doubt], row_of: dict[int, int]) -> list[IdentityDoubt]:
    """Doubts about people of a shot who have a row; who might be a pattern's, nobody needs to know."""
    return [
        IdentityDoubt(doubt.start, doubt.stop, [row_of[k] for k in doubt.people], doubt.reason, doubt.margin)
        for doubt in doubts
        if all(k in row_of for k in doubt.people)
    ]


def _masks_by_frame(person: Tracklet, n_frames: int) -> tuple[RLEMask | None, ...]:
    masks: list[RLEMask | None] = [None] * n_frames
    for sighting in person:
        masks[sighting.frame] = sighting.mask
    return tuple(masks)
