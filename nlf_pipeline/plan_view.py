"""Stage: a smooth side view that keeps everybody in frame."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from deltacamera import Camera
from deltacamera.trajectory import (
    DepartureBlend,
    cylindrical_arc,
    moving_average_1d,
    smootherstep,
    trapezoidal_kernel,
    upright_rotation,
)
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import focal_from_fov, pinhole_matrix

UP = np.array([0.0, 1.0, 0.0])
BODY_RADIUS = 0.25
"""Metres that a body reaches beyond its joints: crown of the head, fingertips."""
FRAME_SHARE = 0.88
"""People keep within this part of the picture, from its centre."""
LEAST_DISTANCE = 3.0
LEAST_TARGET_HEIGHT = 0.3
"""Metres above the floor; keeps the camera above it too."""


@dataclass(frozen=True)
class Orbit:
    """A position of the side camera relative to what it looks at: the same in every frame."""

    offset: np.ndarray
    """(3,) unit vector from the target to the camera, world."""
    R_cam_world: np.ndarray
    """(3, 3)."""


def plan_view(
    *,
    bodies: Path,
    cameras: Path,
    out: Path,
    fov_deg: float = 50.0,
    azimuth_deg: float = 60.0,
    elevation_deg: float = 12.0,
    lead_in_s: float = 3.0,
    smoothing_s: float = 3.0,
) -> None:
    """Plan a camera that starts at the real one and eases over to a side view of the people.

    From then on every visible person is inside the picture in every frame. The camera stays above
    the floor and moves smoothly, also when people come and go. It is a pinhole without distortion.

    Args:
        bodies: bodies.npz.
        cameras: world_cameras.npz.
        out: view_cameras.npz.
        fov_deg: field of view of the longer image side after the lead-in, 10-120 degrees.
        azimuth_deg: how far around the people the side view lies from the first real camera;
            positive is counter-clockwise seen from above, so the camera moves to its right.
        elevation_deg: how far the side view looks down, 0-80 degrees.
        lead_in_s: seconds from the real camera to the side view, at most half of the clip.
        smoothing_s: seconds over which the side view follows; longer is calmer and farther away.
    """
    if not 10 <= fov_deg <= 120 or not 0 <= elevation_deg <= 80:
        raise UserError(
            f"fov_deg is {fov_deg} and elevation_deg {elevation_deg}, expected 10 to 120 and 0 to 80 degrees."
        )
    people, real = Bodies.load(bodies), Cameras.load(cameras)
    n_frames = len(real.T_world_cam)
    if people.visible.shape[1] != n_frames:
        raise UserError(
            f"{bodies} has {people.visible.shape[1]} frames, but {cameras} has {n_frames}. Run the workflow again."
        )
    real = dataclasses.replace(real, distortion=np.zeros(0))
    if not people.visible.any():
        real.save(out)
        return
    lead_in_frames = max(min(lead_in_s * people.fps, n_frames / 2), 1.0)
    K = pinhole_matrix(focal_from_fov(fov_deg, tuple(real.size_px)), tuple(real.size_px))
    orbit = orbit_from(real.T_world_cam[0], _first_centre(people), np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
    targets, eyes = follow(people.joints, people.visible, orbit, K, tuple(real.size_px), smoothing_s * people.fps)
    T_world_cam, Ks = ease_over(real.T_world_cam[0], real.K[0], targets, eyes, K, lead_in_frames)
    Cameras(T_world_cam=T_world_cam, K=Ks, distortion=np.zeros(0), size_px=real.size_px).save(out)


def _first_centre(people: Bodies) -> np.ndarray:
    """(3,) centre of the people in the first frame that shows any."""
    frame = int(np.argmax(people.visible.any(axis=0)))
    return people.joints[people.visible[:, frame], frame].mean(axis=(0, 1))


def orbit_from(T_world_cam: np.ndarray, centre: np.ndarray, azimuth: float, elevation: float) -> Orbit:
    """The view from `azimuth` to the right of the camera `T_world_cam` (4, 4), as seen from `centre` (3,).

    A camera straight above the people has no azimuth of its own; then its image's upward direction counts.
    """
    away = T_world_cam[:3, 3] - centre
    if np.hypot(away[0], away[2]) < 0.1:
        away = T_world_cam[:3, 1]
    angle = np.arctan2(away[0], away[2]) + azimuth
    offset = np.array(
        [np.sin(angle) * np.cos(elevation), np.sin(elevation), np.cos(angle) * np.cos(elevation)], dtype=np.float64
    )
    R_cam_world, _ = upright_rotation(offset, np.zeros(3), UP)
    return Orbit(offset, R_cam_world.astype(np.float64))


def follow(
    joints: np.ndarray,
    visible: np.ndarray,
    orbit: Orbit,
    K: np.ndarray,
    size_px: tuple[int, int],
    window_frames: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Where the side camera looks and stands so that all visible people are in frame, moving smoothly.

    Box and distance are first taken as the extreme over a window and then averaged with a kernel
    no longer than that window. So they are smooth, know in advance who comes, and yet are nowhere
    smaller than what the frame itself needs.

    Args:
        joints: (people, frames, joints, 3) world.
        visible: (people, frames), not all false.
        orbit: of the side camera.
        K: (3, 3) of the side camera.
        size_px: (width, height).
        window_frames: length of that window.

    Returns:
        targets (frames, 3) and camera positions (frames, 3), world.
    """
    kernel = trapezoidal_kernel(max(round(window_frames / 3), 2), max(round(window_frames / 3), 1))
    seen = visible.any(axis=0)
    rotated = np.where(visible[..., None, None], joints @ orbit.R_cam_world.T, np.nan)[:, seen]
    low = _hold(np.nanmin(rotated, axis=(0, 2)), seen)
    high = _hold(np.nanmax(rotated, axis=(0, 2)), seen)
    low = moving_average_1d(minimum_filter1d(low, _odd(len(kernel)), axis=0, mode="nearest"), kernel)
    high = moving_average_1d(maximum_filter1d(high, _odd(len(kernel)), axis=0, mode="nearest"), kernel)
    targets = (low + high) / 2 @ orbit.R_cam_world
    targets[:, 1] = np.maximum(targets[:, 1], LEAST_TARGET_HEIGHT)
    needed = _needed_distances(rotated - (targets @ orbit.R_cam_world.T)[seen][None, :, None], K, size_px)
    farthest = maximum_filter1d(_hold(needed, seen), _odd(len(kernel)), mode="nearest")
    distances = moving_average_1d(np.maximum(farthest, LEAST_DISTANCE), kernel)
    return targets, targets + distances[:, None] * orbit.offset


def _odd(n: int) -> int:
    return n + 1 - n % 2


def _hold(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(seen frames, ...) values to all frames, on straight lines in between."""
    frames = np.arange(len(seen))
    columns = values.reshape(len(values), -1).T
    return np.stack([np.interp(frames, frames[seen], c) for c in columns], axis=-1).reshape(
        len(seen), *values.shape[1:]
    )


def _needed_distances(points: np.ndarray, K: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """How far a camera must back off from its target to see all points.

    A point at (x, y, z) from the target, in camera axes, is at depth d + z when the camera is d
    away. It is inside the share s of a picture of half width w if f |x| <= s w (d + z).

    Args:
        points: (people, frames, joints, 3) from the target, camera axes; NaN where not to be seen.
        K: (3, 3).
        size_px: (width, height).

    Returns:
        (frames,) metres.
    """
    half_tangents = np.array(size_px) / 2 / K[[0, 1], [0, 1]] * FRAME_SHARE
    lateral = (np.abs(points[..., :2]) + BODY_RADIUS) / half_tangents
    return np.nanmax(lateral.max(axis=-1) - points[..., 2] + BODY_RADIUS, axis=(0, 2))


def ease_over(
    T_world_cam: np.ndarray, K_real: np.ndarray, targets: np.ndarray, eyes: np.ndarray, K: np.ndarray, n_steps: float
) -> tuple[np.ndarray, np.ndarray]:
    """A path from a real camera to a side view that moves itself.

    Around the target the path is an arc with a steady change of height, so it never dips below
    both of its ends.

    Args:
        T_world_cam: (4, 4) real camera.
        K_real: (3, 3) of the real camera.
        targets: (frames, 3) what the side view looks at.
        eyes: (frames, 3) where it stands.
        K: (3, 3) of the side view.
        n_steps: frames that the transition takes.

    Returns:
        T_world_cam (frames, 4, 4) and K (frames, 3, 3).
    """
    start = T_world_cam[:3, 3]
    source = Camera(
        rot_world_to_cam=T_world_cam[:3, :3].T, optical_center=start, intrinsic_matrix=K_real, world_up=tuple(UP)
    )
    blend = DepartureBlend(source, K, n_steps, world_up=UP, target=targets[0], ease=smootherstep)
    T = np.tile(np.eye(4), (len(targets), 1, 1))
    Ks = np.tile(K, (len(targets), 1, 1))
    level = np.array([1.0, 0.0, 1.0])
    for frame, (target, eye) in enumerate(zip(targets, eyes, strict=True)):
        share = smootherstep(frame / n_steps)
        position = cylindrical_arc(start * level, eye * level, share, target * level, UP).astype(np.float64)
        position[1] = start[1] + share * (eye[1] - start[1])
        R_cam_world, Ks[frame] = blend.apply(upright_rotation(position, target, UP)[0], min(frame, n_steps))
        T[frame, :3, :3] = R_cam_world.T
        T[frame, :3, 3] = position
    T[0], Ks[0] = T_world_cam, K_real
    return T, Ks
