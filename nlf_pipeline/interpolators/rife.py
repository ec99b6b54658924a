"""Frames between frames by RIFE, from a published `flownet.pkl`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from nlf_pipeline.checkpoints import load_weights, read_state_dict
from nlf_pipeline.errors import UserError
from nlf_pipeline.gpu_limits import enough_memory, half_works, lacks_memory
from nlf_pipeline.interpolators.ifnet import IFNet, IFNetLayout
from nlf_pipeline.weights.registry import weights_command

_MODEL = "RIFE 4.10 to 4.26"
_PREFIX = "module."
_PARTS = ("block", "encode.")
"""Names of what makes frames; the files also hold what only training needed."""
_ENCODERS = {
    "encode.0.": "encode.cnn0.",
    "encode.2.": "encode.cnn1.",
    "encode.4.": "encode.cnn2.",
    "encode.6.": "encode.cnn3.",
}
"""Names up to version 4.13 lite, and after it."""
_TALL_PX = 1600
_TALL_SCALE = 0.5
"""Tall pictures are searched for motion at half their size, where it is within the network's reach."""


class RifeInterpolator:
    """Frames between two frames by the network's flow from both."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        """Load a `flownet.pkl`.

        Args:
            weights: the file.
            device: where it runs; in half precision on a GPU.

        Raises:
            UserError: if the file is missing, damaged, or of another version, or the GPU's memory does not suffice.
        """
        self._device = device
        with enough_memory("RIFE", "run with: --config interpolator=flow"):
            self._network = load_ifnet(weights).to(device, torch.half if half_works(device) else torch.float32)
        self._newest: tuple[np.ndarray, torch.Tensor] | None = None

    def between(self, first: np.ndarray, second: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """`count` evenly spaced frames strictly between two (height, width, 3) uint8 RGB frames.

        Raises:
            UserError: if the GPU's memory does not suffice.
        """
        if count == 0:
            return
        height_px, width_px = first.shape[:2]
        scale = _TALL_SCALE if height_px >= _TALL_PX else 1.0
        try:
            known, encoded = self._newest or (None, None)  # the second of a pair is mostly the first of the next
            source = encoded if encoded is not None and known is first else self._encoded(first, scale)
            target = self._encoded(second, scale)
            self._newest = second, target
            for i in range(1, count + 1):
                yield self._picture(source, target, i / (count + 1), scale)[:height_px, :width_px]
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            raise UserError(
                f"interpolator: rife needs more GPU memory than is free for pictures of {width_px} x {height_px}. "
                "Free some, or run with: --config interpolator=flow"
            ) from error

    @torch.inference_mode()
    def _encoded(self, image: np.ndarray, scale: float) -> torch.Tensor:
        """An image as the network's input, padded below and to the right to the sides it can take."""
        stride_px = round(self._network.layout.stride_px / scale)
        height_px, width_px = image.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1)[None]
        margins = 0, -width_px % stride_px, 0, -height_px % stride_px
        # Its edge repeated rather than black, which motion would draw into the picture.
        padded = functional.pad(pixels.float() / 255, margins, mode="replicate")
        return self._network.with_features(padded)

    @torch.inference_mode()
    def _picture(self, first: torch.Tensor, second: torch.Tensor, time: float, scale: float) -> np.ndarray:
        """(height, width, 3) uint8 at `time`, with the padding."""
        image = self._network(first, second, time, scale)[0].permute(1, 2, 0)
        return (image * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def load_ifnet(path: Path) -> IFNet:
    """The network that fits the weights at `path`, with them, ready to run on the CPU.

    Raises:
        UserError: if the file is missing, damaged, or of another version.
    """
    values = {_name(key): value for key, value in read_state_dict(path, _MODEL).items()}
    values = {name: value for name, value in values.items() if name.startswith(_PARTS)}
    try:
        network = IFNet(IFNetLayout.of(values))
    except KeyError as error:
        raise _of_another_version(path, f"{error.args[0]} is missing") from error
    except (IndexError, ValueError, RuntimeError) as error:
        raise _of_another_version(path, "the tensors' shapes do not fit one another") from error
    load_weights(network, values, path, _MODEL)
    return network.eval()


def _name(key: str) -> str:
    """What the network calls the tensor that a file calls `key`."""
    name = key.removeprefix(_PREFIX)
    for old, new in _ENCODERS.items():
        name = new + name.removeprefix(old) if name.startswith(old) else name
    return name


def _of_another_version(path: Path, found: str) -> UserError:
    return UserError(
        f"{path}: these are not the weights of {_MODEL} ({found}); older versions are built differently. "
        f"Get version 4.18: {weights_command('fetch', path)}, or put flownet.pkl of one of these versions there."
    )
