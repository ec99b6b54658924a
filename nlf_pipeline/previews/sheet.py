"""Which frames a preview shows, and its contact sheet."""

import itertools
from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw

from nlf_pipeline.renderers.panels import even, font

SHEET_FRAMES = 12
CLIP_S, PIECE_S = 15.0, 3.0
"""A longer clip is shown by pieces from all over it."""
LONGEST_SIDE_PX, CELL_SIDE_PX = 640, 480
"""Of a frame in the video, and on the sheet."""
GAP_PX, LABEL_PX, HEADER_PX, MARGIN_PX = 10, 26, 46, 16
PAPER, INK, SOFT = (255, 255, 255), (25, 28, 32), (105, 112, 122)


def even_frames(n_frames: int, n: int = SHEET_FRAMES) -> list[int]:
    """Up to `n` different frames, evenly from the first to the last, ascending."""
    return np.unique(np.linspace(0, max(n_frames - 1, 0), min(n, n_frames)).round().astype(int)).tolist()


def clip_frames(n_frames: int, fps: float) -> list[int]:
    """The frames of the video, ascending: all, or of a long clip `PIECE_S` from each fifth, `CLIP_S` in all."""
    n_pieces = round(CLIP_S / PIECE_S)
    length = max(round(PIECE_S * fps), 1)
    if n_frames <= n_pieces * length:
        return [*range(n_frames)]
    starts = np.linspace(0, n_frames - length, n_pieces).round().astype(int).tolist()
    return [*itertools.chain.from_iterable(range(start, start + length) for start in starts)]


def shown_size(size_px: tuple[int, int], longest_px: int = LONGEST_SIDE_PX) -> tuple[int, int]:
    """(width, height), even: `size_px` shrunk until its longer side is at most `longest_px`."""
    scale = min(longest_px / max(size_px), 1.0)
    width, height = (even(max(round(side * scale), 2)) for side in size_px)
    return width, height


def draw_sheet(pictures: Mapping[int, np.ndarray], fps: float, title: str) -> Image.Image:
    """Pictures in rows, each above its time.

    Args:
        pictures: frame -> (height, width, 3) uint8, all of one size, in order; at least one.
        fps: frames per second.
        title: above all.
    """
    height_px, width_px, _ = next(iter(pictures.values())).shape
    size_px = shown_size((width_px, height_px), CELL_SIDE_PX)
    columns = min(4 if size_px[0] >= size_px[1] else 6, len(pictures))
    step = size_px[0] + GAP_PX, size_px[1] + LABEL_PX + GAP_PX
    rows = -(-len(pictures) // columns)
    width = 2 * MARGIN_PX + columns * step[0] - GAP_PX
    sheet = Image.new("RGB", (width, HEADER_PX + rows * step[1] + MARGIN_PX - GAP_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, HEADER_PX / 2 + 2), title, INK, font(_fitting(draw, title, width - 2 * MARGIN_PX)), "lm")
    for number, (frame, picture) in enumerate(pictures.items()):
        row, column = divmod(number, columns)
        left, top = MARGIN_PX + column * step[0], HEADER_PX + row * step[1]
        small = cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA)
        sheet.paste(Image.fromarray(small), (left, top))
        middle = top + size_px[1] + LABEL_PX / 2
        draw.text((left, middle), f"{frame / fps:.2f} s", INK, font(15), "lm")
        draw.text((left + size_px[0], middle), f"frame {frame}", SOFT, font(13), "rm")
    return sheet


def _fitting(draw: ImageDraw.ImageDraw, text: str, width_px: int, largest: int = 19) -> float:
    """Size of letters with which the text fits."""
    return largest * min(1.0, width_px / max(draw.textlength(text, font(largest)), 1.0))
