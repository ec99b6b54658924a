"""Backends that estimate everybody's body in every frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import FramePredictions
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.weights.registry import weights_path

EstimatorName = Literal["blazepose", "nlf", "file"]


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


def make_estimator(
    name: EstimatorName,
    body_dir: Path,
    cache: PersonCache,
    weights: Path,
    device: DeviceName,
    nlf: NlfOptions,
    checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    predictions_file: Path | None = None,
    masks_file: Path | None = None,
) -> BodyEstimator:
    """The backend called `name`.

    Args:
        name: which method.
        body_dir: folder with the body model.
        cache: of the clip's people.
        weights: folder with models' weights, where the method needs them.
        device: where models run that can use a GPU.
        nlf: options of NLF.
        checkpoints: of the clip, for people who are half done; nlf keeps all in the cache as it goes.
        predictions_file: for `file`.
        masks_file: for `file`: the masks of the people in it.

    Raises:
        UserError: if the body model or the weights are not complete, the device cannot be used, or `file`
            lacks its files.
    """
    match name:
        case "blazepose":
            from nlf_pipeline.estimators.blazepose import BlazePoseEstimator

            return BlazePoseEstimator(body_dir, cache, checkpoints)
        case "nlf":
            from nlf_pipeline.estimators.nlf import NlfEstimator

            return NlfEstimator(body_dir, cache, weights_path(weights, nlf.model), device, nlf)
        case "file":
            from nlf_pipeline.estimators.file import FileEstimator

            if predictions_file is None or masks_file is None:
                raise UserError("estimator=file needs predictions_file and masks_file, with the same people in both.")
            return FileEstimator(body_dir, predictions_file, masks_file)
