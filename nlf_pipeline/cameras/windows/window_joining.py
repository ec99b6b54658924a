"""Windows of one shot, solved one by one, brought into one frame and, where that can be told, one unit of length."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from nlf_pipeline.cameras.windows.window_motion import WindowMotion
from nlf_pipeline.geometry import rigid, transform_points

_LONGEST_SEGMENT = 2700
"""Frames after which the next window begins a segment: the unit of length drifts by some 2 % from window to window."""
_LEAST_SHARED_POINTS = 20
_LEAST_TRAVEL = 0.05
"""Of the window's whole travel: a camera that moves less while windows overlap does not tell their scales."""


@dataclass(frozen=True)
class PlacedWindow:
    """A window's motion, and where in its shot it lies."""

    start: int
    """Frame of the shot that is the window's first."""
    motion: WindowMotion

    @property
    def stop(self) -> int:
        """The frame after its last."""
        return self.start + len(self.motion.T_window_cam)


@dataclass(frozen=True)
class ShotPath:
    """The camera throughout a shot, in the axes of its first camera."""

    T_scene_cam: np.ndarray
    """(frames, 4, 4), up to scale."""
    focal_px: np.ndarray
    """(frames,) in pixels of the working picture."""
    tracked: np.ndarray
    """(frames,) bool."""
    residual_px: np.ndarray
    """(frames,) NaN where not tracked."""
    segment: np.ndarray
    """(frames,) int from 0: frames that share a unit of length."""
    points: np.ndarray
    """(points, 3)."""
    point_segment: np.ndarray
    """(points,) int."""


def join_windows(windows: Sequence[PlacedWindow]) -> ShotPath:
    """One path from overlapping windows, fading from one to the next while they overlap.

    A window whose scale relative to the ones before cannot be told, since the camera did not travel while
    they overlap, begins a segment with a unit of its own. So does one every now and then on a long way, where the
    unit has drifted. A window that begins where the one before stops goes
    on from its last pose.

    Args:
        windows: in order; together they cover the shot, and the first starts at 0.
    """
    path = _empty_path(windows[-1].stop)
    stop, segment, travelled, travelled_last = 0, 0, False, False
    known: dict[int, np.ndarray] = {}
    clouds: list[tuple[np.ndarray, int]] = []
    for window in windows:
        motion, overlap = window.motion, slice(window.start, min(stop, window.stop))
        travels = motion.motion_class == "general"
        before = path.T_scene_cam[overlap]
        scale = _relative_scale(before, motion, known, travelled_last) if travels and travelled else 1.0
        anchors = slice(0, len(before)) if travels else slice(len(before) - 1, len(before))
        is_long = stop - int(np.searchsorted(path.segment[:stop], segment)) >= _LONGEST_SEGMENT
        if scale is not None and travels and is_long:
            segment += 1
        elif scale is None:  # the new unit holds from the last frame before it
            scale, segment, known = 1.0, segment + 1, {}
            overlap, anchors = slice(stop, stop), slice(len(before) - 1, len(before))
        if len(before):
            T = _moved(motion.T_window_cam, before, scale, anchors)
        else:
            T = path.T_scene_cam[max(stop - 1, 0)] @ motion.T_window_cam
        _write(path, window, T, overlap, stop, segment)
        if travels:
            placed = _place_points(motion, T, scale)
            known = dict(zip(motion.point_ids.tolist(), placed, strict=True))
            clouds.append((placed, segment))
        stop, travelled, travelled_last = window.stop, travelled or travels, travels
    points = [np.zeros((0, 3)), *(cloud for cloud, _ in clouds)]
    owners = [np.zeros(0, dtype=int), *(np.full(len(cloud), owner) for cloud, owner in clouds)]
    return dataclasses.replace(path, points=np.concatenate(points), point_segment=np.concatenate(owners))


def _empty_path(n_frames: int) -> ShotPath:
    return ShotPath(
        T_scene_cam=np.tile(np.eye(4), (n_frames, 1, 1)),
        focal_px=np.ones(n_frames),
        tracked=np.zeros(n_frames, dtype=bool),
        residual_px=np.full(n_frames, np.nan),
        segment=np.zeros(n_frames, dtype=int),
        points=np.zeros((0, 3)),
        point_segment=np.zeros(0, dtype=int),
    )


def _place_points(motion: WindowMotion, T_scene_cam: np.ndarray, scale: float) -> np.ndarray:
    return transform_points(T_scene_cam[0], scale * motion.points)


def _relative_scale(
    before: np.ndarray, motion: WindowMotion, known: dict[int, np.ndarray], travelled_last: bool
) -> float | None:
    """Size of the window's unit in that of the path so far; None if it cannot be told.

    Both saw the same points: the ratio of the points' distances from the camera, else of the camera's travel,
    unless the window before knows none.
    """
    n = len(before)
    if n < 2:
        return None
    shared = [
        (known[i], point) for i, point in zip(motion.point_ids.tolist(), motion.points, strict=True) if i in known
    ]
    if len(shared) >= _LEAST_SHARED_POINTS:
        old, new = (np.array(side) for side in zip(*shared, strict=True))
        far = np.linalg.norm(old - before[n // 2, :3, 3], axis=-1)
        near = np.linalg.norm(new - motion.T_window_cam[n // 2, :3, 3], axis=-1)
        return float(np.exp(np.median(np.log(far / near))))
    travel_before, travel, whole = (
        np.sqrt(np.var(T[:, :3, 3], axis=0).sum()) for T in (before, motion.T_window_cam[:n], motion.T_window_cam)
    )
    if not travelled_last or travel <= _LEAST_TRAVEL * whole:
        return None
    return float(travel_before / travel)


def _moved(T_window_cam: np.ndarray, before: np.ndarray, scale: float, anchors: slice) -> np.ndarray:
    """(frames, 4, 4) the window's poses after the similarity that fits them to `before`, their first ones, best.

    Rotations count in all frames of `before`, places in its `anchors`.
    """
    n = len(before)
    relative = before[:, :3, :3] @ np.swapaxes(T_window_cam[:n, :3, :3], -1, -2)
    R = Rotation.from_matrix(relative).mean().as_matrix()
    centres = scale * T_window_cam[:, :3, 3] @ R.T
    shift = np.mean(before[anchors, :3, 3] - centres[anchors], axis=0)
    return rigid(R @ T_window_cam[:, :3, :3], centres + shift)


def _write(path: ShotPath, window: PlacedWindow, T: np.ndarray, overlap: slice, stop: int, segment: int) -> None:
    """Enter a window into the path: fade over `overlap`, take over after it."""
    motion, n = window.motion, overlap.stop - overlap.start
    first = stop - window.start
    new = slice(stop, window.stop)
    if n > 0:
        share = (np.arange(n) + 1) / (n + 1)
        path.T_scene_cam[overlap] = _fade(path.T_scene_cam[overlap], T[:n], share)
        logs = np.log(path.focal_px[overlap]), np.log(motion.focal_px[:n])
        path.focal_px[overlap] = np.exp((1 - share) * logs[0] + share * logs[1])
        path.tracked[overlap] |= motion.tracked[:n]
        path.residual_px[overlap] = np.fmax(path.residual_px[overlap], motion.residual_px[:n])
    path.T_scene_cam[new] = T[first:]
    path.focal_px[new] = motion.focal_px[first:]
    path.tracked[new] = motion.tracked[first:]
    path.residual_px[new] = motion.residual_px[first:]
    path.segment[new] = segment


def _fade(T_from: np.ndarray, T_to: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(n, 4, 4) poses between two lists of poses, `share` (n,) of the way."""
    R = np.stack(
        [
            Slerp([0, 1], Rotation.from_matrix(np.stack([a, b])))(s).as_matrix()
            for a, b, s in zip(T_from[:, :3, :3], T_to[:, :3, :3], share, strict=True)
        ]
    )
    return rigid(R, (1 - share[:, None]) * T_from[:, :3, 3] + share[:, None] * T_to[:, :3, 3])
