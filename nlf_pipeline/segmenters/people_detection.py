"""Finding people who fill only a small part of the picture: the detector on the whole frame and on tiles of it.

BlazePose's detector finds a person reliably if he is at least a quarter of the image's side tall.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.blazepose import BodyCircle, Detection

_TILE_PER_HEIGHT = 4.0  # side of a tile over the height of the smallest person it is for
_OVERLAP = 0.4  # so that anybody as tall as half a tile is whole in one of them
_SAME_PERSON = 0.35  # distance of hips, in radii, below which two detections are one person
_FINEST = 2.25  # short side of the frame over the smallest tile's
_MIDDLE = 1.5


@dataclass(frozen=True)
class Tile:
    """A square part of the frame, or all of it."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The tile's part of a (height, width, 3) image."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


def tiles(size_px: tuple[int, int], side_px: int) -> list[Tile]:
    """Squares of `side_px` that cover a frame of `size_px` (width, height), neighbours overlapping by 40 %."""
    width_px, height_px = min(side_px, size_px[0]), min(side_px, size_px[1])
    return [
        Tile(left, top, width_px, height_px)
        for top in _positions(size_px[1], height_px)
        for left in _positions(size_px[0], width_px)
    ]


def _positions(length_px: int, side_px: int) -> list[int]:
    """Where along `length_px` tiles start."""
    count = int(np.ceil((length_px - side_px) / (side_px * (1 - _OVERLAP)))) + 1
    return np.linspace(0, length_px - side_px, count).round().astype(int).tolist()


def search_tiles(size_px: tuple[int, int], smallest_height_px: float | None) -> list[Tile]:
    """The whole frame, and tiles small enough for the smallest person.

    Args:
        size_px: (width, height) of the frame.
        smallest_height_px: of the people known; None to look for people of any size.
    """
    whole = Tile(0, 0, *size_px)
    short = min(size_px)
    if smallest_height_px is None:
        sides = [round(short / _MIDDLE), round(short / _FINEST)]
    else:
        sides = [int(np.clip(_TILE_PER_HEIGHT * smallest_height_px, short / _FINEST, short))]
    return [whole, *(tile for side in sides for tile in tiles(size_px, side))]


def tile_about(centre_px: np.ndarray, height_px: float, size_px: tuple[int, int]) -> Tile:
    """One tile about a place where a person of `height_px` may be, inside a frame of `size_px` (width, height)."""
    side = np.minimum(round(_TILE_PER_HEIGHT * height_px / 2), size_px)
    left, top = np.clip(np.round(centre_px - side / 2), 0, np.subtract(size_px, side)).astype(int).tolist()
    return Tile(left, top, *side.astype(int).tolist())


def suppress_duplicates(detections: Sequence[Detection]) -> list[Detection]:
    """The best detection of everybody: non-maximum suppression by distance of the hips and by size."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: -d.score):
        if not any(is_same_place(detection.circle, other.circle) for other in kept):
            kept.append(detection)
    return kept


def is_same_place(a: BodyCircle, b: BodyCircle) -> bool:
    """True if two circles are likely about the same person."""
    limit_px = _SAME_PERSON * min(a.radius_px, b.radius_px)
    return bool(np.linalg.norm(a.centre_px - b.centre_px) < limit_px)
