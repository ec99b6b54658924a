"""Tests that a model of a moving camera must pass: wrong ones, too, can fit their own points and cover every frame."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Gate
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.keyframe_mapping import NoModel, map_keyframes, solve_zooming
from nlf_pipeline.cameras.travelling.triangulation import Sightings, distances_px, refine_points, triangulate
from nlf_pipeline.cameras.travelling.view_graph import (
    make_camera,
    relative_rotations,
    select_keyframes,
    thin_keyframes,
)
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.geometry import invert_rigid

_FOCAL_RANGE = (0.4, 6.0)
"""Over the picture's longer side: 103 to 10 degrees of view."""
_MIN_COVERAGE = 0.9
_MIN_AGREEMENT = 0.7
_AGREEMENT_PX = 3.0
_FEWEST_SIGHTINGS = 5
_MIN_PARALLAX_DEG = 1.0
_MAX_ROTATION_MEDIAN_DEG = 0.6
_MAX_ROTATION_P90_DEG = 1.2
_MAX_FOCAL_CHANGE = 0.05
_MAX_FOCAL_ERROR = 1.1
_MAX_PATH_CHANGE = 0.02
_MAX_TURN_CHANGE_DEG = 1.0
_PAIRS = 24
_PAIR_GAP = 2
_AGAIN_KEYFRAMES = 15
_AGAIN_SHARE = 2 / 3
_AGAIN_FOCAL = 1.2


@dataclass(frozen=True)
class SecondOpinion:
    """How another solution differs; infinitely where there is none."""

    focal_change: float
    """Relative; 0 where the focal length was given."""
    focal_error: float
    """How many times worse the focal length fits than a free one, or than one for each third of the window."""
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
    focal = float(motion.focal_px[0]) / max(tracks.size_px)
    agreement, parallax_deg = measure_agreement(tracks, motion)
    apart_deg = compare_pair_rotations(tracks, keyframes, motion, seed + 1)
    again = solve_again(tracks, keyframes, motion, seed + 1)
    gates = [
        Gate.at_least("shortest focal length / longer side", focal, _FOCAL_RANGE[0]),
        Gate.at_most("longest focal length / longer side", focal, _FOCAL_RANGE[1]),
        Gate.at_least("frames with enough points", float(np.mean(motion.tracked)), _MIN_COVERAGE),
        Gate.at_least("sightings within 3 px", agreement, _MIN_AGREEMENT),
        Gate.at_least("median parallax, deg", parallax_deg, _MIN_PARALLAX_DEG),
        Gate.at_most("rotation against two views, median, deg", float(np.median(apart_deg)), _MAX_ROTATION_MEDIAN_DEG),
        Gate.at_most(
            "rotation against two views, 90 %, deg", float(np.quantile(apart_deg, 0.9)), _MAX_ROTATION_P90_DEG
        ),
        Gate.at_most("path solved again, change / length", again.path_change, _MAX_PATH_CHANGE),
        Gate.at_most("rotation solved again, change, deg", again.turn_change_deg, _MAX_TURN_CHANGE_DEG),
        Gate.at_most("error with this focal length / with free ones", again.focal_error, _MAX_FOCAL_ERROR),
    ]
    if motion.is_focal_observable:
        gates.append(Gate.at_most("focal length solved again, relative change", again.focal_change, _MAX_FOCAL_CHANGE))
    return gates


def measure_agreement(tracks: PointTracks, motion: WindowMotion) -> tuple[float, float]:
    """Share of sightings within 3 px of where their point projects, and the median parallax in degrees.

    All points seen in at least five frames count, not only those that the solver trusted.
    """
    focal_px = float(motion.focal_px[0])
    sightings = Sightings.of(tracks, focal_px, motion.k1)
    often = sightings.count() >= _FEWEST_SIGHTINGS
    sightings = sightings.select(motion.tracked[sightings.frame] & often[sightings.point])
    if not len(sightings.frame):
        return 0.0, 0.0
    T_cam_window = invert_rigid(motion.T_window_cam)
    points, parallax = triangulate(sightings, T_cam_window)
    points = refine_points(points, sightings, T_cam_window, focal_px)
    distance_px = distances_px(points, sightings, T_cam_window, focal_px)
    # A range of directions, evenly filled, deviates by its length over the square root of twelve.
    range_deg = np.rad2deg(parallax[sightings.count() > 0]) * np.sqrt(12)
    return float(np.mean(distance_px < _AGREEMENT_PX)), float(np.median(range_deg))


def compare_pair_rotations(tracks: PointTracks, keyframes: np.ndarray, motion: WindowMotion, seed: int) -> np.ndarray:
    """(pairs,) angles in degrees between the model's rotations and those of two-view geometry; infinite if none.

    Where a homography explains a pair, it has several decompositions: then the best counts.
    """
    chosen = select_keyframes(tracks, keyframes)
    first = np.unique(np.linspace(0, len(chosen) - 1 - _PAIR_GAP, _PAIRS).round().astype(int))
    camera = make_camera(Lens(float(motion.focal_px[0]), motion.k1, is_known=True), tracks.size_px)
    angles = []
    for i, j in zip(chosen[first], chosen[first + _PAIR_GAP], strict=True):
        R_model = motion.T_window_cam[j, :3, :3].T @ motion.T_window_cam[i, :3, :3]
        rotations = relative_rotations(tracks, camera, int(i), int(j), seed)
        if rotations:
            angles.append(min(float(_angle_deg(R @ R_model.T)) for R in rotations))
    return np.array(angles) if angles else np.array([np.inf])


def solve_again(tracks: PointTracks, keyframes: np.ndarray, motion: WindowMotion, seed: int) -> SecondOpinion:
    """Solve once more, from other and fewer keyframes with another seed, and compare.

    An unknown focal length starts from another guess and may differ between the thirds of the window, so that zooming
    shows. Paths are compared with the focal length that was found or given.
    """
    chosen = select_keyframes(tracks, keyframes)
    chosen = thin_keyframes(tracks, chosen, max(_AGAIN_KEYFRAMES, round(_AGAIN_SHARE * len(chosen))))
    between = np.unique(np.concatenate([chosen[:1], (chosen[:-1] + chosen[1:]) // 2, chosen[-1:]]))
    focal_px, focal_change = float(motion.focal_px[0]), 0.0
    try:
        if motion.is_focal_observable:
            guess = Lens(_AGAIN_FOCAL * max(tracks.size_px), motion.k1)
            zooming = solve_zooming(tracks, guess, between, seed, focal_px)
            model = zooming.model
            focal_change = float(abs(np.log(np.median(zooming.focal_px) / focal_px)))
        else:
            model = map_keyframes(tracks, Lens(focal_px, motion.k1, is_known=True), between, seed)
    except NoModel:
        return SecondOpinion(np.inf, np.inf, np.inf, np.inf)
    ours, theirs = motion.T_window_cam[model.frames], model.T_model_cam
    length = np.linalg.norm(np.diff(motion.T_window_cam[:, :3, 3], axis=0), axis=1).sum()
    path_change = _path_error(theirs[:, :3, 3], ours[:, :3, 3]) / max(float(length), 1e-12)
    return SecondOpinion(
        focal_change, model.given_focal_error, path_change, _turn_error_deg(theirs[:, :3, :3], ours[:, :3, :3])
    )


def _path_error(path: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square distance after the best similarity (Umeyama, PAMI 1991)."""
    a, b = path - path.mean(0), reference - reference.mean(0)
    U, S, Vt = np.linalg.svd(b.T @ a)
    D = np.array([1, 1, np.sign(np.linalg.det(U @ Vt))])
    scale = np.sum(S * D) / max(np.sum(a * a), 1e-12)
    return float(np.sqrt(np.mean(np.sum((scale * a @ (U * D @ Vt).T - b) ** 2, axis=1))))


def _turn_error_deg(R: np.ndarray, reference: np.ndarray) -> float:
    """90th percentile of the angles after the best common rotation."""
    common = Rotation.from_matrix(reference @ np.swapaxes(R, -1, -2)).mean().as_matrix()
    return float(np.quantile(_angle_deg(np.swapaxes(reference, -1, -2) @ common @ R), 0.9))


def _angle_deg(R: np.ndarray) -> np.ndarray:
    return np.rad2deg(Rotation.from_matrix(R).magnitude())
