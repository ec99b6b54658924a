"""Where all points of a window are lost, as in the dark or behind somebody who passes close by, it ends."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks

_FEWEST_LINKS = 8
"""Points seen before and after; fewer do not tell how the camera moved between."""
_FEWEST_FRAMES = 12
"""Runs of frames shorter than this count as lost, too."""


def unbroken_windows(windows: Iterable[PointTracks]) -> Iterator[PointTracks]:
    """The windows, in parts between which no points last, and the lost frames between these as parts of their own.

    Args:
        windows: of one shot, in order, each overlapping the one before.

    Yields:
        Windows in order that cover the same frames; none lies within another. Parts begin where the last one stops.
    """
    held: PointTracks | None = None
    for part in (part for window in windows for part in split_at_breaks(window)):
        if held is None or part.start <= held.start:
            held = part if held is None or part.stop > held.stop else held
        elif part.stop > held.stop:
            yield held
            held = part
    if held is not None:
        yield held


def split_at_breaks(tracks: PointTracks) -> list[PointTracks]:
    """Runs of frames that points link, and the rest between them."""
    edges = np.concatenate([[0], _breaks(tracks), [tracks.n_frames]])
    is_linked = np.diff(edges) >= _FEWEST_FRAMES
    starts = edges[:-1]
    # Lost runs that follow each other are one.
    kept = np.r_[True, is_linked[1:] | is_linked[:-1]]
    bounds = [*starts[kept].tolist(), tracks.n_frames]
    return [tracks.window(start, stop) for start, stop in itertools.pairwise(bounds)]


def _breaks(tracks: PointTracks) -> np.ndarray:
    """Frames that hardly any point links to the frames before, ascending."""
    frames = np.repeat(np.arange(tracks.n_frames), [len(ids) for ids in tracks.ids])
    _, which = np.unique(np.concatenate(tracks.ids), return_inverse=True)
    n_points = int(which.max(initial=-1)) + 1
    first, last = np.full(n_points, tracks.n_frames), np.full(n_points, -1)
    np.minimum.at(first, which, frames)
    np.maximum.at(last, which, frames)
    born = np.bincount(first, minlength=tracks.n_frames)
    gone = np.bincount(last, minlength=tracks.n_frames)
    links = np.cumsum(born)[:-1] - np.cumsum(gone)[:-1]  # points that last from frame i to i + 1
    return 1 + np.flatnonzero(links < _FEWEST_LINKS)
