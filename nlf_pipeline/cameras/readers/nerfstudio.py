"""nerfstudio's transforms.json (and instant-ngp's): camera-to-world poses whose cameras have OpenGL's axes.

Pixels as in COLMAP: the centre of the top left one is at (.5, .5). The file may say which transform was applied to its
world (`applied_transform`, `applied_scale`): it does not matter here, the scene's frame is the first camera's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.cameras.readers import OPENCV_COEFFICIENTS, FileCamera, FileLens, make_file_camera, unreadable
from nlf_pipeline.cameras.readers.frame_numbers import numbers_in_names, to_frames
from nlf_pipeline.files import check_readable

_MODELS = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")
_Lens = tuple[list[float], list[float], list[float], list[float]]
_CURE = "Write it as docs.nerf.studio describes (Data conventions)."


def read_nerfstudio(path: Path, facts: VideoFacts) -> FileCamera:
    """Read poses and lenses.

    Args:
        path: transforms.json.
        facts: of the clip; its size is taken where the file has no w and h.

    Raises:
        UserError: if the file is no transforms.json, its lens is no pinhole with OpenCV's distortion, or its
            pictures are not frames of the clip.
    """
    check_readable(path, "nerfstudio's transforms.json")
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise unreadable(path, f"no readable JSON ({error})", "nerfstudio's transforms.json", _CURE) from error
    entries = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise unreadable(path, "no list of frames", "nerfstudio's transforms.json, with `frames`", _CURE)
    numbers = numbers_in_names(path, [str(_value(path, entry, "file_path")) for entry in entries])
    frames, notes = to_frames(path, numbers, facts.n_frames, counts_from=1)
    T_file_gl = np.array([_pose(path, entry) for entry in entries]).reshape(-1, 4, 4)
    T_gl_cam = np.diag([1.0, -1.0, -1.0, 1.0])
    lenses = [_lens(path, {**content, **entry}, facts.size_px) for entry in entries]
    return make_file_camera(path, frames, T_file_gl @ T_gl_cam, _stack(lenses), notes=notes)


def _pose(path: Path, entry: Mapping[str, Any]) -> np.ndarray:
    """(4, 4) from a matrix with or without its last row."""
    value = _value(path, entry, "transform_matrix")
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape not in ((3, 4), (4, 4)):
        raise unreadable(path, f"the transform_matrix {str(value)[:60]}", "4 rows of 4 numbers", _CURE)
    return np.concatenate([matrix[:3], [[0, 0, 0, 1]]])


def _stack(lenses: list[_Lens]) -> FileLens | None:
    if not lenses:
        return None
    size_px, focal_px, principal_point_px, distortion = (np.array(values) for values in zip(*lenses, strict=True))
    return FileLens(size_px, focal_px, principal_point_px, distortion)


def _lens(path: Path, values: Mapping[str, Any], clip_size_px: tuple[int, int]) -> _Lens:
    """Size, focal length, principal point and distortion of one frame, which inherits what the file says for all."""

    def number(key: str, default: float | None = None) -> float:
        value = _value(path, values, key) if default is None else values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise unreadable(path, f"{key} = {value!r}", "a number", _CURE)
        return float(value)

    model = values.get("camera_model", "OPENCV")
    if model not in _MODELS or number("k4", 0) != 0:
        raise unreadable(
            path,
            f"camera_model {model}" + (" with k4" if model in _MODELS else ""),
            f"one of {', '.join(_MODELS)}, without k4",
            "Undistort the pictures and the video alike.",
        )
    width_px, height_px = number("w", clip_size_px[0]), number("h", clip_size_px[1])
    if "fl_x" not in values and "camera_angle_x" in values:
        focal_x = width_px / (2 * float(np.tan(number("camera_angle_x") / 2)))
    else:
        focal_x = number("fl_x")
    centre = [number("cx", width_px / 2) - 0.5, number("cy", height_px / 2) - 0.5]
    distortion = [number(key, 0) for key in ("k1", "k2", "p1", "p2", "k3")]
    distortion += [0.0] * (OPENCV_COEFFICIENTS - len(distortion))
    return [width_px, height_px], [focal_x, number("fl_y", focal_x)], centre, distortion


def _value(path: Path, values: Mapping[str, Any], key: str) -> Any:
    if key not in values:
        raise unreadable(path, f"a frame without {key}", f"{key} in each frame or for all", _CURE)
    return values[key]
