"""What DROID-SLAM is given and how its answers are read, by value, with a stand-in that records its calls."""

import logging

import numpy as np
import pytest
import torch
from droid_clips import PERSON, SIZE_PX, guess, numbered, person_masks, read_number, track
from masked_droid_slam import droid as standin
from scipy.spatial.transform import Rotation
from standins.droid import published_layout, write_weights

from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import focal_from_fov, invert_rigid

SHOWN_PX = (568, 336)
CELLS = (42, 71)
N = 40


def by_number(k):
    """A pose that only the picture tells, whatever the stand-in is told of time; from far off the origin."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("yx", [30 - 0.7 * k, 5], degrees=True).as_matrix()
    T[:3, 3] = 4 + 0.03 * k, -1, 2 + np.sin(k / 9)
    return T


def relative(truth):
    return invert_rigid(truth[0]) @ truth


@pytest.fixture(autouse=True)
def prepared():
    standin.prepare(standin.Script(pose=lambda t, picture: by_number(read_number(picture))))


def clip(n=N):
    return [numbered(k) for k in range(n)]


def test_pictures_come_in_order_in_the_networks_size_and_kind(tmp_path):
    track(tmp_path, clip())
    (record,) = standin.records
    assert record.args.image_size == SHOWN_PX[::-1]
    assert record.image_kinds == {((1, 3, *SHOWN_PX[::-1]), torch.uint8)}
    assert record.frames == record.streamed_frames == list(range(N))
    assert [read_number(picture) for picture in record.pictures] == list(range(N))
    assert [read_number(picture) for picture in record.streamed_pictures] == list(range(N))
    assert record.terminations == 1


@pytest.mark.parametrize(("order", "expected"), [("rgb", (200, 90, 40)), ("bgr", (40, 90, 200))])
def test_channels_are_in_the_order_asked_for(tmp_path, order, expected):
    track(tmp_path, clip(5), options=DroidOptions(channel_order=order))
    for picture in (standin.records[0].pictures[0], standin.records[0].streamed_pictures[0]):
        np.testing.assert_allclose(picture[30, 10], expected, atol=12)


def test_people_are_black_and_their_cells_255(tmp_path):
    track(tmp_path, clip(5), people=person_masks(5))
    record = standin.records[0]
    masks, pictures = np.stack(record.masks), np.stack(record.pictures)
    assert masks.shape == (5, *CELLS) and masks.dtype == np.uint8 and set(np.unique(masks)) == {0, 255}
    assert not masks[1].any() and pictures[1].any(axis=-1).all()  # nobody is seen in frame 1
    rows, columns = np.nonzero(masks[0])
    px_per_cell = np.array(SIZE_PX) / CELLS[::-1]
    box = columns.min() * px_per_cell[0], (columns.max() + 1) * px_per_cell[0], rows.min() * px_per_cell[1]
    np.testing.assert_allclose(box, (PERSON[1].start, PERSON[1].stop, PERSON[0].start), atol=max(px_per_cell))
    assert np.all(masks[0][~pictures[0].any(axis=-1)] == 255)  # what is black is masked
    assert (~pictures[0].any(axis=-1)).sum() > 0.8 * (masks[0] > 0).sum()
    assert record.streamed_pictures[0].any(axis=-1).all()  # the last pass sees everything, as in the reference


def test_lens_is_that_of_the_pictures_shown(tmp_path):
    track(tmp_path, clip(5))
    record = standin.records[0]
    fx, fy, cx, cy = record.intrinsics[0]
    np.testing.assert_allclose((fx, fy), (150 * 568 / 160, 150 * 336 / 96), rtol=1e-6)  # sides shrink differently
    np.testing.assert_allclose((cx, cy), ((568 - 1) / 2, (336 - 1) / 2))  # the middle stays the middle
    for lens in (*record.intrinsics, *record.streamed_intrinsics):
        np.testing.assert_array_equal(lens, record.intrinsics[0])


def test_path_is_the_cameras_in_the_axes_of_its_first(tmp_path):
    found = track(tmp_path, clip())
    truth = relative(np.stack([by_number(k) for k in range(N)]))
    np.testing.assert_allclose(found.path.T_scene_cam, truth, atol=1e-5)
    np.testing.assert_array_equal(found.path.T_scene_cam[0], np.eye(4))
    (row,) = found.report.windows
    assert row.motion_class == "general" and (row.start, row.stop) == (0, N)
    assert row.evidence["keyframes"] == len(standin.records[0].keyframes)
    assert np.all(found.path.confidence == 1)


def test_smoothing_removes_jitter_and_keeps_the_motion(tmp_path):
    noise = np.random.default_rng(0).normal(scale=0.002, size=(256, 3))

    def shaken(t, picture):
        T = by_number(read_number(picture))
        T[:3, 3] += noise[read_number(picture)]
        return T

    standin.prepare(standin.Script(pose=shaken))
    truth = relative(np.stack([by_number(k) for k in range(100)]))
    errors = []
    for smoothing in (0.0, 0.3):
        found = track(tmp_path, clip(100), options=DroidOptions(smoothing=smoothing))
        np.testing.assert_allclose(found.path.T_scene_cam[0], np.eye(4), atol=1e-12)
        offsets = found.path.T_scene_cam[:, :3, 3] - truth[:, :3, 3]
        errors.append(np.diff(offsets, axis=0).std())
    assert errors[1] < 0.3 * errors[0]


def test_camera_stands_without_a_second_keyframe(tmp_path):
    still = [numbered(3)] * N
    found = track(tmp_path, still, people=person_masks(N))
    np.testing.assert_array_equal(found.path.T_scene_cam, np.tile(np.eye(4), (N, 1, 1)))
    (record,) = standin.records
    assert record.terminations == 0 and found.report.motion_class == "static"
    assert found.report.windows[0].evidence == {"keyframes": 1}
    assert found.intrinsics == guess()


def test_background_that_moves_under_a_standing_droid_is_reported(tmp_path):
    standin.prepare(standin.Script(is_keyframe=lambda *_: False))
    rng = np.random.default_rng(0)
    wall = np.kron(rng.integers(0, 255, (30, 60, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
    found = track(tmp_path, [wall[: SIZE_PX[1], k : k + SIZE_PX[0]] for k in range(20)])
    (row,) = found.report.windows
    assert row.motion_class == "static" and row.displacement_px > 40
    assert any("background shifts" in note for note in row.notes)
    assert found.path.confidence[-1] < 0.1


def test_still_background_under_a_moving_droid_is_reported(tmp_path):
    standin.prepare(standin.Script(is_keyframe=lambda *_: True))
    rng = np.random.default_rng(0)
    wall = np.kron(rng.integers(0, 255, (24, 40, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
    found = track(tmp_path, [wall] * 20)
    assert any("static_camera" in note for note in found.report.windows[0].notes)


def test_camera_that_only_turns_has_no_travel_and_no_scale(tmp_path):
    def turning(t, _):
        T = standin.Script().pose(t, _)
        T[:3, 3] *= 1e-3
        return T

    standin.prepare(standin.Script(pose=turning))
    found = track(tmp_path, clip())
    assert found.report.motion_class == "rotation" and len(found.path.points) == 0
    np.testing.assert_array_equal(found.path.T_scene_cam[:, :3, 3], 0)
    turned = Rotation.from_matrix(found.path.T_scene_cam[-1, :3, :3]).magnitude()
    assert np.rad2deg(turned) == pytest.approx(0.1 * (N - 1), abs=1e-3)


def test_points_lie_where_the_disparities_put_them(tmp_path):
    """A wall at z = 5 in the world, seen through the lens that was given; nothing of it where people are."""
    focal_px = 150.0

    def disparity(_, T, shape):
        rows, columns = np.indices(shape)
        x = (columns - (shape[1] - 1) / 2) / (focal_px * shape[1] / 160)
        y = (rows - (shape[0] - 1) / 2) / (focal_px * shape[0] / 96)
        rays = np.stack([x, y, np.ones(shape)], axis=-1) @ T[:3, :3].T
        return rays[..., 2] / (5 - T[2, 3])

    def pose(t, _):
        T = np.eye(4)
        T[:3, :3] = Rotation.from_euler("y", 0.3 * t, degrees=True).as_matrix()
        T[:3, 3] = 0.05 * t, 0.01 * t, 0
        return T

    standin.prepare(standin.Script(pose=pose, disparity=disparity))
    everything = track(tmp_path, clip()).path
    people = person_masks(N, rows=slice(0, 96), columns=slice(80, 160))
    masked = track(tmp_path, clip(), people=people).path
    assert len(everything.points) > 1000 and set(everything.point_segment) == {0}
    np.testing.assert_allclose(everything.points[:, 2], 5, atol=1e-3)
    seen_x = [(path.points[:, 0].min(), path.points[:, 0].max()) for path in (everything, masked)]
    assert seen_x[0][1] > 3 and seen_x[1][1] < 0.6 * seen_x[0][1]


def test_focal_length_is_searched_and_its_minimum_found(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    found = track(tmp_path, clip(80), guess("assumed"))
    searches, main = standin.records[:-1], standin.records[-1]
    assert found.intrinsics.focal_px[0] == pytest.approx(focal_from_fov(62, SIZE_PX))
    assert found.intrinsics.focal_source == "calibrated" and found.intrinsics.zoom == []
    assert len(searches) == 10  # 50 to 75 by 5, then 58 .. 62 without 60
    assert main.intrinsics[0][0] == pytest.approx(focal_from_fov(62, SIZE_PX) * 568 / 160)
    assert all(r.terminations == 0 and r.args.frontend_window == 10 for r in searches)
    assert all(len(r.frames) == len(searches[0].frames) == 40 for r in searches)  # every second of 80
    assert [read_number(p) for p in searches[0].pictures] == list(range(0, 80, 2))
    errors = {k: v for k, v in found.report.windows[0].evidence.items() if k.startswith("error")}
    assert min(errors, key=errors.__getitem__) == "error_px_at_fov_62_deg" and len(errors) == 10
    assert errors["error_px_at_fov_62_deg"] == pytest.approx(0.5 * 8 * 640 / 568)  # of the grid -> at 640
    assert "field of view 55 degrees: error" in caplog.text


@pytest.mark.parametrize("source", ["user", "metadata"])
def test_known_focal_length_is_kept_and_not_searched(tmp_path, source):
    found = track(tmp_path, clip(), guess(source))
    assert found.intrinsics == guess(source) and len(standin.records) == 1


def test_search_in_a_still_shot_ends_at_once(tmp_path):
    found = track(tmp_path, [numbered(5)] * N, guess("assumed"))
    assert len(standin.records) == 1 and found.intrinsics == guess("assumed")
    assert found.report.motion_class == "static"


def test_search_looks_on_where_the_camera_begins_to_move_late(tmp_path):
    pictures = [numbered(0)] * 60 + clip(60)
    options = DroidOptions(fov_min=52, fov_max=72, fov_step=10, search_stride=1, search_frames=40, smoothing=0)
    found = track(tmp_path, pictures, guess("assumed"), options=options)
    assert found.intrinsics.focal_source == "calibrated"
    assert [read_number(p) for p in standin.records[1].pictures] == [0] * 20 + list(range(20))


def test_shots_are_tracked_apart_and_memory_is_freed_between(tmp_path):
    found = track(tmp_path, clip(), cuts=[25])
    first, second = standin.records
    assert (len(first.frames), len(second.frames)) == (25, 15)
    assert [read_number(p) for p in second.pictures] == list(range(25, N))
    assert all(record.alive_before == 0 for record in standin.records)
    assert found.path.segment.tolist() == [0] * 25 + [1] * 15
    np.testing.assert_array_equal(found.path.T_scene_cam[[0, 25]], np.tile(np.eye(4), (2, 1, 1)))
    truth = np.stack([by_number(k) for k in range(N)])
    np.testing.assert_allclose(found.path.T_scene_cam[25:], relative(truth[25:]), atol=1e-5)
    assert [(row.start, row.stop) for row in found.report.windows] == [(0, 25), (25, N)]


def test_every_shot_has_its_own_focal_length(tmp_path):
    class Changing(standin.Script):
        @property
        def fov_deg(self):
            return 52.0 if read_number(standin.records[-1].pictures[0]) < 50 else 71.0

        @fov_deg.setter
        def fov_deg(self, _):
            pass

    standin.prepare(Changing())
    options = DroidOptions(fov_min=52, fov_max=72, fov_step=10, search_frames=20, smoothing=0)
    found = track(tmp_path, clip(100), guess("assumed"), cuts=[50], options=options)
    zoom = np.array(found.intrinsics.zoom)
    expected = [focal_from_fov(fov, SIZE_PX) for fov in (52, 71)]
    focal_px = found.intrinsics.focal_px[0] * zoom
    np.testing.assert_allclose(focal_px, np.repeat(expected, 50))


def test_buffer_fits_the_clip(tmp_path):
    track(tmp_path, clip(), options=DroidOptions(max_keyframes=512))
    assert N + 16 <= standin.records[0].args.buffer < N + 40


def test_long_shots_are_tracked_in_parts_that_join(tmp_path):
    """Every run has a unit of length and axes of its own, as SLAM has."""
    n, gauges = 150, np.random.default_rng(0)
    scales = gauges.uniform(0.5, 2, 20)
    turns = Rotation.random(20, rng=1).as_matrix()

    def pose(_, picture):
        run = len(standin.records) - 1
        T = by_number(read_number(picture))
        T[:3, 3] *= scales[run]
        G = np.eye(4)
        G[:3, :3] = turns[run]
        return G @ T

    def disparity(_, T, shape):
        return np.full(shape, 0.2 / scales[len(standin.records) - 1])

    standin.prepare(standin.Script(pose=pose, disparity=disparity, is_keyframe=lambda *_: True))
    options = DroidOptions(max_keyframes=64, smoothing=0)
    found = track(tmp_path, clip(n), options=options)
    first, second, third = standin.records
    assert first.args.buffer == 64 + 24 and len(first.frames) == 64
    assert read_number(second.pictures[0]) == 56  # the last eighth again
    assert len(third.frames) < 64
    truth = relative(np.stack([by_number(k) for k in range(n)]))
    truth[:, :3, 3] *= scales[0]
    assert set(found.path.segment) == {0}
    np.testing.assert_allclose(found.path.T_scene_cam, truth, atol=2e-4)
    assert [row.start for row in found.report.windows] == [0, 56, 112]
    assert found.report.windows[-1].stop == n


@pytest.mark.parametrize("n", [1, 2, 3])
def test_shots_of_a_few_frames_stand(tmp_path, n):
    found = track(tmp_path, clip(n), guess("assumed"))
    assert standin.records == [] and found.path.T_scene_cam.shape == (n, 4, 4)
    assert "too few" in found.report.windows[0].notes[0] and np.all(found.path.confidence <= 0.5)


def test_people_who_hide_everything_leave_the_camera_standing(tmp_path):
    people = person_masks(10, rows=slice(0, 96), columns=slice(0, 160))
    found = track(tmp_path, clip(10), guess("assumed"), people)
    assert standin.records == [] and found.report.motion_class == "static"
    assert "hide the background" in found.report.windows[0].notes[0]
    assert found.path.confidence[0] == 0


def test_few_keyframes_are_told(tmp_path):
    standin.prepare(standin.Script(is_keyframe=lambda t, *_: t in (10, 20)))
    found = track(tmp_path, clip())
    assert "3 keyframes only" in found.report.windows[0].notes[0]
    assert np.all(found.path.confidence == 0.5)


@pytest.mark.parametrize("bad", [np.nan, 0.0])
def test_path_of_no_numbers_becomes_a_standing_camera(tmp_path, bad, monkeypatch):
    monkeypatch.setattr(standin.Droid, "terminate", lambda self, stream: np.full((len([*stream]), 7), bad))
    found = track(tmp_path, clip())
    assert found.report.motion_class == "static" and "not a number" in found.report.windows[0].notes[0]


@pytest.mark.parametrize("fails", [RuntimeError, AssertionError])
def test_without_a_gpu_one_line_says_so(tmp_path, fails):
    standin.prepare(standin.Script(fails=fails))
    with pytest.raises(UserError, match=r"NVIDIA GPU only.*camera=klt"):
        track(tmp_path, clip(5))


def test_too_little_gpu_memory_names_the_setting(tmp_path):
    standin.prepare(standin.Script(fails=torch.cuda.OutOfMemoryError))
    with pytest.raises(UserError, match="max_keyframes"):
        track(tmp_path, clip(5))


def test_weights_have_the_published_layout(tmp_path):
    write_weights(tmp_path / "droid.pth")
    values = torch.load(tmp_path / "droid.pth", weights_only=True)
    assert {name: tuple(value.shape) for name, value in values.items()} == published_layout()
    shapes = {name.removeprefix("module."): shape for name, shape in published_layout().items()}
    parts = ("fnet.", "cnet.", "update.corr_encoder.", "update.flow_encoder.", "update.gru.", "update.agg.")
    assert all(any(name.startswith(part) for name in shapes) for part in parts) and len(shapes) == 102
    kept = 2 * 2 * (128 * 9 + 1)  # of update.weight.2 and update.delta.2
    assert sum(int(np.prod(s)) for n, s in shapes.items() if ".2." not in n or "encoder" in n) + kept == 4_002_565
