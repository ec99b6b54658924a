import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from room_tracks import make_window
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.travelling.resection import fill_gaps, interpolate_path, resect, to_first_camera
from nlf_pipeline.cameras.travelling.triangulation import (
    Sightings,
    distances_px,
    place_points,
    refine_points,
    triangulate,
)
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points

FOCAL_PX = 560.0


def random_rigid(seed: int, angle: float, shift: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rigid(Rotation.from_rotvec(rng.uniform(-angle, angle, 3)).as_matrix(), rng.uniform(-shift, shift, 3))


@pytest.fixture(scope="module")
def exact():
    """A short window without noise: sightings, and the cameras behind them."""
    window = make_window(n_frames=8, n_points=300, noise_px=0.0, moving=0.0)
    sightings = Sightings.of(window.tracks, FOCAL_PX, 0.0)
    return window, sightings, window.points[sightings.ids], invert_rigid(window.T_world_cam)


def test_resection_finds_the_cameras_from_a_start_nearby(exact) -> None:
    _, sightings, points, T_cam_world = exact
    start = np.stack([random_rigid(i, 0.1, 0.2) @ T for i, T in enumerate(T_cam_world)])
    found, residual_px = resect(points, sightings, start)
    np.testing.assert_allclose(found, T_cam_world, atol=1e-5)
    assert np.all(residual_px < 1e-3)


def test_resection_finds_the_cameras_from_a_start_far_away(exact) -> None:
    _, sightings, points, T_cam_world = exact
    start = np.stack([random_rigid(i, 2.0, 3.0) @ T for i, T in enumerate(T_cam_world)])
    found, _ = resect(points, sightings, start)
    np.testing.assert_allclose(found, T_cam_world, atol=1e-4)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_resection_moves_with_the_world(exact, seed: int) -> None:
    window, _, _, T_cam_world = exact
    noisy = make_window(n_frames=8, n_points=300, noise_px=0.5, moving=0.1, seed=3)
    sightings = Sightings.of(noisy.tracks, FOCAL_PX, 0.0)
    points = noisy.points[sightings.ids]
    T_new_world = random_rigid(seed, 3.0, 5.0)
    found, _ = resect(points, sightings, T_cam_world)
    moved, _ = resect(transform_points(T_new_world, points), sightings, T_cam_world @ invert_rigid(T_new_world))
    np.testing.assert_allclose(moved @ T_new_world, found, atol=1e-5)
    assert window.tracks.n_frames == len(found)


def test_resection_resists_points_that_move() -> None:
    window = make_window(n_frames=8, n_points=600, noise_px=0.0, moving=0.2)
    sightings = Sightings.of(window.tracks, FOCAL_PX, 0.0)
    truth = invert_rigid(window.T_world_cam)
    found, _ = resect(window.points[sightings.ids], sightings, truth)
    centres, true_centres = invert_rigid(found)[:, :3, 3], window.T_world_cam[:, :3, 3]
    assert np.linalg.norm(centres - true_centres, axis=1).max() < 0.01


def test_frames_with_too_few_points_are_left_as_they_were(exact) -> None:
    _, sightings, points, T_cam_world = exact
    few = sightings.select((sightings.frame != 3) | (sightings.point < np.sort(sightings.point)[4]))
    start = T_cam_world.copy()
    start[3] = random_rigid(0, 0.1, 0.1)
    found, residual_px = resect(points, few, start)
    np.testing.assert_array_equal(np.isnan(residual_px), np.arange(8) == 3)
    np.testing.assert_array_equal(found[3], start[3])


def test_gaps_are_filled_along_the_way_and_held_at_the_ends() -> None:
    T = np.stack([rigid(Rotation.from_rotvec([0, 0.1 * i, 0]).as_matrix(), np.array([i, 0, 0])) for i in range(5)])
    tracked = np.array([False, True, False, True, False])
    wrong = np.where(tracked[:, None, None], T, random_rigid(1, 1.0, 1.0))
    np.testing.assert_allclose(fill_gaps(wrong, tracked), T[[1, 1, 2, 3, 3]], atol=1e-12)
    np.testing.assert_array_equal(fill_gaps(T, np.ones(5, dtype=bool)), T)
    np.testing.assert_allclose(interpolate_path(np.arange(3), np.array([1]), T[1:2]), T[[1, 1, 1]])


def test_the_first_camera_becomes_the_frame(exact) -> None:
    _, sightings, points, T_cam_world = exact
    T_window_cam, in_window = to_first_camera(T_cam_world, points)
    np.testing.assert_array_equal(T_window_cam[0], np.eye(4))
    np.testing.assert_allclose(distances_px(in_window, sightings, invert_rigid(T_window_cam)), 0.0, atol=1e-3)


def test_triangulation_inverts_projection(exact) -> None:
    _, sightings, points, T_cam_world = exact
    found, trusted = place_points(sightings, T_cam_world)
    assert trusted.mean() > 0.5
    np.testing.assert_allclose(found[trusted], points[trusted], atol=2e-3)


def test_points_of_a_turning_camera_are_not_trusted_but_project_right() -> None:
    window = make_window("turn", n_frames=8, n_points=300, noise_px=0.0, moving=0.0)
    sightings = Sightings.of(window.tracks, FOCAL_PX, 0.0)
    T_cam_world = invert_rigid(window.T_world_cam)
    points, trusted = place_points(sightings, T_cam_world)
    assert not trusted.any()
    assert distances_px(points, sightings, T_cam_world).max() < 0.1


def test_distortion_is_taken_out() -> None:
    window = make_window(n_frames=8, n_points=300, noise_px=0.0, moving=0.0, k1=-0.15)
    sightings = Sightings.of(window.tracks, FOCAL_PX, -0.15)
    T_cam_world = invert_rigid(window.T_world_cam)
    assert distances_px(window.points[sightings.ids], sightings, T_cam_world).max() < 1e-2


def test_refinement_lowers_the_error_of_noisy_points() -> None:
    window = make_window(n_frames=12, n_points=300, noise_px=0.5, moving=0.0)
    sightings = Sightings.of(window.tracks, FOCAL_PX, 0.0)
    T_cam_world = invert_rigid(window.T_world_cam)
    points, _ = triangulate(sightings, T_cam_world)
    shifted = points + np.random.default_rng(0).normal(0, 0.02, points.shape)
    refined = refine_points(shifted, sightings, T_cam_world, steps=4)
    before, after = (np.mean(distances_px(p, sightings, T_cam_world)) for p in (shifted, refined))
    assert after < 0.5 * before
    assert after < 1.05 * np.mean(distances_px(points, sightings, T_cam_world))
