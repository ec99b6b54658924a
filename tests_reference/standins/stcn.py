"""Weights for STCN, laid out as the published ones: random, but for channels that carry colours and masks.

A key is a place's colour, and the first channel of its value the share of a person in it; every layer hands them on.
So places of the same colour find each other in memory, and things whose colour nothing else has are followed. That
shows whether pictures, masks, keys and memory are connected as they should be.
"""

import math
import re
from pathlib import Path

import torch

LAYOUT = Path(__file__).parent / "layouts" / "stcn.txt"
_KEY_SCALE = 6.0  # makes the distances between colours large
_N_COLOURS = 6  # red, green and blue above their means, and below
_LOGIT_SLOPE, _LOGIT_OFFSET = 12.0, -6.0  # of a person's share
_DEAD = re.compile(  # whose first channels would add noise
    r"value_encoder\.layer\d\.\d\.conv2\.weight|value_encoder\.fuser\.block\d\.conv2\.weight"
    r"|key_encoder\.\w+\.\d\.conv3\.weight"
    r"|decoder\.compress\.conv2\.weight|decoder\.up_\w+\.(skip_conv|out_conv\.conv2)\.weight"
)
_PASSING = re.compile(  # that hand the first channels on
    r"(value|key)_encoder\.\w+\.0\.downsample\.0\.weight|value_encoder\.fuser\.block1\.downsample\.weight"
    r"|decoder\.compress\.downsample\.weight|decoder\.up_\w+\.out_conv\.downsample\.weight"
    r"|key_proj\.key_proj\.weight"
)
_MASK_CHANNEL = 3  # of the value encoder's input, after the picture


def read_layout(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a checkpoint's tensors."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {name: () if size == "scalar" else tuple(map(int, size.split("x"))) for name, size in lines}


def random_tensors(layout: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Random weights that keep features' size from layer to layer; no biases."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in layout.items():
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(0)
        elif len(shape) >= 2:
            tensors[name] = torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))
        elif name.endswith("running_var") or re.search(r"(bn\d|downsample\.1)\.weight$", name):
            last_of_block = "bn3" in name or ("bn2" in name and name.replace("bn2", "bn3") not in layout)
            tensors[name] = torch.full(shape, 0.3 if last_of_block and name.endswith("weight") else 1.0)
        else:
            tensors[name] = torch.zeros(shape)
    return tensors


def stcn_tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights by name."""
    tensors = random_tensors(read_layout(LAYOUT), seed)
    first = tensors["value_encoder.conv1.weight"]
    first[0] = 0
    first[0, _MASK_CHANNEL] = 1 / first[0, 0].numel()
    colours = tensors["key_encoder.conv1.weight"]
    colours[:_N_COLOURS] = 0
    for k in range(_N_COLOURS):
        colours[k, k % 3] = (1 if k < _N_COLOURS // 2 else -1) / colours[0, 0].numel()
    tensors["key_proj.key_proj.weight"][:] = 0
    for name, tensor in tensors.items():
        n = _N_COLOURS if name.startswith("key") else 1
        if _DEAD.fullmatch(name):
            tensor[:n] = 0
        elif _PASSING.fullmatch(name):
            tensor[:n] = 0
            tensor[range(n), range(n), tensor.shape[2] // 2, tensor.shape[3] // 2] = 1
    tensors["key_proj.key_proj.weight"] *= _KEY_SCALE
    tensors["value_encoder.fuser.attention.ChannelGate.mlp.3.weight"][0] = 0  # so that it halves the share
    prediction = tensors["decoder.pred.weight"]
    prediction[:] = 0
    prediction[0, 0, 1, 1] = _LOGIT_SLOPE
    tensors["decoder.pred.bias"][:] = _LOGIT_OFFSET
    return tensors


def write_weights(path: Path, seed: int = 0) -> None:
    """Write such weights as the published file is written."""
    torch.save(stcn_tensors(seed), path)
