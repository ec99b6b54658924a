"""Cameras that others have found: one reader per file format, all with the same result.

A reader turns the axes of the camera into OpenCV's and pixels into those of docs/conventions.md; the world and the
unit of length stay the file's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import FocalSource
from nlf_pipeline.errors import UserError

_RIGID_TOLERANCE = 1e-3
OPENCV_COEFFICIENTS = 8
"""k1 k2 p1 p2 k3 k4 k5 k6: what any reader gives."""


@dataclass(frozen=True)
class FileLens:
    """The lens of every pose, in pixels of the pictures that the file speaks of."""

    size_px: np.ndarray
    """(poses, 2) width, height of those pictures."""
    focal_px: np.ndarray
    """(poses, 2) fx, fy."""
    principal_point_px: np.ndarray
    """(poses, 2), the centre of the top left pixel being (0, 0)."""
    distortion: np.ndarray
    """(poses, 8) OpenCV's k1 k2 p1 p2 k3 k4 k5 k6."""
    focal_source: FocalSource = "user"

    def take(self, rows: np.ndarray) -> "FileLens":
        """The lens of some of the poses: an index or mask."""
        arrays = (self.size_px, self.focal_px, self.principal_point_px, self.distortion)
        return FileLens(*(array[rows] for array in arrays), focal_source=self.focal_source)


@dataclass(frozen=True)
class FileCamera:
    """What a camera file says about a clip. Poses are in the order of time."""

    at_frame: np.ndarray
    """(poses,) float, ascending: when a pose was taken, in frames of the clip; an integer is that very frame."""
    T_file_cam: np.ndarray
    """(poses, 4, 4) float64 camera to the file's own world, in its own unit of length."""
    lens: FileLens | None
    """None if the file says nothing about it."""
    confidence: np.ndarray
    """(poses,) in [0, 1]."""
    segment: np.ndarray
    """(poses,) int, ascending: poses of one segment share a unit of length."""
    points: np.ndarray
    """(points, 3) static points, in the file's world."""
    point_frame: np.ndarray
    """(points,) int: a frame that belongs to the same shot as the point."""
    notes: list[str] = field(default_factory=list)
    """What the user should know."""


def unreadable(path: Path, found: object, expected: str, cure: str) -> UserError:
    """The error for a camera file that is not as it should be."""
    return UserError(f"{path}: found {found}, expected {expected}. {cure}")


def lens_from_matrices(
    K: np.ndarray, distortion: np.ndarray, size_px: np.ndarray, focal_source: FocalSource = "user"
) -> FileLens:
    """The lens of every pose from (poses, 3, 3) intrinsic matrices, and (up to 8,) coefficients and size of all."""
    n = len(K)
    coefficients = np.zeros((n, OPENCV_COEFFICIENTS))
    coefficients[:, : len(distortion)] = distortion
    focal_px, principal_point_px = np.diagonal(K, axis1=1, axis2=2)[:, :2], K[:, :2, 2]
    return FileLens(np.tile(size_px, (n, 1)), focal_px, principal_point_px, coefficients, focal_source)


def make_file_camera(
    path: Path,
    at_frame: Sequence[float] | np.ndarray,
    T_file_cam: np.ndarray,
    lens: FileLens | None,
    *,
    confidence: np.ndarray | None = None,
    segment: np.ndarray | None = None,
    points: np.ndarray | None = None,
    point_frame: np.ndarray | None = None,
    notes: Sequence[str] = (),
) -> FileCamera:
    """Sort poses by time, leave out those that are not finite, and check the rest.

    Args:
        path: the file, for messages.
        at_frame: (poses,) in any order.
        T_file_cam: (poses, 4, 4); NaN where a pose is unknown.
        lens: of every pose.
        confidence: (poses,); 1 if not given.
        segment: (poses,); all one if not given.
        points: (points, 3); none if not given.
        point_frame: (points,) a frame of each point's shot.
        notes: what the user should know.

    Raises:
        UserError: if there is no pose, two poses belong to one frame, or a rotation is none.
    """
    at_frame = np.asarray(at_frame, dtype=np.float64)
    order = np.argsort(at_frame, kind="stable")
    order = order[np.isfinite(T_file_cam[order]).all(axis=(1, 2))]
    if not len(order):
        raise unreadable(path, "no camera pose", "one for every frame of the clip", "Export the camera again.")
    at_frame, T_file_cam = at_frame[order], T_file_cam[order].astype(np.float64)
    repeated = np.flatnonzero(np.diff(at_frame) <= 0)
    if len(repeated):
        raise unreadable(
            path,
            f"two poses for frame {at_frame[repeated[0]]:g}",
            "one camera that takes one picture at a time",
            "Export the pictures of this clip alone.",
        )
    _check_rotations(path, at_frame, T_file_cam[:, :3, :3])
    n = len(order)
    return FileCamera(
        at_frame=at_frame,
        T_file_cam=T_file_cam,
        lens=None if lens is None else lens.take(order),
        confidence=np.ones(n) if confidence is None else confidence[order],
        segment=np.zeros(n, dtype=int) if segment is None else segment[order],
        points=np.zeros((0, 3)) if points is None else points,
        point_frame=np.zeros(0, dtype=int) if point_frame is None else point_frame,
        notes=list(notes),
    )


def _check_rotations(path: Path, at_frame: np.ndarray, R: np.ndarray) -> None:
    error = np.abs(R @ np.swapaxes(R, -1, -2) - np.eye(3)).max(axis=(1, 2))
    wrong = np.flatnonzero((error > _RIGID_TOLERANCE) | (np.linalg.det(R) < 0))
    if len(wrong):
        raise unreadable(
            path,
            f"a pose that mirrors, scales or shears (frame {at_frame[wrong[0]]:g}, and {len(wrong) - 1} more)",
            "a rotation and a translation",
            "Export camera-to-world poses without scale, of a right-handed world.",
        )
