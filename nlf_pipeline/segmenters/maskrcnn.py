"""People found by torchvision's Mask R-CNN, trained on COCO."""

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from rlemasklib import RLEMask
from torchvision.models.detection import MaskRCNN  # pyright: ignore[reportMissingImports]
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone  # pyright: ignore[reportMissingImports]
from torchvision.ops.misc import FrozenBatchNorm2d  # pyright: ignore[reportMissingImports]

from nlf_pipeline.checkpoints import load_weights, read_state_dict
from nlf_pipeline.segmenters.propagation.masks import clean_masks
from nlf_pipeline.segmenters.propagation.seams import Detection

_N_CLASSES = 91  # COCO's categories, and the background
_PERSON = 1
_LONGEST = 1333 / 800  # long side of the picture that the network sees, over its short side, as published
_RENAMED = {
    r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)": r"\1.0.\2",
    r"(rpn\.head\.conv)\.(weight|bias)": r"\1.0.0.\2",
}
_MASK_LAYER = re.compile(r"roi_heads\.mask_head\.mask_fcn(\d)\.(weight|bias)")


def build_network(threshold: float, short_side_px: int) -> MaskRCNN:
    """Mask R-CNN with random weights, laid out as the published one; nothing is downloaded.

    Args:
        threshold: least score, 0-1.
        short_side_px: of the picture that it sees.
    """
    network = MaskRCNN(
        resnet_fpn_backbone(backbone_name="resnet50", weights=None),
        _N_CLASSES,
        min_size=short_side_px,
        max_size=round(short_side_px * _LONGEST),
        box_score_thresh=threshold,
    )
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0  # the weights were trained so, by torchvision before 0.9
    return network.eval()


def current_names(values: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors under the names that torchvision gives them today; the published file has older ones."""
    return {_current_name(name): tensor for name, tensor in values.items() if not name.endswith("num_batches_tracked")}


def _current_name(name: str) -> str:
    if layer := _MASK_LAYER.fullmatch(name):
        return f"roi_heads.mask_head.{int(layer[1]) - 1}.0.{layer[2]}"
    for old, new in _RENAMED.items():
        name = re.sub(f"^{old}$", new, name)
    return name


class MaskRcnnDetector:
    """Finds people in a frame."""

    def __init__(self, path: Path, threshold: float, short_side_px: int, device: torch.device) -> None:
        """Load the weights.

        Args:
            path: maskrcnn_resnet50_fpn_coco.
            threshold: people have greater scores, 0-1.
            short_side_px: of the picture that it sees.
            device: where it runs.

        Raises:
            UserError: if the weights are missing, damaged or another model's.
        """
        self._network = build_network(threshold, short_side_px)
        load_weights(self._network, current_names(read_state_dict(path, "Mask R-CNN")), path, "Mask R-CNN")
        self._network.requires_grad_(False).to(device)
        self._device, self._threshold, self._short_side_px = device, threshold, short_side_px

    def detect(self, image: np.ndarray) -> list[Detection]:
        """People in a (height, width, 3) uint8 RGB frame, best first; no pixel is two people's."""
        height_px, width_px = image.shape[:2]
        # Masks are made at the size of the picture that it is given, of many pixels each.
        scale = min(1.0, self._short_side_px / min(height_px, width_px))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        batch = torch.from_numpy(np.ascontiguousarray(small)).to(self._device).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            found = self._network([batch])[0]
        is_person = (found["labels"] == _PERSON) & (found["scores"] > self._threshold)
        scores, order = torch.sort(found["scores"][is_person], descending=True, stable=True)
        soft = found["masks"][is_person][order, 0].float().cpu().numpy()
        return resolve_people(soft, scores.cpu().numpy(), (width_px, height_px))


def resolve_people(soft: np.ndarray, scores: np.ndarray, size_px: tuple[int, int]) -> list[Detection]:
    """Give each pixel to the person of whom it is most certain, and clean the masks.

    Args:
        soft: (people, height, width) probabilities, best person first.
        scores: (people,) descending.
        size_px: (width, height) of the masks to make.

    Returns:
        Those of whom something is left.
    """
    if len(soft) == 0:
        return []
    owner = soft.argmax(axis=0)
    masks = []
    for k, mask in enumerate(soft):
        own = cv2.resize(np.where(owner == k, mask, np.float32(0)), size_px, interpolation=cv2.INTER_LINEAR)
        masks.append(RLEMask.from_array((own > 0.5).astype(np.uint8)))
    return [Detection(mask, float(score)) for mask, score in zip(clean_masks(masks), scores, strict=True) if mask.any()]
