"""Labels and lines over pictures, anti-aliased, in place."""

import functools

import cv2
import numpy as np
from PIL import Image, ImageDraw

from nlf_pipeline.renderers.panels import font

Colour = tuple[int, int, int]
"""RGB, 0-255 each."""
SHIFT = 4
"""Binary digits behind the point of positions in pixels."""
_FARTHEST_PX = 1e5
"""OpenCV's positions are whole numbers of 32 bits."""


def as_colour(rgb: np.ndarray) -> Colour:
    """(3,) RGB in [0, 1] as OpenCV takes it."""
    red, green, blue = (rgb * 255).round().astype(int).tolist()
    return red, green, blue


def draw_label(picture: np.ndarray, text: str, x: float, y: float, colour: Colour) -> None:
    """White letters on a coloured plate in the middle above (x, y), moved into the picture where they would stick out.

    Args:
        picture: (height, width, 3) uint8.
        text: one line.
        x: pixels.
        y: pixels.
        colour: of the plate.
    """
    plate = _plate(text, max(round(picture.shape[0] / 24), 9), colour)
    height, width = (min(side, room) for side, room in zip(plate.shape[:2], picture.shape[:2], strict=True))
    left = int(np.clip(x - width / 2, 0, picture.shape[1] - width))
    top = int(np.clip(y - height, 0, picture.shape[0] - height))
    picture[top : top + height, left : left + width] = plate[:height, :width]


@functools.lru_cache(maxsize=512)
def _plate(text: str, letters_px: int, colour: Colour) -> np.ndarray:
    """(height, width, 3) uint8."""
    letters = font(letters_px)
    left, _, right, _ = letters.getbbox(text)
    size = round(right - left + 0.7 * letters_px), round(1.35 * letters_px)
    plate = Image.new("RGB", size, colour)
    ink = (255, 255, 255) if np.dot(colour, [0.3, 0.6, 0.1]) < 150 else (20, 22, 26)
    ImageDraw.Draw(plate).text((size[0] / 2, size[1] / 2), text, ink, letters, anchor="mm")
    return np.array(plate)


def draw_line(picture: np.ndarray, points_px: np.ndarray, colour: Colour, width_px: int = 1) -> None:
    """Join (n, 2) points by a line."""
    fixed = np.round(np.clip(points_px, -_FARTHEST_PX, _FARTHEST_PX) * 2**SHIFT).astype(np.int32)
    cv2.polylines(picture, [fixed], isClosed=False, color=colour, thickness=width_px, lineType=cv2.LINE_AA, shift=SHIFT)


def draw_circle(
    picture: np.ndarray, centre_px: np.ndarray, radius_px: float, colour: Colour, width_px: int = -1
) -> None:
    """A disc, or a ring of a line's width, around (2,)."""
    if not np.isfinite(centre_px).all() or np.abs(centre_px).max() > _FARTHEST_PX:
        return
    centre = np.round(centre_px * 2**SHIFT).astype(int).tolist()
    radius = round(min(float(radius_px), _FARTHEST_PX) * 2**SHIFT)
    cv2.circle(picture, centre, radius, colour, width_px, cv2.LINE_AA, SHIFT)
