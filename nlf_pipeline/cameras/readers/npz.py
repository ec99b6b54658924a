"""Our own npz files: camera_path.npz with intrinsics.json beside it, or world_cameras.npz and cameras.npz."""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.cameras.readers import (
    OPENCV_COEFFICIENTS,
    FileCamera,
    FileLens,
    lens_from_matrices,
    make_file_camera,
    unreadable,
)
from nlf_pipeline.files import check_readable

INTRINSICS_NAME = "intrinsics.json"
_LENS = ("K", "distortion", "size_px")
_NUMBERS = ("T_world_cam", "T_scene_cam", "confidence", "segment", "points", "point_segment", *_LENS)
_UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)
"""What numpy raises for one damaged archive or another."""
_CURE = "docs/cameras.md shows how to write one."


def read_npz(path: Path, facts: VideoFacts) -> FileCamera:
    """Read poses and, where the file has them, lens, confidence and points.

    Args:
        path: npz with `T_world_cam` or `T_scene_cam` (frames, 4, 4), NaN where unknown; `K` (3, 3) or (frames, 3, 3),
            with `distortion` and `size_px` if need be. Without `K`, intrinsics.json beside it counts.
        facts: of the clip, to whose frames the rows belong.

    Raises:
        UserError: if the arrays are missing, have the wrong shape or another number of frames than the clip.
    """
    check_readable(path, "an npz file")
    arrays = _load(path)
    name = next((name for name in ("T_world_cam", "T_scene_cam") if name in arrays), None)
    if name is None:
        found = f"the arrays {', '.join(sorted(arrays)) or '(none)'}"
        raise unreadable(path, found, "T_world_cam or T_scene_cam among them", _CURE)
    n = facts.n_frames
    poses = _checked(path, arrays, name, (n, 4, 4))
    confidence = _checked(path, arrays, "confidence", (n,)) if "confidence" in arrays else np.ones(n)
    if not np.all((confidence >= 0) & (confidence <= 1)):
        raise unreadable(path, "a confidence that is not in [0, 1]", "numbers from 0 to 1", _CURE)
    segment = _checked(path, arrays, "segment", (n,)).astype(int) if "segment" in arrays else np.zeros(n, dtype=int)
    points = arrays.get("points", np.zeros((0, 3)))
    point_segment = arrays.get("point_segment", np.zeros(len(points)))
    if points.shape != (len(point_segment), 3) or not np.isin(point_segment, segment).all():
        found = f"points of shape {points.shape} in {len(point_segment)} segments"
        raise unreadable(path, found, "(points, 3), each in a segment of the path", _CURE)
    lens = _lens(path, arrays, n, facts) if "K" in arrays else _lens_beside(path, n)
    point_frame = np.searchsorted(segment, point_segment)
    frames = np.arange(n)
    return make_file_camera(
        path, frames, poses, lens, confidence=confidence, segment=segment, points=points, point_frame=point_frame
    )


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
    except _UNREADABLE as error:
        raise unreadable(path, f"no readable npz file ({error})", "arrays without pickles", _CURE) from error
    for name, array in arrays.items():
        if name in _NUMBERS and array.dtype.kind not in "fiu":
            raise unreadable(path, f"{name} of type {array.dtype}", "numbers", _CURE)
    return arrays


def _checked(path: Path, arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = arrays[name]
    if found.shape == shape:
        return found
    frames = f" for {len(found)} frames" if found.ndim == len(shape) and found.shape[1:] == shape[1:] else ""
    raise unreadable(
        path,
        f"{name} of shape {found.shape}{frames}",
        f"{shape}, as the clip has {shape[0]} frames",
        "Give one row per frame of results/VIDEO_ID/clip.mp4, NaN where the camera is unknown.",
    )


def _lens(path: Path, arrays: dict[str, np.ndarray], n: int, facts: VideoFacts) -> FileLens:
    given = arrays["K"]
    K = np.repeat(given[None], n, axis=0) if given.shape == (3, 3) else _checked(path, arrays, "K", (n, 3, 3))
    distortion = np.ravel(arrays.get("distortion", np.zeros(0)))
    if len(distortion) not in (0, 4, 5, OPENCV_COEFFICIENTS):
        raise unreadable(path, f"{len(distortion)} distortion coefficients", "OpenCV's 0, 4, 5 or 8", _CURE)
    size_px = np.ravel(arrays.get("size_px", np.array(facts.size_px)))
    if size_px.shape != (2,):
        raise unreadable(path, f"size_px of {len(size_px)} numbers", "width and height", _CURE)
    return lens_from_matrices(K, distortion, size_px)


def _lens_beside(path: Path, n: int) -> FileLens | None:
    """From intrinsics.json in the same folder."""
    beside = path.with_name(INTRINSICS_NAME)
    if not beside.exists():
        return None
    intrinsics = Intrinsics.load(beside)
    if len(intrinsics.zoom) not in (0, n):
        raise unreadable(beside, f"the zoom of {len(intrinsics.zoom)} frames", f"{n}, as the clip has", _CURE)
    K, size_px = intrinsics.K_frames(n), np.array(intrinsics.size_px)
    return lens_from_matrices(K, np.array(intrinsics.distortion), size_px, intrinsics.focal_source)
