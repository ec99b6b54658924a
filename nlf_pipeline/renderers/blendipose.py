"""Bodies as BlendiPose draws them: path-traced in Blender's Cycles, soft light, a checkered ground.

BlendiPose is GPL-3 and needs Blender as a module, so it is an optional extra. Its own video loop writes
a video itself, puts one colour on everybody who has motion blur, reads a pinhole half a pixel off and
draws a new random pattern of grain each time. So its scene is driven here one view at a time, and what
it draws is put over the untouched image.
"""

import sys
from collections.abc import Iterable, Iterator
from types import ModuleType

import cv2
import numpy as np

from nlf_pipeline.errors import UserError
from nlf_pipeline.renderers import ViewFrame
from nlf_pipeline.renderers.blendipose_options import SYSTEM_LIBRARIES, BlendiPoseOptions
from nlf_pipeline.renderers.compositing import composite

BLENDER_PYTHON = (3, 11)
"""Blender 4.2 to 4.5 as a module is built for this version of Python only."""


class BlendiPoseRenderer:
    """BlendiPose's scene; there is one per process, so finish one `render` before the next."""

    def __init__(self, options: BlendiPoseOptions) -> None:
        """Load Blender.

        Raises:
            UserError: if it cannot be loaded or has no GPU where one is asked for.
        """
        self._options = options
        self._blender = _blender()
        if options.device == "cuda" and not self._blender.gpu_types():
            raise UserError(
                "device: found cuda, but Blender's Cycles finds no GPU here. "
                "See what is missing with: nlf-pipeline doctor. Or run without: --config device=cpu"
            )

    def render(
        self, views: Iterable[ViewFrame], faces: np.ndarray, size_px: tuple[int, int], opacity: float
    ) -> Iterator[np.ndarray]:
        """One (height, width, 3) uint8 RGB picture per view, in order; see `Renderer`."""
        studio = self._blender.Studio(faces, size_px, self._options)
        try:
            for number, view in enumerate(views):
                drawn = studio.draw(view, number)
                if view.image is None:
                    yield over_image(np.full((*size_px[::-1], 3), 255, np.uint8), drawn, 1.0)
                else:
                    yield over_image(view.image, drawn, opacity)
        finally:
            studio.close()


def over_image(image: np.ndarray, drawn: np.ndarray, opacity: float) -> np.ndarray:
    """A picture blended over an image.

    Args:
        image: (height, width, 3) uint8 RGB.
        drawn: (height, width, 4) uint8 RGBA, colours not multiplied with alpha.
        opacity: of all that is drawn, 0-1.

    Returns:
        (height, width, 3) uint8 RGB; where nothing is drawn it is the image.
    """
    alpha = cv2.convertScaleAbs(drawn[..., 3], alpha=opacity)
    colours = cv2.multiply(drawn[..., :3], cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255)
    picture = image.copy()
    composite(picture, np.dstack([colours, alpha]), (0, 0, image.shape[1], image.shape[0]))
    return picture


def _blender() -> ModuleType:
    """The module that drives Blender.

    Raises:
        UserError: if BlendiPose or Blender cannot be loaded.
    """
    try:
        from nlf_pipeline.renderers import blendipose_studio
    except ImportError as error:
        if sys.version_info[:2] != BLENDER_PYTHON:
            found = ".".join(map(str, sys.version_info[:2]))
            cure = f"It needs Python 3.11 and this is {found}: make the environment with Python 3.11."
        elif "cannot open shared object file" in str(error):
            cure = f"Install the libraries that Blender needs with: apt-get install {SYSTEM_LIBRARIES}"
        else:
            cure = f"Install it with: {sys.executable} -m pip install -e '.[blendipose]'"
        raise UserError(f"The renderer 'blendipose' cannot be loaded ({error}). {cure}") from error
    return blendipose_studio
