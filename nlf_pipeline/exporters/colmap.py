"""The camera as a COLMAP model in text files. COLMAP puts the top left pixel's centre at (.5, .5)."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters.frame_names import frame_name
from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.geometry import invert_rigid

_MODELS = {0: "PINHOLE", 4: "OPENCV", 8: "FULL_OPENCV"}
"""By the number of distortion coefficients, OpenCV's first ones in its order."""


def write(motion: Motion, folder: Path) -> None:
    """Write cameras.txt, images.txt and points3D.txt, which has no points; docs/exports.md.

    Raises:
        UserError: if COLMAP has no model of this lens.
    """
    lenses, camera_of_frame = np.unique(motion.cameras.K, axis=0, return_inverse=True)
    model, coefficients = _lens_model(motion.cameras.distortion)
    width_px, height_px = motion.cameras.size_px
    cameras = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    for number, K in enumerate(lenses, start=1):
        parameters = [K[0, 0], K[1, 1], K[0, 2] + 0.5, K[1, 2] + 0.5, *coefficients]
        cameras.append(f"{number} {model} {width_px} {height_px} {_text(parameters)}")
    T_cam_world = invert_rigid(motion.cameras.T_world_cam)
    turns = Rotation.from_matrix(T_cam_world[:, :3, :3]).as_quat(canonical=True)[:, [3, 0, 1, 2]]
    images = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    for frame, pose in enumerate(np.concatenate([turns, T_cam_world[:, :3, 3]], axis=1)):
        images += [f"{frame + 1} {_text(pose)} {camera_of_frame.flat[frame] + 1} {frame_name(frame)}", ""]
    points = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    for name, lines in (("cameras", cameras), ("images", images), ("points3D", points)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def _lens_model(distortion: np.ndarray) -> tuple[str, np.ndarray]:
    """Name of COLMAP's model and its coefficients."""
    used = len(np.trim_zeros(distortion, "b"))
    n = next((n for n in _MODELS if n >= used), None)
    if n is None:
        raise UserError(
            f"Found a lens with {used} distortion coefficients, expected at most 8, as COLMAP knows no more. "
            "Leave colmap out of `export`, or undistort the video first."
        )
    return _MODELS[n], np.pad(distortion[:used], (0, n - used))


def _text(values: np.ndarray | list[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
