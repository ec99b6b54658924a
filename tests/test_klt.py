"""The embedded camera tracker on small videos whose camera is known, and on videos that nothing can be found in."""

import dataclasses

import numpy as np
import pytest
from camera_videos import ASSUMED, FOCAL_PX, SIZE_PX, guess, pan, picture, track
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.windows import shot_solving

N_FRAMES = 40
FOV_DEG = np.rad2deg(2 * np.arctan(max(SIZE_PX) / (2 * FOCAL_PX)))


def turned_deg(path, first, last):
    return np.rad2deg(
        Rotation.from_matrix(path.T_scene_cam[first, :3, :3].T @ path.T_scene_cam[last, :3, :3]).magnitude()
    )


def true_turn_deg(to_deg):
    return np.rad2deg(Rotation.from_euler("yx", [to_deg, 0.2 * to_deg], degrees=True).magnitude())


def notes_of(camera):
    return " ".join(note for row in camera.report.windows for note in row.notes)


def test_a_pan_gives_its_angles_and_the_focal_length(tmp_path):
    camera = track(tmp_path, pan(N_FRAMES))
    assert [row.motion_class for row in camera.report.windows] == ["rotation"]
    assert camera.intrinsics.focal_source == "calibrated" and not camera.intrinsics.zoom
    assert camera.intrinsics.focal_px == pytest.approx((FOCAL_PX, FOCAL_PX), rel=0.02)
    assert turned_deg(camera.path, 0, -1) == pytest.approx(true_turn_deg(30), rel=0.02)
    forward = camera.path.T_scene_cam[-1, :3, 2]
    assert forward[0] > 0.4, "to the right"
    np.testing.assert_array_equal(camera.path.T_scene_cam[:, :3, 3], 0)
    assert camera.path.confidence.min() > 0.9 and notes_of(camera) == ""


def test_a_tripod_is_sure_of_itself(tmp_path):
    camera = track(tmp_path, [picture(0)] * 20)
    assert camera.report.motion_class == "static" and notes_of(camera) == ""
    np.testing.assert_array_equal(camera.path.T_scene_cam, np.tile(np.eye(4), (20, 1, 1)))
    assert camera.path.confidence.min() == 1


def test_without_evidence_the_guess_stays_exactly(tmp_path):
    odd = guess(SIZE_PX, 287.123456789)
    for name, pictures in (("still", [picture(0)] * 15), ("small", pan(15, to_deg=1.0))):
        (tmp_path / name).mkdir()
        camera = track(tmp_path / name, pictures, intrinsics=odd)
        assert camera.intrinsics == odd
        assert {row.focal_source for row in camera.report.windows} == {"assumed"}


@pytest.mark.parametrize(("source", "factor"), [("user", 0.8), ("metadata", 1.2)])
def test_a_given_focal_length_stays_whatever_the_pictures_say(tmp_path, source, factor):
    wrong = guess(SIZE_PX, factor * FOCAL_PX, source)
    camera = track(tmp_path, pan(25), intrinsics=wrong)
    assert camera.intrinsics.focal_px == wrong.focal_px and not camera.intrinsics.zoom
    assert camera.intrinsics.focal_source == source
    assert {row.focal_source for row in camera.report.windows} == {source}
    assert "does not fit the pictures" in notes_of(camera)
    suggested_px = float(notes_of(camera).split("which suggest ")[1].split(" px")[0])
    assert suggested_px == pytest.approx(FOCAL_PX, rel=0.03)
    assert f"fov {FOV_DEG:.0f}"[:5] in notes_of(camera)


def test_a_given_focal_length_that_fits_is_not_doubted(tmp_path):
    camera = track(tmp_path, pan(25), intrinsics=guess(SIZE_PX, FOCAL_PX, "user"))
    assert notes_of(camera) == "" and camera.path.confidence.min() > 0.9


def test_cuts_give_a_camera_each_with_a_lens_of_its_own(tmp_path):
    first, second, third = pan(30), [picture(3, seed=1)] * 15, pan(30, to_deg=-20, seed=2, zoom=1.5)
    camera = track(tmp_path, first + second + third, cuts=(30, 45))
    assert [row.motion_class for row in camera.report.windows] == ["rotation", "static", "rotation"]
    assert [row.focal_source for row in camera.report.windows] == ["calibrated", "assumed", "calibrated"]
    assert camera.intrinsics.focal_source == "assumed", "the least certain of all shots"
    focal_px = camera.intrinsics.K_frames(75)[:, 0, 0]
    for shot, expected_px in ((slice(0, 30), FOCAL_PX), (slice(45, 75), 1.5 * FOCAL_PX)):
        np.testing.assert_allclose(focal_px[shot], expected_px, rtol=0.03)
        assert np.ptp(focal_px[shot]) < 1e-9
    np.testing.assert_allclose(focal_px[30:45], ASSUMED * 320, rtol=1e-12)
    assert turned_deg(camera.path, 0, 29) == pytest.approx(true_turn_deg(30), rel=0.03)
    assert turned_deg(camera.path, 45, 74) == pytest.approx(true_turn_deg(-20), rel=0.03)


def test_a_zoom_is_told_frame_by_frame(tmp_path):
    zoom = np.linspace(1, 1.6, N_FRAMES)
    pictures = [picture(yaw, zoom=z) for yaw, z in zip(np.linspace(0, 25, N_FRAMES), zoom, strict=True)]
    camera = track(tmp_path, pictures)
    assert camera.report.motion_class == "rotation_zoom"
    assert camera.intrinsics.zoom[0] == 1
    np.testing.assert_allclose(camera.intrinsics.zoom, zoom, rtol=0.02)
    np.testing.assert_allclose(camera.intrinsics.K_frames(N_FRAMES)[:, 0, 0], zoom * FOCAL_PX, rtol=0.04)


def test_a_given_focal_length_is_that_of_the_first_frame_of_a_zoom(tmp_path):
    zoom = np.linspace(1, 1.6, 25)
    pictures = [picture(yaw, zoom=z) for yaw, z in zip(np.linspace(0, 25, 25), zoom, strict=True)]
    camera = track(tmp_path, pictures, intrinsics=guess(SIZE_PX, FOCAL_PX + 3, "user"))
    assert camera.intrinsics.focal_px[0] == FOCAL_PX + 3 and camera.intrinsics.zoom[0] == 1
    np.testing.assert_allclose(camera.intrinsics.zoom, zoom, rtol=0.03)


def test_people_do_not_count(tmp_path):
    """Somebody with a rich texture runs past a still background and covers a third of it."""
    plain, runner = picture(0), picture(20, seed=5)
    pictures, masks = [], []
    for i in range(20):
        mask = np.zeros(plain.shape, bool)
        mask[20:180, 10 + 8 * i : 120 + 8 * i] = True
        shifted = np.roll(runner, 8 * i, axis=1)
        pictures.append(np.where(mask, shifted, plain))
        masks.append(mask)
    camera = track(tmp_path, pictures, masks=masks)
    assert camera.report.motion_class == "static" and camera.report.windows[0].displacement_px < 0.5


@pytest.mark.parametrize("scale", [2, 4])
def test_the_field_of_view_does_not_depend_on_the_resolution(tmp_path, scale):
    camera = track(tmp_path, pan(25, scale=scale))
    assert camera.intrinsics.size_px == (scale * SIZE_PX[0], scale * SIZE_PX[1])
    assert camera.intrinsics.focal_px[0] / scale == pytest.approx(FOCAL_PX, rel=0.01)


def test_upright_clips_have_a_longer_side_too(tmp_path):
    camera = track(tmp_path, [np.ascontiguousarray(np.rot90(grey)) for grey in pan(20, scale=3)])
    assert camera.intrinsics.size_px == (576, 960)
    assert camera.intrinsics.focal_px[0] / 3 == pytest.approx(FOCAL_PX, rel=0.02)


def noise(n_frames):
    return list(np.random.default_rng(0).integers(0, 255, (n_frames, *SIZE_PX[::-1]), dtype=np.uint8))


EVERYWHERE = np.ones(SIZE_PX[::-1], bool)
BLACK = np.zeros(SIZE_PX[::-1], np.uint8)
BAD = {
    "one frame": ([picture(0)], ()),
    "two frames": (pan(2, to_deg=2), ()),
    "few frames": (pan(9), ()),
    "black": ([BLACK] * 15, ()),
    "textureless": ([BLACK + 120] * 15, ()),
    "people everywhere": (pan(15), [EVERYWHERE] * 15),
    "people everywhere for a while": (pan(30), [EVERYWHERE if 10 < i < 20 else ~EVERYWHERE for i in range(30)]),
    "frozen": ([picture(0)] * 5 + [picture(10)] * 20, ()),
    "noise": (noise(15), ()),
    "flicker": ([picture(0), 255 - picture(0)] * 8, ()),
}
SEEN = {"one frame", "two frames", "few frames", "frozen", "people everywhere for a while"}


@pytest.mark.parametrize("name", BAD)
def test_bad_clips_give_something_valid_and_say_so(tmp_path, name):
    pictures, masks = BAD[name]
    camera = track(tmp_path, pictures, masks=masks)
    uncertain = camera.path.confidence.mean() < 0.9
    assert (notes_of(camera) != "") == uncertain or name in SEEN
    if name not in SEEN:
        assert uncertain and camera.intrinsics.focal_source == "assumed"


def test_a_pan_through_the_dark_keeps_both_ends(tmp_path):
    pictures = [BLACK if 15 <= i < 25 else grey for i, grey in enumerate(pan(N_FRAMES))]
    camera = track(tmp_path, pictures)
    assert [(row.start, row.stop, row.motion_class) for row in camera.report.windows] == [
        (0, 15, "rotation"), (15, 25, "static"), (25, 40, "rotation"),
    ]  # fmt: skip
    confidence = camera.path.confidence
    assert confidence[15:25].max() < 0.2 and min(confidence[:15].min(), confidence[25:].min()) > 0.9
    for first, last in ((0, 14), (25, 39)):
        assert turned_deg(camera.path, first, last) == pytest.approx(true_turn_deg(30) * 14 / 39, rel=0.03)
    assert turned_deg(camera.path, 14, 25) < 1e-6
    assert "too little of the background" in notes_of(camera) and "lost from sight" in notes_of(camera)


def test_residuals_that_nobody_knows_are_no_support(tmp_path, monkeypatch):
    solve = shot_solving.solve_window

    def clueless(*arguments):
        solved = solve(*arguments)
        motion = dataclasses.replace(solved.motion, residual_px=np.full(len(solved.motion.focal_px), np.nan))
        return dataclasses.replace(solved, motion=motion)

    monkeypatch.setattr(shot_solving, "solve_window", clueless)
    camera = track(tmp_path, pan(15))
    assert camera.report.windows[0].residual_px is None
    assert camera.path.confidence.max() < 0.5


def test_shots_that_bend_the_picture_in_different_ways_are_told_of(tmp_path, monkeypatch):
    solve = shot_solving.solve_window
    k1s = {0: -0.02, 8: -0.15, 20: -0.16, 30: 0.3}

    def bent(tracks, *arguments):
        solved = solve(tracks, *arguments)
        return dataclasses.replace(solved, motion=dataclasses.replace(solved.motion, k1=k1s[tracks.start]))

    monkeypatch.setattr(shot_solving, "solve_window", bent)
    camera = track(tmp_path, pan(8) + pan(12) + pan(10) + [picture(0)] * 14, cuts=(8, 20, 30))
    assert camera.intrinsics.distortion == [-0.15, 0, 0, 0], "of the longest shot that is not still"
    notes = [" ".join(row.notes) for row in camera.report.windows]
    assert "k1 = -0.020" in notes[0] and notes[1:] == ["", "", ""]
