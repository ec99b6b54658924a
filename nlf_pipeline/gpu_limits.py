"""What a GPU may lack: memory, and a half precision that can be relied on."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

from nlf_pipeline.errors import UserError

_LACK = ("out of memory", "ALLOC_FAILED", "unable to find an engine")
"""Of memory, in the words of torch and TorchScript, of cuBLAS, and of cuDNN where it has no room to work."""
_WITHOUT_HALF = re.compile(r"\b(GTX 16\d\d|MX(450|550)|T(400|500|550|600|1000|1200|2000))\b")
"""Names of GPUs with the chips TU116 and TU117, on which networks in half precision give NaN."""


def lacks_memory(error: Exception) -> bool:
    """Whether torch failed because a GPU's memory did not suffice; only some such errors are OutOfMemoryErrors."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _LACK)


@contextlib.contextmanager
def enough_memory(model: str, otherwise: str) -> Iterator[None]:
    """Within, a lack of a GPU's memory is said in one line.

    Args:
        model: what the memory is for.
        otherwise: what else the user can do, such as "run with: --config ...".

    Raises:
        UserError: if the memory does not suffice.
    """
    try:
        yield
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        raise UserError(
            f"The GPU's memory does not suffice for {model}. Close other programs that use it, or {otherwise}"
        ) from error


def half_works(device: torch.device) -> bool:
    """Whether a network may run in half precision; a CPU lacks it in some operations and is slow in others."""
    import torch

    return device.type == "cuda" and _WITHOUT_HALF.search(torch.cuda.get_device_name(device)) is None
