"""Bring your own camera: from a COLMAP model, nerfstudio's transforms.json, a TUM trajectory, or our npz."""

from pathlib import Path

import framepump
import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import CameraPath, CameraReport, CameraWindow, Intrinsics, MotionClass, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.readers import FileCamera
from nlf_pipeline.cameras.readers.file_lens import one_lens, scale_lens
from nlf_pipeline.cameras.readers.file_path import FilledPath, fill_path
from nlf_pipeline.cameras.readers.nerfstudio import read_nerfstudio
from nlf_pipeline.cameras.readers.npz import read_npz
from nlf_pipeline.cameras.readers.tum import read_tum
from nlf_pipeline.cameras.static import MOVING_PX
from nlf_pipeline.cameras.tracks.background_motion import BackgroundMotion, measure_background_motion
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable
from nlf_pipeline.masks import MaskTracks

_EXPECTED = "a COLMAP model's folder, nerfstudio's transforms.json, a TUM trajectory (.txt) or our .npz"
_COLMAP_PARTS = ("cameras", "images", "points3D", "rigs", "frames")
_TUM_SUFFIXES = (".txt", ".tum", ".csv", ".freiburg")
_TURNS = 1e-6
_ZOOMS = 1e-6
_SAMPLES = 24
_TURNS_MUCH_PX = 20.0
"""A camera that turns this much (at a longer side of 640 pixels) ..."""
_SHARE_SEEN = 0.2
"""... shifts the background by more than this share of it."""
_LONG_SIDE_PX = 640


class FileCameraTracker:
    """Takes the camera from a file, and looks whether the background moves when the file says so."""

    def __init__(self, camera_file: Path):
        """Take the camera from `camera_file`, a file or a COLMAP model's folder."""
        self._file = camera_file

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> TrackedCamera:
        """The file's lens and path; `intrinsics` stay if the file says nothing about the lens.

        Raises:
            UserError: if the file cannot be read or is not of this clip.
        """
        camera = read_camera(self._file, facts)
        notes = list(camera.notes)
        if camera.lens is None:
            notes.append(
                f"{self._file.name} says nothing about the lens: a focal length of {intrinsics.focal_px[0]:.0f} px "
                f"({intrinsics.focal_source}) is used"
            )
        else:
            lens, scaling = scale_lens(self._file, camera.lens, facts.size_px)
            intrinsics, averaging = one_lens(lens, camera.at_frame, facts.shots(), facts.n_frames)
            notes += scaling + averaging
        filled = fill_path(self._file, camera, facts)
        motion = measure_background_motion(frames, facts.shots(), people, _SAMPLES)
        segments = [
            _segment(filled, number, intrinsics, motion, notes if number == 0 else [])
            for number in range(len(filled.notes))
        ]
        return TrackedCamera(intrinsics, filled.path, CameraReport(segments))


def read_camera(path: Path, facts: VideoFacts) -> FileCamera:
    """Read a camera file of any format; a COLMAP model may be given by its folder or by a file in it.

    Raises:
        UserError: if it is none of them.
    """
    from nlf_pipeline.cameras.readers.colmap import is_colmap_model, read_colmap

    if path.stem in _COLMAP_PARTS and is_colmap_model(path.parent):
        path = path.parent
    if path.is_dir():
        if is_colmap_model(path):
            return read_colmap(path, facts)
        if (path / "transforms.json").is_file():
            return read_nerfstudio(path / "transforms.json", facts)
        below = [*path.glob("*/"), *path.glob("*/*/")]
        models = sorted(folder for folder in below if is_colmap_model(folder))
        hint = (
            f"There are models in {', '.join(map(str, models))}: give one of them." if models else "Give that folder."
        )
        raise UserError(
            f"{path}: found a folder without a camera, expected cameras, images and points3D (.bin or .txt) "
            f"of a COLMAP model. {hint}"
        )
    check_readable(path, _EXPECTED)
    match path.suffix.lower():
        case ".json":
            return read_nerfstudio(path, facts)
        case ".npz":
            return read_npz(path, facts)
        case suffix if suffix in _TUM_SUFFIXES:
            return read_tum(path, facts)
    raise UserError(f"{path}: found a file of type {path.suffix or '(none)'}, expected {_EXPECTED}. Convert it.")


def _segment(
    filled: FilledPath, number: int, intrinsics: Intrinsics, motion: BackgroundMotion, notes: list[str]
) -> CameraWindow:
    frames = np.flatnonzero(filled.path.segment == number)
    start, stop = int(frames[0]), int(frames[-1]) + 1
    motion_class = _motion_class(filled.path, intrinsics, slice(start, stop))
    is_seen = (motion.frames >= start) & (motion.frames < stop) & np.isfinite(motion.median_px)
    displacements_px = motion.median_px[is_seen]
    return CameraWindow(
        start=start,
        stop=stop,
        motion_class=motion_class,
        focal_source=intrinsics.focal_source,
        displacement_px=float(displacements_px.max(initial=0.0)),
        rotation_residual_px=None,
        residual_px=None,
        coverage=float(filled.is_given[start:stop].mean()),
        gates=[],
        notes=notes
        + filled.notes[number]
        + _contradictions(filled.path, intrinsics, motion_class, motion.frames[is_seen], displacements_px),
    )


def _motion_class(path: CameraPath, intrinsics: Intrinsics, frames: slice) -> MotionClass:
    """What the path itself does, however little."""
    T = path.T_scene_cam[frames]
    if np.any(T[:, :3, 3] != T[0, :3, 3]):
        return "general"
    zoom = np.array(intrinsics.zoom[frames] or [1.0])
    if zoom.max() > zoom.min() * (1 + _ZOOMS):
        return "rotation_zoom"
    R = Rotation.from_matrix(T[:, :3, :3])
    return "rotation" if (R[0].inv() * R).magnitude().max() > _TURNS else "static"


def _contradictions(
    path: CameraPath, intrinsics: Intrinsics, motion_class: MotionClass, frames: np.ndarray, seen_px: np.ndarray
) -> list[str]:
    """What the pictures say against the file: the motion of the background since the shot's first frame.

    Args:
        path: the camera's.
        intrinsics: its lens.
        motion_class: of the segment.
        frames: (samples,) frames looked at, in the segment.
        seen_px: (samples,) median motion of the background, the longer side having 640 pixels.
    """
    if motion_class == "static" and seen_px.max(initial=0.0) > MOVING_PX:
        return [
            f"the file's camera stands still, but the background shifts by up to {seen_px.max():.1f} px "
            "(at a longer side of 640): does the file belong to this clip?"
        ]
    focal_px = intrinsics.focal_px[0] * _LONG_SIDE_PX / max(intrinsics.size_px)
    turned_px = focal_px * np.arccos(np.clip(path.T_scene_cam[frames, 2, 2], -1, 1))
    if turned_px.max(initial=0.0) > _TURNS_MUCH_PX and np.all(seen_px <= _SHARE_SEEN * turned_px):
        return [
            f"the file's camera turns by about {turned_px.max():.0f} px (at a longer side of 640), but the background "
            f"shifts by {seen_px.max():.1f} px only: does the file belong to this clip?"
        ]
    return []
