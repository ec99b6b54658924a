"""Random weights in the layout of RIFE 4.18's published flownet.pkl, which fade from one frame to the other.

One channel of the last block is set by hand from the time to the mask, so that the second frame shows the more the
later it is. All else is random and faint: there is a little motion, and pictures stay recognisable.
"""

import math
from pathlib import Path

import torch

BLOCKS = ((23, 192), (28, 128), (28, 96), (28, 64))
"""Inputs and width of every block: two pictures, two times eight features, time; then mask and flow as well."""
N_RESIDUALS = 8
_TIME = 22
"""The input that tells the time."""
_MASK = slice(16, 20)
"""The outputs that are unfolded into the mask."""
_STEEPNESS = 4.0
"""Of the mask's logit over time: close to an even fade."""


def published_layout() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that frames are made with, without the prefix `module.`."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, weight: tuple[int, ...], outputs: int) -> None:
        shapes.update({f"{name}.weight": weight, f"{name}.bias": (outputs,)})

    for i, (inputs, width) in enumerate(BLOCKS):
        add(f"block{i}.conv0.0.0", (width // 2, inputs, 3, 3), width // 2)
        add(f"block{i}.conv0.1.0", (width, width // 2, 3, 3), width)
        for k in range(N_RESIDUALS):
            shapes[f"block{i}.convblock.{k}.beta"] = (1, width, 1, 1)
            add(f"block{i}.convblock.{k}.conv", (width, width, 3, 3), width)
        add(f"block{i}.lastconv.0", (width, 24, 4, 4), 24)
    add("encode.cnn0", (32, 3, 3, 3), 32)
    add("encode.cnn1", (32, 32, 3, 3), 32)
    add("encode.cnn2", (32, 32, 3, 3), 32)
    add("encode.cnn3", (32, 8, 4, 4), 8)
    return shapes


def write_weights(path: Path, seed: int = 0) -> None:
    """Write a file like the published one, with some of what only training needed.

    Args:
        path: where to write.
        seed: of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    values = {f"module.{name}": _values(name, shape, generator) for name, shape in published_layout().items()}
    _fade(values)
    values["module.teacher.conv0.0.0.bias"] = torch.zeros(32)
    values["module.caltime.0.bias"] = torch.zeros(32)
    torch.save(values, path)


def _fade(values: dict[str, torch.Tensor]) -> None:
    block = f"module.block{len(BLOCKS) - 1}"
    for name, source in (("conv0.0.0", _TIME), ("conv0.1.0", 0)):
        values[f"{block}.{name}.weight"][0] = 0
        values[f"{block}.{name}.weight"][0, source, 1, 1] = 1
        values[f"{block}.{name}.bias"][0] = 0
    for k in range(N_RESIDUALS):
        values[f"{block}.convblock.{k}.beta"][0, 0] = 0
    last = values[f"{block}.lastconv.0.weight"]
    last[:, _MASK] *= 0.1
    last[0] = 0
    last[0, _MASK, 1:3, 1:3] = -_STEEPNESS  # the middle taps alone repeat every value, up to the border
    values[f"{block}.lastconv.0.bias"][_MASK] = _STEEPNESS / 2


def _values(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    if name.endswith("beta"):
        return torch.full(shape, 0.3)
    spread = 0.5 / math.sqrt(math.prod(shape[1:])) if name.endswith("weight") else 0.02
    return torch.randn(shape, generator=generator) * spread
