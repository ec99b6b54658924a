"""Where a camera of fixed orientation stands so that it sees everybody, moving smoothly."""

from dataclasses import dataclass

import numpy as np
from deltacamera.trajectory import moving_average_1d, trapezoidal_kernel
from scipy.ndimage import maximum_filter1d

from nlf_pipeline.geometry import look_at
from nlf_pipeline.viewing.crowd import common_path

UP = np.array([0.0, 1.0, 0.0])
BODY_RADIUS = 0.25
"""Metres that a body reaches beyond its joints: crown of the head, fingertips."""
CAMERA_RADIUS = 0.6
"""Metres that the drawing of the real camera reaches beyond its centre."""
FRAME_SHARE = 0.88
"""People keep within this part of the picture, from its centre."""
LEAST_DISTANCE = 3.0
LEAST_HEIGHT = 0.3
"""Metres above the floor."""
_CHUNK_FRAMES = 1024
MOST_BACKING = 1.3
"""The real camera is kept in the picture too if the view need not be more than this many times as far away."""


@dataclass(frozen=True)
class SideCamera:
    """What stays the same of a side view throughout a shot."""

    R_world_cam: np.ndarray
    """(3, 3)."""
    K: np.ndarray
    """(3, 3) pixels."""
    size_px: tuple[int, int]
    """(width, height)."""

    @property
    def tangents(self) -> np.ndarray:
        """(2,) tangents of the half angles, x and y, within which people are kept."""
        return np.array(self.size_px) / 2 / self.K[[0, 1], [0, 1]] * FRAME_SHARE


@dataclass(frozen=True)
class Following:
    """A side camera's path."""

    eyes: np.ndarray
    """(frames, 3) where it stands, world."""
    targets: np.ndarray
    """(frames, 3) on its optical axis, in the middle of the people's depth, world."""


def side_rotation(T_world_cam: np.ndarray, centre: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Orientation of the view from `azimuth` to the right of a camera, around a point.

    A camera straight above the people has no azimuth of its own; then its image's upward direction counts.

    Args:
        T_world_cam: (4, 4) that camera.
        centre: (3,) that point, world.
        azimuth: counter-clockwise seen from above.
        elevation: downwards.

    Returns:
        (3, 3) R_world_cam.
    """
    away = T_world_cam[:3, 3] - centre
    if np.hypot(away[0], away[2]) < 0.1:
        away = T_world_cam[:3, 1]
    angle = np.arctan2(away[0], away[2]) + azimuth
    offset = np.array([np.sin(angle) * np.cos(elevation), np.sin(elevation), np.cos(angle) * np.cos(elevation)])
    return look_at(offset, np.zeros(3), UP)[:3, :3]


def follow(
    joints: np.ndarray, shown: np.ndarray, real_eyes: np.ndarray, camera: SideCamera, window_frames: float
) -> Following:
    """The path of a side camera that has everybody in its picture in every frame.

    A camera at e sees a point p, in its axes, within the tangent h if (p_x - e_x) / h <= p_z - e_z, and likewise to
    the other sides. So people are described by how far they reach along six directions, these conditions are linear in
    e, and they survive averaging. The reaches, measured from the people's common path, are first taken as the extremes
    over a window, and what follows from them is averaged with a kernel no longer than that window. Thus the path is
    smooth, knows in advance who comes, and yet meets the conditions of every frame.

    Args:
        joints: (people, frames, joints, 3) world.
        shown: (people, frames), not all false.
        real_eyes: (frames, 3) the real camera, which is shown too where that costs little.
        camera: the side camera.
        window_frames: length of that window.
    """
    kernel = trapezoidal_kernel(max(round(window_frames / 3), 2), max(round(window_frames / 3), 1))
    base = common_path(joints.mean(axis=2, dtype=np.float64), shown, kernel)
    seen = shown.any(axis=0)
    bodies = np.stack([_body_reaches(one, camera) for one in joints])
    people = np.where(shown[..., None], bodies, -np.inf).max(axis=0) - _reaches(base, camera, 0)
    people = _extremes(_hold(people[seen], seen), kernel)
    middles = (people[:, 4] - people[:, 5]) / 2
    real = _extremes(_reaches(real_eyes - base, camera, CAMERA_RADIUS), kernel)
    apexes = _apexes(people[:, :4], middles, camera)
    wider = _apexes(np.maximum(people, real)[:, :4], middles, camera)
    if np.mean(middles - wider[:, 2]) <= MOST_BACKING * np.mean(middles - apexes[:, 2]):
        apexes = wider
    eyes = base + moving_average_1d(apexes, kernel) @ camera.R_world_cam.T
    distances = moving_average_1d(middles - apexes[:, 2], kernel)
    return Following(eyes, eyes + distances[:, None] * camera.R_world_cam[:, 2])


def _body_reaches(joints: np.ndarray, camera: SideCamera) -> np.ndarray:
    """(frames, 6) how far a body with (frames, joints, 3) reaches, seen a few frames at a time to keep memory small."""
    starts = range(0, len(joints), _CHUNK_FRAMES)
    parts = [_reaches(joints[at : at + _CHUNK_FRAMES], camera, BODY_RADIUS).max(axis=1) for at in starts]
    return np.concatenate(parts)


def _reaches(points: np.ndarray, camera: SideCamera, radius: float) -> np.ndarray:
    """How far balls reach to the picture's right, left, lower and upper border, farther away and nearer.

    Args:
        points: (..., 3) world.
        camera: the side camera.
        radius: metres.

    Returns:
        (..., 6): maxima over a ball of x/h - z, -x/h - z, y/h - z, -y/h - z, z and -z in camera axes; for the first
        four not the ball's tangent planes, but the corners of the cube around it.
    """
    h_x, h_y = camera.tangents
    normals = np.array(
        [[1 / h_x, 0, -1], [-1 / h_x, 0, -1], [0, 1 / h_y, -1], [0, -1 / h_y, -1], [0, 0, 1], [0, 0, -1]]
    )
    return points @ (camera.R_world_cam @ normals.T) + radius * np.abs(normals).sum(axis=1)


def _extremes(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(frames, ...) maxima over a window that covers the kernel."""
    return maximum_filter1d(values, len(kernel) + 1 - len(kernel) % 2, axis=0, mode="nearest")


def _hold(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(seen frames, n) values to all frames, on straight lines in between."""
    frames = np.arange(len(seen))
    return np.stack([np.interp(frames, frames[seen], column) for column in values.T], axis=-1)


def _apexes(reaches: np.ndarray, middles: np.ndarray, camera: SideCamera) -> np.ndarray:
    """The foremost camera positions that see everything, above the floor and not too near.

    Args:
        reaches: (frames, 4) to the right, left, lower and upper border.
        middles: (frames,) depth of the middle of the people.
        camera: the side camera.

    Returns:
        (frames, 3) in the axes of the camera.
    """
    h_x, h_y = camera.tangents
    right, left, lower, upper = reaches.T
    rise, tilt = -camera.R_world_cam[1, 1], -camera.R_world_cam[1, 2]  # of a step up in the picture, and of one back
    back = np.maximum((right + left) / 2, (lower + upper) / 2)
    back = np.maximum(back, LEAST_DISTANCE - middles)
    back = np.maximum(back, (lower + LEAST_HEIGHT / (rise * h_y)) / (1 + tilt / (rise * h_y)))
    y = np.minimum(h_y * (lower - upper) / 2, (tilt * back - LEAST_HEIGHT) / rise)
    return np.stack([h_x * (right - left) / 2, y, -back], axis=-1)
