"""Tracks of points in a synthetic room, seen by a camera whose motion and lens are known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import distort
from nlf_pipeline.geometry import invert_rigid, rigid

Motion = Literal["walk", "forward", "turn", "still"]
Scene = Literal["room", "plane"]
SIZE_PX = (640, 360)
FOCAL_PX = 560.0


@dataclass(frozen=True)
class SyntheticWindow:
    """Tracks, and the truth behind them."""

    tracks: PointTracks
    T_world_cam: np.ndarray
    """(frames, 4, 4)."""
    focal_px: np.ndarray
    """(frames,)."""
    points: np.ndarray
    """(points, 3) in the world; row = id."""


def make_window(
    motion: Motion = "walk",
    scene: Scene = "room",
    n_frames: int = 48,
    n_points: int = 900,
    focal_px: np.ndarray | float = FOCAL_PX,
    k1: float = 0.0,
    noise_px: float = 0.3,
    moving: float = 0.15,
    seed: int = 0,
) -> SyntheticWindow:
    """Project random points into a moving camera.

    Args:
        motion: of the camera.
        scene: where the points lie.
        n_frames: frames.
        n_points: in the whole scene; a third or so is in view.
        focal_px: of every frame.
        k1: distortion.
        noise_px: standard deviation of positions, half of it constant over each track.
        moving: share of the points that walk about, as on people.
        seed: of points and noise.
    """
    rng = np.random.default_rng(seed)
    T_world_cam = camera_path(motion, n_frames)
    focals = np.broadcast_to(np.asarray(focal_px, dtype=np.float64), n_frames)
    points = room_points(rng, n_points) if scene == "room" else plane_points(rng, n_points)
    walks = rng.random(n_points) < moving
    velocity = np.where(walks[:, None], rng.normal(0, 0.03, (n_points, 3)), 0.0)
    bias = rng.normal(0, noise_px / np.sqrt(2), (n_points, 2))
    ids, positions = [], []
    for i, T in enumerate(invert_rigid(T_world_cam)):
        in_camera = (points + i * velocity) @ T[:3, :3].T + T[:3, 3]
        depth = in_camera[:, 2]
        u = in_camera[:, :2] / np.maximum(depth, 1e-3)[:, None]
        px = focals[i] * distort(u, k1) + (np.array(SIZE_PX) - 1) / 2
        inside = (depth > 0.3) & (np.linalg.norm(u, axis=1) < 1) & np.all((px >= 0) & (px <= np.array(SIZE_PX) - 1), 1)
        seen = np.flatnonzero(inside & (rng.random(n_points) > 0.02))
        ids.append(seen)
        positions.append((px + bias + rng.normal(0, noise_px / np.sqrt(2), px.shape))[seen].astype(np.float32))
    return SyntheticWindow(PointTracks(0, SIZE_PX, tuple(ids), tuple(positions)), T_world_cam, focals, points)


def camera_path(motion: Motion, n_frames: int) -> np.ndarray:
    """(frames, 4, 4) T_world_cam; the world is 10 m wide, the camera's y axis points down."""
    s = np.linspace(0, 1, n_frames)
    yaw, pitch = 0.25 * np.sin(5 * s), 0.06 * np.sin(9 * s + 1)
    place = np.zeros((n_frames, 3))
    match motion:
        case "walk":
            place = np.stack([2.5 * s - 1.2, 0.15 * np.sin(7 * s), 1.2 * s + 0.3 * np.sin(4 * s)], axis=1)
        case "forward":
            place = np.stack([0 * s, 0 * s, 2.0 * s], axis=1)
            yaw, pitch = 0 * s, 0 * s
        case "turn":
            yaw = 1.0 * s
        case "still":
            yaw, pitch = 0 * s, 0 * s
    return rigid(Rotation.from_euler("yx", np.stack([yaw, pitch], axis=1)).as_matrix(), place)


def room_points(rng: np.random.Generator, n_points: int) -> np.ndarray:
    """(points, 3) spread in depth, on all sides of the camera that it may come to see."""
    return rng.uniform([-7, -1.8, 2.5], [7, 1.5, 8], (n_points, 3))


def plane_points(rng: np.random.Generator, n_points: int) -> np.ndarray:
    """(points, 3) on a wall in front of the camera."""
    points = rng.uniform([-7, -3, 6], [7, 3, 6], (n_points, 3))
    return points + [0, 0, 0.2] * points[:, :1]
