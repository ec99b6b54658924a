"""Scoreboards and watermarks: corners that stay where they are while the scene moves."""

import numpy as np

from nlf_pipeline.cameras.tracks.corners import grid_cells
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks

_STILL_PX = 0.5
_SCENE_MOVES_PX = 3.0
_STILL_SHARE = 0.8
_MOVING_CELLS_SHARE = 0.6
_STRAY_PX = 1.0
_FEWEST_STEPS = 2
_FEWEST_POINTS = 10
_KEPT_SHARE = 0.3


def drop_overlays(tracks: PointTracks) -> PointTracks:
    """Drop the points that keep still while the scene moves.

    A step lasts until the points that move at all have moved by more than 3 px in the median, so that a slow
    camera counts too. A point is dropped if it kept still, below 0.5 px, in at least 80 % of its steps, two
    or more, and these do not add up to a drift: far away points keep still in a step, but not for long.
    Where points move in less than 60 % of the picture, people move in front of a camera that stands.

    Returns:
        The same frames with fewer points.
    """
    if not any(map(len, tracks.ids)):
        return tracks
    first_id = min(int(ids[0]) for ids in tracks.ids if len(ids))
    n_ids = 1 + max(int(ids[-1]) for ids in tracks.ids if len(ids)) - first_id
    n_steps, n_still, drift_px = np.zeros(n_ids, int), np.zeros(n_ids, int), np.zeros((n_ids, 2))
    for ids, moved_px in _steps(tracks):
        rows = ids - first_id
        is_still = np.linalg.norm(moved_px, axis=1) < _STILL_PX
        n_steps[rows] += 1
        n_still[rows] += is_still
        drift_px[rows[is_still]] += moved_px[is_still]
    is_overlay = (n_steps >= _FEWEST_STEPS) & (n_still >= _STILL_SHARE * n_steps)
    is_overlay &= np.linalg.norm(drift_px, axis=1) < _STRAY_PX
    keep = [~is_overlay[ids - first_id] for ids in tracks.ids]
    return PointTracks(
        tracks.start,
        tracks.size_px,
        tuple(ids[kept] for ids, kept in zip(tracks.ids, keep, strict=True)),
        tuple(points_px[kept] for points_px, kept in zip(tracks.points_px, keep, strict=True)),
    )


def _steps(tracks: PointTracks) -> list[tuple[np.ndarray, np.ndarray]]:
    """Steps in which the scene moves: ids (points,) and displacements (points, 2) of the points that both ends see."""
    steps, before = [], 0
    for after in range(1, tracks.n_frames):
        ids, before_px, after_px = tracks.shared(before, after)
        if len(ids) < max(_FEWEST_POINTS, _KEPT_SHARE * len(tracks.ids[before])):
            before = after
        elif _scene_moves(before_px, after_px, tracks.size_px):
            steps.append((ids, after_px - before_px))
            before = after
    return steps


def _scene_moves(before_px: np.ndarray, after_px: np.ndarray, size_px: tuple[int, int]) -> bool:
    """Whether points (points, 2) move, far enough and in most places where there are any."""
    length_px = np.linalg.norm(after_px - before_px, axis=1)
    is_moving = length_px >= _STILL_PX
    if not is_moving.any() or np.median(length_px[is_moving]) <= _SCENE_MOVES_PX:
        return False
    cells = grid_cells(before_px, size_px)
    return len(np.unique(cells[is_moving])) >= _MOVING_CELLS_SHARE * len(np.unique(cells))
