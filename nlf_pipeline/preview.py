"""Stage: what another stage found, drawn over the clip, to look at before the chain is finished."""

from pathlib import Path

import cv2
import numpy as np

from nlf_pipeline.artefacts import CameraPath, CameraReport, Cameras, Intrinsics, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.previews import Painter, PreviewKind
from nlf_pipeline.previews.camera_painter import CameraPainter
from nlf_pipeline.previews.marks import draw_label
from nlf_pipeline.previews.mask_painter import MaskPainter
from nlf_pipeline.previews.prediction_painter import PredictionPainter
from nlf_pipeline.previews.sheet import clip_frames, draw_sheet, even_frames, shown_size
from nlf_pipeline.progress import progress
from nlf_pipeline.video import read_frames, writing_video

TIME_COLOUR = (45, 52, 62)


def preview(
    *,
    kind: PreviewKind,
    video: Path,
    video_facts: Path,
    image_out: Path,
    video_out: Path,
    masks: Path | None = None,
    intrinsics: Path | None = None,
    camera_path: Path | None = None,
    camera_report: Path | None = None,
    predictions: Path | None = None,
    world_cameras: Path | None = None,
) -> None:
    """Show what one stage found, as a sheet of twelve frames and as a short video.

    masks: everybody's pixels and id. camera: points of the background and a net of directions, which should stay where
    they are; the path from above; how sure it is. predictions: the joints estimated in each frame, with circles as
    large as their expected error. Files of other stages than that are not read.

    Args:
        kind: what to show.
        video: clip.mp4.
        video_facts: video.json.
        image_out: the sheet to write (PNG).
        video_out: the video to write (mp4), at most 15 s: of a longer clip, five pieces of 3 s.
        masks: masks.json; for masks.
        intrinsics: intrinsics.json; for camera and predictions.
        camera_path: camera_path.npz; for camera.
        camera_report: camera_report.json; for camera.
        predictions: predictions.xz; for predictions.
        world_cameras: world_cameras.npz; for camera, to draw the floor too, once it is known.
    """
    facts = VideoFacts.load(video_facts)
    if kind == "masks":
        painter, n_frames = _masks(_given(masks, "masks", kind))
    elif kind == "camera":
        paths = (
            _given(camera_path, "camera_path", kind),
            _given(intrinsics, "intrinsics", kind),
            _given(camera_report, "camera_report", kind),
        )
        painter, n_frames = _camera(*paths, world_cameras)
    else:
        paths = _given(predictions, "predictions", kind), _given(intrinsics, "intrinsics", kind)
        painter, n_frames = _predictions(*paths)
    if n_frames != facts.n_frames:
        raise UserError(
            f"{video_facts} has {facts.n_frames} frames, but the {kind} to be shown have {n_frames}. "
            "Run the workflow again."
        )
    _draw(painter, kind, video, facts, image_out, video_out)


def _given(path: Path | None, option: str, kind: PreviewKind) -> Path:
    if path is None:
        raise UserError(f"{option}: not given, expected the file that a preview of {kind} shows.")
    return path


def _masks(masks: Path) -> tuple[Painter, int]:
    tracks = MaskTracks.load(masks)
    return MaskPainter(tracks), tracks.n_frames


def _camera(path: Path, intrinsics: Path, report: Path, world_cameras: Path | None) -> tuple[Painter, int]:
    world = None if world_cameras is None else Cameras.load(world_cameras)
    found = CameraPath.load(path)
    painter = CameraPainter(found, Intrinsics.load(intrinsics), CameraReport.load(report), world)
    return painter, len(found.T_scene_cam)


def _predictions(predictions: Path, intrinsics: Path) -> tuple[Painter, int]:
    found = Predictions.open(predictions)
    return PredictionPainter(found, Intrinsics.load(intrinsics)), found.n_frames


def _draw(
    painter: Painter, kind: PreviewKind, video: Path, facts: VideoFacts, image_out: Path, video_out: Path
) -> None:
    """Draw each frame once, for the sheet, the video or both."""
    on_sheet, in_clip = even_frames(facts.n_frames), set(clip_frames(facts.n_frames, facts.fps))
    frames = sorted({*on_sheet, *in_clip})
    pictures: dict[int, np.ndarray] = {}
    size_px = shown_size(facts.size_px)
    images = read_frames(video).frames_at(frames)
    with writing_video(video_out, facts.fps) as sink:
        for frame, image in progress(zip(frames, images, strict=True), len(frames), f"preview {kind}"):
            picture = cv2.resize(image, size_px, interpolation=cv2.INTER_AREA)
            painter.paint(frame, picture)
            if frame in on_sheet:
                pictures[frame] = picture.copy()
            if frame in in_clip:
                draw_label(picture, f"{frame / facts.fps:.2f} s", 0, picture.shape[0], TIME_COLOUR)
                sink.append_data(picture)
    length = f"{facts.n_frames} frames, {facts.n_frames / facts.fps:.2f} s at {facts.fps:.5g} frames/s"
    sheet = draw_sheet(pictures, facts.fps, f"{facts.video_id}, {kind}: {painter.caption}; {length}")
    with atomic_path(image_out) as temporary:
        sheet.save(temporary)
