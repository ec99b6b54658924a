"""Drawing without a window: an anti-aliased OpenGL canvas on EGL, on a GPU or on Mesa's llvmpipe."""

import functools
from collections.abc import Sequence

import moderngl
import numpy as np

from nlf_pipeline.errors import UserError

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""


def create_context() -> moderngl.Context:
    """A headless OpenGL context. Raises UserError with the cure where the system has no EGL driver."""
    try:
        return moderngl.create_standalone_context(backend="egl")  # pyright: ignore[reportArgumentType]
    except Exception as error:  # glcontext raises plain Exception
        raise UserError(
            f"Drawing needs EGL, and opening it failed ({error}). "
            "On Debian or Ubuntu: sudo apt-get install libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri"
        ) from error


def projection_matrix(K: np.ndarray, size_px: tuple[int, int], near: float = 0.05, far: float = 200.0) -> np.ndarray:
    """OpenGL clip matrix of an OpenCV pinhole camera.

    Args:
        K: (3, 3) intrinsics, pixels; the centre of the top left pixel is (0, 0).
        size_px: (width, height).
        near: metres; nothing nearer is drawn.
        far: metres; nothing farther is drawn.

    Returns:
        (4, 4) matrix from camera coordinates (x right, y down, z forward) to clip coordinates.
    """
    width_px, height_px = size_px
    return np.array(
        [
            [2 * K[0, 0] / width_px, 2 * K[0, 1] / width_px, (2 * K[0, 2] + 1) / width_px - 1, 0],
            [0, -2 * K[1, 1] / height_px, 1 - (2 * K[1, 2] + 1) / height_px, 0],
            [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, 1, 0],
        ]
    )


def joint_box(a: Box, b: Box) -> Box:
    """The smallest box around both."""
    left, top = min(a[0], b[0]), min(a[1], b[1])
    return left, top, max(a[0] + a[2], b[0] + b[2]) - left, max(a[1] + a[3], b[1] + b[3]) - top


class Canvas:
    """A multisampled RGBA picture with depth that can be read back.

    Draw with `ctx` between `begin` and `read`.
    """

    def __init__(self, size_px: tuple[int, int], samples: int = 4, ctx: moderngl.Context | None = None) -> None:
        """Make a canvas.

        Args:
            size_px: (width, height).
            samples: per pixel; 1 for no anti-aliasing: what covers a pixel's centre fills it.
            ctx: the context to draw with; None opens one.
        """
        self.size_px = size_px
        self.ctx = ctx or create_context()
        samples = min(samples, self.ctx.max_samples) if samples > 1 else 0  # Mesa rounds 1 up to 4
        self._drawn = self.ctx.framebuffer(
            [self.ctx.renderbuffer(size_px, 4, samples=samples)], self.ctx.depth_renderbuffer(size_px, samples=samples)
        )
        self._resolved = self.ctx.framebuffer([self.ctx.renderbuffer(size_px, 4)])

    def begin(
        self,
        rgba: tuple[float, float, float, float] = (0, 0, 0, 0),
        boxes_px: Sequence[Box] = (),
    ) -> None:
        """Clear to `rgba` (0-1) and turn the depth test on.

        Args:
            rgba: background.
            boxes_px: parts to clear, draw and `read` alone, which is quicker; none for the whole picture. What lies
                outside of them is not to be read.
        """
        boxes_px = boxes_px or [(0, 0, *self.size_px)]
        self._drawn.use()
        for box_px in boxes_px:
            self._drawn.scissor = self._from_below(box_px)
            self._drawn.clear(*rgba)
        self._drawn.scissor = self._from_below(functools.reduce(joint_box, boxes_px))
        self.ctx.enable(moderngl.DEPTH_TEST)

    def read(self, box_px: Box | None = None) -> np.ndarray:
        """The picture, or a part of it, as (height, width, 4) uint8, top row first."""
        box_px = box_px or (0, 0, *self.size_px)
        self._drawn.scissor = part = self._from_below(box_px)
        self.ctx.copy_framebuffer(self._resolved, self._drawn)
        pixels = self._resolved.read(viewport=part, components=4, alignment=1)
        return np.frombuffer(pixels, np.uint8).reshape(box_px[3], box_px[2], 4)[::-1]

    def _from_below(self, box_px: Box) -> Box:
        """The box as OpenGL counts: rows from the bottom."""
        left, top, width, height = box_px
        return left, self.size_px[1] - top - height, width, height

    def release(self) -> None:
        """Free the OpenGL context."""
        self.ctx.release()
