"""Backends that estimate everybody's body in every frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import FramePredictions

EstimatorName = Literal["blazepose"]


class BodyEstimator(Protocol):
    """Estimates bodies frame by frame."""

    def estimate(
        self,
        frames: framepump.VideoFrames,
        facts: VideoFacts,
        tracks: MaskTracks,
        detected: MaskTracks,
        intrinsics: Intrinsics,
    ) -> Iterator[FramePredictions]:
        """One FramePredictions per frame, in order, rows as in `tracks`, camera frame.

        Every mask of `tracks` is one of `detected`, the tracks before any edit, perhaps in another row. Nobody's
        result depends on who else is in `tracks`, and `frames` are not read where all of it is in the cache.
        """
        ...


def make_estimator(name: EstimatorName, body_dir: Path, cache: PersonCache) -> BodyEstimator:
    """The backend called `name`, for the body model in `body_dir`; `cache` holds results of the clip's people."""
    match name:
        case "blazepose":
            from nlf_pipeline.estimators.blazepose import BlazePoseEstimator

            return BlazePoseEstimator(body_dir, cache)
