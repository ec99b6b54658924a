"""Frames between frames by dense optical flow (DIS; Kroeger et al., ECCV 2016), aware of occlusions."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

FLOW_SCALE = 0.5
"""Flow is found on frames of this scale: DIS 'medium' there beats 'fast' at full size in quality, at equal cost."""
SIGMA_PATH_PX = 4.0
"""How far a path may miss the pixel it should lead to, at the scale of the flow."""
SIGMA_CONSISTENCY_PX = 6.0
"""How far flow there and back may end from its start, at the scale of the flow."""
INCONSISTENT_WEIGHT = 0.1
"""A pixel seen in one frame only counts this much: it is shown where nothing better leads there."""
LEAST_WEIGHT = 1e-4


class FlowInterpolator:
    """A frame between two frames: both are moved along the flow, and each pixel is taken from where it is visible."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(self, first: np.ndarray, second: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """`count` evenly spaced frames strictly between two (height, width, 3) uint8 RGB frames."""
        grey_first, grey_second = _small_grey(first), _small_grey(second)
        there = self._flow.calc(grey_first, grey_second, None)  # type: ignore[call-overload]
        back = self._flow.calc(grey_second, grey_first, None)  # type: ignore[call-overload]
        from_first = _Source(first, there, _visibility(there, back))
        from_second = _Source(second, back, _visibility(back, there))
        for fraction in np.arange(1, count + 1) / (count + 1):
            a, weight_a = _moved(from_first, float(fraction))
            b, weight_b = _moved(from_second, float(1 - fraction))
            yield _blend(a, b, weight_a * (1 - fraction), weight_b * fraction)


@dataclass(frozen=True)
class _Source:
    """A frame, its flow to the other frame, and where it shows what the other frame shows too."""

    image: np.ndarray
    """(height, width, 3) uint8."""
    flow: np.ndarray
    """(flow height, flow width, 2) float32, pixels of the flow's scale."""
    visibility: np.ndarray
    """(flow height, flow width) float32 in [INCONSISTENT_WEIGHT, 1]."""


def _small_grey(image: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    size_px = (max(round(image.shape[1] * FLOW_SCALE), 16), max(round(image.shape[0] * FLOW_SCALE), 16))
    return cv2.resize(grey, size_px, interpolation=cv2.INTER_AREA)


@functools.lru_cache(maxsize=2)
def _grid(height_px: int, width_px: int) -> np.ndarray:
    """(height, width, 2) float32: every pixel's own x and y. Kept, because every frame asks for the same two."""
    y, x = np.mgrid[:height_px, :width_px].astype(np.float32)
    return np.stack([x, y], axis=-1)


def _sample(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return cv2.remap(values, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


def _visibility(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Forward-backward consistency: near 1 where the flow leads there and back again to the same pixel."""
    gap = there + _sample(back, _grid(*there.shape[:2]) + there)
    squared = np.sum(gap * gap, axis=-1) / SIGMA_CONSISTENCY_PX**2
    return np.maximum(np.exp(-squared), INCONSISTENT_WEIGHT)


def _moved(source: _Source, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """`source` moved by `fraction` of its flow, and a weight per pixel.

    The flow is known at the source's pixels, and wanted where they arrive: the offset d at pixel x
    that satisfies d = -fraction * flow(x + d) is found by iterating; what it then still misses
    tells whether any path leads to x at all.

    Returns:
        (height, width, 3) uint8 and (height, width) float32.
    """
    grid = _grid(*source.flow.shape[:2])
    offset = -fraction * source.flow
    for _ in range(2):
        offset = -fraction * _sample(source.flow, grid + offset)
    positions = grid + offset
    miss = offset + fraction * _sample(source.flow, positions)
    weight = np.exp(-np.sum(miss * miss, axis=-1) / SIGMA_PATH_PX**2) * _sample(source.visibility, positions)
    size_px = source.image.shape[1::-1]
    scale = np.array(size_px, np.float32) / np.array(source.flow.shape[1::-1], np.float32)
    full_offset = cv2.resize(offset, size_px, interpolation=cv2.INTER_LINEAR) * scale
    moved = _sample(source.image, _grid(*source.image.shape[:2]) + full_offset)
    return moved, cv2.resize(weight + LEAST_WEIGHT, size_px)


def _blend(a: np.ndarray, b: np.ndarray, weight_a: np.ndarray, weight_b: np.ndarray) -> np.ndarray:
    return cv2.blendLinear(a, b, weight_a.astype(np.float32), weight_b.astype(np.float32))
