"""The parts of the segmenter `stcn` that need no network: by law, and against slow plain twins."""

import numpy as np
import pytest
from coloured_people import FPS, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.propagation.bystanders import mark_bystanders
from nlf_pipeline.segmenters.propagation.doubts import find_doubts, touch
from nlf_pipeline.segmenters.propagation.frames import chunks, read_in_order, read_sample, small_size, spread
from nlf_pipeline.segmenters.propagation.masks import clean_mask, clean_masks, is_among, masks_of_labels, resized
from nlf_pipeline.video import read_frames

SHAPE = (60, 80)


def box(left, top, width, height):
    mask = np.zeros(SHAPE, np.uint8)
    mask[top : top + height, left : left + width] = 1
    return RLEMask.from_array(mask)


label_maps = st.integers(0, 2**32 - 1).map(
    lambda seed: np.kron(np.random.default_rng(seed).integers(0, 4, (10, 8)), np.ones((6, 10))).astype(np.uint8)
)

# --- masks


@settings(max_examples=40, deadline=None)
@given(label_maps)
def test_cleaned_masks_are_disjoint_and_lose_only_what_is_far(labels):
    raw = masks_of_labels(labels, 3)
    cleaned = clean_masks(raw)
    assert sum(mask.to_array().astype(int) for mask in cleaned).max() <= 1
    for before, after in zip(raw, cleaned, strict=True):
        lost = before & after.complement()
        assert not (lost & clean_mask(before)).any()
        assert after.any() == before.any()


def test_cracks_are_closed_and_specks_dropped():
    person = box(20, 10, 20, 40) & box(29, 10, 2, 40).complement()
    speck = box(70, 2, 3, 3)
    cleaned = clean_mask(person | speck)
    assert not (cleaned & speck).any()
    assert not (box(20, 12, 20, 36) & cleaned.complement()).any()


def test_a_part_beside_the_largest_stays():
    head, body = box(25, 4, 8, 8), box(20, 17, 20, 35)
    assert not ((head | body) & clean_mask(head | body).complement()).any()


@pytest.mark.parametrize("place", [(0, 0, 20, 30), (60, 30, 20, 30), (0, 0, 80, 60)])
def test_cleaning_leaves_people_at_the_border_as_they_are(place):
    assert clean_mask(box(*place)) == box(*place)


def test_resizing_keeps_places():
    small = resized([box(20, 10, 20, 40), box(0, 0, 0, 0)], (40, 30))
    assert small.shape == (2, 30, 40) and not small[1].any()
    assert (small[0] == (box(20, 10, 20, 40).to_array()[::2, ::2] > 0)).all()


def test_who_is_among_others():
    person = box(20, 10, 20, 40)
    assert is_among(box(22, 12, 20, 40), [person]) and is_among(box(25, 20, 5, 5), [person])
    assert not is_among(box(50, 10, 20, 40), [person]) and not is_among(person, [])
    assert not is_among(box(38, 10, 20, 40), [person])


# --- frames


@given(st.integers(1, 60), st.integers(1, 9), st.frozensets(st.integers(0, 60)))
def test_chunks_cover_everything_in_order(n, most, ends):
    runs = list(chunks(range(n), most, ends))
    assert [t for run in runs for t in run] == list(range(n))
    assert all(len(run) <= most and not ends.intersection(run[:-1]) for run in runs)


@given(st.integers(0, 50), st.integers(1, 40), st.integers(1, 9))
def test_spread_frames_lie_in_the_shot(start, n, count):
    frames = spread(slice(start, start + n), count)
    assert len(set(frames)) == len(frames) == min(count, n) and all(start <= t < start + n for t in frames)


def test_the_small_picture_has_the_short_side_asked_for():
    assert small_size((1920, 1080), 320) == (569, 320) and small_size((1080, 1920), 320) == (320, 569)
    assert small_size((64, 64), 320) == (320, 320)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, {"red": lambda t: (2 * t, 20, 20, 40)}, 70)
    return read_frames(path)


@pytest.mark.parametrize("order", [range(3, 50), range(50, 2, -1), range(69, -1, -1), range(5, 5), range(-1, -1, -1)])
def test_frames_are_read_in_either_direction(clip, order):
    images = list(clip.resized((48, 80)))
    read = list(read_in_order(clip, order, (80, 48)))
    assert len(read) == len(order)
    assert all((a == images[t]).all() for a, t in zip(read, order, strict=True))


def test_a_sample_is_of_the_shot_and_shuffled_and_follows_from_the_seed(clip):
    images = [image.tobytes() for image in clip.resized((48, 80))]
    first, again, other = (
        [images.index(i.tobytes()) for i in read_sample(clip, slice(20, 60), 15, (80, 48), np.random.default_rng(s))]
        for s in (0, 0, 1)
    )
    assert first == again != other and first != sorted(first)
    assert len(set(first)) == 15 and all(20 <= t < 60 for t in first)
    assert sorted(
        images.index(i.tobytes()) for i in read_sample(clip, slice(4, 9), 15, (80, 48), np.random.default_rng(0))
    ) == list(range(4, 9))


# --- bystanders


def test_bystanders_stay_marked_about_each_look_and_keep_their_rows():
    found = {0: [box(0, 0, 10, 20)], 20: [box(40, 0, 10, 20), box(2, 0, 10, 20)], 90: [box(2, 0, 10, 20)]}
    rows = mark_bystanders(found, [], slice(0, 95), FPS)
    assert [min(row) for row in rows] == [0, 10] and rows[0][9] == found[0][0] and rows[0][12] == found[20][1]
    assert sorted(rows[0]) == [*range(31), *range(80, 95)] and sorted(rows[1]) == list(range(10, 31))


def test_who_is_followed_is_no_bystander():
    assert mark_bystanders({3: [box(0, 0, 10, 20)]}, [{3: box(1, 0, 10, 20)}], slice(0, 9), FPS) == []


# --- doubts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(1, 19), st.integers(1, 19)), min_size=2))
def test_touching_is_as_by_pixels(places):
    a, b = box(*places[0]), box(*places[1])
    steps = np.argwhere(a.to_array())[:, None] - np.argwhere(b.to_array())[None]
    assert touch(a, b) == touch(b, a) == bool((np.abs(steps).sum(axis=-1) <= 1).any())


def test_people_apart_are_not_doubted():
    still = {t: box(5, 5, 15, 40) for t in range(60)}
    walking = {t: box(30 + t // 2, 5, 15, 40) for t in range(60)}
    assert find_doubts([still, walking], FPS) == []


def test_people_side_by_side_are_not_doubted():
    assert (
        find_doubts([{t: box(5, 5, 15, 40) for t in range(60)}, {t: box(20, 5, 15, 40) for t in range(60)}], FPS) == []
    )


def test_the_more_is_hidden_the_less_sure():
    def doubts(shown_px):
        hidden = {t: box(20, 5, 20 if t < 20 or t >= 30 else shown_px, 40) for t in range(50)}
        other = {t: box(60, 5, 15, 40) if t < 20 or t >= 30 else box(20 + shown_px, 5, 15, 40) for t in range(50)}
        return [doubt for doubt in find_doubts([hidden, other], FPS) if doubt.reason == "crossing"]

    assert doubts(12) == []
    (slightly,), (mostly,) = doubts(8), doubts(2)
    assert (slightly.start, slightly.stop) == (20, 30) and slightly.person_ids == [0, 1]
    assert 0 < mostly.margin < slightly.margin < 1


def test_a_jump_is_doubted():
    jumping = {t: box(5 if t < 10 else 50, 5, 15, 40) for t in range(20)}
    (doubt,) = find_doubts([jumping], FPS)
    assert (doubt.start, doubt.stop, doubt.reason, doubt.person_ids) == (9, 11, "appearance", [0])


def test_a_short_gap_is_no_doubt():
    assert find_doubts([{t: box(5, 5, 15, 40) for t in range(30) if not 10 <= t < 18}], FPS) == []


def test_who_appears_where_another_vanished_may_be_he():
    first = {t: box(5, 5, 15, 40) for t in range(30)}

    def doubts(place, start):
        return find_doubts([first, {t: box(*place) for t in range(start, 120)}], FPS)

    (soon,), (late,) = doubts((30, 5, 15, 40), 35), doubts((30, 5, 15, 40), 60)
    assert (soon.start, soon.stop, soon.person_ids, soon.reason) == (30, 36, [0, 1], "reappearance")
    assert 0 < soon.margin < late.margin < 1
    assert doubts((30, 5, 15, 40), 100) == [] and doubts((65, 5, 15, 40), 35) == []
    assert doubts((30, 5, 15, 40), 20) == []
