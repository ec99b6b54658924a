"""Points go where the scene goes, keep off people, keep their ids, and come in windows that overlap."""

import itertools

import cv2
import numpy as np
import pytest
from rlemasklib import RLEMask
from synthetic_videos import write_video
from textured_pictures import BACKGROUND, SIZE_PX, as_pictures, move, texture, turning_homography, view

from nlf_pipeline.cameras.tracks.keyframes import choose_keyframes
from nlf_pipeline.cameras.tracks.point_following import FollowingOptions, follow_pictures, follow_points
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.working_pictures import WorkingPicture, choose_reduction, pictures_at, working_pictures
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.video import read_frames

OPTIONS = FollowingOptions(max_points=200)
SHORT = FollowingOptions(max_points=80, max_frames=20, overlap_frames=6, overlap_keyframes=1)


def follow(pictures, options=OPTIONS, start=0):
    return list(follow_pictures(pictures, slice(start, start + len(pictures)), options))


def panned(yaws, **changes):
    homographies = [turning_homography(yaw, **changes) for yaw in yaws]
    return homographies, as_pictures([view(homography) for homography in homographies])


def errors_px(tracks, homographies):
    """Distances of all observations from where the first observation of the point must have gone."""
    first, errors = {}, []
    for i, (ids, points_px) in enumerate(zip(tracks.ids, tracks.points_px, strict=True)):
        for point, place_px in zip(ids.tolist(), points_px, strict=True):
            if point in first:
                born, start_px = first[point]
                there = move(homographies[i] @ np.linalg.inv(homographies[born]), start_px[None])[0]
                errors.append(np.linalg.norm(there - place_px))
            first.setdefault(point, (i, place_px))
    return np.array(errors)


def step_errors_px(tracks, homographies):
    """Distances of all points from where they must have gone since the frame before."""
    errors = []
    for i in range(tracks.n_frames - 1):
        _, before_px, after_px = tracks.shared(i, i + 1)
        there_px = move(homographies[i + 1] @ np.linalg.inv(homographies[i]), before_px)
        errors.append(np.linalg.norm(after_px - there_px, axis=1))
    return np.concatenate(errors)


def check(tracks):
    for ids, points_px in zip(tracks.ids, tracks.points_px, strict=True):
        assert (np.diff(ids) > 0).all() and points_px.shape == (len(ids), 2) and points_px.dtype == np.float32
        assert np.isfinite(points_px).all() and (points_px >= 0).all()
        assert (points_px <= np.array(tracks.size_px) - 1).all()


def test_points_follow_a_turning_camera():
    homographies = [turning_homography(0.04 * np.sin(0.3 * i), 0.03 * np.sin(0.4 * i), 0.001 * i) for i in range(25)]
    (tracks,) = follow(as_pictures([view(homography, supersampling=4) for homography in homographies]))
    check(tracks)
    errors = errors_px(tracks, homographies)
    assert len(errors) > 2000 and np.percentile(errors, 90) < 0.15
    assert np.percentile(step_errors_px(tracks, homographies), 95) < 0.08


@pytest.mark.parametrize("step", [0.2, -0.2])
def test_points_follow_a_camera_that_swings_fast(step):
    homographies, pictures = panned(step * np.arange(6))
    (tracks,) = follow(pictures)
    moved_px = np.linalg.norm(move(homographies[1], np.array([[160.0, 96.0]])) - [160, 96])
    assert moved_px > 60
    for i in range(5):
        assert len(tracks.shared(i, i + 1)[0]) > 60
    errors = step_errors_px(tracks, homographies)
    assert np.median(errors) < 0.2 and errors.max() < 3


def test_lost_points_are_replaced():
    _, pictures = panned(0.03 * np.arange(30))
    (tracks,) = follow(pictures)
    assert min(map(len, tracks.ids)) > 0.5 * len(tracks.ids[0]) and tracks.ids[-1][-1] > tracks.ids[0][-1]


def test_points_keep_off_people_and_never_come_back():
    _, pictures = panned(0.01 * np.arange(20))
    masked = []
    for i, picture in enumerate(pictures):
        background = BACKGROUND.copy()
        background[:, 8 * i : 8 * i + 90] = 0
        masked.append(WorkingPicture(picture.grey, background))
    (tracks,) = follow(masked)
    for picture, (x, y) in zip(masked, (points.T.round().astype(int) for points in tracks.points_px), strict=True):
        assert len(x) > 40 and (picture.background[y, x] == 255).all()
    seen = np.array([[i in ids for ids in tracks.ids] for i in range(tracks.ids[-1][-1] + 1)])
    assert (np.abs(np.diff(seen.astype(int), axis=1)).sum(axis=1) <= 2).all()


def test_windows_overlap_and_agree():
    _, pictures = panned(0.003 * np.arange(70))
    windows = follow(pictures, SHORT, start=11)
    (whole,) = follow(pictures, FollowingOptions(max_points=80), start=11)
    assert len(windows) >= 4 and windows[0].start == 11 and windows[-1].start + windows[-1].n_frames == 81
    for window in windows:
        check(window)
        for i in range(window.n_frames):
            assert (window.ids[i] == whole.ids[window.start - 11 + i]).all()
            assert (window.points_px[i] == whole.points_px[window.start - 11 + i]).all()
    for before, after in itertools.pairwise(windows):
        assert before.start < after.start <= before.start + before.n_frames - 6
        assert after.start + after.n_frames > before.start + before.n_frames + 1


def test_windows_come_as_soon_as_they_are_complete():
    taken = []

    def watched(pictures):
        for picture in pictures:
            taken.append(picture)
            yield picture

    _, pictures = panned(0.003 * np.arange(60))
    first = next(iter(follow_pictures(watched(pictures), slice(0, 60), SHORT)))
    assert len(taken) == first.n_frames == 20


def test_a_short_rest_joins_the_last_window():
    _, pictures = panned(0.003 * np.arange(25))
    assert [window.n_frames for window in follow(pictures, SHORT)] == [25]


def test_a_window_ends_with_its_keyframes():
    _, pictures = panned(0.05 * np.arange(60))
    options = FollowingOptions(max_points=150, max_keyframes=14, overlap_frames=5, overlap_keyframes=4)
    windows = follow(pictures, options)
    assert len(windows) > 2
    assert all(len(choose_keyframes(window)) <= 14 + 5 for window in windows)
    for before, after in itertools.pairwise(windows):
        shared = before.start + before.n_frames - after.start
        assert len(choose_keyframes(after.window(0, shared))) >= 4


def test_a_flash_is_bridged():
    homographies, pictures = panned(0.01 * np.arange(12))
    pictures[6] = WorkingPicture(np.full(SIZE_PX[::-1], 255, np.uint8), BACKGROUND)
    (tracks,) = follow(pictures)
    assert len(tracks.ids[6]) == 0 and len(tracks.shared(5, 7)[0]) > 0.8 * len(tracks.ids[5])
    _, before_px, after_px = tracks.shared(5, 7)
    there_px = move(homographies[7] @ np.linalg.inv(homographies[5]), before_px)
    assert np.percentile(np.linalg.norm(after_px - there_px, axis=1), 95) < 0.15


def test_after_a_missed_cut_new_points_are_taken():
    pictures = as_pictures([view(np.eye(3), seed=0)] * 5 + [view(np.eye(3), seed=1)] * 12)
    (tracks,) = follow(pictures)
    check(tracks)
    assert len(tracks.shared(4, 10)[0]) == 0 and len(tracks.shared(10, 16)[0]) > 60


@pytest.mark.parametrize("n_frames", [0, 1, 2, 8])
@pytest.mark.parametrize("grey", ["black", "grey", "people", "frozen"])
def test_poor_pictures_yield_few_points_and_no_fuss(n_frames, grey):
    blank = np.full(SIZE_PX[::-1], 0 if grey == "black" else 90, np.uint8)
    picture = WorkingPicture(blank if grey in ("black", "grey") else view(np.eye(3)), BACKGROUND * (grey != "people"))
    windows = follow([picture] * n_frames)
    assert sum(window.n_frames for window in windows) == n_frames
    assert all((len(ids) > 0) == (grey == "frozen") for window in windows for ids in window.ids)


def test_a_black_stretch_leaves_empty_frames():
    _, pictures = panned(0.005 * np.arange(30))
    black = WorkingPicture(np.zeros(SIZE_PX[::-1], np.uint8), BACKGROUND)
    (tracks,) = follow(pictures[:10] + [black] * 10 + pictures[20:])
    assert [len(ids) == 0 for ids in tracks.ids] == [10 <= i < 20 for i in range(30)]


@pytest.mark.parametrize("options", [{"overlap_frames": 0}, {"max_frames": 50, "overlap_frames": 30}])
def test_windows_that_never_advance_are_refused(options):
    with pytest.raises(ValueError, match="overlap_frames"):
        FollowingOptions(**options)


def no_people(n_frames, size_px):
    return MaskTracks(size_px, 30, n_frames, (), ())


def clip(folder, frames):
    colour = [cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB) for frame in frames]
    return read_frames(write_video(folder / "a.mp4", [i / 30 for i in range(len(frames))], frames=colour))


def test_a_shot_of_a_clip_is_followed_on_reduced_pictures(tmp_path):
    large = texture((1400, 720), grain_px=16)
    frames = clip(tmp_path, [large[:, 4 * i : 4 * i + 1280] for i in range(12)])
    mask = np.zeros((720, 1280), np.uint8)
    mask[200:500, 300:600] = 1
    people = MaskTracks((1280, 720), 30, 12, (0,), ((None,) * 6 + (RLEMask.from_array(mask),) + (None,) * 5,))
    (tracks,) = follow_points(frames, slice(3, 12), people)
    assert (tracks.start, tracks.n_frames, tracks.size_px) == (3, 9, (640, 360))
    _, before_px, after_px = tracks.shared(0, 2)
    np.testing.assert_allclose(np.median(after_px - before_px, axis=0), [-4, 0], atol=0.05)
    for frame in (6, 7):  # the mask of a frame counts in the next one too
        x, y = tracks.points_px[frame - 3].T
        assert not ((x > 150) & (x < 299) & (y > 100) & (y < 249)).any()
    x, y = tracks.points_px[0].T
    assert ((x > 150) & (x < 299) & (y > 100) & (y < 249)).any()


def test_pictures_with_little_texture_stay_larger_and_are_smoothed(tmp_path):
    faint = (100 + 0.02 * texture((1280, 720), grain_px=16)).astype(np.uint8)
    rich, poor = texture((1280, 720), grain_px=16), faint
    for name, picture, size_px in (("rich", rich, (640, 360)), ("poor", poor, (960, 540))):
        (tmp_path / name).mkdir()
        frames, people = clip(tmp_path / name, [picture] * 3), no_people(3, (1280, 720))
        reduction = choose_reduction(frames, slice(0, 3), people, 0.01)
        assert reduction.size_px == size_px and (reduction.smoothing_px > 0) == (name == "poor")
        pictures = list(working_pictures(frames, slice(0, 3), people, reduction, 0.01))
        assert len(pictures) == 3 and all(picture.grey.shape == size_px[::-1] for picture in pictures)
        (last,) = pictures_at(frames, [2], people, reduction, 0.01)
        assert (last.grey == pictures[2].grey).all() and (last.background == 255).all()


def test_small_clips_are_not_enlarged(tmp_path):
    frames = clip(tmp_path, [np.full((96, 160), 90, np.uint8)] * 3)
    windows = list(follow_points(frames, slice(0, 3), no_people(3, (160, 96))))
    assert [window.size_px for window in windows] == [(160, 96)]
    assert isinstance(windows[0], PointTracks) and sum(map(len, windows[0].ids)) == 0
