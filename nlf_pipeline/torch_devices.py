"""Where a model runs: the first GPU if there is one, else the CPU."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

from nlf_pipeline.errors import UserError

DeviceName = Literal["auto", "cuda", "cpu"]
"""`auto`: CUDA where it works, else the CPU."""


def choose_device(name: DeviceName) -> torch.device:
    """The device called `name`.

    Raises:
        UserError: if `cuda` is asked for and torch cannot use it, with torch's own reason.
    """
    import torch

    if name == "cpu":
        return torch.device("cpu")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        works = torch.cuda.is_available()
    if works:
        return torch.device("cuda")
    if name == "auto":
        return torch.device("cpu")
    reason = str(caught[0].message).partition("\n")[0] if caught else "no CUDA device was found"
    raise UserError(
        f"device: found cuda, but torch {torch.__version__} cannot use a GPU here ({reason}). "
        "See what is missing with: nlf-pipeline doctor. Or run without: --device cpu (with snakemake: --config "
        "device=cpu)"
    )
