"""Parts of a path that share a unit of length: how they move, and how they are joined in metres."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import CameraPath
from nlf_pipeline.geometry import invert_rigid


@dataclass(frozen=True)
class PathSegment:
    """One segment of a path, in its own unit, about the frame from which its unit holds."""

    anchor: int
    """The last frame before the segment; the shot's first frame for its first segment."""
    frames: np.ndarray
    """(n,) int: its frames, after the anchor where that is not one of them."""
    T_scene_cam: np.ndarray
    """(n, 4, 4) with the anchor's camera centre as origin, in the axes of the scene."""
    points: np.ndarray
    """(points, 3) of the background, likewise."""

    @property
    def moves(self) -> bool:
        """Whether the camera is anywhere but in one place."""
        return bool(np.any(self.T_scene_cam[:, :3, 3] != 0))


def path_segments(path: CameraPath, shots: list[slice]) -> list[PathSegment]:
    """The segments of a path, in order.

    Args:
        path: up to scale.
        shots: frame ranges between cuts.
    """
    starts = np.array([shot.start for shot in shots], dtype=int)
    segments = []
    for s in range(int(path.segment.max(initial=-1)) + 1):
        own = np.flatnonzero(path.segment == s)
        shot_start = int(starts[starts <= own[0]].max())
        anchor = max(shot_start, int(own[0]) - 1)
        frames = own if anchor == own[0] else np.concatenate([[anchor], own])
        T = path.T_scene_cam[frames].copy()
        origin = path.T_scene_cam[anchor, :3, 3]
        T[:, :3, 3] -= origin
        segments.append(PathSegment(anchor, frames, T, path.points[path.point_segment == s] - origin))
    return segments


def scale_segments(
    T_scene_cam: np.ndarray, segment: np.ndarray, shots: list[slice], metres_per_unit: np.ndarray
) -> np.ndarray:
    """Bring a path to metres, every segment by its own factor, and join the segments of each shot.

    Args:
        T_scene_cam: (frames, 4, 4) up to one scale per segment.
        segment: (frames,) int.
        shots: frame ranges between cuts.
        metres_per_unit: (segments,).

    Returns:
        (frames, 4, 4) in metres; the motion over the step into a new segment counts in the new segment's unit.
    """
    metric = T_scene_cam.copy()
    for shot in shots:
        anchor = shot.start
        for t in range(shot.start, shot.stop):
            if t > shot.start and segment[t] != segment[t - 1]:
                anchor = t - 1
            step = invert_rigid(T_scene_cam[anchor]) @ T_scene_cam[t]
            step[:3, 3] *= metres_per_unit[segment[t]]
            metric[t] = metric[anchor] @ step if t > anchor else metric[t]
    return metric
