"""The lens of a camera file as one lens with a zoom, in pixels of the clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.cameras.readers import FileLens, unreadable

_CROP_PX = 2.0
"""Sizes are whole, and often even: so much does a resized picture differ from the exact size."""
_FOCAL_PER_SIDE = (0.05, 100.0)
_SAME_FOCAL = 1e-6
_ASPECT = 0.01
_CENTRE_PER_SIDE = 0.005
_COEFFICIENT = 0.01


def scale_lens(path: Path, lens: FileLens, size_px: tuple[int, int]) -> tuple[FileLens, list[str]]:
    """Bring a lens to the clip's size.

    Args:
        path: the file, for messages.
        lens: in pixels of the file's pictures.
        size_px: (width, height) of the clip.

    Returns:
        The lens in pixels of the clip, and a note if this changed it.

    Raises:
        UserError: if the file's pictures have another shape than the clip's, or a focal length is impossible.
    """
    clip_size = np.array(size_px, dtype=np.float64)
    _check(path, lens, clip_size)
    scale = clip_size / lens.size_px
    if np.all(scale == 1):
        return lens, []
    width_px, height_px = lens.size_px[np.argmax(np.abs(scale[:, 0] - 1))]
    notes = [
        f"the lens was given for pictures of {width_px:g} x {height_px:g}, and scaled to {size_px[0]} x {size_px[1]}"
    ]
    scaled = replace(
        lens,
        size_px=np.broadcast_to(clip_size, lens.size_px.shape),
        focal_px=lens.focal_px * scale,
        principal_point_px=(lens.principal_point_px + 0.5) * scale - 0.5,
    )
    return scaled, notes


def _check(path: Path, lens: FileLens, clip_size: np.ndarray) -> None:
    width_px, height_px = clip_size
    if not np.all(np.isfinite(lens.size_px) & (lens.size_px >= 1)):
        raise unreadable(path, "pictures without size", "width and height in pixels", "Mend the file.")
    is_cropped = np.abs(lens.size_px[:, 0] * height_px / width_px - lens.size_px[:, 1]) > _CROP_PX
    if is_cropped.any():
        found = "{:g} x {:g}".format(*lens.size_px[is_cropped.argmax()])
        raise unreadable(
            path,
            f"pictures of {found}",
            f"the clip's {width_px:g} x {height_px:g}, or the same shape in another size",
            "Find the camera in upright pictures that are not cropped.",
        )
    share = lens.focal_px / lens.size_px.max(axis=1, keepdims=True)
    if not np.all((share > _FOCAL_PER_SIDE[0]) & (share < _FOCAL_PER_SIDE[1])):
        focal_px = lens.focal_px.min() if share.min() <= _FOCAL_PER_SIDE[0] else lens.focal_px.max()
        raise unreadable(
            path, f"a focal length of {focal_px:g}", "pixels, about as many as a picture is wide", "Mend the file."
        )
    if not np.isfinite(lens.principal_point_px).all() or not np.isfinite(lens.distortion).all():
        raise unreadable(path, "a lens with nan or inf", "numbers", "Mend the file.")


def one_lens(lens: FileLens, frames: np.ndarray, shots: list[slice], n_frames: int) -> tuple[Intrinsics, list[str]]:
    """What all poses' lenses have in common, and how they zoom.

    Args:
        lens: of every pose, in pixels of the clip.
        frames: (poses,) float, ascending: the frames of the poses.
        shots: frame ranges between cuts.
        n_frames: of the clip.

    Returns:
        The intrinsics, with a zoom if the focal length changes, interpolated in between; and what was averaged.
    """
    notes = []
    zoom = np.sqrt(np.prod(lens.focal_px / lens.focal_px[0], axis=1))
    aspect = lens.focal_px[:, 1] / lens.focal_px[:, 0]
    if np.ptp(aspect) > _ASPECT:
        notes.append("the ratio of fx to fy varies; it is kept as in the first frame")
    centre, distortion = np.median(lens.principal_point_px, axis=0), np.median(lens.distortion, axis=0)
    if np.abs(lens.principal_point_px - centre).max() > _CENTRE_PER_SIDE * lens.size_px.max():
        notes.append("the principal point varies; its median is used")
    if np.abs(lens.distortion - distortion).max() > _COEFFICIENT:
        notes.append("the distortion varies; the median of its coefficients is used")
    zoom_of_frame = _fill(zoom, frames, shots, n_frames) if np.abs(zoom - 1).max() > _SAME_FOCAL else np.zeros(0)
    intrinsics = Intrinsics(
        size_px=(int(lens.size_px[0, 0]), int(lens.size_px[0, 1])),
        focal_px=(float(lens.focal_px[0, 0]), float(lens.focal_px[0, 1])),
        principal_point_px=(float(centre[0]), float(centre[1])),
        distortion=_shortest(distortion),
        focal_source=lens.focal_source,
        zoom=zoom_of_frame.tolist(),
    )
    return intrinsics, notes


def _fill(zoom: np.ndarray, frames: np.ndarray, shots: list[slice], n_frames: int) -> np.ndarray:
    """(n_frames,) zoom of every frame, interpolated by its logarithm inside each shot."""
    filled = np.ones(n_frames)
    for shot in shots:
        inside = (frames >= shot.start - 0.5) & (frames < shot.stop - 0.5)
        if inside.any():
            wanted = np.arange(shot.start, shot.stop)
            filled[shot] = np.exp(np.interp(wanted, frames[inside], np.log(zoom[inside])))
    return filled


def _shortest(distortion: np.ndarray) -> list[float]:
    """OpenCV's coefficients without the zeros at the end: 0, 4, 5 or 8."""
    last = np.flatnonzero(distortion)
    length = next(n for n in (0, 4, 5, 8) if not len(last) or last[-1] < n)
    return [float(value) for value in distortion[:length]]
