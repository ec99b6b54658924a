"""Stage: videos of the bodies, over the clip or from the side."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.progress import progress
from nlf_pipeline.renderers import RealCamera, RendererName, ViewFrame, make_renderer
from nlf_pipeline.renderers.blendipose_options import BlendiPoseOptions
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.renderers.retiming import retime_bodies, retime_cameras, retiming
from nlf_pipeline.renderers.view_frames import PosedPeople, camera_views, real_camera_frames, side_views
from nlf_pipeline.video import read_frames, writing_video

FILLED_OPACITY = 0.45
"""Bodies that were only interpolated over a gap are drawn this much fainter."""
CHUNK_FRAMES = 32
"""Frames whose meshes are posed at once."""


def render(
    *,
    video: Path,
    video_facts: Path,
    bodies: Path,
    cameras: Path,
    body: Path,
    out: Path,
    view: Literal["camera", "side"],
    world_cameras: Path | None = None,
    renderer: RendererName = "moderngl",
    opacity: float = 0.85,
    resolution: tuple[int, int] | None = None,
    fps_factor: int = 1,
    blendipose: BlendiPoseOptions = BlendiPoseOptions(),  # noqa: B008  (frozen)
) -> None:
    """Draw everybody, over the clip ('camera') or from the side over a floor ('side').

    Frame i of the result shows frame i of `video`. One colour per person; bodies that were only
    filled in over a gap are fainter. The sound is kept.

    Args:
        video: clip.mp4, or the interpolated clip if `fps_factor` > 1.
        video_facts: video.json.
        bodies: bodies.npz.
        cameras: world_cameras.npz for the camera view, view_cameras.npz for the side view.
        body: folder of the body model.
        out: the video to write (mp4).
        view: through the real camera, or from the side.
        world_cameras: world_cameras.npz, to show the real camera in the side view.
        renderer: what draws. moderngl: fast, anywhere; poseviz: PoseViz's look; blendipose: path-traced in Blender,
            slow, for a film to show.
        opacity: of the bodies over the clip, 0-1.
        resolution: width and height of the result in pixels, even; that of the clip if not given.
        fps_factor: frames of `video` per frame of the bodies, at least 1.
        blendipose: options of that renderer.
    """
    _check_options(opacity, resolution, fps_factor)
    backend = make_renderer(renderer, blendipose)
    scene = _load_scene(video_facts, bodies, cameras, world_cameras if view == "side" else None, fps_factor)
    BodyKind.of(body).check_made(scene.people.body_model, bodies)
    meshes = BodyMeshes(load_body_model(body))
    size_px = resolution or scene.size_px
    images = exactly(read_frames(video), scene.n_frames, video)
    views = _views(scene, view, images, posed_bodies(scene.people, meshes), size_px)
    pictures = backend.render(views, meshes.faces, size_px, opacity)
    with writing_video(out, scene.people.fps, audio_from=video) as sink:
        for picture in progress(pictures, scene.n_frames, f"render {view}"):
            sink.append_data(picture)


def _check_options(opacity: float, resolution: tuple[int, int] | None, fps_factor: int) -> None:
    if not 0 <= opacity <= 1 or fps_factor < 1:
        raise UserError(f"opacity is {opacity} and fps_factor {fps_factor}, expected 0 to 1 and at least 1.")
    if resolution is not None and any(side < 2 or side % 2 for side in resolution):
        raise UserError(f"resolution is {resolution}, expected two even numbers of pixels, width and height.")


@dataclass(frozen=True)
class _Scene:
    """What there is to draw, at the frame rate of the result."""

    people: Bodies
    cameras: Cameras
    real_cameras: Cameras | None
    n_frames: int
    size_px: tuple[int, int]
    shot_starts: list[int]
    """First frame of every shot but the first."""


def _load_scene(video_facts: Path, bodies: Path, cameras: Path, world_cameras: Path | None, fps_factor: int) -> _Scene:
    facts, people = VideoFacts.load(video_facts), Bodies.load(bodies)
    people = dataclasses.replace(people, fps=facts.fps)
    paths = [cameras] if world_cameras is None else [cameras, world_cameras]
    all_cameras = [Cameras.load(path) for path in paths]
    lengths = [people.visible.shape[1], *(len(c.T_world_cam) for c in all_cameras)]
    if lengths != [facts.n_frames] * len(lengths):
        raise UserError(
            f"The clip has {facts.n_frames} frames, but {', '.join(map(str, [bodies, *paths]))} have {lengths}. "
            "Run the workflow again."
        )
    if fps_factor > 1:
        timing = retiming(facts.n_frames, fps_factor, facts.cuts)
        people, all_cameras = retime_bodies(people, timing), [retime_cameras(c, timing) for c in all_cameras]
    real_cameras = None if world_cameras is None else all_cameras[1]
    shot_starts = [cut * fps_factor for cut in facts.cuts]
    return _Scene(people, all_cameras[0], real_cameras, facts.n_frames * fps_factor, facts.size_px, shot_starts)


def _views(
    scene: _Scene,
    view: Literal["camera", "side"],
    images: Iterable[np.ndarray],
    posed: Iterable[PosedPeople],
    size_px: tuple[int, int],
) -> Iterator[ViewFrame]:
    if view == "camera":
        return camera_views(images, posed, scene.cameras, size_px, scene.shot_starts)
    real_cameras: Iterable[RealCamera | None] = itertools.repeat(None, scene.n_frames)
    if scene.real_cameras is not None:
        real_cameras = real_camera_frames(images, scene.real_cameras, scene.shot_starts)
    return side_views(posed, scene.cameras, real_cameras, size_px, scene.shot_starts)


def exactly(frames: Iterable[np.ndarray], n_frames: int, video: Path) -> Iterator[np.ndarray]:
    """Yield from `frames`; raises UserError naming `video` unless there are `n_frames`."""
    found = 0
    for found, frame in enumerate(frames, start=1):
        if found > n_frames:
            break
        yield frame
    if found != n_frames:
        raise UserError(
            f"{video} has {'more' if found > n_frames else 'fewer'} frames than the {n_frames} expected "
            "(fps_factor times those of the clip). Run the workflow again."
        )


def posed_bodies(people: Bodies, meshes: BodyMeshes) -> Iterator[PosedPeople]:
    """The visible people of every frame, in order."""
    colours = person_colours(len(people.person_ids))
    opacities = np.where(people.filled, FILLED_OPACITY, 1.0)
    n_frames = people.visible.shape[1]
    for start in range(0, n_frames, CHUNK_FRAMES):
        visible = people.visible[:, start : start + CHUNK_FRAMES]
        frames, rows = np.nonzero(visible.T)
        vertices, _ = meshes.forward(
            people.pose_rotvecs[rows, start + frames], people.betas[rows], people.trans[rows, start + frames]
        )
        for frame in range(visible.shape[1]):
            here = frames == frame
            shown = rows[here]
            yield PosedPeople(shown, vertices[here], colours[shown], opacities[shown, start + frame])
