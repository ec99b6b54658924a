"""Backends that draw bodies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from nlf_pipeline.renderers.blendipose_options import BlendiPoseOptions

RendererName = Literal["moderngl", "poseviz", "blendipose"]


@dataclass(frozen=True)
class RealCamera:
    """The camera that took the video, to be drawn into a side view."""

    T_world_cam: np.ndarray
    """(4, 4)."""
    K: np.ndarray
    """(3, 3) pixels of `size_px`."""
    size_px: tuple[int, int]
    """(width, height)."""
    image: np.ndarray
    """(height, width, 3) uint8 RGB of any size: what it sees, shown on its image plane."""
    trail: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    """(points, 3) world: where it has been so far, drawn as a line."""


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
    opacities: np.ndarray | None = None
    """(bodies,) in [0, 1], multiplied with the renderer's opacity; None for 1."""
    real_camera: RealCamera | None = None
    """Drawn small where there is no image."""
    person_rows: np.ndarray | None = None
    """(bodies,) int: whose body each is, the same number in every view; None for 0, 1, 2 ... as they come."""
    stream: int = 0
    """Views of one stream follow each other in time, also where those of another come in between."""
    starts_shot: bool = False
    """The view before in the stream is of another shot: nothing moved from there to here."""


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
            opacity: of the bodies over the image, 0-1. On the plain background they are opaque.
        """
        ...


def make_renderer(
    name: RendererName,
    blendipose: BlendiPoseOptions = BlendiPoseOptions(),  # noqa: B008  (frozen)
) -> Renderer:
    """The backend called `name`.

    Raises:
        UserError: if a package that it needs is missing, or its options make no sense.
    """
    match name:
        case "moderngl":
            from nlf_pipeline.renderers.moderngl import ModernglRenderer

            return ModernglRenderer()
        case "poseviz":
            from nlf_pipeline.renderers.poseviz import PosevizRenderer

            return PosevizRenderer()
        case "blendipose":
            from nlf_pipeline.renderers.blendipose import BlendiPoseRenderer

            return BlendiPoseRenderer(blendipose)
