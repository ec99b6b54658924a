"""Where the real camera has been, as a line in a side view."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np

from nlf_pipeline.geometry import invert_rigid, transform_points

STEP = 0.05
"""Metres between points, so that a camera that only shakes leaves no trail."""
NEAR = 1.5
"""Metres in front of the view; nearer parts would only cross the picture."""
MOST_POINTS = 1000
"""What lies farther back is forgotten."""


@dataclass(frozen=True)
class CameraTrail:
    """Where a camera has been within each shot, for any frame."""

    eyes: np.ndarray
    """(frames, 3) world."""
    marks: np.ndarray
    """(points,) int, ascending: frames at which the trail has its points, `STEP` or more apart within a shot."""
    shot_starts: np.ndarray
    """(shots,) int, ascending: first frame of every shot."""

    @classmethod
    def of(cls, eyes: np.ndarray, later_shots: Collection[int] = ()) -> Self:
        """The trail of a camera.

        Args:
            eyes: (frames, 3) world.
            later_shots: first frame of every shot but the first.
        """
        marks: list[int] = []
        for frame, eye in enumerate(eyes):
            if not marks or frame in later_shots or np.linalg.norm(eye - eyes[marks[-1]]) >= STEP:
                marks.append(frame)
        return cls(eyes, np.array(marks, dtype=int), np.array([0, *sorted(later_shots)]))

    def until(self, frame: int) -> np.ndarray:
        """(points, 3) world: where the camera has been so far within the shot; the last is where it is."""
        start = self.shot_starts[np.searchsorted(self.shot_starts, frame, side="right") - 1]
        first, stop = np.searchsorted(self.marks, [start, frame + 1])
        shown = self.marks[max(first, stop - MOST_POINTS + 1) : stop]
        return self.eyes[[*shown, frame]]


def trail_ahead(trail: np.ndarray, T_world_cam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lines of a trail that a view shows: those at some distance in front of it.

    Args:
        trail: (points, 3) world.
        T_world_cam: (4, 4) of the view.

    Returns:
        Starts and ends (lines, 3), world.
    """
    ahead = transform_points(invert_rigid(T_world_cam), trail)[:, 2] > NEAR
    both = ahead[:-1] & ahead[1:]
    return trail[:-1][both], trail[1:][both]
