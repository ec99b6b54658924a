"""Stage: render the demo clip, three clothed people in a yard, with its exact truth."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import focal_from_fov, look_at, pinhole_matrix
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.progress import progress
from nlf_pipeline.video import writing_video

if TYPE_CHECKING:
    from nlf_pipeline.demo.performance import Performance
    from nlf_pipeline.demo.scene import Camera

_FOV_DEG = 62.0
_CAMERA_HEIGHT = 1.6
_PITCH_DOWN_DEG = 5.0
_CRF = 18


def render_demo(
    *,
    body: Path,
    out: Path,
    truth: Path,
    n_frames: int = 150,
    fps: float = 25.0,
    width_px: int = 1280,
    height_px: int = 720,
    seed: int = 0,
) -> None:
    """Render people who walk, turn, wave and cross one another, and write what is exactly true of them.

    The camera stands still, and the clip names its focal length in its metadata, as a phone's does. The truth is
    written as the workflow's own files: bodies.npz (body model 'open'), world_cameras.npz and masks.json (what is
    visible of each person, clothes included).

    Args:
        body: Folder of the open body, with base_mesh.npz.
        out: The clip to write, mp4.
        truth: Folder to write the truth into.
        n_frames: Length of the clip, at least 1. A longer clip begins like a shorter one.
        fps: Frames per second, above 0.
        width_px: Width of the picture; even, at least 32. The field of view does not depend on it.
        height_px: Height of the picture; even, at least 32.
        seed: Varies the details of the bodies' shapes.

    Raises:
        UserError: if a number is out of its range, the body is not there, or nothing can be drawn here.
    """
    from nlf_pipeline.demo.cast import CAST
    from nlf_pipeline.demo.people import BaseMesh
    from nlf_pipeline.demo.performance import perform
    from nlf_pipeline.demo.phone_tags import tag_focal_length
    from nlf_pipeline.demo.scene import Camera

    _check(n_frames, fps, (width_px, height_px))
    size_px = (width_px, height_px)
    rng = np.random.default_rng(seed)
    base, times = BaseMesh.load(body), np.arange(n_frames) / fps
    performances = [perform(role, base, times, n_frames / fps, rng) for role in CAST]
    camera = Camera(_place_camera(), pinhole_matrix(focal_from_fov(_FOV_DEG, size_px), size_px))
    tracks = _draw(performances, camera, size_px, fps, out)
    tag_focal_length(out, camera.K[0, 0], max(size_px))

    tracks.save(truth / "masks.json")
    Cameras(
        T_world_cam=np.tile(camera.T_world_cam, (n_frames, 1, 1)),
        K=np.tile(camera.K, (n_frames, 1, 1)),
        distortion=np.zeros(0),
        size_px=np.array(size_px),
    ).save(truth / "world_cameras.npz")
    _true_bodies(performances, tracks).save(truth / "bodies.npz")


def _draw(
    performances: "list[Performance]", camera: "Camera", size_px: tuple[int, int], fps: float, out: Path
) -> MaskTracks:
    """Write the clip; returns who was seen where."""
    from nlf_pipeline.demo.scene import DemoScene

    scene = DemoScene(size_px, [performance.mesh for performance in performances])
    bones = np.stack([performance.bones for performance in performances], axis=1)
    soles = np.stack([performance.soles for performance in performances], axis=1)
    masks: list[list[RLEMask | None]] = [[] for _ in performances]
    try:
        with writing_video(out, fps, crf=_CRF) as video:
            for frame in progress(range(len(bones)), len(bones), "render_demo"):
                picture = scene.draw(camera, bones[frame], soles[frame])
                video.append_data(picture.image)
                for k, track in enumerate(masks):
                    seen = picture.people == k + 1
                    track.append(RLEMask.from_array(seen) if seen.any() else None)
    finally:
        scene.release()
    person_ids = tuple(range(1, len(performances) + 1))
    return MaskTracks(size_px, fps, len(bones), person_ids, tuple(tuple(track) for track in masks))


def _true_bodies(performances: "list[Performance]", tracks: MaskTracks) -> Bodies:
    return Bodies(
        person_ids=np.array(tracks.person_ids),
        fps=tracks.fps,
        body_model="open",
        pose_rotvecs=np.stack([performance.motion.pose_rotvecs for performance in performances]),
        betas=np.stack([performance.body.betas for performance in performances]),
        trans=np.stack([performance.trans for performance in performances]),
        joints=np.stack([performance.joints for performance in performances]),
        visible=tracks.visible,
        filled=np.zeros_like(tracks.visible),
        foot_contacts=np.stack([performance.motion.foot_contacts for performance in performances]),
    )


def _place_camera() -> np.ndarray:
    """(4, 4) T_world_cam above the origin, looking along -z and slightly down."""
    eye = np.array([0.0, _CAMERA_HEIGHT, 0.0])
    pitch = np.deg2rad(_PITCH_DOWN_DEG)
    return look_at(eye, eye + [0.0, -np.sin(pitch), -np.cos(pitch)], np.array([0.0, 1.0, 0.0]))


def _check(n_frames: int, fps: float, size_px: tuple[int, int]) -> None:
    if n_frames < 1 or not fps > 0:
        raise UserError(
            f"The demo needs at least one frame and a frame rate above 0, got {n_frames} at {fps} per second."
        )
    if any(side < 32 or side % 2 for side in size_px):
        raise UserError(
            f"The demo's picture must have even sides of at least 32 pixels, got {size_px[0]}x{size_px[1]}."
        )
