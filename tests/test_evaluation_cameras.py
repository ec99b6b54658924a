"""Planted camera errors come out as they went in, and what is no error costs nothing."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.camera_metrics import path_length
from nlf_pipeline.demo.camera_paths import handheld_walk, tripod
from nlf_pipeline.evaluation.cameras import camera_measurements
from nlf_pipeline.geometry import pinhole_matrix, rigid

N_FRAMES = 230


def cameras(T_world_cam: np.ndarray, focal_px: float = 1000.0) -> Cameras:
    K = np.tile(pinhole_matrix(focal_px, (1280, 720)), (len(T_world_cam), 1, 1))
    return Cameras(T_world_cam, K, np.zeros(0), np.array([1280, 720]))


TRUE = cameras(handheld_walk(np.arange(N_FRAMES) / 25, np.random.default_rng(0)))
R_TRUE, EYES = TRUE.T_world_cam[:, :3, :3], TRUE.T_world_cam[:, :3, 3]


def measure(found: Cameras, true: Cameras = TRUE) -> dict[str, float | None]:
    return {m.name: m.value for m in camera_measurements(found, true)}


def moved(change: Callable[[np.ndarray], np.ndarray]) -> Cameras:
    """The true cameras with other centres."""
    return dataclasses.replace(TRUE, T_world_cam=rigid(R_TRUE, change(EYES)))


def test_the_truth_in_another_world_scores_perfectly():
    R, t = Rotation.random(rng=np.random.default_rng(1)).as_matrix(), np.array([3.0, -1, 2])
    found = dataclasses.replace(TRUE, T_world_cam=rigid(R @ R_TRUE, EYES @ R.T + t))
    result = measure(found)
    assert set(result) == {"focal length error", "camera rotation error", "camera ATE", "metric scale error"}
    for name, value in result.items():
        assert value == pytest.approx(0, abs=1e-5), name


@pytest.mark.parametrize("scale", [0.9, 1.03, 2.0])
def test_scale_is_a_metric_error_and_nothing_else(scale: float):
    result = measure(moved(lambda eyes: scale * eyes))
    assert result["metric scale error"] == pytest.approx(abs(1 / scale - 1) * 100, rel=1e-6)
    assert result["camera ATE"] == pytest.approx(0, abs=1e-9)
    assert result["camera rotation error"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_noise_of_the_centres_is_the_trajectory_error(sigma: float):
    noise = np.random.default_rng(3).normal(scale=sigma, size=EYES.shape)
    result = measure(moved(lambda eyes: eyes + noise))
    expected = 100 * np.sqrt(3) * sigma / path_length(TRUE.T_world_cam)
    assert result["camera ATE"] == pytest.approx(expected, rel=0.1)
    assert result["camera rotation error"] == pytest.approx(0, abs=1e-5)


def test_wobbling_of_the_aim_is_the_rotation_error():
    wobble = np.deg2rad(0.4) * np.where(np.arange(N_FRAMES) % 2, 1, -1)[:, None] * [1.0, 0, 0]
    found = dataclasses.replace(TRUE, T_world_cam=rigid(Rotation.from_rotvec(wobble).as_matrix() @ R_TRUE, EYES))
    result = measure(found)
    assert result["camera rotation error"] == pytest.approx(0.4, abs=1e-3)
    assert result["camera ATE"] == pytest.approx(0, abs=1e-9)


def test_a_focal_length_is_wrong_by_its_share_whatever_its_sign():
    for focal_px in (1050.0, 950.0):
        rows = camera_measurements(cameras(TRUE.T_world_cam, focal_px), TRUE)
        assert (rows[0].name, rows[0].reached) == ("focal length error", False)
        assert rows[0].value == pytest.approx(5)


def test_a_camera_thought_to_stand_still_misses_and_has_no_scale():
    result = measure(cameras(np.tile(TRUE.T_world_cam[:1], (N_FRAMES, 1, 1))))
    assert result["camera ATE"] is not None and result["camera ATE"] > 10
    assert result["camera rotation error"] is not None and result["camera rotation error"] > 5
    assert result["metric scale error"] is None


def test_a_camera_at_rest_has_only_a_focal_length_and_one_that_pans_no_path():
    still = cameras(tripod(50))
    assert list(measure(still, still)) == ["focal length error"]
    turns = Rotation.from_rotvec(np.linspace(0, 0.5, 50)[:, None] * [0, 1.0, 0]).as_matrix()
    pan = cameras(rigid(turns @ still.T_world_cam[:, :3, :3], still.T_world_cam[:, :3, 3]))
    assert list(measure(pan, pan)) == ["focal length error", "camera rotation error"]
    assert measure(still, pan)["camera rotation error"] == pytest.approx(np.rad2deg(0.125), rel=0.05)
