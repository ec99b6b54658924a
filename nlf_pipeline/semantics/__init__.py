"""Backends that mark every pixel that belongs to any person, so that the camera can ignore it."""

import importlib.util
from pathlib import Path
from typing import Literal, Protocol

import framepump

from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.weights.registry import WEIGHTS_DIR, weights_path

SemanticsName = Literal["union", "deeplabv3"]


class PeopleMasker(Protocol):
    """Marks person pixels."""

    def mask_people(self, frames: framepump.VideoFrames, tracks: list[MaskTracks]) -> MaskTracks:
        """One row of masks (id 0): every pixel of any person in every frame, generously.

        `tracks` is what the segmenter found: followed people and bystanders.
        """
        ...


def make_people_masker(
    name: SemanticsName,
    dilation: float = 0.02,
    deeplabv3: DeepLabOptions = DeepLabOptions(),  # noqa: B008 - frozen
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
) -> PeopleMasker:
    """The backend called `name`.

    Args:
        name: backend.
        dilation: margin about people, as a share of the picture's width.
        deeplabv3: how deeplabv3 looks.
        weights: folder of the models' weights.
        device: where a model runs.

    Raises:
        UserError: if a package is missing, the device cannot be used, or the weights are missing, damaged or of
            another model.
    """
    match name:
        case "union":
            from nlf_pipeline.semantics.union import UnionPeopleMasker

            return UnionPeopleMasker(dilation)
        case "deeplabv3":
            if importlib.util.find_spec("torchvision") is None:
                raise UserError(
                    "semantics: deeplabv3 needs the package torchvision, which is not installed here. Install it with: "
                    "make install-reference. Or run with: --config semantics=union"
                )
            from nlf_pipeline.semantics.deeplabv3 import DeepLabPeopleMasker

            return DeepLabPeopleMasker(weights_path(weights, "deeplabv3"), choose_device(device), dilation, deeplabv3)
