"""Tracks of points that a camera sees while it turns, zooms or moves, made by projection of random points."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import distort
from nlf_pipeline.cameras.windows.window_motion import WindowMotion

SIZE_PX = (640, 360)
FOCAL_PX = 554.0
N_FRAMES = 60


@dataclass(frozen=True)
class Shot:
    """A camera's true motion."""

    R_cam_world: np.ndarray
    """(frames, 3, 3)."""
    focal_px: np.ndarray
    """(frames,)."""
    k1: float = 0.0
    centres: np.ndarray | None = None
    """(frames, 3) in the world; at the origin if None. Points are 3 to 12 away from it."""


def sweep(yaw_deg: float, n_frames: int = N_FRAMES, pitch_deg: float = 8.0, roll_deg: float = 4.0) -> np.ndarray:
    """(frames, 3, 3) rotations of a camera that pans by `yaw_deg`, nodding and rolling in proportion."""
    s = np.linspace(0, 1, n_frames)
    share = min(1.0, abs(yaw_deg) / 40)
    angles = [yaw_deg * s, pitch_deg * share * np.sin(5 * s), roll_deg * share * np.sin(7 * s)]
    return Rotation.from_euler("yxz", np.stack(angles, axis=1), degrees=True).as_matrix()


def turning_shot(yaw_deg: float = 60.0, focal_px: np.ndarray | float = FOCAL_PX, k1: float = 0.0) -> Shot:
    """A pan over N_FRAMES frames."""
    return Shot(sweep(yaw_deg), np.broadcast_to(np.asarray(focal_px, dtype=np.float64), N_FRAMES).copy(), k1)


def follow(
    shot: Shot, noise_px: float = 0.15, outliers: float = 0.2, n_points: int = 4000, lifetime: int = 30, seed: int = 0
) -> PointTracks:
    """What a tracker would see of random points all around.

    Args:
        shot: the camera.
        noise_px: standard deviation of positions.
        outliers: share of points that walk across the picture by several pixels per frame.
        n_points: in all directions; a tenth or so is in view.
        lifetime: frames after which a track is lost, and its point found again as a new one.
        seed: of everything random.
    """
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_points, 3))
    points *= rng.uniform(3, 12, (n_points, 1)) / np.linalg.norm(points, axis=1, keepdims=True)
    wander = np.where(rng.random((n_points, 1)) < outliers, rng.normal(0, 3, (n_points, 2)), 0)
    born = rng.integers(0, lifetime, n_points)
    centre = (np.array(SIZE_PX) - 1) / 2
    ids, positions = [], []
    for frame, (R, focal_px) in enumerate(zip(shot.R_cam_world, shot.focal_px, strict=True)):
        seen_from = points if shot.centres is None else points - shot.centres[frame]
        cam = seen_from @ R.T
        age = (frame + born) % lifetime
        u = cam[:, :2] / np.maximum(cam[:, 2:], 1e-3)
        x = centre + focal_px * distort(u, shot.k1) + wander * age[:, None]
        x += rng.normal(0, noise_px, x.shape)
        near = np.linalg.norm(u, axis=1) < 1.2
        inside = (cam[:, 2] > 0.1) & near & (x >= 0).all(axis=1) & (x <= np.array(SIZE_PX) - 1).all(axis=1)
        track = (frame + born) // lifetime * n_points + np.arange(n_points)
        order = np.argsort(track[inside])
        ids.append(track[inside][order])
        positions.append(x[inside][order].astype(np.float32))
    return PointTracks(0, SIZE_PX, tuple(ids), tuple(positions))


def rotation_errors_deg(motion: WindowMotion, shot: Shot) -> np.ndarray:
    """(frames,) angle between found and true rotations, both against the first frame."""
    truth = shot.R_cam_world[0] @ np.swapaxes(shot.R_cam_world, -1, -2)
    difference = np.swapaxes(motion.T_window_cam[:, :3, :3], -1, -2) @ truth
    return np.rad2deg(Rotation.from_matrix(difference).magnitude())
