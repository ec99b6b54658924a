from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from camera_clips.making import make_clip
from camera_scores import HEADER, position_score, rows, true_fov_deg
from camera_tracking import Cost, chosen, track
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import CameraPath, CameraReport, Cameras, CameraWindow, Gate, Intrinsics
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, rigid


def winding(n_frames: int) -> np.ndarray:
    t = np.linspace(0, 3, n_frames)
    R = Rotation.from_rotvec(np.stack([0.1 * t, 0.4 * np.sin(t), 0 * t], 1)).as_matrix()
    return rigid(R, np.stack([2 * np.cos(t), 0.2 * t, 2 * np.sin(2 * t)], 1))


def as_found(T_true: np.ndarray, units: list[float], length: int) -> CameraPath:
    """The true path in the scene frame, every `length` frames in another unit."""
    T = invert_rigid(T_true[0]) @ T_true
    segment = np.arange(len(T)) // length
    steps = np.diff(T[:, :3, 3], axis=0) / np.array(units)[segment[1:], None]
    T[1:, :3, 3] = np.cumsum(steps, axis=0)
    return CameraPath(T, np.ones(len(T)), segment, np.zeros((0, 3)), np.zeros(0, int))


def test_segments_have_units_of_their_own():
    truth = winding(60)
    found = as_found(truth, [1.0, 3.0, 0.2], 20)
    score = position_score(found, truth, slice(0, 60))
    assert score is not None and score.ate_m < 1e-9 and score.largest_m < 1e-9
    joined = replace(found, segment=np.zeros(60, int))
    worse = position_score(joined, truth, slice(0, 60))
    assert worse is not None and worse.ate_m > 0.1


def test_errors_of_segments_are_pooled_over_frames():
    truth = winding(60)
    found = as_found(truth, [1.0, 1.0, 1.0], 20)
    rng = np.random.default_rng(0)
    noisy = found.T_scene_cam.copy()
    noisy[20:40, :3, 3] += 0.01 * rng.normal(size=(20, 3))
    score = position_score(replace(found, T_scene_cam=noisy), truth, slice(0, 60))
    assert score is not None and 0.004 < score.ate_m < 0.012  # 0.01 sqrt(3) in a third of the frames, less the fit


def test_a_camera_that_stays_has_no_position_score():
    truth = np.tile(np.eye(4), (10, 1, 1))
    assert position_score(as_found(truth, [1.0], 10), truth, slice(0, 10)) is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip("short", tmp_path_factory.mktemp("clips"))


def test_a_perfect_result_scores_nothing_and_a_failed_gate_is_named(clip: Path, tmp_path: Path):
    truth = Cameras.load(clip / "world_cameras.npz")
    n, f = len(truth.K), float(truth.K[0, 0, 0])
    as_found(truth.T_world_cam, [7.0], n).save(tmp_path / "camera_path.npz")
    Intrinsics((640, 360), (f, f), (319.5, 179.5), [], "calibrated").save(tmp_path / "intrinsics.json")
    gate = Gate("two seeds agree", 0.2, 0.05, passed=False)
    window = CameraWindow(0, n, "general", "calibrated", 9.0, 8.0, 0.3, 0.75, [gate], ["beware | of this"])
    CameraReport([window]).save(tmp_path / "camera_report.json")
    (row,) = rows("short", clip, tmp_path, Cost(0.8, 1.6, 123.4, warnings=["frames 0-7: beware | of this"]))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == HEADER.splitlines()[0].count("|") - 1
    assert cells[:4] == ["short", "general", "general", "+0.00 (calibrated)"]
    assert cells[4:8] == ["0.0000", "0.000", "0.000", "0.000/0.000"]
    assert cells[8:] == ["75", "1.00", "two seeds agree; beware / of this", "100 (200)", "123"]
    assert true_fov_deg(clip) == pytest.approx(60)


def test_no_result_is_a_row_too(clip: Path, tmp_path: Path):
    (row,) = rows("short", clip, tmp_path, Cost(0.1, 0.1, 90.0, "too few\nframes"))
    assert "too few frames" in row and row.count("|") == HEADER.splitlines()[0].count("|")


def test_the_stage_runs_on_a_clip(clip: Path, tmp_path: Path):
    cost = track(clip, tmp_path, "static", None)
    assert cost.complaint == "" and cost.peak_mb > 20 and len(cost.warnings) >= 1
    assert len(rows("short", clip, tmp_path, cost)) == 1


def test_a_missing_clip_is_a_complaint_not_a_crash(tmp_path: Path):
    assert "not found" in track(tmp_path / "nothing", tmp_path, "static", None).complaint


def test_clips_are_chosen_by_name_or_beginning():
    assert chosen(("walk", "heldout")) == ["walk", "heldout_walk", "heldout_orbit", "heldout_pan", "heldout_stairs"]
    assert "minutes" not in chosen(()) and chosen(("minutes",)) == ["minutes"]
    with pytest.raises(UserError, match="warp"):
        chosen(("warp",))
