"""Stage: a smooth side view that keeps everybody in frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import body_joints
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import focal_from_fov, pinhole_matrix, rigid
from nlf_pipeline.viewing.crowd import shown_people
from nlf_pipeline.viewing.framing import SideCamera, follow, side_rotation
from nlf_pipeline.viewing.lead_in import ease_over

LONG_SHOT_LEAD_INS = 3
"""A later shot of at least this many lead-ins is long enough to begin with one."""


@dataclass(frozen=True)
class ViewOptions:
    """How the side view is meant to be."""

    K: np.ndarray
    """(3, 3) pixels."""
    size_px: tuple[int, int]
    """(width, height)."""
    azimuth: float
    elevation: float
    lead_in_frames: float
    smoothing_frames: float
    fps: float


def plan_view(
    *,
    bodies: Path,
    cameras: Path,
    video_facts: Path,
    out: Path,
    fov_deg: float = 50.0,
    azimuth_deg: float = 60.0,
    elevation_deg: float = 12.0,
    lead_in_s: float = 3.0,
    smoothing_s: float = 3.0,
) -> None:
    """Plan a camera that starts at the real one and eases over to a side view of the people.

    From then on every visible person is inside the picture in every frame; only somebody estimated
    far behind everybody else is not waited for. The camera stays above the floor, keeps its
    direction, and moves smoothly, also when people come and go. It is a pinhole without distortion.

    It stays with the real camera until somebody appears, and throughout a shot without people.
    After a cut it begins beside the people at once, or in a shot of at least three lead-ins at the
    real camera again.

    Args:
        bodies: bodies.npz.
        cameras: world_cameras.npz.
        video_facts: video.json. Every shot is planned on its own.
        out: view_cameras.npz.
        fov_deg: field of view of the longer image side after the lead-in, 10-120 degrees.
        azimuth_deg: how far around the people the side view lies from the real camera when that first sees somebody;
            positive is counter-clockwise seen from above, so the camera moves to its right.
        elevation_deg: how far the side view looks down, 0-80 degrees.
        lead_in_s: seconds from the real camera to the side view, at least 0; at most half of the shot is used.
        smoothing_s: seconds over which the side view follows, at least 0; longer is calmer and farther away.
    """
    if not 10 <= fov_deg <= 120 or not 0 <= elevation_deg <= 80:
        raise UserError(
            f"fov_deg is {fov_deg} and elevation_deg {elevation_deg}, expected 10 to 120 and 0 to 80 degrees."
        )
    if lead_in_s < 0 or smoothing_s < 0:
        raise UserError(f"lead_in_s is {lead_in_s} and smoothing_s {smoothing_s}, expected at least 0.")
    people, real, facts = Bodies.load(bodies), Cameras.load(cameras), VideoFacts.load(video_facts)
    lengths = people.visible.shape[1], len(real.T_world_cam)
    if lengths != (facts.n_frames, facts.n_frames):
        raise UserError(
            f"The clip has {facts.n_frames} frames, but {bodies} and {cameras} have {lengths}. Run the workflow again."
        )
    width_px, height_px = real.size_px.tolist()
    options = ViewOptions(
        K=pinhole_matrix(focal_from_fov(fov_deg, (width_px, height_px)), (width_px, height_px)),
        size_px=(width_px, height_px),
        azimuth=np.deg2rad(azimuth_deg),
        elevation=np.deg2rad(elevation_deg),
        lead_in_frames=lead_in_s * people.fps,
        smoothing_frames=smoothing_s * people.fps,
        fps=people.fps,
    )
    T_world_cam, K = real.T_world_cam.copy(), real.K.copy()
    for shot in facts.shots():
        n_frames = shot.stop - shot.start
        T_world_cam[shot], K[shot] = plan_shot(
            people.joints[:, shot, : body_joints(people.joints.shape[2])],
            people.visible[:, shot],
            real.T_world_cam[shot],
            real.K[shot],
            options,
            lead_in=shot.start == 0 or n_frames >= LONG_SHOT_LEAD_INS * options.lead_in_frames,
        )
    Cameras(T_world_cam=T_world_cam, K=K, distortion=np.zeros(0), size_px=real.size_px).save(out)


def plan_shot(
    joints: np.ndarray,
    visible: np.ndarray,
    T_world_cam: np.ndarray,
    K: np.ndarray,
    options: ViewOptions,
    lead_in: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The side view of one shot.

    Args:
        joints: (people, frames, joints, 3) world.
        visible: (people, frames).
        T_world_cam: (frames, 4, 4) the real camera.
        K: (frames, 3, 3) of the real camera, pixels.
        options: how the view is meant to be.
        lead_in: start at the real camera rather than at once beside the people.

    Returns:
        T_world_cam (frames, 4, 4) and K (frames, 3, 3) of the view.
    """
    if not visible.any():
        return T_world_cam, K
    n_frames, centres = visible.shape[1], joints.mean(axis=2, dtype=np.float64)
    shown = shown_people(centres, visible, T_world_cam[:, :3, 3], options.fps)
    first = int(np.argmax(shown.any(axis=0)))
    R_world_side = side_rotation(
        T_world_cam[first], centres[shown[:, first], first].mean(axis=0), options.azimuth, options.elevation
    )
    camera = SideCamera(R_world_side, options.K, options.size_px)
    following = follow(joints, shown, T_world_cam[:, :3, 3], camera, options.smoothing_frames)
    if not lead_in:
        return rigid(R_world_side, following.eyes), np.repeat(options.K[None], n_frames, axis=0)
    start, n_steps = lead_in_span(n_frames, first, options.lead_in_frames)
    T, share = ease_over(T_world_cam, following, R_world_side, options.azimuth, start, n_steps)
    return T, K + share[:, None, None] * (options.K - K)


def lead_in_span(n_frames: int, first_seen: int, lead_in_frames: float) -> tuple[int, float]:
    """Where the lead-in of a shot starts and how many frames it takes.

    It waits for the first person, but starts early enough to take no more than half of what is left of the shot.
    """
    start = min(first_seen, max(round(n_frames - 2 * lead_in_frames), 0))
    return start, max(min(lead_in_frames, (n_frames - start) / 2), 1.0)
