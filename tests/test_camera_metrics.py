import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nlf_pipeline.camera_metrics import focal_error, trajectory_error
from nlf_pipeline.geometry import align_similarity, rigid

seeds = st.integers(0, 2**31 - 1)


def random_path(seed: int, n: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rigid(Rotation.random(n, random_state=seed).as_matrix(), rng.normal(size=(n, 3)))


def in_another_world(T: np.ndarray, seed: int, scale: float) -> np.ndarray:
    R = Rotation.random(random_state=seed).as_matrix()
    return rigid(R @ T[:, :3, :3], scale * T[:, :3, 3] @ R.T + np.random.default_rng(seed).normal(size=3))


@given(seeds, st.floats(0.01, 100))
def test_another_world_frame_and_unit_cost_nothing(seed: int, scale: float):
    truth = random_path(seed)
    error = trajectory_error(in_another_world(truth, seed + 1, scale), truth)
    assert error.ate_m is not None and error.largest_m is not None and error.scale is not None
    assert error.ate_m < 1e-9 and error.largest_m < 1e-9 and error.rotation_max < 1e-6
    np.testing.assert_allclose(error.scale, 1 / scale, rtol=1e-9)


@given(seeds)
def test_alignment_is_the_best_similarity(seed: int):
    rng = np.random.default_rng(seed)
    points, target = rng.normal(size=(2, 12, 3))
    scale, R, t = align_similarity(points, target)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(R) > 0 and scale >= 0

    def cost(scale: float, R: np.ndarray, t: np.ndarray) -> float:
        return ((scale * points @ R.T + t - target) ** 2).sum()

    best = cost(scale, R, t)
    for _ in range(5):
        nearby = Rotation.from_rotvec(0.01 * rng.normal(size=3)).as_matrix() @ R
        assert cost(scale, nearby, t) >= best - 1e-9
        assert cost(scale + 0.01 * rng.normal(), R, t + 0.01 * rng.normal(size=3)) >= best - 1e-9


def test_known_errors_come_out():
    n = 200
    truth = rigid(np.tile(np.eye(3), (n, 1, 1)), np.linspace([0, 0, 0], [10, 0, 0], n))
    moved = truth.copy()
    moved[::2, 1, 3] += 0.2  # alignment takes out the mean: every frame is 0.1 off
    wobble = Rotation.from_rotvec(np.outer((-1.0) ** np.arange(n), [0.02, 0, 0])).as_matrix()
    moved[:, :3, :3] = wobble
    error = trajectory_error(moved, truth)
    np.testing.assert_allclose(error.ate_m, 0.1, rtol=1e-3)  # type: ignore[arg-type]
    np.testing.assert_allclose(error.ate_share_of_path, 0.01, rtol=1e-3)  # type: ignore[arg-type]
    np.testing.assert_allclose([error.rotation_mean, error.rotation_max], 0.02, rtol=1e-6)
    np.testing.assert_allclose(error.path_m, 10)


def test_a_mirrored_path_is_not_explained_away():
    truth = random_path(3)
    error = trajectory_error(rigid(truth[:, :3, :3], truth[:, :3, 3] * [-1, 1, 1]), truth)
    assert error.ate_m is not None and error.ate_m > 0.1


def test_a_camera_that_stays_has_no_position_error_but_a_rotation_error():
    truth = random_path(4)
    truth[:, :3, 3] = [1, 2, 3]
    error = trajectory_error(in_another_world(truth, 5, 1.0), truth)
    assert (error.ate_m, error.ate_share_of_path, error.largest_m, error.scale) == (None, None, None, None)
    assert error.rotation_max < 1e-6


def test_a_path_that_does_not_move_against_one_that_does_is_wrong_by_the_true_spread():
    truth = random_path(6)
    stuck = truth.copy()
    stuck[:, :3, 3] = 0
    spread = np.sqrt(truth[:, :3, 3].var(0).sum())
    assert trajectory_error(stuck, truth).ate_m == pytest.approx(spread)


def test_the_focal_error_keeps_its_sign():
    assert focal_error(np.array([500.0, 450.0]), np.array([500.0, 500.0])) == pytest.approx(-0.1)
    assert focal_error(np.array([[510.0, 500.0]]), np.array([500.0])) == pytest.approx(0.02)
