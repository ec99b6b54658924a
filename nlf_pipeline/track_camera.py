"""Stage `track-camera`: the camera's focal length and its path, up to scale."""

import logging
from pathlib import Path

from nlf_pipeline.artefacts import FocalSource, Intrinsics, VideoFacts
from nlf_pipeline.cameras import CameraName, make_camera_tracker
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import focal_from_fov
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import file_digest
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import WEIGHTS_DIR
from nlf_pipeline.workflow.versions import code_version

ASSUMED_FOCAL_PER_SIDE = 0.87
"""Focal length over the longer image side where nothing is known: 60 degrees, a phone's or camcorder's usual lens."""
_WIDEST_FOV_DEG = 170.0
log = logging.getLogger(__name__)


def track_camera(
    *,
    video: Path,
    video_facts: Path,
    people_mask: Path,
    out_intrinsics: Path,
    out_path: Path,
    out_report: Path,
    camera: CameraName = "klt",
    camera_file: Path | None = None,
    fov_deg: float | None = None,
    seed: int = 0,
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
    droid: DroidOptions = DroidOptions(),  # noqa: B008  (frozen)
    checkpoints: Path | None = None,
) -> None:
    """Find the camera's intrinsics and its path in every shot.

    Args:
        video: clip.mp4.
        video_facts: video.json.
        people_mask: people_mask.json, the pixels to ignore.
        out_intrinsics: intrinsics.json to write.
        out_path: camera_path.npz to write.
        out_report: camera_report.json to write: motion class, evidence and gates.
        camera: which camera tracker.
        camera_file: for `file`: a COLMAP model's folder, nerfstudio's transforms.json, a TUM trajectory, or our npz.
        fov_deg: angle that the longer image side spans, degrees, 1-170. Without it the focal length in the file's
            metadata counts, then what the pictures determine, and without that 0.87 times the longer side is
            assumed, which is 60 degrees.
        seed: of random sampling.
        weights: for `droid`, folder of the models' weights.
        device: for `droid`, where pictures are put; DROID-SLAM itself runs on an NVIDIA GPU only.
        droid: options of DROID-SLAM.
        checkpoints: folder where `klt` and `droid` keep what is done, for a run that goes on after this one was killed;
            removed at the end.

    Raises:
        UserError: if `fov_deg` is out of range, or the tracker cannot be used here.
    """
    facts = VideoFacts.load(video_facts)
    guess = initial_intrinsics(facts, fov_deg)
    log.info("focal length %.0f px (%s)", guess.focal_px[0], guess.focal_source)
    files = [file_digest(path) for path in (video, video_facts, people_mask)]
    settings = [camera, repr(guess), seed, repr(droid)]
    chunks = ChunkStore(checkpoints, code_version("track_camera"), files, settings)
    tracker = make_camera_tracker(camera, camera_file, seed, weights, device, droid, chunks)
    tracked = tracker.track(read_frames(video), facts, MaskTracks.load(people_mask), guess)
    for window in tracked.report.windows:
        log.info("frames %d-%d: %s camera", window.start, window.stop - 1, window.motion_class)
        for note in window.notes:
            log.warning("frames %d-%d: %s", window.start, window.stop - 1, note)
    tracked.intrinsics.save(out_intrinsics)
    tracked.path.save(out_path)
    tracked.report.save(out_report)
    chunks.clear()


def initial_intrinsics(facts: VideoFacts, fov_deg: float | None) -> Intrinsics:
    """A pinhole camera: the user's field of view, else the metadata's focal length, else the usual one."""
    if fov_deg is not None and not 1 <= fov_deg <= _WIDEST_FOV_DEG:
        raise UserError(f"fov {fov_deg:g}: expected degrees between 1 and {_WIDEST_FOV_DEG:g}.")
    source: FocalSource
    if fov_deg is not None:
        focal_px, source = focal_from_fov(fov_deg, facts.size_px), "user"
    elif facts.focal_px is not None:
        focal_px, source = facts.focal_px, "metadata"
    else:
        focal_px, source = ASSUMED_FOCAL_PER_SIDE * max(facts.size_px), "assumed"
    width_px, height_px = facts.size_px
    return Intrinsics(
        size_px=facts.size_px,
        focal_px=(float(focal_px), float(focal_px)),
        principal_point_px=((width_px - 1) / 2, (height_px - 1) / 2),
        distortion=[],
        focal_source=source,
    )
