"""Where points lie in space, given the cameras of all frames: every point at once."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import principal_point_px, undistort

_MIN_PARALLAX = np.deg2rad(0.3)
"""Root mean square deviation of a point's rays: a range of one degree, evenly filled."""
_FEWEST_SIGHTINGS = 3
_MAX_MEDIAN_PX = 2.0
_KERNEL_PX = 1.5
_DAMPING = 1e-5
_PRIOR = 1e-6
"""Weight of a usual depth, against one per sighting: it decides only where rays are parallel."""
_LINEAR_ROUNDS = 3
_SINE_KERNEL = 2.0
_MIN_DEPTH = 1e-6


@dataclass(frozen=True)
class Sightings:
    """Every sighting of every point of a window, frame by frame, without the lens's distortion."""

    frame: np.ndarray
    """(sightings,) int, ascending."""
    point: np.ndarray
    """(sightings,) int row in `ids`."""
    u: np.ndarray
    """(sightings, 2) image points at unit depth."""
    focal_px: np.ndarray
    """(sightings,) of the frame."""
    ids: np.ndarray
    """(points,) int, ascending ids of PointTracks."""
    n_frames: int

    @classmethod
    def of(cls, tracks: PointTracks, focal_px: np.ndarray | float, k1: float) -> Self:
        """The sightings in `tracks`, seen through a lens with the focal length (frames,), or one for all frames."""
        counts = [len(ids) for ids in tracks.ids]
        ids, point = np.unique(np.concatenate(tracks.ids), return_inverse=True)
        offsets_px = np.concatenate(tracks.points_px).astype(np.float64) - principal_point_px(tracks)
        frame = np.repeat(np.arange(tracks.n_frames), counts)
        focal_px = np.broadcast_to(np.asarray(focal_px, dtype=np.float64), tracks.n_frames)[frame]
        return cls(frame, point, undistort(offsets_px / focal_px[:, None], k1), focal_px, ids, tracks.n_frames)

    def select(self, mask: np.ndarray) -> "Sightings":
        """Those where `mask` (sightings,) is true; points keep their rows."""
        return Sightings(self.frame[mask], self.point[mask], self.u[mask], self.focal_px[mask], self.ids, self.n_frames)

    def count(self, mask: np.ndarray | None = None) -> np.ndarray:
        """(points,) how often each point is seen; only where `mask` (sightings,) is true, if given."""
        seen = self.point if mask is None else self.point[mask]
        return np.bincount(seen, minlength=len(self.ids))


def place_points(sightings: Sightings, T_cam_window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (points, 3), and which (points,) to trust: those seen often, from different sides, and where expected."""
    points, parallax = triangulate(sightings, T_cam_window)
    points = refine_points(points, sightings, T_cam_window)
    distance_px = distances_px(points, sightings, T_cam_window)
    seen, close = sightings.count(), sightings.count(distance_px < _MAX_MEDIAN_PX)
    return points, (seen >= _FEWEST_SIGHTINGS) & (parallax > _MIN_PARALLAX) & (close > 0.5 * seen)


def triangulate(sightings: Sightings, T_cam_window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of all points as the nearest to their rays, by reweighted linear least squares.

    Args:
        sightings: of the frames to use.
        T_cam_window: (frames, 4, 4).

    Returns:
        Places (points, 3) in the window's frame, and (points,) the root mean square angle in radians by which the rays
        differ in direction, which is 0 for points with fewer than two sightings: such places mean nothing.
    """
    R = T_cam_window[:, :3, :3]
    centres = -np.einsum("fji,fj->fi", R, T_cam_window[:, :3, 3])[sightings.frame]
    rays = np.concatenate([sightings.u, np.ones((len(sightings.u), 1))], axis=1)
    rays = np.einsum("nji,nj->ni", R[sightings.frame], rays / np.linalg.norm(rays, axis=1, keepdims=True))
    n = len(sightings.ids)
    weight, moments, points = np.ones(len(rays)), np.zeros((n, 3, 3)), np.zeros((n, 3))
    usual_depth = 1.0
    for _ in range(_LINEAR_ROUNDS):
        moments, targets = _ray_moments(sightings, rays, centres, weight)
        ahead = _sums(sightings, (centres + usual_depth * rays) * weight[:, None])
        prior = _PRIOR * _sums(sightings, weight[:, None])[..., None] + 1e-12
        points = np.linalg.solve(moments + prior * np.eye(3), (targets + _PRIOR * ahead)[..., None])[..., 0]
        offsets = points[sightings.point] - centres
        distance = np.maximum(np.linalg.norm(offsets, axis=1), 1e-12)
        sine = np.linalg.norm(np.cross(rays, offsets), axis=1) / distance
        scale = _SINE_KERNEL * max(float(np.median(sine)) if len(sine) else 0.0, 1e-9)
        weight = 1 / (1 + (sine / scale) ** 2)
        usual_depth = float(np.median(distance)) if len(distance) else usual_depth
    seen = np.bincount(sightings.point, weight, n)
    spread = np.linalg.eigvalsh(moments)[:, 0] / np.maximum(seen, 1e-9)
    return points, np.sqrt(np.maximum(spread, 0.0))


def refine_points(points: np.ndarray, sightings: Sightings, T_cam_window: np.ndarray, steps: int = 2) -> np.ndarray:
    """`points` (points, 3) moved by robust Gauss-Newton steps on the distance in the picture."""
    n = len(points)
    for _ in range(steps):
        errors_px, toward = _errors_and_slopes(points, sightings, T_cam_window)
        weight = 1 / (1 + np.sum(errors_px**2, axis=1) / _KERNEL_PX**2) ** 2
        A, b = np.zeros((n, 3, 3)), np.zeros((n, 3))
        for i in range(3):
            b[:, i] = np.bincount(sightings.point, weight * np.sum(toward[..., i] * errors_px, axis=1), n)
            for j in range(i, 3):
                products = weight * np.sum(toward[..., i] * toward[..., j], axis=1)
                A[:, i, j] = A[:, j, i] = np.bincount(sightings.point, products, n)
        damping = _DAMPING * np.trace(A, axis1=1, axis2=2) + 1e-12
        points = points - np.linalg.solve(A + damping[:, None, None] * np.eye(3), b[..., None])[..., 0]
    return points


def distances_px(points: np.ndarray, sightings: Sightings, T_cam_window: np.ndarray) -> np.ndarray:
    """(sightings,) distances of sightings from the projections of their points; infinite behind the camera."""
    in_camera = _to_camera(points, sightings, T_cam_window)
    depth = in_camera[:, 2]
    errors = in_camera[:, :2] / np.maximum(depth, _MIN_DEPTH)[:, None] - sightings.u
    return np.where(depth > _MIN_DEPTH, sightings.focal_px * np.linalg.norm(errors, axis=1), np.inf)


def _to_camera(points: np.ndarray, sightings: Sightings, T_cam_window: np.ndarray) -> np.ndarray:
    T = T_cam_window[sightings.frame]
    return np.einsum("nij,nj->ni", T[:, :3, :3], points[sightings.point]) + T[:, :3, 3]


def _errors_and_slopes(
    points: np.ndarray, sightings: Sightings, T_cam_window: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Errors (sightings, 2) in pixels, and their derivatives (sightings, 2, 3) by the points."""
    in_camera = _to_camera(points, sightings, T_cam_window)
    depth = np.maximum(in_camera[:, 2], _MIN_DEPTH)
    y = in_camera[:, :2] / depth[:, None]
    R = T_cam_window[sightings.frame, :3, :3]
    slopes = (R[:, :2] - y[..., None] * R[:, 2:]) * (sightings.focal_px / depth)[:, None, None]
    return sightings.focal_px[:, None] * (y - sightings.u), slopes


def _sums(sightings: Sightings, values: np.ndarray) -> np.ndarray:
    """(points, k) sums of `values` (sightings, k) over each point's sightings."""
    n = len(sightings.ids)
    return np.stack([np.bincount(sightings.point, column, n) for column in values.T], axis=1)


def _ray_moments(
    sightings: Sightings, rays: np.ndarray, centres: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over each point's rays of w (I - r r^T), (points, 3, 3), and of the same times the centre, (points, 3)."""
    n = len(sightings.ids)
    A, b = np.zeros((n, 3, 3)), np.zeros((n, 3))
    along = np.sum(rays * centres, axis=1)
    for i in range(3):
        b[:, i] = np.bincount(sightings.point, weight * (centres[:, i] - along * rays[:, i]), n)
        for j in range(i, 3):
            products = weight * (float(i == j) - rays[:, i] * rays[:, j])
            A[:, i, j] = A[:, j, i] = np.bincount(sightings.point, products, n)
    return A, b
