"""Every frame of a turning camera against the rays of the points that its keyframes saw."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import directions, distort, distortion_jacobian, principal_point_px
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera, rotation_jacobian

_MIN_POINTS = 10
_STEPS = 10
_CONVERGED = 1e-7
_KERNEL_PX = 0.7
_KERNEL_MEDIANS = 1.5
_FOCAL_SPREAD = 0.02
"""Relative deviation of a zooming lens from the interpolation between keyframes: a prior against jitter."""
_FOCAL_PRIOR_POINTS = 2


@dataclass(frozen=True)
class RayMap:
    """Directions of points in the window's frame."""

    ids: np.ndarray
    """(points,) ascending."""
    rays: np.ndarray
    """(points, 3) unit vectors."""
    n_keyframes: np.ndarray
    """(points,) by how many keyframes they were seen."""

    def look_up(self, ids: np.ndarray, fewest_keyframes: int) -> tuple[np.ndarray, np.ndarray]:
        """Which of the `ids` so many keyframes saw, as a mask, and the directions (known, 3) of those."""
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        known = (self.ids[at] == ids) & (self.n_keyframes[at] >= fewest_keyframes)
        return known, self.rays[at[known]]


@dataclass(frozen=True)
class TurningFrames:
    """Rotation and focal length of every frame."""

    R_cam_window: np.ndarray
    """(frames, 3, 3)."""
    focal_px: np.ndarray
    """(frames,)."""
    tracked: np.ndarray
    """(frames,) bool: solved from points; elsewhere interpolated, or held at the ends."""
    residual_px: np.ndarray
    """(frames,) median distance of the points from where they should be; NaN where not tracked."""


def solve_frames(tracks: PointTracks, keyframes: np.ndarray, camera: TurningCamera) -> TurningFrames:
    """Rotation of every frame, and its focal length if the keyframes' differ, given those of the keyframes.

    Frames before the first keyframe and after the last one are tracked as long as they see enough known points.
    """
    centre = principal_point_px(tracks)
    zooms = bool(np.ptp(camera.focal_px) > 0)
    ray_map = map_rays(tracks, keyframes, camera)
    R, focal_px = interpolate_camera(np.arange(tracks.n_frames), keyframes, camera.R_cam_window, camera.focal_px)
    residual_px = np.full(tracks.n_frames, np.nan)
    for frame in range(tracks.n_frames):
        # A point that no other keyframe saw would lie exactly where it should.
        known, rays = ray_map.look_up(tracks.ids[frame], 2 if frame in keyframes else 1)
        if known.sum() >= _MIN_POINTS:
            offsets_px = tracks.points_px[frame][known].astype(np.float64) - centre
            R[frame], focal_px[frame], residual_px[frame] = _fit_frame(
                rays, offsets_px, R[frame], focal_px[frame], camera.k1, zooms
            )
    tracked = np.isfinite(residual_px)
    if not tracked.all() and tracked.any():
        R, focal_px = interpolate_camera(
            np.arange(tracks.n_frames), np.flatnonzero(tracked), R[tracked], focal_px[tracked]
        )
    return TurningFrames(R, focal_px, tracked, residual_px)


def map_rays(tracks: PointTracks, keyframes: np.ndarray, camera: TurningCamera) -> RayMap:
    """Mean direction of every point over the keyframes that see it."""
    centre = principal_point_px(tracks)
    ids = np.concatenate([tracks.ids[frame] for frame in keyframes])
    rays = [
        directions(tracks.points_px[frame].astype(np.float64) - centre, focal_px, camera.k1) @ R
        for frame, R, focal_px in zip(keyframes, camera.R_cam_window, camera.focal_px, strict=True)
    ]
    unique_ids, which = np.unique(ids, return_inverse=True)
    n_keyframes = np.bincount(which)
    sums = np.stack([np.bincount(which, weights=w, minlength=len(unique_ids)) for w in np.concatenate(rays).T], axis=1)
    return RayMap(unique_ids, sums / np.linalg.norm(sums, axis=1, keepdims=True), n_keyframes)


def interpolate_camera(
    frames: np.ndarray, at: np.ndarray, R: np.ndarray, focal_px: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and focal lengths in `frames` from those in the frames `at`; held beyond the ends."""
    focals = focal_px[0] * np.exp(np.interp(frames, at, np.log(focal_px / focal_px[0])))
    if len(at) == 1:
        return np.tile(R, (len(frames), 1, 1)), focals
    return Slerp(at, Rotation.from_matrix(R))(np.clip(frames, at[0], at[-1])).as_matrix(), focals


def _fit_frame(
    rays: np.ndarray, offsets_px: np.ndarray, R: np.ndarray, focal_px: float, k1: float, zooms: bool
) -> tuple[np.ndarray, float, float]:
    """Rotation and focal length of one frame by reweighted Gauss-Newton steps, and the median residual."""
    expected_px, prior = focal_px, _FOCAL_PRIOR_POINTS / _FOCAL_SPREAD**2 if zooms else 0.0
    n_free = 4 if zooms else 3
    distance = np.zeros(len(rays))
    for _ in range(_STEPS):
        turned = rays @ R.T
        y = turned[:, :2] / np.maximum(turned[:, 2:], 0.05)
        x = focal_px * distort(y, k1)
        errors = x - offsets_px
        distance = np.linalg.norm(errors, axis=1)
        weight = 1 / (1 + (distance / max(_KERNEL_PX, _KERNEL_MEDIANS * float(np.median(distance)))) ** 2) ** 2
        jacobian = np.concatenate(
            [focal_px * distortion_jacobian(y, k1) @ rotation_jacobian(y), x[:, :, None]], axis=-1
        )[..., :n_free].reshape(-1, n_free)
        weighted = jacobian * np.repeat(weight, 2)[:, None]
        A, slope = weighted.T @ jacobian, weighted.T @ errors.ravel()
        if zooms:
            A[3, 3] += prior
            slope[3] += prior * np.log(focal_px / expected_px)
        step = -np.linalg.solve(A + 1e-9 * np.trace(A) * np.eye(n_free), slope)
        R = Rotation.from_rotvec(step[:3]).as_matrix() @ R
        focal_px = focal_px * float(np.exp(step[3:].sum()))
        if np.abs(step).max() < _CONVERGED:
            break
    return R, focal_px, float(np.median(distance))
