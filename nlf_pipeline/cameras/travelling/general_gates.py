"""Tests that a model of a moving camera must pass: wrong ones, too, can fit their own points and cover every frame."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import Gate
from nlf_pipeline.camera_metrics import aligned_rotation_errors
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.keyframe_mapping import NoModel, map_keyframes
from nlf_pipeline.cameras.travelling.triangulation import Sightings, distances_px, refine_points, triangulate
from nlf_pipeline.cameras.travelling.two_view_checks import check_two_views
from nlf_pipeline.cameras.travelling.view_graph import select_keyframes, thin_keyframes
from nlf_pipeline.cameras.travelling.zoom_mapping import map_zooming
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.geometry import align_similarity, invert_rigid

_FOCAL_RANGE = (0.4, 6.0)
"""Over the picture's longer side: 103 to 10 degrees of view."""
_MIN_COVERAGE = 0.9
_MIN_AGREEMENT = 0.7
_AGREEMENT_PX = 3.0
_FEWEST_SIGHTINGS = 5
_MIN_PARALLAX_DEG = 1.0
_MAX_RELATIVE_TURN = 2.5
_LEAST_SUPPORT = 0.85
_MAX_FOCAL_CHANGE = 0.05
_MAX_GIVEN_FOCAL_CHANGE = 0.15
_MAX_PATH_CHANGE = 0.02
_MAX_TURN_CHANGE_DEG = 1.0
_AGAIN_KEYFRAMES = 15
_AGAIN_SHARE = 2 / 3
_AGAIN_FOCAL = 1.2


@dataclass(frozen=True)
class SecondOpinion:
    """How another solution differs; infinitely where there is none."""

    focal_change: float
    """Absolute logarithm of the ratio: to what is found again, or to what fits best if the focal length was given."""
    path_change: float
    """Root mean square distance between the aligned paths over the length of the path."""
    turn_change_deg: float
    """90th percentile over keyframes."""


def gate_general(tracks: PointTracks, keyframes: np.ndarray, motion: WindowMotion, seed: int = 0) -> list[Gate]:
    """Judge what `solve_general` found.

    Args:
        tracks: points in the window.
        keyframes: as given to the solver.
        motion: the solver's answer.
        seed: as given to the solver; here another one is used.
    """
    focals = motion.focal_px / max(tracks.size_px)
    agreement, parallax_deg = measure_agreement(tracks, motion)
    pairs = check_two_views(tracks, keyframes, motion, seed + 1)
    again = solve_again(tracks, keyframes, motion, seed + 1)
    is_free = motion.is_focal_observable
    return [
        Gate.at_least("shortest focal length / longer side", float(focals.min()), _FOCAL_RANGE[0]),
        Gate.at_most("longest focal length / longer side", float(focals.max()), _FOCAL_RANGE[1]),
        Gate.at_least("frames with enough points", float(np.mean(motion.tracked)), _MIN_COVERAGE),
        Gate.at_least("sightings within 3 px", agreement, _MIN_AGREEMENT),
        Gate.at_least("median parallax, deg", parallax_deg, _MIN_PARALLAX_DEG),
        Gate.at_most("rotation against two views / their noise, 90 %", pairs.relative_turn(), _MAX_RELATIVE_TURN),
        Gate.at_least("points fitting, model / two views, 10 %", pairs.least_support(), _LEAST_SUPPORT),
        Gate.at_most("path solved again, change / length", again.path_change, _MAX_PATH_CHANGE),
        Gate.at_most("rotation solved again, change, deg", again.turn_change_deg, _MAX_TURN_CHANGE_DEG),
        Gate.at_most(
            "focal length solved again, relative change" if is_free else "focal length against best, relative change",
            again.focal_change,
            _MAX_FOCAL_CHANGE if is_free else _MAX_GIVEN_FOCAL_CHANGE,
        ),
    ]


def measure_agreement(tracks: PointTracks, motion: WindowMotion) -> tuple[float, float]:
    """Share of sightings within 3 px of where their point projects, and the median parallax in degrees.

    All points seen in at least five frames count, not only those that the solver trusted.
    """
    sightings = Sightings.of(tracks, motion.focal_px, motion.k1)
    often = sightings.count() >= _FEWEST_SIGHTINGS
    sightings = sightings.select(motion.tracked[sightings.frame] & often[sightings.point])
    if not len(sightings.frame):
        return 0.0, 0.0
    T_cam_window = invert_rigid(motion.T_window_cam)
    points, parallax = triangulate(sightings, T_cam_window)
    points = refine_points(points, sightings, T_cam_window)
    distance_px = distances_px(points, sightings, T_cam_window)
    # A range of directions, evenly filled, deviates by its length over the square root of twelve.
    range_deg = np.rad2deg(parallax[sightings.count() > 0]) * np.sqrt(12)
    return float(np.mean(distance_px < _AGREEMENT_PX)), float(np.median(range_deg))


def solve_again(tracks: PointTracks, keyframes: np.ndarray, motion: WindowMotion, seed: int) -> SecondOpinion:
    """Solve once more, from other and fewer keyframes with another seed, and compare.

    A focal length that was found is found again, starting from another guess. Paths are compared with the focal
    length of `motion`.
    """
    chosen = select_keyframes(tracks, keyframes)
    chosen = thin_keyframes(tracks, chosen, max(_AGAIN_KEYFRAMES, round(_AGAIN_SHARE * len(chosen))))
    between = np.unique(np.concatenate([chosen[:1], (chosen[:-1] + chosen[1:]) // 2, chosen[-1:]]))
    is_free = motion.is_focal_observable
    guess = _AGAIN_FOCAL * max(tracks.size_px) if is_free else float(motion.focal_px[0])
    lens = Lens(guess, motion.k1, is_known=not is_free)
    try:
        if np.ptp(motion.focal_px) > 0:
            model = map_zooming(tracks, lens, between, seed).keyframes(None if is_free else guess)
        else:
            model = map_keyframes(tracks, lens, between, seed, weighs_focal=False)
    except NoModel:
        return SecondOpinion(np.inf, np.inf, np.inf)
    change = float(np.abs(np.log(model.focal_px / motion.focal_px[model.frames])).max())
    ours, theirs = motion.T_window_cam[model.frames], model.T_model_cam
    length = np.linalg.norm(np.diff(motion.T_window_cam[:, :3, 3], axis=0), axis=1).sum()
    path_change = _path_error(theirs[:, :3, 3], ours[:, :3, 3]) / max(float(length), 1e-12)
    turn_change_deg = _turn_error_deg(theirs[:, :3, :3], ours[:, :3, :3])
    return SecondOpinion(change if is_free else model.given_focal_change, path_change, turn_change_deg)


def _path_error(path: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square distance after the best similarity."""
    scale, R, t = align_similarity(path, reference)
    return float(np.sqrt(np.mean(np.sum((scale * path @ R.T + t - reference) ** 2, axis=1))))


def _turn_error_deg(R: np.ndarray, reference: np.ndarray) -> float:
    """90th percentile of the angles after the best common rotation."""
    return float(np.rad2deg(np.quantile(aligned_rotation_errors(R, reference), 0.9)))
