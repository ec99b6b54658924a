"""Where the real camera has been, as a line in a side view."""

from collections import deque
from collections.abc import Collection, Iterator

import numpy as np

from nlf_pipeline.geometry import invert_rigid, transform_points

STEP = 0.05
"""Metres between points, so that a camera that only shakes leaves no trail."""
NEAR = 1.5
"""Metres in front of the view; nearer parts would only cross the picture."""
MOST_POINTS = 1000
"""What lies farther back is forgotten."""


def trails(eyes: np.ndarray, shot_starts: Collection[int]) -> Iterator[np.ndarray]:
    """Where a camera has been so far within the shot, frame by frame.

    Args:
        eyes: (frames, 3) world.
        shot_starts: first frame of every shot but the first.

    Yields:
        (points, 3) world, `STEP` or more apart but for the last one, which is where the camera is.
    """
    points: deque[np.ndarray] = deque(maxlen=MOST_POINTS - 1)
    for frame, eye in enumerate(eyes):
        if frame in shot_starts:
            points.clear()
        if not points or np.linalg.norm(eye - points[-1]) >= STEP:
            points.append(eye)
        yield np.array([*points, eye])


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
