"""Backends that make frames between frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.weights.registry import WEIGHTS_DIR, weights_path

InterpolatorName = Literal["flow", "rife"]


class FrameInterpolator(Protocol):
    """Makes frames between two frames."""

    def between(self, first: np.ndarray, second: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """`count` evenly spaced frames strictly between two (height, width, 3) uint8 RGB frames."""
        ...


def make_interpolator(
    name: InterpolatorName, weights: Path = WEIGHTS_DIR, device: DeviceName = "auto"
) -> FrameInterpolator:
    """The backend called `name`.

    Args:
        name: backend.
        weights: folder of the models' weights.
        device: where a model runs.

    Raises:
        UserError: if the device cannot be used, or the weights are missing, damaged or of another model.
    """
    match name:
        case "flow":
            from nlf_pipeline.interpolators.flow import FlowInterpolator

            return FlowInterpolator()
        case "rife":
            from nlf_pipeline.interpolators.rife import RifeInterpolator

            return RifeInterpolator(weights_path(weights, "rife"), choose_device(device))
