"""What the points say about the kind of camera motion: still, turning, or moving about."""

from dataclasses import dataclass

import cv2
import numpy as np

from nlf_pipeline.artefacts import MotionClass
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.focal_observability import fit_pairs
from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs, gather_pairs, neighbour_pairs, spread_keyframes
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera, pair_residuals
from nlf_pipeline.cameras.windows.window_motion import WindowMotion

STILL_PX = 0.5
"""Pictures from tripods move less than this; anything held or steered moves by many times as much."""
PARALLAX_PX = 5.0
"""A standing camera operator's sway stays below this; a few steps exceed it."""
_FEWEST_POINTS = 10
_MAX_EPIPOLAR_PAIRS = 60
_EPIPOLAR_PX = 1.0
_NOISE_PERCENTILE = 75
_NOISE_GROWTH = 3.5
"""What tracks have drifted between distant keyframes (90th percentile), over the noise between neighbouring frames."""
_CAP_PX = 200.0
_MOST_OVER_ALL = 3.0
"""Points that fit an epipolar geometry exceed all points by less than this; else chance chose a few strays."""


@dataclass(frozen=True)
class MotionEvidence:
    """Measurements for telling the class of motion, in pixels of a picture whose longer side has 640."""

    displacement_px: float
    """Largest, over frames, median distance of points from where they were first seen."""
    rotation_residual_median_px: float
    """Of all points, between keyframes: distance from where turning and zooming alone would put them."""
    rotation_residual_p90_px: float
    """The 90th percentile of the same."""
    epipolar_residual_p90_px: float
    """The same over long stretches, without points that fit no motion of the camera at all (wrong tracks)."""
    track_noise_px: float
    """Residuals of rotations between neighbouring frames, where parallax has hardly begun (75th percentile)."""
    zooms: bool
    """Whether that turning camera zooms."""

    @property
    def parallax_px(self) -> float:
        """Residuals beyond what the noise of the tracks explains."""
        residual_px = min(self.epipolar_residual_p90_px, _MOST_OVER_ALL * self.rotation_residual_p90_px)
        return float(np.sqrt(max(residual_px**2 - (_NOISE_GROWTH * self.track_noise_px) ** 2, 0.0)))


def classify_motion(evidence: MotionEvidence) -> MotionClass:
    """The simplest motion that explains the evidence."""
    if evidence.displacement_px < STILL_PX:
        return "static"
    if evidence.parallax_px < PARALLAX_PX:
        return "rotation_zoom" if evidence.zooms else "rotation"
    return "general"


def measure_motion(tracks: PointTracks, turning: WindowMotion, seed: int = 0) -> MotionEvidence:
    """Compare all points with what the best turning camera predicts.

    Args:
        tracks: points of the background.
        turning: what `solve_rotation` found for these tracks.
        seed: of the draw of points.

    Returns:
        The evidence. Residuals are 0 where no two tracked keyframes share enough points.
    """
    to_640 = 640 / max(tracks.size_px)
    keyframes = spread_keyframes(tracks)
    pairs = gather_pairs(tracks, keyframes[turning.tracked[keyframes]], seed, planar_only=False)
    residual_px = np.minimum(pair_residuals(pairs, _camera_at(pairs.frames, turning)), _CAP_PX / to_640)
    steps = neighbour_pairs(tracks)
    step_fit = fit_pairs(steps, turning.focal_px[steps.first], turning.focal_px[steps.second], turning.k1)
    return MotionEvidence(
        displacement_px=measure_displacement(tracks),
        rotation_residual_median_px=to_640 * _percentile(residual_px, 50),
        rotation_residual_p90_px=to_640 * _percentile(residual_px, 90),
        epipolar_residual_p90_px=to_640 * _percentile(_epipolar_only(pairs, residual_px, _EPIPOLAR_PX / to_640), 90),
        track_noise_px=to_640 * _percentile(step_fit.residual_px, _NOISE_PERCENTILE),
        zooms=turning.motion_class == "rotation_zoom",
    )


def measure_displacement(tracks: PointTracks) -> float:
    """Largest, over frames, median distance of points from where they were first seen; 0 without enough points.

    In pixels of a picture whose longer side has 640.
    """
    ids = np.concatenate(tracks.ids)
    points_px = np.concatenate(tracks.points_px).astype(np.float64)
    _, first, which = np.unique(ids, return_index=True, return_inverse=True)
    moved_px = np.linalg.norm(points_px - points_px[first[which]], axis=1)
    moved_px[first] = np.nan
    per_frame = np.split(moved_px, np.cumsum([len(frame) for frame in tracks.ids])[:-1])
    again = [moved[np.isfinite(moved)] for moved in per_frame]
    medians = [float(np.median(moved)) for moved in again if len(moved) >= _FEWEST_POINTS]
    return max(medians, default=0.0) * 640 / max(tracks.size_px)


def step_rotation_errors(tracks: PointTracks, motion: WindowMotion) -> np.ndarray:
    """How much the path's rotations from frame to frame differ from what the points say directly.

    Steps are so short that a rotation alone explains most of any camera's motion, so that this checks every solver.

    Returns:
        (frames - 1,) radians; NaN where neighbouring frames share fewer than 20 points.
    """
    steps = neighbour_pairs(tracks)
    fit = fit_pairs(steps, motion.focal_px[steps.first], motion.focal_px[steps.second], motion.k1)
    R_window_cam = motion.T_window_cam[:, :3, :3]
    R_path = np.swapaxes(R_window_cam[steps.second], -1, -2) @ R_window_cam[steps.first]
    chord = np.linalg.norm(fit.R_second_first - R_path, axis=(-2, -1))
    errors = np.full(max(tracks.n_frames - 1, 0), np.nan)
    errors[steps.first] = 2 * np.arcsin(np.clip(chord / np.sqrt(8), 0, 1))
    return errors


def _camera_at(frames: np.ndarray, motion: WindowMotion) -> TurningCamera:
    return TurningCamera(np.swapaxes(motion.T_window_cam[frames, :3, :3], -1, -2), motion.focal_px[frames], motion.k1)


def _percentile(values: np.ndarray, percent: float) -> float:
    values = values[np.isfinite(values)]
    return float(np.percentile(values, percent)) if values.size else 0.0


def _epipolar_only(pairs: KeyframePairs, residual_px: np.ndarray, threshold_px: float) -> np.ndarray:
    """Residuals, in every keyframe's widest pair, of the points that agree with some fundamental matrix."""
    by_width = np.argsort(-pairs.displacements_px(), kind="stable")
    widest = by_width[np.unique(pairs.first[by_width], return_index=True)[1]]
    evenly = np.linspace(0, len(widest) - 1, min(_MAX_EPIPOLAR_PAIRS, len(widest))).round().astype(int)
    kept = [np.zeros(0)]
    for k in widest[evenly]:
        valid = pairs.valid[k]
        agreeing = _epipolar_inliers(pairs.offsets_first_px[k][valid], pairs.offsets_second_px[k][valid], threshold_px)
        kept.append(residual_px[k][valid][agreeing])
    return np.concatenate(kept)


def _epipolar_inliers(x_a: np.ndarray, x_b: np.ndarray, threshold_px: float) -> np.ndarray:
    """(points,) bool: Sampson's distance to the best fundamental matrix is below the threshold."""
    try:
        F, _ = cv2.findFundamentalMat(x_a, x_b, cv2.USAC_MAGSAC, threshold_px, 0.999, 1000)
    except cv2.error:  # OpenCV raises where its sampler finds no model, too
        F = None
    if F is None or F.shape != (3, 3):
        return np.zeros(len(x_a), dtype=bool)
    a, b = (np.concatenate([x, np.ones((len(x), 1))], axis=1) for x in (x_a, x_b))
    line_b, line_a = a @ F.T, b @ F
    slope = np.sum(line_b[:, :2] ** 2 + line_a[:, :2] ** 2, axis=1)
    return np.abs(np.sum(b * line_b, axis=1)) < threshold_px * np.sqrt(np.maximum(slope, 1e-18))
