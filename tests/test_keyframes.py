"""Keyframes: the ends always, no more motion between two than the rule and one frame, no link lost."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlf_pipeline.cameras.tracks.keyframes import GENERAL_RULE, ROTATION_RULE, KeyframeRule, choose_keyframes
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks

SIZE_PX = (640, 360)


def sliding(steps_px, life=1000, n_points=200):
    """Points that slide to the right by `steps_px`; frame i sees the ids from i * n_points / life on."""
    places = np.random.default_rng(0).uniform(0, 300, (5000, 2)).astype(np.float32)
    shifts = np.concatenate([[0], np.cumsum(steps_px)])
    ids = [np.arange(n_points) + i * n_points // life for i in range(len(shifts))]
    points = [places[k] + np.array([shift, 0], np.float32) for k, shift in zip(ids, shifts, strict=True)]
    return PointTracks(0, SIZE_PX, tuple(ids), tuple(points))


def none(tracks, frames):
    """The tracks without any points in `frames`."""
    ids = [x[:0] if i in frames else x for i, x in enumerate(tracks.ids)]
    points = [x[:0] if i in frames else x for i, x in enumerate(tracks.points_px)]
    return PointTracks(tracks.start, tracks.size_px, tuple(ids), tuple(points))


def motion_px(tracks, a, b):
    _, before_px, after_px = tracks.shared(a, b)
    return np.median(np.linalg.norm(after_px - before_px, axis=1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.sampled_from([GENERAL_RULE, ROTATION_RULE]))
def test_motion_between_keyframes_is_bounded(steps_px, rule):
    tracks = sliding(steps_px)
    keyframes = choose_keyframes(tracks, rule)
    threshold_px = rule.motion * SIZE_PX[0]
    assert keyframes[0] == 0 and keyframes[-1] == len(steps_px)
    assert (np.diff(keyframes) > 0).all()
    for a, b in itertools.pairwise(keyframes):
        assert motion_px(tracks, a, b) <= threshold_px + steps_px[b - 1] + 1e-3
    for a, b in itertools.pairwise(keyframes[:-1]):
        assert motion_px(tracks, a, b) > threshold_px - 1e-3


def test_a_rotation_gets_fewer():
    tracks = sliding([4.0] * 150)
    assert len(choose_keyframes(tracks, ROTATION_RULE)) < 0.5 * len(choose_keyframes(tracks))


def test_a_still_camera_gets_two():
    assert choose_keyframes(sliding([0.0] * 99)).tolist() == [0, 99]


def test_keyframes_share_points_even_without_motion():
    tracks = sliding([0.0] * 100, life=20)
    keyframes = choose_keyframes(tracks)
    shared = [len(tracks.shared(a, b)[0]) for a, b in itertools.pairwise(keyframes)]
    assert len(keyframes) > 8 and min(shared) >= 0.5 * 200


def test_the_last_frame_before_a_break_is_kept():
    tracks = sliding([1.0] * 5 + [1.0] * 5)
    tracks = PointTracks(0, SIZE_PX, tuple(ids + 1000 * (i > 5) for i, ids in enumerate(tracks.ids)), tracks.points_px)
    assert choose_keyframes(tracks).tolist() == [0, 5, 6, 10]


def test_frames_without_points_are_passed_over():
    tracks = none(sliding([12.0] * 20), {5, 6, 7})
    assert not {5, 6, 7} & set(choose_keyframes(tracks).tolist())


@pytest.mark.parametrize("n_frames", [0, 1, 2, 7])
def test_nothing_to_see(n_frames):
    tracks = (
        none(sliding([9.0] * (n_frames - 1)), set(range(n_frames))) if n_frames else PointTracks(0, SIZE_PX, (), ())
    )
    assert choose_keyframes(tracks).tolist() == sorted({0, n_frames - 1} if n_frames else set())


def test_a_closer_rule_picks_more():
    tracks = sliding([2.0] * 100)
    counts = [len(choose_keyframes(tracks, KeyframeRule(motion=motion))) for motion in (0.01, 0.03, 0.1)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[2]
