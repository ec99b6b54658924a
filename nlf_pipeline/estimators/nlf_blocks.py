"""What is found of detected people in a block of frames, and how edited tracks take it up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from nlf_pipeline.predictions import FramePredictions


@dataclass(frozen=True)
class PersonBlock:
    """One detected person in a block of frames; zeros where he was not found."""

    points: np.ndarray
    """(frames, vertices + joints, 3) camera frame, metres, float32."""
    uncertainties: np.ndarray
    """(frames, vertices + joints) metres, float32."""
    found: np.ndarray
    """(frames,) bool."""

    @classmethod
    def nothing(cls, n_frames: int, n_points: int) -> Self:
        """Nobody was found yet."""
        return cls(
            np.zeros((n_frames, n_points, 3), np.float32),
            np.zeros((n_frames, n_points), np.float32),
            np.zeros(n_frames, dtype=bool),
        )


@dataclass(frozen=True)
class Block:
    """A block of frames, and the detected people whose bodies are wanted in it, by row."""

    frames: slice
    keys: dict[int, str]
    """Under which each is kept."""
    people: dict[int, PersonBlock]
    """Filled in as they are found."""
    missing: tuple[int, ...]
    """Rows that were not kept."""

    def predictions(self, rows: np.ndarray, n_vertices: int, n_joints: int) -> Iterator[FramePredictions]:
        """The block's frames.

        Args:
            rows: (people, frames) which detected person each is in each frame, -1 for none.
            n_vertices: of the points, which come first.
            n_joints: of the points.
        """
        n_points = n_vertices + n_joints
        points = np.zeros((*rows.shape, n_points, 3), np.float32)
        uncertainties = np.zeros((*rows.shape, n_points), np.float32)
        valid = np.zeros(rows.shape, dtype=bool)
        for row, person in self.people.items():
            k, t = np.nonzero((rows == row) & person.found)
            points[k, t], uncertainties[k, t], valid[k, t] = person.points[t], person.uncertainties[t], True
        for t in range(rows.shape[1]):
            yield FramePredictions(
                points[:, t, :n_vertices],
                points[:, t, n_vertices:],
                uncertainties[:, t, :n_vertices],
                uncertainties[:, t, n_vertices:],
                valid[:, t],
            )
