"""Mark every pixel that belongs to any person, so that the camera can ignore it."""

from pathlib import Path

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.semantics import SemanticsName, make_people_masker
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import WEIGHTS_DIR


def semantic_masks(
    *,
    video: Path,
    masks: Path,
    bystanders: Path,
    out: Path,
    semantics: SemanticsName = "union",
    dilation: float = 0.02,
    deeplabv3: DeepLabOptions = DeepLabOptions(),  # noqa: B008 - frozen
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
) -> None:
    """Mark every pixel that belongs to any person, so that the camera can ignore it.

    Args:
        video: clip.mp4.
        masks: masks.json, the people to follow.
        bystanders: masks of everybody else who was seen.
        out: people_mask.json, one row with id 0.
        semantics: backend: union of these masks, or deeplabv3, a network that needs its weights, united with them.
        dilation: margin about people, as a share of the picture's width, 0-0.2.
        deeplabv3: options of deeplabv3.
        weights: folder of the models' weights.
        device: where deeplabv3 runs; auto takes a GPU where there is one.
    """
    masker = make_people_masker(semantics, dilation, deeplabv3, weights, device)
    tracks = [MaskTracks.load(masks), MaskTracks.load(bystanders)]
    masker.mask_people(read_frames(video), tracks).save(out)
