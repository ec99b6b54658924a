from pathlib import Path

import numpy as np
import pytest

from nlf_pipeline.artefacts import CameraPath, Intrinsics, SceneCameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.predictions import FramePredictions, writing_predictions
from nlf_pipeline.scale_camera import scale_camera


def write_inputs(folder: Path, T_scene_cam: np.ndarray, n_frames: int) -> dict[str, Path]:
    Intrinsics((640, 360), (500.0, 500.0), (319.5, 179.5), [0.1, -0.02, 0.0, 0.0], "user").save(
        folder / "intrinsics.json"
    )
    n = len(T_scene_cam)
    CameraPath(T_scene_cam, np.ones(n), np.zeros(n, int), np.zeros((0, 3)), np.zeros(0, int)).save(
        folder / "camera_path.npz"
    )
    nobody = FramePredictions(
        np.zeros((0, 1024, 3)), np.zeros((0, 24, 3)), np.zeros((0, 1024)), np.zeros((0, 24)), np.zeros(0, bool)
    )
    with writing_predictions(folder / "predictions.xz", np.arange(0), 25.0, n_frames) as sink:
        for _ in range(n_frames):
            sink.append(nobody)
    names = {"intrinsics": "intrinsics.json", "camera_path": "camera_path.npz", "predictions": "predictions.xz"}
    return {key: folder / name for key, name in names.items()}


def test_a_camera_that_stays_keeps_its_path_and_lens(tmp_path: Path):
    path = np.repeat(np.eye(4)[None], 5, 0)
    scale_camera(**write_inputs(tmp_path, path, 5), out=tmp_path / "cameras.npz")
    cameras = SceneCameras.load(tmp_path / "cameras.npz")
    np.testing.assert_array_equal(cameras.T_scene_cam, path)
    np.testing.assert_array_equal(cameras.K, np.repeat([[[500, 0, 319.5], [0, 500, 179.5], [0, 0, 1]]], 5, 0))
    np.testing.assert_array_equal(cameras.distortion, [0.1, -0.02, 0, 0])
    assert (cameras.metres_per_unit.tolist(), cameras.scale_spread.tolist()) == ([1.0], [0.0])


def test_a_translating_path_is_refused_instead_of_guessed(tmp_path: Path):
    path = np.repeat(np.eye(4)[None], 5, 0)
    path[3, 0, 3] = 0.5
    with pytest.raises(UserError, match="translates"):
        scale_camera(**write_inputs(tmp_path, path, 5), out=tmp_path / "cameras.npz")


def test_files_of_different_clips_are_told_apart(tmp_path: Path):
    inputs = write_inputs(tmp_path, np.repeat(np.eye(4)[None], 4, 0), 5)
    with pytest.raises(UserError, match=r"4 frames and .* has 5"):
        scale_camera(**inputs, out=tmp_path / "cameras.npz")
