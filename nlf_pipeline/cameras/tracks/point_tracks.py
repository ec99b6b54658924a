"""Points of the background, followed from frame to frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class PointTracks:
    """Where each point of the background was seen in a run of frames.

    Positions are pixels of the working picture, which is a reduced copy of the clip's: its longer side
    has at most 640 pixels (960 for pictures with little texture). The centre of the top left pixel is (0, 0).
    """

    start: int
    """The clip's frame that is frame 0 here."""
    size_px: tuple[int, int]
    """(width, height) of the working picture."""
    ids: tuple[np.ndarray, ...]
    """For each frame (points,) int, ascending. An id means the same point in every window of one shot."""
    points_px: tuple[np.ndarray, ...]
    """For each frame (points, 2) float32."""

    @property
    def n_frames(self) -> int:
        """Frames in the run."""
        return len(self.ids)

    @property
    def stop(self) -> int:
        """The clip's frame after the last."""
        return self.start + len(self.ids)

    def shared(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points seen in both of the frames `i` and `j`.

        Returns:
            ids (n,), and positions (n, 2) float64 in frame i and in frame j.
        """
        ids, in_i, in_j = np.intersect1d(self.ids[i], self.ids[j], assume_unique=True, return_indices=True)
        return ids, self.points_px[i][in_i].astype(np.float64), self.points_px[j][in_j].astype(np.float64)

    def window(self, start: int, stop: int) -> "PointTracks":
        """The frames from `start` to `stop`, counted here."""
        return PointTracks(self.start + start, self.size_px, self.ids[start:stop], self.points_px[start:stop])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The same in a few arrays, to be kept in a file."""
        return {
            "start": np.array(self.start),
            "size_px": np.array(self.size_px),
            "n_points": np.array([len(ids) for ids in self.ids], dtype=int),
            "ids": np.concatenate([np.zeros(0, np.int32), *self.ids], dtype=np.int32, casting="same_kind"),
            "points_px": np.concatenate([np.zeros((0, 2), np.float32), *self.points_px]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """What `to_arrays` gave."""
        ends = np.cumsum(arrays["n_points"])[:-1]
        ids = np.split(arrays["ids"].astype(int), ends)
        points_px = np.split(arrays["points_px"], ends)
        width_px, height_px = arrays["size_px"].tolist()
        return cls(int(arrays["start"]), (width_px, height_px), tuple(ids), tuple(points_px))


def join_tracks(windows: Sequence[PointTracks]) -> PointTracks:
    """Overlapping windows of one shot, in order, as one."""
    first = windows[0]
    ids, points_px = list(first.ids), list(first.points_px)
    for window in windows[1:]:
        seen = first.start + len(ids) - window.start
        ids += window.ids[seen:]
        points_px += window.points_px[seen:]
    return PointTracks(first.start, first.size_px, tuple(ids), tuple(points_px))
