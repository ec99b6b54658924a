"""Cameras that stand, turn, sway and walk are told apart, and paths that contradict the points are noticed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from turning_tracks import FOCAL_PX, N_FRAMES, SIZE_PX, Shot, follow, sweep, turning_shot

from nlf_pipeline.artefacts import MotionClass
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.motion_evidence import (
    MotionEvidence,
    classify_motion,
    measure_displacement,
    measure_motion,
    step_rotation_errors,
)
from nlf_pipeline.cameras.turning.rotation_solver import solve_rotation
from nlf_pipeline.cameras.windows.window_motion import Lens

GUESS = Lens(500.0)
S = np.linspace(0, 1, N_FRAMES)
FOCALS = np.full(N_FRAMES, FOCAL_PX)
SWAY = 0.02 * np.stack([np.sin(9 * S), np.cos(7 * S), np.sin(5 * S)], axis=1)
WALK = np.stack([0.4 * S, 0 * S, 1.5 * S], axis=1)
CRANE = np.stack([0 * S, -1.0 * S, 0 * S], axis=1)
CASES: dict[str, tuple[Shot, MotionClass]] = {
    "tripod": (turning_shot(0), "static"),
    "pan": (turning_shot(60), "rotation"),
    "small pan": (turning_shot(2), "rotation"),
    "zoom": (turning_shot(40, FOCALS * (1 + 0.5 * S)), "rotation_zoom"),
    "wide lens": (turning_shot(60, k1=-0.1), "rotation"),
    "sway": (Shot(sweep(20), FOCALS, centres=SWAY), "rotation"),
    "walk": (Shot(sweep(20), FOCALS, centres=WALK), "general"),
    "walk straight": (Shot(sweep(0), FOCALS, centres=WALK), "general"),
    "crane": (Shot(sweep(0), FOCALS, centres=CRANE), "general"),
    "pan, then walk": (
        Shot(sweep(60), FOCALS, centres=WALK * np.maximum(0, 2 * S - 1)[:, None]),
        "general",
    ),
}


def evidence_of(tracks: PointTracks) -> MotionEvidence:
    return measure_motion(tracks, solve_rotation(tracks, GUESS))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_tells_motions_apart(name: str, outliers: float):
    shot, expected = CASES[name]
    assert classify_motion(evidence_of(follow(shot, outliers=outliers))) == expected


def test_a_pan_with_poor_tracks_is_no_walk():
    evidence = evidence_of(follow(turning_shot(60), noise_px=1.5))
    assert evidence.rotation_residual_p90_px > 4 and evidence.track_noise_px > 1
    assert classify_motion(evidence) == "rotation"


def test_residuals_grow_with_the_walk():
    shots = [Shot(sweep(20), FOCALS, centres=length * WALK) for length in (0.05, 0.3, 2.0)]
    parallax = [evidence_of(follow(shot)).parallax_px for shot in shots]
    assert np.all(np.diff(parallax) > 0)


def test_evidence_counts_at_a_longer_side_of_640():
    tracks = follow(turning_shot(60))
    small = evidence_of(tracks)
    large = evidence_of(
        replace(
            tracks,
            size_px=(2 * SIZE_PX[0], 2 * SIZE_PX[1]),
            points_px=tuple(2 * x + np.float32(0.5) for x in tracks.points_px),
        )
    )
    np.testing.assert_allclose(large.displacement_px, small.displacement_px, rtol=1e-4)
    np.testing.assert_allclose(large.track_noise_px, small.track_noise_px, rtol=0.05)
    np.testing.assert_allclose(large.rotation_residual_median_px, small.rotation_residual_median_px, rtol=0.1)


def test_displacement_is_the_largest_median_since_the_first_sighting():
    moves = np.array([0.0, 3.0, 7.0, 2.0])
    rng = np.random.default_rng(0)
    start = rng.uniform(100, 200, (20, 2))
    ids = tuple(np.arange(20) for _ in moves)
    points = tuple((start + [move, 0]).astype(np.float32) for move in moves)
    tracks = PointTracks(0, SIZE_PX, ids, points)
    assert measure_displacement(tracks) == pytest.approx(7, abs=1e-4)
    refilled = replace(
        tracks,
        ids=tuple(np.r_[i, 100 * (k + 1) + np.arange(50)] for k, i in enumerate(ids)),
        points_px=tuple(np.r_[x, rng.uniform(0, 300, (50, 2)).astype(np.float32)] for x in points),
    )
    assert measure_displacement(refilled) == pytest.approx(7, abs=1e-4)


def test_displacement_of_nothing_is_zero():
    none = PointTracks(0, SIZE_PX, (np.zeros(0, int),) * 3, (np.zeros((0, 2), np.float32),) * 3)
    assert measure_displacement(none) == 0


def test_steps_that_contradict_the_points_stand_out():
    tracks = follow(turning_shot(60))
    motion = solve_rotation(tracks, GUESS)
    honest = step_rotation_errors(tracks, motion)
    assert honest.shape == (N_FRAMES - 1,) and np.rad2deg(honest).max() < 0.1
    T = motion.T_window_cam.copy()
    T[30:, :3, :3] = Rotation.from_rotvec([0, np.deg2rad(3), 0]).as_matrix() @ T[30:, :3, :3]
    jumping = np.rad2deg(step_rotation_errors(tracks, replace(motion, T_window_cam=T)))
    assert jumping[29] == pytest.approx(3, abs=0.1)
    assert np.delete(jumping, 29).max() < 0.1


def test_steps_without_points_are_unknown():
    tracks = follow(turning_shot(20))
    ids, points = list(tracks.ids), list(tracks.points_px)
    ids[10], points[10] = ids[10][:5], points[10][:5]
    holed = replace(tracks, ids=tuple(ids), points_px=tuple(points))
    errors = step_rotation_errors(holed, solve_rotation(holed, GUESS))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(errors)), [9, 10])
