"""A model's cameras against what two frames alone tell, and how much that is to be trusted."""

from dataclasses import dataclass

import cv2
import numpy as np
import pycolmap
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import principal_point_px, undistort
from nlf_pipeline.cameras.travelling.view_graph import (
    INLIER_PX,
    PIXEL_CENTRE,
    make_camera,
    match_points,
    select_keyframes,
    two_view_options,
)
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion

_PAIRS = 16
_PAIR_GAP = 2
_FEWEST_MATCHES = 40
_FLOOR_DEG = 0.2
"""Rotations may differ by this without any noise: rolling shutters, the lens."""
_HOMOGRAPHIES = (
    pycolmap.TwoViewGeometryConfiguration.PLANAR,
    pycolmap.TwoViewGeometryConfiguration.PANORAMIC,
    pycolmap.TwoViewGeometryConfiguration.PLANAR_OR_PANORAMIC,
)


@dataclass(frozen=True)
class TwoViewChecks:
    """Of pairs of keyframes."""

    turn_deg: np.ndarray
    """(pairs,) angle between the model's rotation and the two frames' own."""
    spread_deg: np.ndarray
    """(pairs,) angle between the rotations from one half of the points and from the other."""
    support: np.ndarray
    """(pairs,) points near their epipolar lines, by the model over by the two frames' own geometry."""

    def relative_turn(self) -> float:
        """90th percentile of the turns over what noise allows; infinite if there are no pairs."""
        if not len(self.turn_deg):
            return np.inf
        usual = np.maximum(self.spread_deg, np.median(self.spread_deg))
        return float(np.quantile(self.turn_deg / (_FLOOR_DEG + usual), 0.9))

    def least_support(self) -> float:
        """10th percentile; 0 if there are no pairs."""
        return float(np.quantile(self.support, 0.1)) if len(self.support) else 0.0


def check_two_views(tracks: PointTracks, keyframes: np.ndarray, motion: WindowMotion, seed: int) -> TwoViewChecks:
    """Compare the model with two-view geometry in pairs of keyframes.

    Args:
        tracks: points in the window.
        keyframes: as given to the solver.
        motion: the model.
        seed: of random samples and halves.
    """
    chosen = select_keyframes(tracks, keyframes)
    first = np.unique(np.linspace(0, len(chosen) - 1 - _PAIR_GAP, _PAIRS).round().astype(int))
    rng = np.random.default_rng(seed)
    rows = []
    for i, j in zip(chosen[first].tolist(), chosen[first + _PAIR_GAP].tolist(), strict=True):
        pair = _Pair.of(tracks, motion, i, j)
        matches = rng.permutation(pair.matches)
        whole, n_inliers = pair.rotations(matches, seed)
        halves = [pair.rotations(half, seed)[0] for half in np.array_split(matches, 2)]
        if len(matches) >= _FEWEST_MATCHES and len(whole) and all(map(len, halves)) and n_inliers:
            turn_deg = _least_angle_deg(whole, pair.T_model[None, :3, :3])
            support = pair.count_near_lines(tracks, motion) / n_inliers
            rows.append((turn_deg, _least_angle_deg(*halves), support))
    return TwoViewChecks(*np.array(rows).reshape(-1, 3).T)


@dataclass(frozen=True)
class _Pair:
    """Two frames and the points they share."""

    frames: tuple[int, int]
    cameras: tuple[pycolmap.Camera, pycolmap.Camera]
    points: tuple[np.ndarray, np.ndarray]
    """All of each frame, COLMAP's pixels."""
    matches: np.ndarray
    """(matches, 2) rows of `points`."""
    T_model: np.ndarray
    """(4, 4) second camera from first, as the model has it."""

    @classmethod
    def of(cls, tracks: PointTracks, motion: WindowMotion, i: int, j: int) -> "_Pair":
        """The frames i and j of `tracks`."""
        first, second = (
            make_camera(Lens(float(motion.focal_px[k]), motion.k1, is_known=True), tracks.size_px) for k in (i, j)
        )
        points_i, points_j = (tracks.points_px[k].astype(np.float64) + PIXEL_CENTRE for k in (i, j))
        T_model = np.linalg.inv(motion.T_window_cam[j]) @ motion.T_window_cam[i]
        return cls((i, j), (first, second), (points_i, points_j), match_points(tracks, i, j), T_model)

    def rotations(self, matches: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
        """Rotations (n, 3, 3) that the matches allow, from the essential matrix or a homography; and how many agree.

        A homography that explains the points has several decompositions.
        """
        geometry = pycolmap.estimate_calibrated_two_view_geometry(
            self.cameras[0],
            self.points[0],
            self.cameras[1],
            self.points[1],
            np.ascontiguousarray(matches),
            two_view_options(seed),
        )
        found = geometry.cam2_from_cam1
        rotations = [] if found is None else [found.rotation.matrix()]
        if geometry.config in _HOMOGRAPHIES and geometry.H is not None:
            K_i, K_j = (camera.calibration_matrix() for camera in self.cameras)
            rotations.extend(cv2.decomposeHomographyMat(np.linalg.inv(K_j) @ geometry.H @ K_i, np.eye(3))[1])
        return np.array(rotations).reshape(-1, 3, 3), len(geometry.inlier_matches)

    def count_near_lines(self, tracks: PointTracks, motion: WindowMotion) -> int:
        """Matches within two pixels of the model's epipolar lines (Sampson's distance)."""
        x, y = (
            undistort(
                (tracks.points_px[k][rows].astype(np.float64) - principal_point_px(tracks)) / motion.focal_px[k],
                motion.k1,
            )
            for k, rows in zip(self.frames, self.matches.T, strict=True)
        )
        x, y = (np.concatenate([u, np.ones((len(u), 1))], axis=1) for u in (x, y))
        R, t = self.T_model[:3, :3], self.T_model[:3, 3]
        lines_j, lines_i = np.cross(t, x @ R.T), np.cross(y, t) @ R
        focal_i, focal_j = motion.focal_px[list(self.frames)]
        slopes = np.sum((lines_j[:, :2] / focal_j) ** 2, axis=1) + np.sum((lines_i[:, :2] / focal_i) ** 2, axis=1)
        return int(np.sum(np.sum(y * lines_j, axis=1) ** 2 <= INLIER_PX**2 * slopes))


def _least_angle_deg(some: np.ndarray, others: np.ndarray) -> float:
    """The smallest angle between any of some (n, 3, 3) and any of other (m, 3, 3) rotations."""
    between = some[:, None] @ np.swapaxes(others, -1, -2)[None]
    return float(np.rad2deg(Rotation.from_matrix(between.reshape(-1, 3, 3)).magnitude().min()))
