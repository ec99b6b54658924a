"""Backends that make frames between frames."""

from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np

InterpolatorName = Literal["flow"]


class FrameInterpolator(Protocol):
    """Makes frames between two frames."""

    def between(self, first: np.ndarray, second: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """`count` evenly spaced frames strictly between two (height, width, 3) uint8 RGB frames."""
        ...


def make_interpolator(name: InterpolatorName) -> FrameInterpolator:
    """The backend called `name`."""
    match name:
        case "flow":
            from nlf_pipeline.interpolators.flow import FlowInterpolator

            return FlowInterpolator()
