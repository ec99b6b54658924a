"""Backends that estimate everybody's body in every frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FramePredictions

EstimatorName = Literal["blazepose"]


class BodyEstimator(Protocol):
    """Estimates bodies frame by frame."""

    def estimate(
        self, frames: framepump.VideoFrames, facts: VideoFacts, tracks: MaskTracks, intrinsics: Intrinsics
    ) -> Iterator[FramePredictions]:
        """One FramePredictions per frame, in order, rows as in `tracks`, camera frame."""
        ...


def make_estimator(name: EstimatorName, body_dir: Path) -> BodyEstimator:
    """The backend called `name`, for the body model in `body_dir`."""
    match name:
        case "blazepose":
            from nlf_pipeline.estimators.blazepose import BlazePoseEstimator

            return BlazePoseEstimator(body_dir)
