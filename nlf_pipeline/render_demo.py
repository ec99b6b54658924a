"""Stage: render a demo clip, three clothed people in a yard, with its exact truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import focal_from_fov, pinhole_matrix
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.progress import progress
from nlf_pipeline.video import writing_video

if TYPE_CHECKING:
    from nlf_pipeline.demo.performance import Performance

Clip = Literal["still", "moving"]
_N_FRAMES: dict[Clip, int] = {"still": 150, "moving": 230}
_FOV_DEG: dict[Clip, float] = {"still": 62.0, "moving": 65.0}
_CRF = 18


def render_demo(
    *,
    body: Path,
    out: Path,
    truth: Path,
    clip: Clip = "still",
    n_frames: int | None = None,
    fps: float = 25.0,
    width_px: int = 1280,
    height_px: int = 720,
    seed: int = 0,
) -> None:
    """Render people who walk, turn, wave and cross one another, and write what is exactly true of them.

    The truth is written as the workflow's own files: bodies.npz (body model 'open'), world_cameras.npz and masks.json
    (what is visible of each person, clothes included). Its floor is y = 0.

    Args:
        body: Folder of the open body, with base_mesh.npz.
        out: The clip to write, mp4.
        truth: Folder to write the truth into.
        clip: 'still': the camera stands above the origin, and the clip names its focal length in its metadata, as a
            phone's does. 'moving': the camera is in the hand of somebody who walks around the people, the yard is
            furnished, and nothing tells the focal length.
        n_frames: Length of the clip, at least 1; None: 150, or 230 if it is moving. A longer clip begins like a
            shorter one.
        fps: Frames per second, above 0.
        width_px: Width of the picture; even, at least 32. The field of view does not depend on it.
        height_px: Height of the picture; even, at least 32.
        seed: Varies the details of the bodies' shapes, and the hand's motion.

    Raises:
        UserError: if a number is out of its range, the body is not there, or nothing can be drawn here.
    """
    from nlf_pipeline.demo.cast import CAST
    from nlf_pipeline.demo.people import BaseMesh
    from nlf_pipeline.demo.performance import perform
    from nlf_pipeline.demo.phone_tags import tag_focal_length

    n_frames = _N_FRAMES[clip] if n_frames is None else n_frames
    size_px = (width_px, height_px)
    _check(n_frames, fps, size_px)
    rng = np.random.default_rng(seed)
    base, times = BaseMesh.load(body), np.arange(n_frames) / fps
    performances = [perform(role, base, times, n_frames / fps, rng) for role in CAST]
    cameras = _place_cameras(clip, times, size_px, np.random.default_rng([seed, 1]))
    tracks = _draw(performances, cameras, clip, fps, out)
    if clip == "still":
        tag_focal_length(out, cameras.K[0, 0, 0], max(size_px))

    tracks.save(truth / "masks.json")
    cameras.save(truth / "world_cameras.npz")
    _true_bodies(performances, tracks).save(truth / "bodies.npz")


def _place_cameras(clip: Clip, times: np.ndarray, size_px: tuple[int, int], rng: np.random.Generator) -> Cameras:
    from nlf_pipeline.demo.camera_paths import handheld_walk, tripod

    K = pinhole_matrix(focal_from_fov(_FOV_DEG[clip], size_px), size_px)
    return Cameras(
        T_world_cam=handheld_walk(times, rng) if clip == "moving" else tripod(len(times)),
        K=np.tile(K, (len(times), 1, 1)),
        distortion=np.zeros(0),
        size_px=np.array(size_px),
    )


def _draw(performances: "list[Performance]", cameras: Cameras, clip: Clip, fps: float, out: Path) -> MaskTracks:
    """Write the clip; returns who was seen where."""
    from nlf_pipeline.demo.drawing import Camera
    from nlf_pipeline.demo.furniture import FURNITURE
    from nlf_pipeline.demo.scene import DemoScene

    size_px = (int(cameras.size_px[0]), int(cameras.size_px[1]))
    moving = clip == "moving"
    scene = DemoScene(size_px, [performance.mesh for performance in performances], FURNITURE if moving else (), moving)
    bones = np.stack([performance.bones for performance in performances], axis=1)
    soles = np.stack([performance.soles for performance in performances], axis=1)
    masks: list[list[RLEMask | None]] = [[] for _ in performances]
    try:
        with writing_video(out, fps, crf=_CRF) as video:
            camera = Camera(cameras.T_world_cam[0], cameras.K[0])
            for frame in progress(range(len(bones)), len(bones), "render_demo"):
                if moving:
                    camera = Camera(cameras.T_world_cam[frame], cameras.K[frame])
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


def _check(n_frames: int, fps: float, size_px: tuple[int, int]) -> None:
    if n_frames < 1 or not fps > 0:
        raise UserError(
            f"The demo needs at least one frame and a frame rate above 0, got {n_frames} at {fps} per second."
        )
    if any(side < 32 or side % 2 for side in size_px):
        raise UserError(
            f"The demo's picture must have even sides of at least 32 pixels, got {size_px[0]}x{size_px[1]}."
        )
