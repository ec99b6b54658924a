"""Backends that draw bodies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

RendererName = Literal["moderngl", "poseviz"]


@dataclass(frozen=True)
class ViewFrame:
    """What one picture shows."""

    vertices: np.ndarray
    """(bodies, vertices, 3) world, metres; only the people to draw."""
    colours: np.ndarray
    """(bodies, 3) RGB in [0, 1]."""
    T_world_cam: np.ndarray
    """(4, 4)."""
    K: np.ndarray
    """(3, 3) pixels of the picture."""
    image: np.ndarray | None
    """(height, width, 3) uint8 RGB to draw over; None for a plain background with the floor."""


class Renderer(Protocol):
    """Draws view after view."""

    def render(
        self, views: Iterable[ViewFrame], faces: np.ndarray, size_px: tuple[int, int], opacity: float
    ) -> Iterator[np.ndarray]:
        """One (height, width, 3) uint8 RGB picture per view, in order: picture i shows view i.

        Args:
            views: what to draw.
            faces: (faces, 3) vertex indices.
            size_px: (width, height).
            opacity: of the bodies over the image, 0-1.
        """
        ...


def make_renderer(name: RendererName) -> Renderer:
    """The backend called `name`."""
    match name:
        case "moderngl":
            from nlf_pipeline.renderers.moderngl import ModernglRenderer

            return ModernglRenderer()
        case "poseviz":
            from nlf_pipeline.renderers.poseviz import PosevizRenderer

            return PosevizRenderer()
