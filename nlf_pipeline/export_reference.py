"""Stage: the result as the files of the reference pipeline, for those who have its scripts."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_folder
from nlf_pipeline.geometry import rigid
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.reference_files import ReferenceFolder
from nlf_pipeline.reference_files.pickled_cameras import write_cameras
from nlf_pipeline.reference_files.pickled_fits import write_fits, write_ground
from nlf_pipeline.reference_files.pickled_masks import write_masks, write_people_masks
from nlf_pipeline.reference_files.predicted_bodies import write_predictions
from nlf_pipeline.renderers.retiming import retime_bodies, retime_cameras, retiming

R_FILE_WORLD = np.diag([1.0, -1.0, -1.0])
"""Its cameras look along +z with y down, as ours do along -z with y up."""
_UP = np.array([0.0, -1.0, 0.0])
_VIEW_HEIGHT_PX = 1080
"""Its side view is planned for pictures of this height."""


def export_reference(
    *,
    video: Path,
    video_facts: Path,
    masks: Path,
    people_mask: Path,
    predictions: Path,
    bodies: Path,
    world_cameras: Path,
    view_cameras: Path,
    body: Path,
    out: Path,
    fps_factor: int = 1,
    interpolated_video: Path | None = None,
) -> None:
    """Write everything as the reference pipeline does, so that its scripts go on from there.

    Its world is ours turned by half a turn about x, so that y points down; the floor stays at 0. `out` is its
    INFERENCE_ROOT.

    Args:
        video: clip.mp4.
        video_facts: video.json.
        masks: masks.json.
        people_mask: people_mask.json.
        predictions: predictions.xz.
        bodies: bodies.npz.
        world_cameras: world_cameras.npz.
        view_cameras: view_cameras.npz.
        body: folder of the body model.
        out: the folder to write; one that is there is replaced.
        fps_factor: frames per frame of the clip, at least 1; of more than 1 there are fits and cameras at both rates.
        interpolated_video: the clip with that many frames.

    Raises:
        UserError: if the files do not belong together.
    """
    facts, people, tracks = VideoFacts.load(video_facts), Bodies.load(bodies), MaskTracks.load(masks)
    real, view, source = Cameras.load(world_cameras), Cameras.load(view_cameras), Predictions.open(predictions)
    BodyKind.of(body).check_made(people.body_model, bodies)
    counts = [people.visible.shape[1], len(real.T_world_cam), len(view.T_world_cam), source.n_frames, tracks.n_frames]
    if set(counts) != {facts.n_frames}:
        raise UserError(
            f"{video_facts} has {facts.n_frames} frames, but the other files have {counts}. Run the workflow again."
        )
    with atomic_folder(out) as folder:
        files = ReferenceFolder(folder, facts.video_id)
        for path in (files.video, files.masks, files.people_masks, files.predictions, files.ground):
            path.parent.mkdir(parents=True, exist_ok=True)
        _link(video, files.video)
        write_masks(tracks, files.masks)
        write_people_masks(MaskTracks.load(people_mask), files.people_masks)
        turned = _turned(real)
        write_predictions(source, tracks, turned, people.body_model, files.predictions)
        write_ground(_UP, 0.0, files.ground)
        _write_motion(people, turned, _at_height(_turned(view)), body, files, 1)
        if fps_factor > 1:
            timing = retiming(facts.n_frames, fps_factor, facts.cuts)
            cameras = [retime_cameras(each, timing) for each in (real, view)]
            faster = _turned(cameras[0]), _at_height(_turned(cameras[1]))
            _write_motion(retime_bodies(people, timing), *faster, body, files, fps_factor)
            if interpolated_video is not None:
                _link(interpolated_video, files.video.with_stem(f"{facts.video_id}_fps{fps_factor}"))


def _write_motion(
    people: Bodies, real: Cameras, view: Cameras, body: Path, files: ReferenceFolder, fps_factor: int
) -> None:
    """Fits and cameras at one frame rate."""
    meshes = BodyMeshes(load_resting_body(body, subset=True))
    roots = np.array([meshes.joints_rest(betas)[0] for betas in people.betas]).reshape(-1, 3)
    for path in (files.fits(fps_factor), files.cameras(fps_factor), files.view_cameras(fps_factor)):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_fits(people, R_FILE_WORLD, roots, files.fits(fps_factor))
    write_cameras(real, _UP, files.cameras(fps_factor))
    write_cameras(view, _UP, files.view_cameras(fps_factor))


def _turned(cameras: Cameras) -> Cameras:
    """In the axes of the reference pipeline."""
    return dataclasses.replace(cameras, T_world_cam=rigid(R_FILE_WORLD, np.zeros(3)) @ cameras.T_world_cam)


def _at_height(cameras: Cameras) -> Cameras:
    """For pictures of the height for which the reference pipeline plans its side view."""
    scale, K = _VIEW_HEIGHT_PX / cameras.size_px[1], cameras.K.copy()
    K[:, :2] *= scale
    K[:, :2, 2] += (scale - 1) / 2
    return dataclasses.replace(cameras, K=K, size_px=np.round(cameras.size_px * scale).astype(int))


def _link(video: Path, path: Path) -> None:
    """The video under another name, without a copy of it where the file system allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(video, path)
    except OSError:
        shutil.copyfile(video, path)
