"""COLMAP models: cameras, images and points3D, as .bin or .txt. COLMAP puts the top left pixel's centre at (.5, .5)."""

from pathlib import Path

import numpy as np
import pycolmap

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.cameras.readers import OPENCV_COEFFICIENTS, FileCamera, FileLens, make_file_camera, unreadable
from nlf_pipeline.cameras.readers.colmap_completeness import check_complete
from nlf_pipeline.cameras.readers.frame_numbers import numbers_in_names, to_frames
from nlf_pipeline.geometry import invert_rigid

_SUFFIXES = (".bin", ".txt")
_DISTORTION_OF_MODEL = {
    "SIMPLE_PINHOLE": 0,
    "PINHOLE": 0,
    "SIMPLE_RADIAL": 1,
    "RADIAL": 2,
    "OPENCV": 4,
    "FULL_OPENCV": 8,
}
"""Coefficients of each model; they are the first ones of OpenCV's, in its order."""


def is_colmap_model(folder: Path) -> bool:
    """Whether a COLMAP model lies in this folder."""
    return any(all((folder / f"{part}{suffix}").is_file() for part in ("cameras", "images")) for suffix in _SUFFIXES)


def read_colmap(folder: Path, facts: VideoFacts) -> FileCamera:
    """Read the registered pictures, their cameras and the points of a COLMAP model.

    Args:
        folder: holds cameras, images and points3D, .bin or .txt.
        facts: of the clip.

    Raises:
        UserError: if the model cannot be read, its lens is no pinhole with OpenCV's distortion, or its pictures
            are not frames of the clip.
    """
    check_complete(folder)
    try:
        model = pycolmap.Reconstruction(str(folder))
    except (ValueError, IndexError, RuntimeError, MemoryError, TypeError) as error:
        raise unreadable(folder, f"no readable COLMAP model ({error})", "one", "Export the model again.") from error
    images = [image for image in model.images.values() if image.has_pose]
    numbers = numbers_in_names(folder, [image.name for image in images])
    frames, notes = to_frames(folder, numbers, facts.n_frames, counts_from=1)
    T_cam_file = np.tile(np.eye(4), (len(images), 1, 1))
    for T, image in zip(T_cam_file, images, strict=True):
        T[:3] = image.cam_from_world().matrix()
    points, point_frame = _points(model, {image.image_id: frame for image, frame in zip(images, frames, strict=True)})
    return make_file_camera(
        folder,
        frames,
        invert_rigid(T_cam_file),
        _lens(folder, [model.cameras[image.camera_id] for image in images]),
        points=points,
        point_frame=point_frame,
        notes=notes,
    )


def _lens(folder: Path, cameras: list[pycolmap.Camera]) -> FileLens:
    """The lens of every picture."""
    distortion = np.zeros((len(cameras), OPENCV_COEFFICIENTS))
    for row, camera in zip(distortion, cameras, strict=True):
        n = _DISTORTION_OF_MODEL.get(camera.model_name)
        if n is None:
            raise unreadable(
                folder,
                f"a camera of model {camera.model_name}",
                f"one of {', '.join(_DISTORTION_OF_MODEL)}",
                "Undistort the pictures and the model (colmap image_undistorter), and the video likewise.",
            )
        row[:n] = camera.params[len(camera.params) - n :]
    return FileLens(
        size_px=_pairs([(c.width, c.height) for c in cameras]),
        focal_px=_pairs([(c.focal_length_x, c.focal_length_y) for c in cameras]),
        principal_point_px=_pairs([(c.principal_point_x, c.principal_point_y) for c in cameras]) - 0.5,
        distortion=distortion,
    )


def _pairs(values: list[tuple[float, float]]) -> np.ndarray:
    return np.array(values, dtype=np.float64).reshape(-1, 2)


def _points(model: pycolmap.Reconstruction, frame_of_image: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) that pictures see, and (n,) a frame that sees each."""
    places, frames = [], []
    for point in model.points3D.values():
        seen_by = (frame_of_image.get(element.image_id) for element in point.track.elements)
        frame = next((frame for frame in seen_by if frame is not None), None)
        if frame is not None:
            places.append(point.xyz)
            frames.append(frame)
    return np.array(places, dtype=np.float64).reshape(-1, 3), np.array(frames, dtype=int)
