"""Backends that find people in a video and follow them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import IdentityDoubts, VideoFacts
from nlf_pipeline.masks import MaskTracks

SegmenterName = Literal["blazepose"]


@dataclass(frozen=True)
class PeopleChoice:
    """Whom to follow."""

    max_persons: int
    """At most so many in each shot, the most prominent first."""
    select_points_px: Sequence[tuple[float, float]]
    """A position inside each person to follow, in the frame `select_frame`; empty: the most prominent."""
    select_frame: int


@dataclass(frozen=True)
class SegmentedPeople:
    """Followed people, and everybody else who was seen (the camera must ignore them too)."""

    followed: MaskTracks
    bystanders: MaskTracks
    doubts: IdentityDoubts = field(default_factory=IdentityDoubts)
    """About the followed people."""


class Segmenter(Protocol):
    """Finds and follows people."""

    def segment(self, frames: framepump.VideoFrames, facts: VideoFacts, choice: PeopleChoice) -> SegmentedPeople:
        """Masks of the chosen people in every frame in which they are seen; identities do not cross `facts.cuts`."""
        ...


def make_segmenter(name: SegmenterName) -> Segmenter:
    """The backend called `name`, imported only now, since each may need an environment of its own."""
    match name:
        case "blazepose":
            from nlf_pipeline.segmenters.blazepose import BlazePoseSegmenter

            return BlazePoseSegmenter()
