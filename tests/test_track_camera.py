"""The focal length comes from the best source; a camera that moves is noticed."""

import cv2
import numpy as np
import pytest
from rlemasklib import RLEMask
from synthetic_videos import write_video

from nlf_pipeline.artefacts import CameraPath, CameraReport, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.fetch import fetch
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.track_camera import initial_intrinsics, track_camera

SIZE_PX = (320, 192)
N_FRAMES = 30


def facts_of(**changes):
    return VideoFacts(video_id="v", width_px=1280, height_px=720, fps=30, n_frames=3, **changes)


def test_the_users_field_of_view_comes_first():
    camera = initial_intrinsics(facts_of(focal_px=900), fov_deg=90)
    assert camera.focal_px == pytest.approx((640, 640)) and camera.focal_source == "user"
    assert camera.principal_point_px == (639.5, 359.5) and camera.distortion == []


def test_then_the_metadata_then_an_assumption():
    from_metadata, assumed = initial_intrinsics(facts_of(focal_px=900), None), initial_intrinsics(facts_of(), None)
    assert from_metadata.focal_px == (900, 900) and from_metadata.focal_source == "metadata"
    assert assumed.focal_source == "assumed"
    fov_deg = np.rad2deg(2 * np.arctan(640 / assumed.focal_px[0]))
    assert fov_deg == pytest.approx(60, abs=0.3)


@pytest.mark.parametrize("fov_deg", [0, -3, 180])
def test_impossible_field_of_view_is_refused(fov_deg):
    with pytest.raises(UserError, match="degrees"):
        initial_intrinsics(facts_of(), fov_deg)


def track(folder, frames, people_masks):
    source = write_video(folder / "a.mp4", [i / 30 for i in range(len(frames))], frames=frames)
    fetch(video_id="v", source=source, out=folder / "clip.mp4", facts_out=folder / "video.json")
    MaskTracks(SIZE_PX, 30, len(frames), (0,), (people_masks,)).save(folder / "people_mask.json")
    track_camera(
        video=folder / "clip.mp4",
        video_facts=folder / "video.json",
        people_mask=folder / "people_mask.json",
        out_intrinsics=folder / "intrinsics.json",
        out_path=folder / "camera_path.npz",
        out_report=folder / "camera_report.json",
        camera="static",
    )
    return CameraReport.load(folder / "camera_report.json"), CameraPath.load(folder / "camera_path.npz")


def texture():
    noise = np.random.default_rng(0).integers(0, 255, (24 * 2, 40 * 2, 3), dtype=np.uint8)
    return cv2.resize(noise, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)


def scene(shift_px_per_frame):
    """A textured wall that shifts, and a textured box that always moves fast; and masks of the box."""
    wall, width_px, height_px = texture(), *SIZE_PX
    frames, masks = [], []
    for i in range(N_FRAMES):
        left = round(shift_px_per_frame * i)
        frame = wall[100 : 100 + height_px, left : left + width_px].copy()
        mask = np.zeros((height_px, width_px), np.uint8)
        box = slice(30, 170), slice(20 + 5 * i, 120 + 5 * i)
        frame[box] = wall[:140, :100]
        mask[box] = 1
        frames.append(frame)
        masks.append(RLEMask.from_array(mask))
    return frames, tuple(masks)


def test_tripod_is_sure_though_a_person_fills_much_of_the_picture(tmp_path, caplog):
    report, path = track(tmp_path, *scene(0))
    assert report.motion_class == "static"
    np.testing.assert_array_equal(path.T_scene_cam, np.tile(np.eye(4), (N_FRAMES, 1, 1)))
    assert report.windows[0].displacement_px < 0.3
    assert np.all(path.confidence > 0.99)
    assert "seems to move" not in caplog.text


def test_without_the_mask_the_person_would_count_as_background(tmp_path):
    frames, masks = scene(0)
    bare, _ = track(tmp_path, frames, (None,) * len(masks))
    masked, _ = track(tmp_path, frames, masks)
    assert bare.windows[0].displacement_px > masked.windows[0].displacement_px


def test_moving_camera_is_measured_and_warned_about(tmp_path, caplog):
    report, path = track(tmp_path, *scene(1.0))
    assert report.windows[0].displacement_px == pytest.approx(2 * (N_FRAMES - 1), abs=2)  # at a longer side of 640
    assert path.confidence[0] > 0.9 and path.confidence[-1] < 0.1
    assert np.all((path.confidence >= 0) & (path.confidence <= 1))
    assert "seems to move" in caplog.text


def test_cut_is_no_motion(tmp_path):
    frames, masks = scene(0)
    other = [255 - frame[:, ::-1] for frame in frames]
    flipped = tuple(RLEMask.from_array(np.ascontiguousarray(mask.to_array()[:, ::-1])) for mask in masks)
    report, path = track(tmp_path, frames + other, masks + flipped)
    assert VideoFacts.load(tmp_path / "video.json").cuts == [N_FRAMES]
    assert [window.start for window in report.windows] == [0, N_FRAMES]
    assert all(window.displacement_px < 0.3 for window in report.windows)
    assert path.segment.tolist() == [0] * N_FRAMES + [1] * N_FRAMES


def test_empty_room_without_texture_is_neither_sure_nor_an_error(tmp_path):
    frames = [np.full((SIZE_PX[1], SIZE_PX[0], 3), 120, np.uint8)] * 10
    report, path = track(tmp_path, frames, (None,) * 10)
    assert report.windows[0].displacement_px == 0
    assert 0 < path.confidence[-1] < 1
