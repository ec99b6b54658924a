"""Corners to follow, spread over the picture: a place full of texture must not get all the points."""

import cv2
import numpy as np

CLEAR = 1e-4
"""Strength of a corner that stands out of noise and compression."""
FAINT = 4e-6
"""Strength of a corner that can just be followed in a smoothed picture."""
BORDER_PX = 5
"""Corners and points nearer to the picture's edge are not used: their neighbourhood is cut off."""
_CELLS_ALONG, _CELLS_ACROSS = 16, 9
_CELL_SLACK = 1.3  # cells may hold this much more than their even share, because others stay empty
_BLOCK_PX = 5
_SUBPIXEL = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)
_SUBPIXEL_HALF_PX = 3


def corner_distance_px(size_px: tuple[int, int], max_points: int) -> int:
    """Smallest distance of a new corner from points already followed, for a picture of `size_px` (width, height)."""
    return max(5, int(np.sqrt(size_px[0] * size_px[1] / max_points) / 2))


def find_corners(
    picture: np.ndarray,
    background: np.ndarray,
    max_points: int,
    existing_px: np.ndarray | None = None,
    min_strength: float = CLEAR,
) -> np.ndarray:
    """The strongest corners of the background, evenly spread, away from points that exist already.

    Corners are the local maxima of the smaller eigenvalue of the gradient's covariance (Shi and Tomasi,
    "Good features to track", CVPR 1994), of which every cell of a grid may keep only its share.

    Args:
        picture: (height, width) uint8.
        background: (height, width) uint8, 255 where corners may lie, 0 elsewhere.
        max_points: old and new points together, at most.
        existing_px: (points, 2) where points are already followed.
        min_strength: smaller eigenvalue as cv2.cornerMinEigenVal has it, from FAINT to CLEAR and beyond.

    Returns:
        (corners, 2) float32 pixels, strongest first; none where there is no texture.
    """
    height_px, width_px = picture.shape
    existing_px = np.zeros((0, 2), np.float32) if existing_px is None else existing_px
    wanted = max_points - len(existing_px)
    if wanted <= 0 or min(picture.shape) <= 2 * BORDER_PX:
        return np.zeros((0, 2), np.float32)
    distance_px = corner_distance_px((width_px, height_px), max_points)
    strength = cv2.cornerMinEigenVal(picture, _BLOCK_PX, ksize=3)
    strength[~_usable(background, existing_px, distance_px)] = 0
    y, x = np.nonzero((strength > min_strength) & (strength == _largest_near(strength, distance_px // 2)))
    strongest_first = np.argsort(-strength[y, x], kind="stable")
    y, x = y[strongest_first], x[strongest_first]
    cells = grid_cells(np.stack([x, y], axis=1), (width_px, height_px))
    taken = np.bincount(grid_cells(existing_px, (width_px, height_px)), minlength=_CELLS_ALONG * _CELLS_ACROSS)
    share = int(np.ceil(max_points / (_CELLS_ALONG * _CELLS_ACROSS) * _CELL_SLACK))
    chosen = np.flatnonzero(_rank_within(cells) + taken[cells] < share)[:wanted]
    return _refine(picture, background, np.stack([x, y], axis=1)[chosen].astype(np.float32))


def is_on(background: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """(points,) bool: inside the picture, off its border, and where `background` (height, width) is not 0."""
    height_px, width_px = background.shape
    x, y = np.nan_to_num(points_px, nan=-1.0, posinf=-1.0, neginf=-1.0).T
    inside = (x >= BORDER_PX) & (y >= BORDER_PX) & (x <= width_px - 1 - BORDER_PX) & (y <= height_px - 1 - BORDER_PX)
    column = np.clip(x, 0, width_px - 1).round().astype(int)
    row = np.clip(y, 0, height_px - 1).round().astype(int)
    return inside & (background[row, column] > 0)


def grid_cells(points_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(points,) index of the cell of a 16 x 9 grid that each point (points, 2) is in; 16 along the longer side."""
    along, across = (0, 1) if size_px[0] >= size_px[1] else (1, 0)
    i = np.clip(points_px[:, along] * _CELLS_ALONG // size_px[along], 0, _CELLS_ALONG - 1)
    j = np.clip(points_px[:, across] * _CELLS_ACROSS // size_px[across], 0, _CELLS_ACROSS - 1)
    return (i * _CELLS_ACROSS + j).astype(int)


def _usable(background: np.ndarray, existing_px: np.ndarray, distance_px: int) -> np.ndarray:
    """(height, width) bool: background, off the border and `distance_px` away from existing points."""
    taken = np.zeros(background.shape, np.uint8)
    column, row = existing_px.round().astype(int).T
    taken[row, column] = 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * distance_px + 1, 2 * distance_px + 1))
    usable = (background > 0) & (cv2.dilate(taken, disc) == 0)
    inner = np.zeros_like(usable)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return usable & inner


def _largest_near(strength: np.ndarray, radius_px: int) -> np.ndarray:
    return cv2.dilate(strength, np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8))


def _rank_within(groups: np.ndarray) -> np.ndarray:
    """(items,) how many earlier items are of the same group."""
    order = np.argsort(groups, kind="stable")
    sorted_groups = groups[order]
    rank = np.empty(len(groups), int)
    rank[order] = np.arange(len(groups)) - np.searchsorted(sorted_groups, sorted_groups)
    return rank


def _refine(picture: np.ndarray, background: np.ndarray, corners_px: np.ndarray) -> np.ndarray:
    """Corners to a fraction of a pixel; those that leave the background go."""
    if len(corners_px) == 0:
        return np.zeros((0, 2), np.float32)
    half = (_SUBPIXEL_HALF_PX, _SUBPIXEL_HALF_PX)
    refined = cv2.cornerSubPix(picture, corners_px[:, None].copy(), half, (-1, -1), _SUBPIXEL)[:, 0]
    return refined[is_on(background, refined)]
