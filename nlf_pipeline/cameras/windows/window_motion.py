"""What the solvers get and give: a lens, and the camera's motion in a window of frames."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import MotionClass


@dataclass(frozen=True)
class Lens:
    """A pinhole with square pixels, the principal point in the middle and COLMAP's SIMPLE_RADIAL distortion."""

    focal_px: float
    """In pixels of the working picture."""
    k1: float = 0.0
    """x_distorted = x (1 + k1 |x|^2) in image coordinates at unit depth: OpenCV's k1."""
    is_known: bool = False
    """Given by the user or the file; a solver must not change it. Otherwise it is a first guess.

    Of a camera that zooms, it is the focal length of the first keyframe.
    """


@dataclass(frozen=True)
class WindowMotion:
    """The camera's motion in a window of frames, in the axes of the window's first camera, up to scale."""

    motion_class: MotionClass
    T_window_cam: np.ndarray
    """(frames, 4, 4) float64; the first is the identity."""
    focal_px: np.ndarray
    """(frames,) in pixels of the working picture; constant unless the camera zooms: rotation_zoom, or general."""
    k1: float
    """Distortion, as in Lens."""
    is_focal_observable: bool
    """Whether the pictures determine the focal length; if not it is the first guess, though zooming may be seen."""
    tracked: np.ndarray
    """(frames,) bool: solved from points; elsewhere interpolated."""
    residual_px: np.ndarray
    """(frames,) median distance of points from where they should be; NaN where not tracked."""
    point_ids: np.ndarray
    """(points,) ids of PointTracks whose places in space are known."""
    points: np.ndarray
    """(points, 3) those places, in the window's frame and unit; none unless the class is general."""
