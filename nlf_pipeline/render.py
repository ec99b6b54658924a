"""Stage: videos of the bodies, over the clip, from the side, or both beside each other."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import BodyKind, body_joints, skeleton
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.person_cache import Part, file_digest
from nlf_pipeline.renderers import Renderer, RendererName, ViewFrame, make_renderer
from nlf_pipeline.renderers.blendipose_options import BlendiPoseOptions
from nlf_pipeline.renderers.camera_trail import CameraTrail
from nlf_pipeline.renderers.drawings import CAPTIONS, Draw, Drawing, Pose, Scene, ViewName
from nlf_pipeline.renderers.panels import Panels
from nlf_pipeline.renderers.posed_people import posed_bodies, posed_skeletons
from nlf_pipeline.renderers.retiming import retime_bodies, retime_cameras, retiming
from nlf_pipeline.renderers.skeletons import SkeletonRenderer
from nlf_pipeline.video import FrameRanges
from nlf_pipeline.video_encoders import EncoderChoice, choose_encoder
from nlf_pipeline.video_segments import Encoding, keeping_segments, write_in_segments
from nlf_pipeline.workflow.versions import code_version

if TYPE_CHECKING:
    import smplfitter.pt

SEGMENT_FRAMES: dict[RendererName, int] = {"moderngl": 480, "poseviz": 480, "blendipose": 60}
"""Frames of which a run that was killed loses as many as it had drawn: a few minutes' work."""


def render(
    *,
    video: Path,
    video_facts: Path,
    bodies: Path,
    cameras: Path,
    body: Path,
    out: Path,
    view: ViewName,
    world_cameras: Path | None = None,
    renderer: RendererName = "moderngl",
    opacity: float = 0.85,
    resolution: tuple[int, int] | None = None,
    fps_factor: int = 1,
    blendipose: BlendiPoseOptions = BlendiPoseOptions(),  # noqa: B008  (frozen)
    encoder: EncoderChoice = "auto",
    checkpoints: Path | None = None,
) -> None:
    """Draw everybody, over the clip ('camera'), from the side over a floor ('side'), or beside each other.

    A 'triptych' shows the clip, the bodies over it, and the bodies from the side; 'skeletons' shows the joints over the
    clip and from the side. Frame i of the result shows frame i of `video`. One colour per person; bodies that were only
    filled in over a gap are fainter. The sound is kept.

    Args:
        video: clip.mp4, or the interpolated clip if `fps_factor` > 1.
        video_facts: video.json.
        bodies: bodies.npz.
        cameras: world_cameras.npz for the camera view, view_cameras.npz for the others.
        body: folder of the body model.
        out: the video to write (mp4).
        view: what the pictures show.
        world_cameras: world_cameras.npz: needed for triptych and skeletons; shows the real camera in the side view.
        renderer: what draws bodies. moderngl: fast, anywhere; poseviz: PoseViz's look; blendipose: path-traced in
            Blender, slow, for a film to show.
        opacity: of the bodies over the clip, 0-1.
        resolution: width and height of the result in pixels, even. If not given, that of the clip, or, of views beside
            each other, what fits 1920 x 1080.
        fps_factor: frames of `video` per frame of the bodies, at least 1.
        blendipose: options of that renderer.
        encoder: cpu: x264, the same file on every machine; nvenc: NVIDIA's on the GPU; auto: nvenc where it works.
        checkpoints: folder for what is drawn already, from which a run that was killed goes on; removed at the end.
    """
    _check_options(opacity, resolution, fps_factor)
    scene = _load_scene(video_facts, bodies, cameras, world_cameras, view, fps_factor)
    BodyKind.of(body).check_made(scene.people.body_model, bodies)
    panels = Panels.beside_each_other(CAPTIONS[view], scene.size_px, resolution) if view in CAPTIONS else None
    pose, draw, drawn_by = (
        _skeleton_painting(scene.people)
        if view == "skeletons"
        else _body_painting(scene.people, body, make_renderer(renderer, blendipose), opacity)
    )
    size_px = panels.panel_px if panels else resolution or scene.size_px
    drawing = Drawing(scene, view, FrameRanges(video, scene.n_frames), pose, draw, panels, size_px)
    files = [path and file_digest(path) for path in (video, video_facts, bodies, cameras, world_cameras)]
    look = [view, renderer, opacity, list(size_px), resolution, fps_factor, repr(blendipose)]
    chosen = choose_encoder(encoder, panels.size_px if panels else size_px)
    encoding = Encoding(scene.people.fps, scene.n_frames, SEGMENT_FRAMES[renderer], encoder=chosen)
    with (
        threadpool_limits(1, user_api="blas"),  # its threads would spin after every small product
        keeping_segments(checkpoints, out, code_version("render"), files, drawn_by, look) as segments,
    ):
        write_in_segments(out, encoding, drawing.pictures, segments, audio_from=video, what=f"render {view}")


def _body_painting(people: Bodies, body: Path, backend: Renderer, opacity: float) -> tuple[Pose, Draw, Part]:
    """How to draw people as bodies, and what that depends on besides the people."""
    model = load_body_model(body)
    meshes = BodyMeshes(model)

    def draw(views: Iterable[ViewFrame], size_px: tuple[int, int]) -> Iterator[np.ndarray]:
        return backend.render(views, meshes.faces, size_px, opacity)

    return functools.partial(posed_bodies, people, meshes), draw, _arrays_of(model)


def _skeleton_painting(people: Bodies) -> tuple[Pose, Draw, Part]:
    """The same for skeletons."""
    n_joints = people.joints.shape[2]
    shown = slice(body_joints(n_joints))
    names, parents = skeleton(n_joints)
    return functools.partial(posed_skeletons, people), SkeletonRenderer(names[shown], parents[shown]).render, None


def _arrays_of(model: "smplfitter.pt.BodyModel") -> Part:
    """What tells a body model from others."""
    return [model.faces, *(part for name, tensor in model.state_dict().items() for part in (name, tensor.numpy()))]


def _check_options(opacity: float, resolution: tuple[int, int] | None, fps_factor: int) -> None:
    if not 0 <= opacity <= 1 or fps_factor < 1:
        raise UserError(f"opacity is {opacity} and fps_factor {fps_factor}, expected 0 to 1 and at least 1.")
    if resolution is not None and any(side < 2 or side % 2 for side in resolution):
        raise UserError(f"resolution is {resolution}, expected two even numbers of pixels, width and height.")


def _load_scene(
    video_facts: Path, bodies: Path, cameras: Path, world_cameras: Path | None, view: ViewName, fps_factor: int
) -> Scene:
    facts, people = VideoFacts.load(video_facts), Bodies.load(bodies)
    people = dataclasses.replace(people, fps=facts.fps)
    if view in CAPTIONS and world_cameras is None:
        raise UserError(f"world_cameras: not given, expected world_cameras.npz, which the view {view} needs.")
    real, side = (cameras, None) if view == "camera" else (world_cameras, cameras)
    loaded = {path: Cameras.load(path) for path in (real, side) if path is not None}
    lengths = [people.visible.shape[1], *(len(c.T_world_cam) for c in loaded.values())]
    if lengths != [facts.n_frames] * len(lengths):
        raise UserError(
            f"The clip has {facts.n_frames} frames, but {', '.join(map(str, [bodies, *loaded]))} have {lengths}. "
            "Run the workflow again."
        )
    if fps_factor > 1:
        timing = retiming(facts.n_frames, fps_factor, facts.cuts)
        people = retime_bodies(people, timing)
        loaded = {path: retime_cameras(each, timing) for path, each in loaded.items()}
    shot_starts = [cut * fps_factor for cut in facts.cuts]
    real_cameras, side_cameras = (None if path is None else loaded[path] for path in (real, side))
    trail = None
    if view in ("side", "triptych") and real_cameras is not None:
        trail = CameraTrail.of(real_cameras.T_world_cam[:, :3, 3], shot_starts)
    return Scene(people, real_cameras, side_cameras, facts.n_frames * fps_factor, facts.size_px, shot_starts, trail)
