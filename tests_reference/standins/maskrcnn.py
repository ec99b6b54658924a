"""Random weights for Mask R-CNN, laid out as the published ones, by which every picture shows some people.

Regions are upright stripes of the picture, of a width that follows from the anchors: a picture of 64 lines holds one or
two people, one of 800 lines some dozens. Masks are random blots in these stripes.
"""

import math
from pathlib import Path

import torch
from standins.stcn import random_tensors, read_layout

LAYOUT = Path(__file__).parent / "layouts" / "maskrcnn.txt"
_PERSON = 1
_TALL = 2  # of the three shapes of anchors
_WIDENING = 3.5
_ENDLESS = 5.0  # logarithm of a factor that makes regions larger than any picture
_VANISHING = -50.0
_SURE = 10.0  # logits
_MOSTLY_PERSON = 3.0
_SCORE_NOISE = 0.2


def maskrcnn_tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights by name."""
    tensors = random_tensors(read_layout(LAYOUT), seed)
    for name in ("rpn.head.bbox_pred.weight", "roi_heads.box_predictor.bbox_pred.weight"):
        tensors[name][:] = 0
    change = tensors["rpn.head.bbox_pred.bias"].view(3, 4)  # of centre and logarithm of size
    change[:, 2] = _VANISHING
    change[_TALL] = torch.tensor([0, 0, math.log(_WIDENING), _ENDLESS])
    scores = tensors["roi_heads.box_predictor.cls_score.weight"]
    scores[:] *= _SCORE_NOISE * (torch.arange(len(scores)) == _PERSON)[:, None]
    classes = tensors["roi_heads.box_predictor.cls_score.bias"]
    classes[:] = -_SURE
    classes[_PERSON] = _SURE
    tensors["roi_heads.mask_predictor.mask_fcn_logits.bias"][:] = _MOSTLY_PERSON
    return tensors


def write_weights(path: Path, seed: int = 0) -> None:
    """Write such weights as the published file is written."""
    torch.save(maskrcnn_tensors(seed), path)
