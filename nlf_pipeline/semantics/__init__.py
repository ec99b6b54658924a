"""Backends that mark every pixel that belongs to any person, so that the camera can ignore it."""

from typing import Literal, Protocol

import framepump

from nlf_pipeline.masks import MaskTracks

SemanticsName = Literal["union"]


class PeopleMasker(Protocol):
    """Marks person pixels."""

    def mask_people(self, frames: framepump.VideoFrames, tracks: list[MaskTracks]) -> MaskTracks:
        """One row of masks (id 0): every pixel of any person in every frame, generously.

        `tracks` is what the segmenter found: followed people and bystanders.
        """
        ...


def make_people_masker(name: SemanticsName, dilation: float = 0.02) -> PeopleMasker:
    """The backend called `name`, marking `dilation` times the picture's width around people as well."""
    match name:
        case "union":
            from nlf_pipeline.semantics.union import UnionPeopleMasker

            return UnionPeopleMasker(dilation)
