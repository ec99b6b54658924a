"""The same laws for all camera trackers, DROID-SLAM by its stand-in."""

import sys

import cv2
import numpy as np
import pytest
from rlemasklib import RLEMask
from standins.droid import PACKAGE_FOLDER, write_weights

from nlf_pipeline.artefacts import CameraPath, CameraReport, Intrinsics, VideoFacts
from nlf_pipeline.geometry import focal_from_fov
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.track_camera import track_camera
from nlf_pipeline.video import writing_video

SIZE_PX, FPS, N = (192, 112), 30.0, 24
TRACKERS = ("static", "klt", "file", "droid")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder / "droid.pth")
    return folder


@pytest.fixture(autouse=True)
def standin(monkeypatch):
    monkeypatch.syspath_prepend(str(PACKAGE_FOLDER))
    import masked_droid_slam.droid

    masked_droid_slam.droid.prepare()
    yield
    assert "masked_droid_slam" in sys.modules


def pictures(n=N, step_px=2, seed=0):
    """A textured wall passing by."""
    grain = np.random.default_rng(seed).integers(0, 255, (30, 60, 3), dtype=np.uint8)
    wall = cv2.resize(grain, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    width_px, height_px = SIZE_PX
    return [wall[20 : 20 + height_px, step_px * k : step_px * k + width_px] for k in range(n)]


def a_person(n, rows=slice(30, 100), columns=slice(60, 100)):
    mask = np.zeros(SIZE_PX[::-1], np.uint8)
    mask[rows, columns] = 1
    return MaskTracks(SIZE_PX, FPS, n, (0,), (tuple(RLEMask.from_array(mask) for _ in range(n)),))


def nobody(n):
    return MaskTracks(SIZE_PX, FPS, n, (), ())


def track(folder, weights, camera, frames, people, cuts=(), fov_deg=None):
    """What the stage writes, checked for what holds for every clip."""
    n = len(frames)
    with writing_video(folder / "clip.mp4", FPS, crf=8) as sink:
        for frame in frames:
            sink.append_data(np.ascontiguousarray(frame))
    facts = VideoFacts("v", *SIZE_PX, FPS, n, list(cuts))
    facts.save(folder / "video.json")
    people.save(folder / "people_mask.json")
    T = np.tile(np.eye(4), (n, 1, 1))
    T[:, 0, 3] = 0.01 * np.arange(n)
    np.savez(folder / "camera.npz", T_world_cam=T)
    track_camera(
        video=folder / "clip.mp4",
        video_facts=folder / "video.json",
        people_mask=folder / "people_mask.json",
        out_intrinsics=folder / "intrinsics.json",
        out_path=folder / "camera_path.npz",
        out_report=folder / "camera_report.json",
        camera=camera,
        camera_file=folder / "camera.npz" if camera == "file" else None,
        fov_deg=fov_deg,
        weights=weights,
        device="cpu",
    )
    lens = Intrinsics.load(folder / "intrinsics.json")
    path, report = CameraPath.load(folder / "camera_path.npz"), CameraReport.load(folder / "camera_report.json")
    check(lens, path, report, facts)
    return lens, path, report


def check(lens, path, report, facts):
    n = facts.n_frames
    assert path.T_scene_cam.shape == (n, 4, 4) and path.T_scene_cam.dtype == np.float64
    assert np.isfinite(path.T_scene_cam).all() and np.isfinite(lens.K_frames(n)).all()
    R = path.T_scene_cam[:, :3, :3]
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.tile(np.eye(3), (n, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-6)
    np.testing.assert_array_equal(path.T_scene_cam[:, 3], np.tile([0, 0, 0, 1], (n, 1)))
    assert path.confidence.shape == (n,) and np.all((path.confidence >= 0) & (path.confidence <= 1))
    assert path.segment.shape == (n,) and path.segment[0] == 0 and set(np.diff(path.segment)) <= {0, 1}
    assert path.points.shape == (len(path.point_segment), 3) and np.isfinite(path.points).all()
    assert set(path.point_segment) <= set(path.segment)
    for shot in facts.shots():
        np.testing.assert_allclose(path.T_scene_cam[shot.start], np.eye(4), atol=1e-9)
        assert shot.start == 0 or path.segment[shot.start] == path.segment[shot.start - 1] + 1
        assert any(row.start == shot.start for row in report.windows)
    rows = report.windows
    assert [row.start for row in rows] == [0, *(row.stop for row in rows[:-1])] and rows[-1].stop == n
    assert lens.size_px == facts.size_px and len(lens.zoom) in (0, n)
    assert lens.principal_point_px == ((SIZE_PX[0] - 1) / 2, (SIZE_PX[1] - 1) / 2)


@pytest.mark.parametrize("camera", TRACKERS)
def test_people_in_front_of_a_moving_background(tmp_path, weights, camera):
    track(tmp_path, weights, camera, pictures(), a_person(N))


@pytest.mark.parametrize("camera", TRACKERS)
def test_nobody(tmp_path, weights, camera):
    track(tmp_path, weights, camera, pictures(), nobody(N))


@pytest.mark.parametrize("camera", TRACKERS)
def test_a_focal_length_from_the_user_is_kept(tmp_path, weights, camera):
    lens, _, report = track(tmp_path, weights, camera, pictures(), a_person(N), fov_deg=70)
    assert lens.focal_px == pytest.approx([focal_from_fov(70, SIZE_PX)] * 2) and lens.focal_source == "user"
    assert lens.zoom == [] and {row.focal_source for row in report.windows} == {"user"}


@pytest.mark.parametrize("camera", TRACKERS)
def test_every_shot_begins_anew(tmp_path, weights, camera):
    frames = [*pictures(14), *pictures(10, seed=3)]
    _, path, _ = track(tmp_path, weights, camera, frames, a_person(24), cuts=[14], fov_deg=60)
    assert path.segment.tolist() == [0] * 14 + [1] * 10


@pytest.mark.parametrize("camera", TRACKERS)
def test_a_tripod_stands(tmp_path, weights, camera):
    _, path, report = track(tmp_path, weights, camera, pictures(step_px=0), a_person(N), fov_deg=60)
    if camera != "file":  # which says that it moves
        assert report.motion_class == "static"
        np.testing.assert_array_equal(path.T_scene_cam, np.tile(np.eye(4), (N, 1, 1)))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("camera", TRACKERS)
def test_a_clip_of_hardly_a_frame(tmp_path, weights, camera, n):
    track(tmp_path, weights, camera, pictures(n), a_person(n))


@pytest.mark.parametrize("camera", TRACKERS)
def test_people_everywhere(tmp_path, weights, camera):
    everywhere = a_person(10, rows=slice(0, SIZE_PX[1]), columns=slice(0, SIZE_PX[0]))
    _, path, report = track(tmp_path, weights, camera, pictures(10), everywhere)
    if camera != "file":
        assert report.motion_class == "static" and path.confidence[1:].max() <= 0.5
