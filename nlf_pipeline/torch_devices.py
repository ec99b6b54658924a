"""Where a model runs: the first GPU if there is one, else the CPU."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

from nlf_pipeline.errors import UserError

DeviceName = Literal["auto", "cuda", "cpu"]
"""`auto`: CUDA where it works, else the CPU."""
_FULL = "out of memory"
log = logging.getLogger(__name__)


def choose_device(name: DeviceName) -> torch.device:
    """The device called `name`.

    Raises:
        UserError: if `cuda` is asked for and torch cannot use it, with torch's own reason, or a GPU has no memory left.
    """
    import torch

    if name == "cpu":
        return torch.device("cpu")
    reason = _cuda_trouble()
    if reason is None:
        return torch.device("cuda")
    if name == "auto" and _FULL not in reason:
        if torch.cuda.device_count() > 0:
            log.warning("there is a GPU, but torch %s cannot use it (%s): going on without", torch.__version__, reason)
        return torch.device("cpu")
    raise UserError(
        f"device: found {name}, but torch {torch.__version__} cannot use a GPU here ({reason}). "
        "See what is missing with: nlf-pipeline doctor. Or run without: --device cpu (with snakemake: --config "
        "device=cpu)"
    )


def _cuda_trouble() -> str | None:
    """Why torch cannot compute on a GPU here, in its own words; None if it can.

    A GPU that is there may still be too old for torch, full, or kept by another program: a computation tells.
    """
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                torch.ones(1, device="cuda").add_(1).item()
                return None
        except RuntimeError as error:
            return str(error).partition("\n")[0]
    return str(caught[0].message).partition("\n")[0] if caught else "no CUDA device was found"
