"""Backends that find people in a video and follow them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import IdentityDoubts, VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.weights.registry import weights_path

SegmenterName = Literal["blazepose", "stcn", "nlf", "file"]


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


def make_segmenter(
    name: SegmenterName,
    stcn: StcnOptions,
    nlf: NlfOptions,
    weights: Path,
    device: DeviceName,
    checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    masks_file: Path | None = None,
) -> Segmenter:
    """The backend called `name`, imported only now, since each may need an environment of its own.

    Args:
        name: backend.
        stcn: options of the backend `stcn`.
        nlf: options of the backend `nlf`.
        weights: folder with models' weights.
        device: where models run that can use a GPU.
        checkpoints: of the clip that is to be segmented, for what is done of it.
        masks_file: for `file`.

    Raises:
        UserError: if an option is out of its range, weights are missing or wrong, or `file` has no file.
    """
    match name:
        case "blazepose":
            from nlf_pipeline.segmenters.blazepose import BlazePoseSegmenter

            return BlazePoseSegmenter(checkpoints)
        case "stcn":
            from nlf_pipeline.segmenters.stcn import StcnSegmenter, load_models

            return StcnSegmenter(stcn, lambda size_px: load_models(size_px, stcn, weights, device), checkpoints)
        case "nlf":
            from nlf_pipeline.segmenters.nlf import NlfSegmenter

            return NlfSegmenter(weights_path(weights, nlf.model), device, nlf, checkpoints)
        case "file":
            from nlf_pipeline.segmenters.file import FileSegmenter

            if masks_file is None:
                raise UserError("segmenter=file needs masks_file, the file that holds the masks.")
            return FileSegmenter(masks_file)
