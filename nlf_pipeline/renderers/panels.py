"""Pictures beside each other, with thin gaps and a caption below each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FULL_SIZE_PX = (1920, 1080)
"""Panels fill a picture of this size unless a size is given, but none gets larger than the clip."""
GAP, CAPTION, LETTERS = 1 / 240, 0.0175, 0.62
"""Of the picture's width: between panels, and below them; and the letters' size, of that below."""
PAPER, INK = (255, 255, 255), (45, 52, 62)


@dataclass(frozen=True)
class Panels:
    """Where the panels of a picture are, and what is around them."""

    background: np.ndarray
    """(height, width, 3) uint8 RGB: the paper with its captions."""
    panel_px: tuple[int, int]
    """(width, height) of each."""
    corners_px: tuple[tuple[int, int], ...]
    """Left, top of each."""

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.background.shape[1], self.background.shape[0]

    @classmethod
    def beside_each_other(
        cls, captions: Sequence[str], clip_px: tuple[int, int], size_px: tuple[int, int] | None
    ) -> Self:
        """As many panels of the clip's shape as there are captions, in the middle of the picture.

        Args:
            captions: below the panels, from left to right.
            clip_px: (width, height) of the clip.
            size_px: (width, height) of the picture; None for one that fits closely around the panels.
        """
        n, (full_width, full_height) = len(captions), size_px or FULL_SIZE_PX
        shape = clip_px[1] / clip_px[0]
        whole = full_width if size_px else min(full_width, n * clip_px[0] / (1 - (n - 1) * GAP))
        gap_px, strip_px = max(round(whole * GAP), 2), max(round(whole * CAPTION), 2)
        panel_width = min((whole - (n - 1) * gap_px) / n, (full_height - strip_px) / shape)
        panel_width = panel_width if size_px else min(panel_width, clip_px[0])
        panel_px = max(int(panel_width), 1), max(int(panel_width * shape), 1)
        around = n * panel_px[0] + (n - 1) * gap_px, panel_px[1] + strip_px
        width, height = size_px or (even(around[0]), even(around[1]))
        left, top = max((width - around[0]) // 2, 0), max((height - around[1]) // 2, 0)
        corners = tuple((left + k * (panel_px[0] + gap_px), top) for k in range(n))
        page = Image.new("RGB", (width, height), PAPER)
        for caption, (x, y) in zip(captions, corners, strict=True):
            middle = x + panel_px[0] / 2, y + panel_px[1] + strip_px / 2
            ImageDraw.Draw(page).text(middle, caption, INK, font(strip_px * LETTERS), anchor="mm")
        return cls(np.array(page), panel_px, corners)

    def compose(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """The picture with `pictures` (height, width, 3) uint8, of the panels' size, in its panels."""
        composed = self.background.copy()
        width, height = self.panel_px
        for picture, (left, top) in zip(pictures, self.corners_px, strict=True):
            room = composed[top : top + height, left : left + width]
            room[:] = picture[: room.shape[0], : room.shape[1]]
        return composed


def even(length: int) -> int:
    """The next even number, as videos need."""
    return length + length % 2


def font(size_px: float) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which has most letters of names, as matplotlib brings it."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size_px)
