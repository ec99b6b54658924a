"""The reduced grey pictures that points are followed in, and where the background is in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import framepump
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.cameras.tracks.corners import CLEAR, FAINT, find_corners
from nlf_pipeline.masks import MaskTracks

_LONG_SIDE_PX, _LONGER_SIDE_PX = 640, 960
_ENOUGH_CORNERS, _MAX_CORNERS = 300, 800
_LOOKED_AT = 5
_SMOOTHING_PX = 1.0


@dataclass(frozen=True)
class WorkingPicture:
    """One frame as points are followed in it."""

    grey: np.ndarray
    """(height, width) uint8."""
    background: np.ndarray
    """(height, width) uint8, 255 where nobody is near, 0 elsewhere."""


@dataclass(frozen=True)
class Reduction:
    """How the pictures of a shot are reduced."""

    size_px: tuple[int, int]
    """(width, height)."""
    smoothing_px: float = 0.0
    """Standard deviation of a Gaussian against noise and compression; 0: none."""
    min_strength: float = CLEAR
    """Of the corners worth following, see find_corners."""


def choose_reduction(frames: framepump.VideoFrames, shot: slice, people: MaskTracks, margin: float) -> Reduction:
    """How to reduce a shot's pictures, by how many clear corners a few of them have.

    Pictures with little texture stay larger, and are smoothed, because faint corners sit in noise.
    """
    plain = Reduction(_reduced_size(frames, _LONG_SIDE_PX))
    if shot.stop <= shot.start:
        return plain
    indices = np.unique(np.linspace(shot.start, shot.stop - 1, _LOOKED_AT).round().astype(int)).tolist()
    corners = [
        len(find_corners(picture.grey, picture.background, _MAX_CORNERS))
        for picture in pictures_at(frames, indices, people, plain, margin)
    ]
    if np.median(corners) >= _ENOUGH_CORNERS:
        return plain
    return Reduction(_reduced_size(frames, _LONGER_SIDE_PX), _SMOOTHING_PX, FAINT)


def working_pictures(
    frames: framepump.VideoFrames, shot: slice, people: MaskTracks, reduction: Reduction, margin: float
) -> Iterator[WorkingPicture]:
    """The frames of a shot, reduced, one at a time.

    Args:
        frames: the clip.
        shot: its frames that are wanted.
        people: pixels to ignore, for the whole clip.
        reduction: how to reduce them.
        margin: by which people's masks are widened, as a share of the width, 0-0.1.
    """
    greys = _reduced(frames, reduction.size_px)[shot.start : shot.stop]
    yield from _with_background(zip(range(shot.start, shot.stop), greys, strict=True), people, reduction, margin)


def pictures_at(
    frames: framepump.VideoFrames, indices: list[int], people: MaskTracks, reduction: Reduction, margin: float
) -> Iterator[WorkingPicture]:
    """The frames `indices` of the clip, ascending, reduced; otherwise as working_pictures."""
    greys = _reduced(frames, reduction.size_px).frames_at(indices)
    yield from _with_background(zip(indices, greys, strict=True), people, reduction, margin)


def _reduced_size(frames: framepump.VideoFrames, long_side_px: int) -> tuple[int, int]:
    """(width, height) of the clip's pictures made smaller, if need be, until their longer side fits."""
    height_px, width_px = frames.original_imshape
    scale = min(1.0, long_side_px / max(height_px, width_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def _reduced(frames: framepump.VideoFrames, size_px: tuple[int, int]) -> framepump.VideoFrames:
    reduced = frames.resized((size_px[1], size_px[0]))
    reduced.gray = True  # the decoder's own luma: no way through RGB
    return reduced


def _with_background(
    greys: Iterable[tuple[int, np.ndarray]], people: MaskTracks, reduction: Reduction, margin: float
) -> Iterator[WorkingPicture]:
    """Masks of a frame and of the one before: masks are a little late on people who move fast."""
    diameter = 2 * round(margin * reduction.size_px[0]) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
    for index, grey in greys:
        masks = [track[t] for track in people.masks for t in (index - 1, index) if t >= 0]
        occupied = _union([mask for mask in masks if mask is not None], reduction.size_px)
        smooth = cv2.GaussianBlur(grey, (0, 0), reduction.smoothing_px) if reduction.smoothing_px else grey
        yield WorkingPicture(smooth, 255 - cv2.dilate(occupied, kernel))


def _union(masks: list[RLEMask], size_px: tuple[int, int]) -> np.ndarray:
    """(height, width) uint8, 255 where any of the masks is, resized."""
    union = np.zeros((size_px[1], size_px[0]), np.uint8)
    for mask in masks:
        union[np.asarray(mask.resize((size_px[1], size_px[0])).to_array()) > 0] = 255
    return union
