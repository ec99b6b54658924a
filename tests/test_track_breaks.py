"""Windows end where all points are lost, and still cover every frame."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks, join_tracks
from nlf_pipeline.cameras.tracks.track_breaks import split_at_breaks, unbroken_windows

SIZE_PX = (640, 360)


def tracks_of(ids, start=0):
    """Ids of every frame; positions tell frame and id."""
    frames = [np.array(sorted(frame), dtype=int) for frame in ids]
    points = [np.stack([frame, np.full(len(frame), start + i)], 1).astype(np.float32) for i, frame in enumerate(frames)]
    return PointTracks(start, SIZE_PX, tuple(frames), tuple(points))


def lives(*runs):
    """Frames of runs (length, first id, number of points); no points if the number is 0."""
    return [range(first, first + n) for length, first, n in runs for _ in range(length)]


def bounds(parts):
    return [(part.start, part.stop) for part in parts]


def same(a, b):
    return bounds([a]) == bounds([b]) and all(
        np.array_equal(x, y) for x, y in zip((*a.ids, *a.points_px), (*b.ids, *b.points_px), strict=True)
    )


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(40, 0, 50)], [(0, 40)]),
        ([(20, 0, 50), (20, 100, 50)], [(0, 20), (20, 40)]),
        ([(20, 0, 50), (9, 0, 0), (20, 100, 50)], [(0, 20), (20, 29), (29, 49)]),
        ([(20, 0, 50), (2, 0, 0), (20, 0, 50)], [(0, 42)]),
        ([(5, 100 * 1, 50), (5, 200, 50), (20, 300, 50)], [(0, 10), (10, 30)]),
        ([(5, 100, 50), (5, 200, 50), (5, 300, 50)], [(0, 15)]),
        ([(15, 0, 0)], [(0, 15)]),
        ([(20, 0, 50), (20, 45, 50)], [(0, 20), (20, 40)]),
        ([(1, 0, 50)], [(0, 1)]),
    ],
)
def test_parts_are_what_points_link(runs, expected):
    tracks = tracks_of(lives(*runs), start=100)
    parts = split_at_breaks(tracks)
    assert bounds(parts) == [(100 + a, 100 + b) for a, b in expected]
    assert same(join_tracks(parts), tracks)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 50])), min_size=1, max_size=8),
    st.integers(20, 60),
    st.integers(5, 15),
)
def test_windows_cover_the_shot_in_order_whatever_breaks(runs, length, overlap):
    whole = tracks_of(lives(*[(n, 100 * k, points) for k, (n, points) in enumerate(runs)]))
    starts = range(0, max(whole.n_frames - overlap, 1), length - overlap)
    windows = [whole.window(start, min(start + length, whole.n_frames)) for start in starts]
    parts = list(unbroken_windows(windows))
    assert parts[0].start == 0 and parts[-1].stop == whole.n_frames
    for before, after in itertools.pairwise(parts):
        assert before.start < after.start <= before.stop < after.stop
    assert all(same(part, whole.window(part.start, part.stop)) for part in parts)
    assert same(join_tracks(parts), whole)


def test_joined_windows_count_shared_frames_once():
    whole = tracks_of([range(i, i + 20) for i in range(50)], start=7)
    windows = [whole.window(0, 30), whole.window(10, 40), whole.window(39, 50)]
    assert same(join_tracks(windows), whole) and same(join_tracks(windows[:1]), windows[0])


def test_unbroken_windows_stay():
    whole = tracks_of([range(i, i + 40) for i in range(100)])
    windows = [whole.window(0, 50), whole.window(40, 90), whole.window(80, 100)]
    assert bounds(unbroken_windows(windows)) == bounds(windows)
    assert list(unbroken_windows([])) == []
