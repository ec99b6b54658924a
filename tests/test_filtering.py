import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from nlf_pipeline.filtering import (
    Filter,
    geometric_median,
    project_rotations,
    robust_smooth,
    smooth_path,
    smooth_rotations,
    track_segments,
    true_runs,
    whittaker,
    windowed_median,
)

RULE = Filter(period_frames=8, noise_floor=1e-3)


def wavy_path(frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, frames)[:, None]
    return (
        np.array([0.0, 1, 5]) + 0.5 * np.sin(rng.uniform(2, 6, 3) * t + rng.uniform(0, 6, 3)) + t * rng.normal(size=3)
    )


def observed_but(frames: int, *gaps: slice) -> np.ndarray:
    seen = np.ones(frames, bool)
    for gap in gaps:
        seen[gap] = False
    return seen


def test_whittaker_is_penalised_least_squares() -> None:
    rng = np.random.default_rng(0)
    values, weights, period = rng.normal(size=(40, 2)), rng.uniform(0.1, 3, 40), 11.0
    D = np.diff(np.eye(40), n=3, axis=0)
    slow = np.linalg.solve(np.diag(weights) + (period / (2 * np.pi)) ** 6 * D.T @ D, weights[:, None] * values)
    np.testing.assert_allclose(whittaker(values, weights, period), slow, atol=1e-6)


def test_a_wave_of_the_filters_period_keeps_half_its_amplitude() -> None:
    t = np.arange(400)
    for period in (10.0, 20.0):
        wave = np.sin(2 * np.pi * t / period)[:, None]
        kept = whittaker(wave, np.ones(400), period)[100:300]
        assert np.std(kept) / np.std(wave[100:300]) == pytest.approx(0.5, abs=0.05)


def test_constant_acceleration_passes_unchanged() -> None:
    t = np.linspace(0, 2, 60)[:, None]
    path = np.array([1.0, -2, 3]) + t * [0.5, 1, -1] + t**2 * [2.0, 0, 1]
    smooth, believed = robust_smooth(path, np.ones(60, bool), np.ones(60), RULE)
    np.testing.assert_allclose(smooth, path, atol=1e-4)
    assert believed.min() > 0.9


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_tracks_are_left_alone(frames: int) -> None:
    path = wavy_path(frames, 1)
    smooth, _ = robust_smooth(path, np.ones(frames, bool), np.ones(frames), RULE)
    np.testing.assert_allclose(smooth, path, atol=0.1)


def test_noise_shrinks_and_confident_frames_count_more() -> None:
    rng = np.random.default_rng(1)
    truth, seen = wavy_path(200, 2), np.ones(200, bool)
    sd = np.where(rng.random(200) < 0.5, 0.005, 0.1)[:, None]
    noisy = truth + sd * rng.normal(size=(200, 3))
    error = lambda path: np.sqrt(np.mean((path - truth) ** 2))  # noqa: E731
    blind, _ = robust_smooth(noisy, seen, np.ones(200), RULE)
    informed, _ = robust_smooth(noisy, seen, (0.02 / sd[:, 0]) ** 2, RULE)
    assert error(informed) < 0.5 * error(blind) < 0.5 * error(noisy)


def test_gross_outliers_are_repaired() -> None:
    truth, seen = wavy_path(100, 3), np.ones(100, bool)
    wrong = truth + np.random.default_rng(0).normal(0, 0.002, truth.shape)
    wrong[40:43] += [0.5, 0, 2]
    wrong[70] -= 1
    smooth, believed = robust_smooth(wrong, seen, np.ones(100), RULE)
    assert np.abs(smooth - truth).max() < 0.01
    assert believed[[40, 41, 42, 70]].max() < 0.01 < 0.5 < np.median(believed)


def test_gaps_are_bridged() -> None:
    truth = wavy_path(100, 4)
    seen = observed_but(100, slice(30, 38), slice(60, 61))
    broken = np.where(seen[:, None], truth, 1e3)
    smooth, believed = robust_smooth(broken, seen, np.ones(100), RULE)
    assert np.abs(smooth - truth).max() < 0.03
    assert (believed[~seen] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_smooth_paths_move_rigidly_with_their_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    R, t = Rotation.random(random_state=seed).as_matrix(), rng.uniform(-100, 100, 3)
    path, centres = wavy_path(60, seed) + rng.normal(0, 0.02, (60, 3)), 0.1 * wavy_path(60, seed + 1)
    path[20] += 1
    seen, confidence = observed_but(60, slice(31, 35)), rng.uniform(0.5, 2, 60)
    filters = (RULE, Filter(30, 1e-3, 19))
    here, believed = smooth_path(path, centres, seen, confidence, *filters)
    there, believed_there = smooth_path(path @ R.T + t, centres @ R.T + t, seen, confidence, *filters)
    np.testing.assert_allclose(there, here @ R.T + t, atol=1e-5)
    np.testing.assert_allclose(believed_there, believed, atol=1e-4)


def test_depth_filter_leaves_the_picture_alone() -> None:
    rng = np.random.default_rng(5)
    truth, centres, seen = wavy_path(150, 5), np.zeros((150, 3)), np.ones(150, bool)
    rays = truth / np.linalg.norm(truth, axis=1, keepdims=True)
    noisy = truth + rng.normal(0, 0.1, (150, 1)) * rays
    near, _ = smooth_path(noisy, centres, seen, np.ones(150), RULE, RULE)
    far, _ = smooth_path(noisy, centres, seen, np.ones(150), RULE, Filter(60, 1e-3, 19))
    np.testing.assert_allclose(np.cross(near, far), 0, atol=1e-9)
    assert np.linalg.norm(far - truth, axis=1).mean() < 0.7 * np.linalg.norm(near - truth, axis=1).mean()


def test_rotations_stay_rotations_and_turn_with_their_input() -> None:
    rng = np.random.default_rng(6)
    angles = np.stack([np.sin(np.linspace(0, 6, 80)), np.linspace(0, 3, 80), np.zeros(80)], -1)
    truth = Rotation.from_rotvec(angles)
    noisy = (truth * Rotation.from_rotvec(rng.normal(0, 0.02, (80, 3)))).as_matrix()
    noisy[50] = np.eye(3)
    seen, turn = observed_but(80, slice(20, 25)), Rotation.random(random_state=0).as_matrix()
    rule = Filter(8, 0.01)
    smooth, _ = smooth_rotations(noisy, seen, np.ones(80), rule)
    np.testing.assert_allclose(smooth @ np.swapaxes(smooth, 1, 2), np.tile(np.eye(3), (80, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(smooth), 1)
    assert (truth.inv() * Rotation.from_matrix(smooth)).magnitude().max() < 0.06
    np.testing.assert_allclose(smooth_rotations(turn @ noisy, seen, np.ones(80), rule)[0], turn @ smooth, atol=1e-6)


def test_projection_finds_the_nearest_rotation_even_of_a_reflection() -> None:
    rng = np.random.default_rng(7)
    R = Rotation.random(20, random_state=1).as_matrix()
    np.testing.assert_allclose(project_rotations(R + rng.normal(0, 1e-4, R.shape)), R, atol=1e-3)
    np.testing.assert_allclose(np.linalg.det(project_rotations(R @ np.diag([1.0, 1, -0.2]))), 1)


def test_geometric_median_minimises_distances() -> None:
    rng = np.random.default_rng(8)
    points, weights = rng.normal(size=(30, 3)), rng.uniform(0, 1, 30)
    points[:8] += 100
    cost = lambda x: float(np.sum(weights * np.linalg.norm(points - x, axis=-1)))  # noqa: E731
    best = minimize(cost, np.median(points, axis=0), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    median = geometric_median(points, weights)
    assert np.linalg.norm(median) < 2
    assert cost(median) < 1.02 * best.fun


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 5), st.sets(st.integers(1, 59), max_size=3))
def test_segments_cover_what_is_observed_and_cross_no_cut(seen: list[bool], max_gap: int, cuts: set[int]) -> None:
    observed = np.array(seen)
    bounds = [0, *sorted(c for c in cuts if c < len(seen)), len(seen)]
    shots = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    covered = np.zeros(len(seen), int)
    for segment in track_segments(observed, shots, max_gap):
        covered[segment] += 1
        assert observed[segment][0]
        assert observed[segment][-1]
        assert any(shot.start <= segment.start and segment.stop <= shot.stop for shot in shots)
        assert all(gap.stop - gap.start <= max_gap for gap in true_runs(~observed[segment]))
    assert covered.max(initial=0) <= 1
    assert (covered[observed] == 1).all()


def test_medians_of_long_tracks_do_not_depend_on_their_chunks() -> None:
    rng = np.random.default_rng(2)
    values, weights = rng.normal(size=(9000, 2)), rng.uniform(0.1, 1, 9000)
    medians = windowed_median(values, weights, 5)
    for frame in (2, 4094, 4095, 4096, 4097, 8191, 8192, 8997):
        window = slice(frame - 2, frame + 3)
        np.testing.assert_allclose(medians[frame], geometric_median(values[window], weights[window]))
