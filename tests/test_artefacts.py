import json
from pathlib import Path

import numpy as np
import pytest

from nlf_pipeline.artefacts import CameraPath, CameraReport, CameraWindow, Floor, Gate, Ground, Intrinsics, VideoFacts
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.files import atomic_path


def camera_path(n_frames: int = 3) -> CameraPath:
    return CameraPath(
        T_scene_cam=np.repeat(np.eye(4)[None], n_frames, 0),
        confidence=np.linspace(0, 1, n_frames),
        segment=np.zeros(n_frames, dtype=int),
        points=np.ones((2, 3)),
        point_segment=np.zeros(2, dtype=int),
    )


def test_arrays_and_scalars_come_back_as_they_were(tmp_path: Path):
    saved = camera_path()
    saved.save(tmp_path / "camera_path.npz")
    loaded = CameraPath.load(tmp_path / "camera_path.npz")
    np.testing.assert_array_equal(loaded.T_scene_cam, saved.T_scene_cam)
    np.testing.assert_array_equal(loaded.confidence, saved.confidence)
    np.testing.assert_array_equal(loaded.points, saved.points)


def test_json_artefacts_come_back_as_they_were(tmp_path: Path):
    facts = VideoFacts("a", 640, 360, 25.0, 10, cuts=[4], warnings=["truncated"])
    facts.save(tmp_path / "video.json")
    assert VideoFacts.load(tmp_path / "video.json") == facts


def test_shots_cover_the_clip_without_overlap():
    facts = VideoFacts("a", 640, 360, 25.0, 10, cuts=[4, 7])
    assert [list(range(10))[shot] for shot in facts.shots()] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert VideoFacts("a", 640, 360, 25.0, 0).shots() == []


def test_intrinsics_matrix_is_the_pinhole_of_its_fields():
    lens = Intrinsics((640, 360), (500.0, 510.0), (319.5, 179.5), [], "assumed")
    np.testing.assert_array_equal(lens.K, [[500, 0, 319.5], [0, 510, 179.5], [0, 0, 1]])


def test_zoom_multiplies_the_focal_length_frame_by_frame():
    lens = Intrinsics((640, 360), (500.0, 510.0), (319.5, 179.5), [], "calibrated", zoom=[1.0, 1.5])
    np.testing.assert_allclose(lens.K_frames(2)[:, 0, 0], [500, 750])
    np.testing.assert_allclose(lens.K_frames(2)[:, 1, 1], [510, 765])
    np.testing.assert_array_equal(lens.K_frames(2)[:, :, 2], [[319.5, 179.5, 1]] * 2)


def test_nested_reports_come_back_as_they_were(tmp_path: Path):
    gate = Gate("focal length", 1.1, 2.0, True)
    window = CameraWindow(0, 9, "general", "calibrated", 80.0, 12.5, None, 1.0, [gate], ["a note"])
    report = CameraReport([window])
    report.save(tmp_path / "camera_report.json")
    assert CameraReport.load(tmp_path / "camera_report.json") == report
    assert report.motion_class == "general" and CameraReport([]).motion_class == "static"
    text = (tmp_path / "camera_report.json").read_text().replace('"general"', '"flying"')
    (tmp_path / "camera_report.json").write_text(text)
    with pytest.raises(ArtefactError, match="motion_class"):
        CameraReport.load(tmp_path / "camera_report.json")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_damaged_npz_is_named_in_the_error(tmp_path: Path, content: bytes):
    path = tmp_path / "camera_path.npz"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"camera_path\.npz"):
        CameraPath.load(path)


def test_pickled_arrays_are_refused(tmp_path: Path):
    path = tmp_path / "camera_path.npz"
    np.savez(path, T_scene_cam=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtefactError):
        CameraPath.load(path)


def test_another_kind_of_file_is_refused_with_the_difference(tmp_path: Path):
    path = tmp_path / "camera_path.npz"
    np.savez(path, format_version=1, poses=np.eye(4))
    with pytest.raises(ArtefactError, match=r"missing .*T_scene_cam.*unexpected .*poses"):
        CameraPath.load(path)


def test_another_version_is_refused(tmp_path: Path):
    path = tmp_path / "ground.json"
    ground = Ground([Floor((0.0, -1.0, 0.0), -1.6, "feet", 0.9, 0.01, 100)])
    ground.save(path)
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "format_version": 99}))
    with pytest.raises(ArtefactError, match="Ground"):
        Ground.load(path)


def test_missing_file_says_what_was_expected(tmp_path: Path):
    with pytest.raises(ArtefactError, match="Ground"):
        Ground.load(tmp_path / "ground.json")


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nan_never_reaches_json(tmp_path: Path):
    with pytest.raises(ValueError, match="Out of range"):
        Ground([Floor((0.0, -1.0, 0.0), float("nan"), "feet", 0.9, 0.01, 100)]).save(tmp_path / "ground.json")
    assert list(tmp_path.iterdir()) == []
