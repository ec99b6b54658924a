"""Command `import`: take over what the reference pipeline has found in a video, and carry on from there."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.clips.encoding import upright_size
from nlf_pipeline.clips.probe import probe_video
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path, check_readable
from nlf_pipeline.fitting.given_fits import GivenFits
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import PredictionSink, writing_predictions
from nlf_pipeline.progress import progress
from nlf_pipeline.reference_files import ReferenceFolder
from nlf_pipeline.reference_files.body_stream import read_header
from nlf_pipeline.reference_files.pickled_cameras import read_cameras
from nlf_pipeline.reference_files.pickled_fits import read_fits
from nlf_pipeline.reference_files.pickled_masks import read_masks
from nlf_pipeline.reference_files.predicted_bodies import PredictedFrame, read_predictions
from nlf_pipeline.workflow.videos.ids import ID_RULE, is_video_id

IMPORTS = Path("imports")
_FPS_FACTORS = range(1, 9)
_FAMILIES = ("smpl", "smplx", "open", "anny")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Clip:
    """What the video is like."""

    fps: float
    n_frames: int
    size_px: tuple[int, int]


def import_results(
    folder: Path,
    /,
    *,
    video_id: str,
    video: Path | None = None,
    suffix: str = "",
    as_id: str | None = None,
    fits: bool = True,
    out: Path = IMPORTS,
) -> None:
    """Read masks, cameras, predictions and fits of the reference pipeline, and write them in this workflow's formats.

    Nothing that its files hold is run: they may have arrays, plain values and cameras in them, and anything else is
    refused. What is written, and a table that `snakemake --config videos=...` reads, lies in a folder of its own.

    Args:
        folder: its INFERENCE_ROOT.
        video_id: as the reference pipeline calls the video, with `_cut...` behind it if it used a part.
        video: the video that its masks are of; videos_in/VIDEO_ID.mp4 in its folder unless given.
        suffix: of the run, if it was given one.
        as_id: what to call the video here; as there unless given.
        fits: take its fits over, too; without, bodies are fitted anew to its predictions.
        out: where to write, into a folder for the video.

    Raises:
        UserError: if a file is missing, damaged or not to be trusted, or files do not belong together.
    """
    here = as_id or video_id
    if not is_video_id(here):
        raise UserError(f"--as-id: found {here!r}, expected {ID_RULE}. Give the video another id with --as-id.")
    files = ReferenceFolder(folder, video_id, suffix)
    if not folder.is_dir() or not files.masks.is_file():
        raise UserError(
            f"{files.masks}: not found, expected masks of the reference pipeline. Give the folder that it calls "
            "INFERENCE_ROOT, and the video's id as its files have it."
        )
    source = video or files.video
    clip = _look_at(source)
    tracks = read_masks(files.masks, clip.fps)
    _check_frames(files.masks, tracks.n_frames, source, clip)
    target = out / here
    tracks.save(target / "masks.json")
    written = {"masks_file": "masks.json"}
    log.info("masks: %d people in %d frames", len(tracks.person_ids), tracks.n_frames)
    cameras = read_cameras(files.cameras(), clip.size_px) if files.cameras().is_file() else None
    if files.predictions.is_file():
        found = _import_predictions(files.predictions, tracks, clip, target / "predictions.xz")
        cameras, written["predictions_file"] = cameras or found, "predictions.xz"
    if cameras is not None:
        _check_frames(files.cameras(), len(cameras.T_world_cam), source, clip)
        cameras.save(target / "camera.npz")
        written["camera_file"] = "camera.npz"
    if fits and cameras is not None and "predictions_file" in written and (found_fits := _find_fits(files)):
        path, step = found_fits
        _import_fits(path, step, cameras, source, clip).save(target / "fits.npz")
        written["fits_file"] = "fits.npz"
    for name in ("masks_file", "predictions_file", "camera_file", "fits_file"):
        log.info("%s: %s", name, target / written[name] if name in written else "none; it is computed")
    family = _body_family(files) if "predictions_file" in written else None
    _write_table(target / "videos.csv", here, source, written | ({"body_model": family} if family else {}))
    more = " body_models_dir=FOLDER" if family in ("smpl", "smplx") else ""
    print(f"To carry on:\n  snakemake --cores 2 --config videos={target / 'videos.csv'}{more}")


def _look_at(video: Path) -> _Clip:
    check_readable(video, "the video that the masks are of (--video)")
    probe = probe_video(video)
    return _Clip(float(probe.rate), probe.n_steps, upright_size(probe))


def _check_frames(path: Path, n_frames: int, video: Path, clip: _Clip) -> None:
    if n_frames != clip.n_frames:
        raise UserError(
            f"{path}: found {n_frames} frames, expected {clip.n_frames}, as {video} has. Give the very video that the "
            "reference pipeline worked on: of a part, the file whose name has _cut in it."
        )


def _import_predictions(path: Path, tracks: MaskTracks, clip: _Clip, out: Path) -> Cameras:
    """Write predictions in camera axes; returns the cameras with which they were found."""
    frames = read_predictions(path, tracks, clip.size_px)
    ids = np.array(tracks.person_ids, dtype=np.int64)
    with writing_predictions(out, ids, clip.fps, clip.n_frames) as sink:
        lenses = list(_written(progress(frames, clip.n_frames, "import"), sink))
    T_world_cam, K = np.stack([T for T, _, _ in lenses]), np.stack([K for _, K, _ in lenses])
    return Cameras(T_world_cam, K, lenses[0][2], np.array(clip.size_px))


def _written(
    frames: Iterator[PredictedFrame], sink: PredictionSink
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for frame in frames:
        sink.append(frame.bodies)
        yield frame.T_world_cam, frame.K, frame.distortion


def _find_fits(files: ReferenceFolder) -> tuple[Path, int] | None:
    """The fits, and how many frames of theirs there are per frame of the video."""
    return next(((path, n) for n in _FPS_FACTORS if (path := files.fits(n)).is_file()), None)


def _import_fits(path: Path, step: int, cameras: Cameras, video: Path, clip: _Clip) -> GivenFits:
    found = read_fits(path, step)
    _check_frames(path, found.visible.shape[1], video, clip)
    log.info("fits: %d people, seen in %s frames", len(found.betas), found.visible.sum(axis=1).tolist())
    return GivenFits(found.pose_rotvecs, found.betas, found.trans, found.visible, cameras.T_world_cam)


def _body_family(files: ReferenceFolder) -> str | None:
    """Of whose body model the predictions are, if they tell."""
    config = read_header(files.predictions)["metadata"].get("config")
    name = config.get("body_model") if isinstance(config, dict) else None
    family = str(name).partition("-")[0]
    return family if family in _FAMILIES else None


def _write_table(path: Path, video_id: str, video: Path, settings: dict[str, str]) -> None:
    """A row for the video; files are found from the table's folder."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video_id", "file", *settings])
        writer.writerow([video_id, str(video.resolve()), *settings.values()])
