"""What DROID-SLAM is shown: pictures of about 384 x 512 pixels without people, and the lens that belongs to them."""

from collections.abc import Generator
from dataclasses import dataclass

import framepump
import numpy as np

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.masks import MaskTracks

CELL_PX = 8
"""The network's grid has a cell for so many pixels each way; sides of pictures are whole cells."""
_AREA_PX = 384 * 512


@dataclass(frozen=True)
class DroidPicture:
    """One frame as it is tracked."""

    pixels: np.ndarray
    """(height, width, 3) uint8 RGB, black where people are."""
    people: np.ndarray
    """(height / 8, width / 8) uint8, 255 in cells that people touch, else 0."""


@dataclass(frozen=True)
class DroidPictures:
    """The frames of a clip as DROID-SLAM is shown them."""

    frames: framepump.VideoFrames
    people: MaskTracks
    size_px: tuple[int, int]
    """(width, height) of the pictures shown."""

    def masked(self, indices: range) -> Generator[DroidPicture]:
        """The frames `indices` without people."""
        for index, pixels in zip(indices, self.plain(indices), strict=True):
            occupied = self._occupied(index)
            yield DroidPicture(np.where(occupied[..., None], np.uint8(0), pixels), _touched_cells(occupied))

    def plain(self, indices: range) -> Generator[np.ndarray]:
        """(height, width, 3) uint8 RGB each: the frames `indices` with people."""
        width_px, height_px = self.size_px
        yield from self.frames.resized((height_px, width_px))[indices.start : indices.stop : indices.step]

    def people_cells(self, index: int) -> np.ndarray:
        """(height / 8, width / 8) uint8, 255 in cells that people touch in a frame, else 0."""
        return _touched_cells(self._occupied(index))

    def background_share(self, index: int) -> float:
        """Share of the picture where nobody is, 0-1."""
        union = self.people.union_at(index)
        return 1.0 - union.area() / (union.shape[0] * union.shape[1])

    def _occupied(self, index: int) -> np.ndarray:
        """(height, width) bool: people in the picture shown."""
        return np.asarray(self.people.union_at(index).resize(self.size_px[::-1]).to_array()) > 0


def _touched_cells(occupied: np.ndarray) -> np.ndarray:
    height_px, width_px = occupied.shape
    cells = occupied.reshape(height_px // CELL_PX, CELL_PX, width_px // CELL_PX, CELL_PX)
    return cells.any(axis=(1, 3)).astype(np.uint8) * 255


def shown_size(size_px: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a clip's pictures brought to the area that the network is used to, in whole cells."""
    scale = np.sqrt(_AREA_PX / (size_px[0] * size_px[1]))
    width_px, height_px = (max(1, int(side * scale) // CELL_PX) * CELL_PX for side in size_px)
    return width_px, height_px


def shown_lens(focal_px: float, intrinsics: Intrinsics, size_px: tuple[int, int]) -> np.ndarray:
    """(4,) fx fy cx cy of pictures of another size, pixels.

    Whole cells make the two sides shrink a little differently. Pixels are areas: not their centres' coordinates
    scale, but those half a pixel further on, at which the picture's corner is 0.

    Args:
        focal_px: of the clip's pictures along x; along y it is in the proportion of `intrinsics`.
        intrinsics: size, principal point and proportion of the focal lengths of the clip's pictures.
        size_px: (width, height) of the other pictures.
    """
    scale = np.array(size_px) / np.array(intrinsics.size_px)
    focals_px = focal_px / intrinsics.focal_px[0] * np.array(intrinsics.focal_px) * scale
    return np.concatenate([focals_px, (np.array(intrinsics.principal_point_px) + 0.5) * scale - 0.5])
