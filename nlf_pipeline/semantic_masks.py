"""Mark every pixel that belongs to any person, so that the camera can ignore it."""

from pathlib import Path

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.semantics import SemanticsName, make_people_masker
from nlf_pipeline.video import read_frames


def semantic_masks(
    *,
    video: Path,
    masks: Path,
    bystanders: Path,
    out: Path,
    semantics: SemanticsName = "union",
    dilation: float = 0.02,
) -> None:
    """Mark every pixel that belongs to any person, so that the camera can ignore it.

    Args:
        video: clip.mp4.
        masks: masks.json, the people to follow.
        bystanders: masks of everybody else who was seen.
        out: people_mask.json, one row with id 0.
        semantics: backend.
        dilation: margin about people, as a share of the picture's width, 0-0.2.
    """
    masker = make_people_masker(semantics, dilation)
    tracks = [MaskTracks.load(masks), MaskTracks.load(bystanders)]
    masker.mask_people(read_frames(video), tracks).save(out)
