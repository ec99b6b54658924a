"""Stage: videos of the bodies, over the clip or from the side."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.person_cache import Part, file_digest
from nlf_pipeline.renderers import RealCamera, Renderer, RendererName, ViewFrame, make_renderer
from nlf_pipeline.renderers.blendipose_options import BlendiPoseOptions
from nlf_pipeline.renderers.camera_trail import CameraTrail
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.renderers.retiming import retime_bodies, retime_cameras, retiming
from nlf_pipeline.renderers.view_frames import PosedPeople, camera_views, real_camera_frames, side_views
from nlf_pipeline.video import FrameRanges
from nlf_pipeline.video_segments import Encoding, keeping_segments, write_in_segments
from nlf_pipeline.workflow.versions import code_version

if TYPE_CHECKING:
    import smplfitter.pt

FILLED_OPACITY = 0.45
"""Bodies that were only interpolated over a gap are drawn this much fainter."""
CHUNK_FRAMES = 32
"""Frames whose meshes are posed at once."""
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
    view: Literal["camera", "side"],
    world_cameras: Path | None = None,
    renderer: RendererName = "moderngl",
    opacity: float = 0.85,
    resolution: tuple[int, int] | None = None,
    fps_factor: int = 1,
    blendipose: BlendiPoseOptions = BlendiPoseOptions(),  # noqa: B008  (frozen)
    checkpoints: Path | None = None,
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
        checkpoints: folder for what is drawn already, from which a run that was killed goes on; removed at the end.
    """
    _check_options(opacity, resolution, fps_factor)
    backend = make_renderer(renderer, blendipose)
    scene = _load_scene(video_facts, bodies, cameras, world_cameras if view == "side" else None, fps_factor)
    BodyKind.of(body).check_made(scene.people.body_model, bodies)
    model = load_body_model(body)
    meshes = BodyMeshes(model)
    size_px = resolution or scene.size_px
    drawing = _Drawing(scene, view, FrameRanges(video, scene.n_frames), meshes, size_px, backend, opacity)
    files = [path and file_digest(path) for path in (video, video_facts, bodies, cameras, world_cameras)]
    look = [view, renderer, opacity, list(size_px), fps_factor, repr(blendipose)]
    encoding = Encoding(scene.people.fps, scene.n_frames, SEGMENT_FRAMES[renderer])
    with keeping_segments(checkpoints, out, code_version("render"), files, _arrays_of(model), look) as segments:
        write_in_segments(out, encoding, drawing.pictures, segments, audio_from=video, what=f"render {view}")


def _arrays_of(model: "smplfitter.pt.BodyModel") -> Part:
    """What tells a body model from others."""
    return [model.faces, *(part for name, tensor in model.state_dict().items() for part in (name, tensor.numpy()))]


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
    trail: CameraTrail | None
    """Of the real camera."""


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
    trail = None if real_cameras is None else CameraTrail.of(real_cameras.T_world_cam[:, :3, 3], shot_starts)
    return _Scene(people, all_cameras[0], real_cameras, facts.n_frames * fps_factor, facts.size_px, shot_starts, trail)


@dataclass(frozen=True)
class _Drawing:
    """Who draws what, and how."""

    scene: _Scene
    view: Literal["camera", "side"]
    images: FrameRanges
    """Of the clip."""
    meshes: BodyMeshes
    size_px: tuple[int, int]
    backend: Renderer
    opacity: float

    def pictures(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """The pictures [start, stop), (height, width, 3) uint8 each.

        Drawn from one frame before, which tells what moved, and by a new start of the renderer: so they do not depend
        on what was drawn earlier.
        """
        frames = range(max(start - 1, 0), stop)
        drawn = self.backend.render(self._views(frames), self.meshes.faces, self.size_px, self.opacity)
        return itertools.islice(drawn, start - frames.start, None)

    def _views(self, frames: range) -> Iterator[ViewFrame]:
        scene, posed = self.scene, posed_bodies(self.scene.people, self.meshes, frames)
        if self.view == "camera":
            images = self.images.read(frames.start, frames.stop)
            return camera_views(frames, images, posed, scene.cameras, self.size_px, scene.shot_starts)
        real_cameras: Iterable[RealCamera | None] = itertools.repeat(None, len(frames))
        if scene.real_cameras is not None and scene.trail is not None:
            images = self.images.read(frames.start, frames.stop)
            real_cameras = real_camera_frames(frames, images, scene.real_cameras, scene.trail)
        return side_views(frames, posed, scene.cameras, real_cameras, self.size_px, scene.shot_starts)


def posed_bodies(people: Bodies, meshes: BodyMeshes, wanted: range | None = None) -> Iterator[PosedPeople]:
    """The visible people of every frame, or of the `wanted` ones, in order."""
    wanted = range(people.visible.shape[1]) if wanted is None else wanted
    colours = person_colours(len(people.person_ids))
    opacities = np.where(people.filled, FILLED_OPACITY, 1.0)
    for start in range(wanted.start, wanted.stop, CHUNK_FRAMES):
        visible = people.visible[:, start : min(start + CHUNK_FRAMES, wanted.stop)]
        frames, rows = np.nonzero(visible.T)
        vertices, _ = meshes.forward(
            people.pose_rotvecs[rows, start + frames], people.betas[rows], people.trans[rows, start + frames]
        )
        for frame in range(visible.shape[1]):
            here = frames == frame
            shown = rows[here]
            yield PosedPeople(shown, vertices[here], colours[shown], opacities[shown, start + frame])
