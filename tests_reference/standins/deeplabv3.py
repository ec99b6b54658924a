"""Random weights in the layout of torchvision's deeplabv3_resnet101_coco, which know what is bright.

One channel is set by hand from the pictures to the classes: a person is what is brighter than the picture on average.
So the network says where, in any picture, and the truth is known. All other channels and classes are random and faint.
"""

import math
from pathlib import Path

import torch
from torchvision.models.segmentation import deeplabv3_resnet101

PERSON = 15
_FAINT = 0.02
_ABOVE_ZERO = 3.0
"""Brightness after normalisation is more than -3; what is negative would not pass."""
_STRENGTH = 12.0
"""Some eight grey levels above the average make a person of probability 0.2."""
_PER_BRANCH = 256


def write_weights(path: Path, seed: int = 0) -> None:
    """Write a file like the published one.

    Args:
        path: where to write.
        seed: of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        layout = deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=True).state_dict()
    values = {name: _values(name, tensor, generator) for name, tensor in layout.items()}
    _pass_brightness(values)
    torch.save(values, path)


def _values(name: str, like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    shape = tuple(like.shape)
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_var"):
        return torch.ones(shape)
    if name.endswith(("running_mean", "bias")):
        return torch.zeros(shape)
    if len(shape) == 1:  # what is added to the path around a layer must stay small over a hundred of them
        return torch.full(shape, 0.2 if ".bn3." in name else 1.0)
    spread = _FAINT if name.startswith("classifier.4") else math.sqrt(2)
    return torch.randn(shape, generator=generator) * (spread / math.sqrt(math.prod(shape[1:])))


def _pass_brightness(values: dict[str, torch.Tensor]) -> None:
    _only_row(values, "backbone.conv1.weight", 0)[:, 3, 3] = 1 / 3
    values["backbone.bn1.bias"][0] = _ABOVE_ZERO
    for name, tensor in values.items():
        if ".bn3." in name and name.endswith(".weight"):
            tensor[0] = 0
        if name.endswith("downsample.0.weight"):
            _only_row(values, name, 0)[0] = 1
    for branch in ("classifier.0.convs.0.0", "classifier.0.convs.4.1"):
        _only_row(values, f"{branch}.weight", 0)[0] = 1
    project = _only_row(values, "classifier.0.project.0.weight", 0)
    project[0], project[4 * _PER_BRANCH] = 1, -1  # a place less the mean of all places
    _only_row(values, "classifier.1.weight", 0)[0, 1, 1] = 1
    _only_row(values, "classifier.4.weight", PERSON)[0] = _STRENGTH


def _only_row(values: dict[str, torch.Tensor], name: str, row: int) -> torch.Tensor:
    """A row of weights, emptied, for filling in."""
    return values[name][row].zero_()
