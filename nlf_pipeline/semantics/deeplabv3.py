"""Person pixels by DeepLabV3-ResNet101 (Chen et al., Rethinking Atrous Convolution, 2017), joined with all tracks."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import framepump
import numpy as np
import torch
from rlemasklib import RLEMask
from torch.nn import functional
from torchvision.models import segmentation  # pyright: ignore[reportMissingImports]

from nlf_pipeline.checkpoints import load_weights, read_state_dict
from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.gpu_limits import enough_memory, half_works, lacks_memory
from nlf_pipeline.masks import MaskTrack, MaskTracks
from nlf_pipeline.prefetching import prefetched, stacked
from nlf_pipeline.progress import progress
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions
from nlf_pipeline.semantics.union import join_tracks, widen

_MODEL = "DeepLabV3-ResNet101 (COCO with VOC labels)"
_PUBLISHED = segmentation.DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1
_PERSON = _PUBLISHED.meta["categories"].index("person")
log = logging.getLogger(__name__)


class DeepLabPeopleMasker:
    """Marks what the network takes for a person, and everybody who is tracked."""

    def __init__(self, weights: Path, device: torch.device, dilation: float, options: DeepLabOptions) -> None:
        """Load the network.

        Args:
            weights: torchvision's file.
            device: where it runs; in half precision on a GPU.
            dilation: margin about people, as a share of the picture's width.
            options: how it looks.

        Raises:
            UserError: if the weights are missing, damaged or of another model, or the GPU's memory does not suffice.
        """
        self._dtype = torch.half if half_works(device) else torch.float32
        with enough_memory("DeepLabV3", "run with: --config semantics=union"):
            self._network = load_deeplab(weights).to(device, self._dtype)
        self._device = device
        self._prepare = _PUBLISHED.transforms(resize_size=options.input_size)
        self._threshold = options.mask_threshold
        self._batch_size = options.batch_size
        self._dilation = dilation

    def mask_people(self, frames: framepump.VideoFrames, tracks: list[MaskTracks]) -> MaskTracks:
        """One row of masks (id 0) at the clip's size: every pixel of any person in every frame, generously.

        Raises:
            ArtefactError: if the clip has fewer frames than the tracks.
            UserError: if the GPU's memory does not suffice for one frame.
        """
        size_px, n_frames = tracks[0].size_px, tracks[0].n_frames
        margin_px = round(self._dilation * size_px[0])
        found = progress(self._people(frames, size_px), n_frames, "semantic_masks")
        people = (widen(known | seen, margin_px) for known, seen in zip(join_tracks(tracks), found, strict=False))
        row = MaskTrack.of(people, size_px)
        if len(row) < n_frames:
            raise ArtefactError(
                f"the clip has {len(row)} frames, but its masks {n_frames}. Delete the masks and run again."
            )
        return MaskTracks(size_px, tracks[0].fps, n_frames, (0,), (row,))

    def _people(self, frames: Iterable[np.ndarray], size_px: tuple[int, int]) -> Iterator[RLEMask]:
        """What the network takes for a person in every frame, in order; the next frames are decoded meanwhile."""
        for pictures in prefetched(stacked(frames, self._batch_size)):
            start = 0
            while start < len(pictures):
                try:
                    masks = self._masks(pictures[start : start + self._batch_size], size_px)
                except RuntimeError as error:
                    if not lacks_memory(error):
                        raise
                    self._halve_batch(error)
                    continue
                yield from map(RLEMask.from_array, masks)
                start += len(masks)

    def _halve_batch(self, error: RuntimeError) -> None:
        if self._batch_size == 1:
            raise UserError(
                "The GPU's memory does not suffice for DeepLabV3 even with one frame at a time. Free some, or run "
                "with: --config semantics=union"
            ) from error
        self._batch_size //= 2
        log.warning("the GPU's memory does not suffice; going on with %d frames at once", self._batch_size)

    @torch.inference_mode()
    def _masks(self, pictures: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """(frames, height, width) uint8: 1 where a person is.

        Args:
            pictures: (frames, height, width, 3) uint8 RGB.
            size_px: (width, height) of the result.
        """
        images = torch.from_numpy(pictures).to(self._device).permute(0, 3, 1, 2).float() / 255
        scores = self._network(self._prepare(images).to(self._dtype))["out"]
        people = scores.float().softmax(1)[:, _PERSON : _PERSON + 1]
        # Of probabilities rather than of masks, which would leave steps along the outlines.
        people = functional.interpolate(people, size_px[::-1], mode="bilinear", align_corners=False, antialias=True)
        return (people[:, 0] >= self._threshold).to(torch.uint8).cpu().numpy()


def load_deeplab(path: Path) -> segmentation.DeepLabV3:
    """The network with the weights at `path`, ready to run on the CPU.

    Raises:
        UserError: if the file is missing, damaged or of another model.
    """
    values = read_state_dict(path, _MODEL)
    network = segmentation.deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True)
    load_weights(network, values, path, _MODEL)
    network.aux_classifier = None  # for training only; the file has it
    return network.eval()
