"""Poses, smoothing and points from what SLAM returns."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.slam.path import (
    anchored,
    background_points,
    parallax_px,
    poses_from_trajectory,
    smooth_poses,
)
from nlf_pipeline.geometry import invert_rigid, project, rigid, transform_points

LENS_PX = np.array([500.0, 480.0, 255.5, 191.5])
ROWS, COLUMNS = 48, 64


def random_poses(n, seed=0):
    rng = np.random.default_rng(seed)
    return rigid(Rotation.random(n, rng).as_matrix(), rng.normal(size=(n, 3)))


def trajectory_of(T):
    return np.concatenate([T[:, :3, 3], Rotation.from_matrix(T[:, :3, :3]).as_quat()], axis=1)


def test_poses_are_relative_to_the_first_whatever_the_world():
    T = random_poses(7)
    moved = random_poses(1, seed=5)[0] @ T
    found = poses_from_trajectory(trajectory_of(moved))
    np.testing.assert_allclose(found, invert_rigid(T[0]) @ T, atol=1e-12)
    np.testing.assert_array_equal(found[0], np.eye(4))


def test_quaternions_need_not_be_of_unit_length():
    trajectory = trajectory_of(random_poses(4))
    longer = trajectory * ([1] * 3 + [-1.01] * 4)
    np.testing.assert_allclose(poses_from_trajectory(longer), poses_from_trajectory(trajectory), atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_no_numbers_are_no_poses(bad):
    trajectory = trajectory_of(random_poses(4))
    trajectory[2, 3:] = bad
    assert poses_from_trajectory(trajectory) is None


@pytest.mark.parametrize(("period", "least", "most"), [(6, 0.4, 0.6), (30, 0.98, 1.02), (60, 0.99, 1.01)])
def test_smoothing_keeps_slow_motion_and_does_not_lag(period, least, most):
    """A shaking camera's gain and delay at one period, places and rotations, for half amplitude at 6 frames."""
    n, inner = 360, slice(60, 300)
    t = np.arange(n)
    wave = np.sin(2 * np.pi * t / period)
    R = Rotation.from_rotvec(np.outer(0.05 * wave, [0, 1, 0])).as_matrix()
    T = smooth_poses(rigid(R, np.outer(wave, [1, 0.5, 0])), period_frames=6)
    probe = np.exp(-2j * np.pi * t / period)[inner]
    turned = Rotation.from_matrix(T[:, :3, :3]).as_rotvec()[:, 1] / 0.05
    for signal in (T[:, 0, 3], turned):
        response = (signal[inner] * probe).mean() / (wave[inner] * probe).mean()
        assert least < abs(response) < most
        assert abs(np.angle(response)) / (2 * np.pi) * period < 0.01  # frames


def test_smoothing_removes_jitter_and_jumps():
    n, rng = 300, np.random.default_rng(0)
    clean = rigid(np.tile(np.eye(3), (n, 1, 1)), np.outer(np.arange(n), [0.02, 0, 0.01]))
    noisy = clean.copy()
    noisy[:, :3, 3] += rng.normal(scale=0.003, size=(n, 3))
    noisy[100, :3, 3] += 2
    smooth = smooth_poses(noisy, period_frames=9)
    errors = np.diff(smooth[:, :3, 3] - clean[:, :3, 3], axis=0)
    assert errors[5:-5].std() < 0.3 * np.sqrt(2) * 0.003
    assert np.linalg.norm(smooth[100, :3, 3] - clean[100, :3, 3]) < 0.02


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_short_paths_can_be_smoothed(n):
    T = random_poses(n)
    smooth = smooth_poses(T, 6)
    assert smooth.shape == (n, 4, 4) and np.isfinite(smooth).all()
    np.testing.assert_array_equal(smooth_poses(T, 0), T)


def test_smoothing_does_not_depend_on_the_world():
    T, move = anchored(np.cumsum(random_poses(40) * 0.1, axis=0)), random_poses(1, seed=3)[0]
    T[:, :3, :3] = Rotation.from_rotvec(np.outer(np.sin(np.arange(40) / 3), [0.1, 0.2, 0])).as_matrix()
    T[:, 3] = 0, 0, 0, 1
    np.testing.assert_allclose(smooth_poses(move @ T, 6), move @ smooth_poses(T, 6), atol=2e-3)


def wall(T_scene_cam, z=4.0):
    """(rows, columns) disparities of the plane at `z` of the scene."""
    rows, columns = np.indices((ROWS, COLUMNS))
    pixels = np.stack([columns * 8 + 4, rows * 8 + 4], axis=-1)
    rays = np.concatenate([(pixels - LENS_PX[2:]) / LENS_PX[:2], np.ones((ROWS, COLUMNS, 1))], axis=-1)
    return (rays @ T_scene_cam[:3, :3].T)[..., 2] / (z - T_scene_cam[2, 3])


def path(n):
    R = Rotation.from_rotvec(np.outer(np.arange(n), [0, 0.01, 0])).as_matrix()
    return rigid(R, np.outer(np.arange(n), [0.05, 0.02, 0.01]))


def test_points_lie_on_the_surface_in_every_keyframes_picture():
    T = path(6)
    disparities, seen = np.stack([wall(pose) for pose in T]), np.ones((6, ROWS, COLUMNS), dtype=bool)
    points = background_points(T, disparities, seen, LENS_PX)
    assert 2000 < len(points) <= 4000
    np.testing.assert_allclose(points[:, 2], 4, atol=1e-9)
    K = np.array([[LENS_PX[0], 0, LENS_PX[2]], [0, LENS_PX[1], LENS_PX[3]], [0, 0, 1]])
    pixels = project(transform_points(invert_rigid(T[3]), points), K)
    assert np.percentile(np.abs(pixels - [256, 192]), 90) < 300


def test_depths_that_neighbours_do_not_confirm_and_people_are_left_out():
    T, rng = path(6), np.random.default_rng(0)
    disparities, seen = np.stack([wall(pose) for pose in T]), np.ones((6, ROWS, COLUMNS), dtype=bool)
    disparities[:, :, :20] *= rng.uniform(0.3, 3, (6, ROWS, 20))  # noise
    disparities[:, :, -20:] = 2.0  # a person, nearer
    seen[:, :, -20:] = False
    points = background_points(T, disparities, seen, LENS_PX)
    assert np.mean(np.abs(points[:, 2] - 4) < 0.25) > 0.9 and len(points) > 500
    assert len(background_points(T[:1], disparities[:1], seen[:1], LENS_PX)) == 0
    assert len(background_points(T, disparities, np.zeros_like(seen), LENS_PX)) == 0


def test_parallax_is_the_shift_of_the_background():
    T = np.tile(np.eye(4), (3, 1, 1))
    T[2, 0, 3] = 0.1
    disparities, seen = np.full((2, ROWS, COLUMNS), 0.25), np.ones((2, ROWS, COLUMNS), dtype=bool)
    assert parallax_px(T, disparities, seen, focal_per_side=0.9) == pytest.approx(0.1 * 0.25 * 0.9 * 640)
    assert parallax_px(T, disparities, ~seen, 0.9) == 0
