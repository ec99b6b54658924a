"""Who is who over a shot, on made-up trajectories with known answers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.collected_people import CollectedPeople
from nlf_pipeline.segmenters.encounters import cut_tracklets
from nlf_pipeline.segmenters.identities import Doubt, Identities, identify
from nlf_pipeline.segmenters.linking import best_links, chains, rivalries
from nlf_pipeline.segmenters.strays import swapped_frames
from nlf_pipeline.segmenters.tracklets import Sighting, changes, reliability

FPS = 30.0
SIZE_PX = (1280, 720)
RADIUS_PX = 100.0
RED, BLUE, GREEN = 2, 8, 13


def looks(colour: int, rng: np.random.Generator) -> np.ndarray:
    """(parts, 3, bins) of somebody in clothes of one colour, with a little noise."""
    share = np.full((3, 3, 16), 0.01)
    share[:, :, colour] += 1
    share += rng.uniform(0, 0.02, share.shape)
    return np.sqrt(share / share.sum(axis=-1, keepdims=True)).astype(np.float32)


def walk(frames, x_px, colour, rng, y_px=300.0, visible_part=1.0, noise_px=1.0, likeness: float = 0.9):
    """Sightings of somebody at x_px(t) in `frames`."""
    mask = RLEMask.zeros((4, 4))
    return tuple(
        Sighting(
            frame=t,
            centre_px=np.array([x_px(t), y_px]) + rng.normal(size=2) * noise_px,
            radius_px=RADIUS_PX,
            mask=mask,
            appearance=looks(colour, rng).astype(np.float16),
            visible_part=visible_part,
            likeness=likeness,
        )
        for t in frames
    )


def identities(tracklets, fps):
    return identify(tracklets, fps, SIZE_PX).people


# --- identities


def test_people_who_cross_keep_their_looks():
    rng = np.random.default_rng(2)
    right, left = (lambda t: 100 + 6 * t), (lambda t: 700 - 6 * t)
    pieces = [
        walk(range(45), right, RED, rng),
        walk(range(45), left, BLUE, rng),
        walk(range(55, 100), right, RED, rng),
        walk(range(55, 100), left, BLUE, rng),
    ]
    people = identities(pieces, FPS)
    assert [len(person) for person in people] == [90, 90]
    for person in people:
        first, last = person[0].appearance.argmax(axis=-1), person[-1].appearance.argmax(axis=-1)
        np.testing.assert_array_equal(first, last)


def test_people_who_meet_and_turn_back_are_told_by_looks_against_motion():
    rng = np.random.default_rng(3)
    turn_left = lambda t: 400 - 6 * abs(t - 50)  # noqa: E731
    turn_right = lambda t: 420 + 6 * abs(t - 50)  # noqa: E731
    pieces = [
        walk(f, x, c, rng) for x, c in ((turn_left, RED), (turn_right, BLUE)) for f in (range(46), range(55, 100))
    ]
    people = identities(pieces, FPS)
    assert len(people) == 2
    assert {(p[0].centre_px[0] < 300, p[-1].centre_px[0] < 300) for p in people} == {(True, True), (False, False)}


def test_twins_who_cross_are_told_by_motion():
    rng = np.random.default_rng(4)
    right, left = (lambda t: 100 + 6 * t), (lambda t: 700 - 6 * t)
    pieces = [walk(f, x, RED, rng) for x in (right, left) for f in (range(47), range(53, 100))]
    people = identities(pieces, FPS)
    assert len(people) == 2
    assert {(p[0].centre_px[0] < 300, p[-1].centre_px[0] < 300) for p in people} == {(True, False), (False, True)}


@pytest.mark.parametrize("hidden_s", [1.0, 2.0])
def test_somebody_hidden_for_long_comes_back_as_himself(hidden_s):
    rng = np.random.default_rng(5)
    back = 40 + round(hidden_s * FPS)
    behind = lambda t: 200 + 3 * t  # noqa: E731
    pieces = [
        walk(range(40), behind, RED, rng),
        walk(range(back, back + 40), behind, RED, rng),
        walk(range(back + 40), lambda t: 900 - 3 * t, BLUE, rng),
    ]
    assert sorted(len(person) for person in identities(pieces, FPS)) == [80, back + 40]


@pytest.mark.parametrize("pan_px_per_frame", [0.0, -9.0, 9.0])
def test_somebody_hidden_while_the_camera_pans_is_continued(pan_px_per_frame):
    rng = np.random.default_rng(11)
    pan = lambda t: pan_px_per_frame * max(0, t - 50)  # noqa: E731
    at = lambda t: 400 + 2 * t - pan(t)  # noqa: E731
    pieces = [
        walk(range(50), at, RED, rng),
        walk(range(62, 110), at, RED, rng),
        walk(range(110), lambda t: 470.0 - pan(t), BLUE, rng),
    ]
    hidden, other = sorted(identities(pieces, FPS), key=len)
    assert len(other) == 110
    assert [s.frame for s in hidden] == [*range(50), *range(62, 110)]


def test_who_is_seen_elsewhere_at_the_same_time_is_somebody_else():
    rng = np.random.default_rng(12)
    pieces = [walk(range(61), lambda t: 400.0, RED, rng), walk(range(60, 110), lambda t: 420.0, RED, rng)]
    assert sorted(len(person) for person in identities(pieces, FPS)) == [50, 61]


def test_what_shows_next_to_nothing_of_somebody_is_not_shown():
    rng = np.random.default_rng(14)
    hidden = walk(range(40, 50), lambda t: 3.0 * t, RED, rng, visible_part=0.1)
    person = walk(range(40), lambda t: 3.0 * t, RED, rng) + hidden + walk(range(50, 80), lambda t: 3.0 * t, RED, rng)
    (shown,) = identities([person], FPS)
    assert [s.frame for s in shown] == [*range(40), *range(50, 80)]


def test_somebody_who_enters_late_is_somebody_new():
    rng = np.random.default_rng(6)
    pieces = [
        walk(range(30), lambda t: 900 + 5 * t, RED, rng),
        walk(range(60, 120), lambda t: 5.0 * (t - 60), GREEN, rng),
        walk(range(120), lambda t: 500.0, BLUE, rng),
    ]
    assert sorted(len(person) for person in identities(pieces, FPS)) == [30, 60, 120]


def test_nobody_is_known_again_after_very_long():
    rng = np.random.default_rng(7)
    pieces = [walk(range(30), lambda t: 500.0, RED, rng), walk(range(630, 660), lambda t: 500.0, RED, rng)]
    assert len(identities(pieces, FPS)) == 2


def test_a_tracklet_that_jumps_to_somebody_else_is_cut_and_mended():
    """Behind a third person's back both were taken for each other, in the same frame."""
    rng = np.random.default_rng(8)
    right, left = (lambda t: 100 + 6 * t), (lambda t: 700 - 6 * t)
    hidden = range(46, 54)
    wrong = [
        walk(range(46), right, RED, rng)
        + walk(hidden, right, RED, rng, visible_part=0.2)
        + walk(range(54, 100), left, BLUE, rng),
        walk(range(46), left, BLUE, rng)
        + walk(hidden, left, BLUE, rng, visible_part=0.2)
        + walk(range(54, 100), right, RED, rng),
    ]
    people = identities(wrong, FPS)
    assert len(people) == 2
    for person in people:
        clear = np.array([s.appearance.argmax(axis=-1) for s in person if s.visible_part == 1.0])
        assert (clear == clear[0]).all()


def test_a_tracklet_of_one_person_is_not_cut():
    rng = np.random.default_rng(9)
    assert changes(walk(range(100), lambda t: 5.0 * t, RED, rng), FPS) == []
    assert changes(walk(range(3), lambda t: 5.0 * t, RED, rng), FPS) == []


def test_nobody_at_all_is_nobody():
    assert identities([], FPS) == ()


def test_patterns_that_jump_and_vanish_are_less_reliable_than_people():
    rng = np.random.default_rng(10)
    person = walk(range(90), lambda t: 5.0 * t, RED, rng)
    jumping = walk(range(90), lambda t: 300.0, RED, rng, noise_px=15)
    flickering = walk(range(0, 90, 4), lambda t: 300.0, RED, rng)
    assert reliability(person, FPS) > 0.7
    assert max(reliability(jumping, FPS), reliability(flickering, FPS)) < 0.6


@pytest.mark.parametrize("keep", [False, True])
def test_patterns_and_doubts_about_them_are_collected_where_they_may_be_people(keep):
    rng = np.random.default_rng(11)
    short, person = (walk(range(n), lambda t: 5.0 * t, RED, rng) for n in (5, 90))
    jumping = walk(range(90), lambda t: 300.0, RED, rng, noise_px=15)
    collected = CollectedPeople(0.6, keep_unreliable=keep)
    doubts = Doubt(1, 2, (1, 2), "crossing", 0.5), Doubt(3, 4, (0, 2), "crossing", 0.5)
    collected.add(Identities((short, jumping, person), doubts), slice(0, 90), FPS)
    assert collected.people == ([jumping, person] if keep else [person])
    assert collected.unreliable == ({0} if keep else set())
    assert [doubt.person_ids for doubt in collected.doubts] == ([[0, 1]] if keep else [])
    assert collected.n_patterns == (1 if keep else 2)


# --- doubts


def crossing(right_colour, left_colour, rng, gap=range(47, 53)):
    """Two people who cross, as four tracklets, none of them seen in `gap`."""
    right, left = (lambda t: 100 + 6 * t), (lambda t: 700 - 6 * t)
    return [
        walk(frames, x, colour, rng)
        for x, colour in ((right, right_colour), (left, left_colour))
        for frames in (range(gap.start), range(gap.stop, 100))
    ]


def behind_a_wall(left_colour, right_colour, rng):
    """Two people who meet behind something, and come out on either side after two seconds."""
    left, right = (lambda t: 350.0 - 4 * abs(t - 70)), (lambda t: 370.0 + 4 * abs(t - 70))
    return [
        walk(frames, x, colour, rng)
        for x, colour in ((left, left_colour), (right, right_colour))
        for frames in (range(40), range(100, 140))
    ]


def test_twins_who_meet_behind_a_wall_are_in_doubt():
    rng = np.random.default_rng(20)
    (doubt,) = identify(behind_a_wall(RED, RED, rng), FPS, SIZE_PX).doubts
    assert set(doubt.people) == {0, 1} and doubt.reason == "reappearance" and doubt.margin < 0.8
    assert 30 <= doubt.start < doubt.stop <= 110


@pytest.mark.parametrize("seed", range(3))
def test_people_in_other_clothes_or_on_clear_ways_are_not_in_doubt(seed):
    rng = np.random.default_rng(seed)
    assert identify(behind_a_wall(RED, BLUE, rng), FPS, SIZE_PX).doubts == ()
    assert identify(crossing(RED, BLUE, rng), FPS, SIZE_PX).doubts == ()
    assert identify(crossing(RED, RED, rng), FPS, SIZE_PX).doubts == ()
    apart = [walk(range(100), lambda t: 200 + t, RED, rng), walk(range(100), lambda t: 800 - t, RED, rng)]
    assert identify(apart, FPS, SIZE_PX).doubts == ()


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)), seed=st.integers(0, 100))
def test_the_order_of_tracklets_does_not_matter(order, seed):
    pieces = crossing(RED, BLUE, np.random.default_rng(seed))
    people = identities([pieces[k] for k in order], FPS)
    assert {p[0].centre_px[0] < 300 for p in people} == {True, False}
    assert sorted(tuple(s.frame for s in p) for p in people) == sorted(
        tuple(s.frame for s in p) for p in identities(pieces, FPS)
    )
    for person in people:
        assert (person[0].appearance.argmax(-1) == person[-1].appearance.argmax(-1)).all()


# --- exchanges in hindsight


def test_frames_in_which_people_were_taken_for_one_another_are_put_right():
    """For a third of a second each is seen in the other's region, though both are in full sight."""
    rng = np.random.default_rng(21)
    at = {RED: lambda t: 400.0 + t, BLUE: lambda t: 440.0 + t}
    swapped = range(45, 55)

    def followed(own, other):
        return tuple(
            s
            for frames, colour in ((range(45), own), (swapped, other), (range(55, 100), own))
            for s in walk(frames, at[colour], colour, rng)
        )

    for person in identities([followed(RED, BLUE), followed(BLUE, RED)], FPS):
        assert len(person) == 100
        colours = np.array([s.appearance.argmax(-1) for s in person])
        assert (colours == colours[0]).all()


def test_twins_keep_their_frames():
    rng = np.random.default_rng(23)
    twins = [walk(range(100), lambda t, x=x: x + t, RED, rng) for x in (400.0, 440.0)]
    assert [[id(s) for s in p] for p in identities(twins, FPS)] == [[id(s) for s in p] for p in twins]


def test_changes_are_rare_and_end_where_people_part():
    near = np.arange(20)
    assert not swapped_frames(near, np.where(near == 7, 1.0, -1.0)).any()
    middle = (near > 5) & (near < 12)
    np.testing.assert_array_equal(swapped_frames(near, np.where(middle, 1.0, -1.0)), middle)
    apart = np.where(near < 10, near, near + 100)
    np.testing.assert_array_equal(swapped_frames(apart, np.where(near < 10, 1.0, -1.0)), near < 10)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 9))
def test_swapping_is_the_likeliest_of_all_ways(seed, n):
    gains = np.random.default_rng(seed).normal(0, 2, n)

    def worth(states):
        changes = np.count_nonzero(np.diff([0, *states, 0]))
        return np.dot(states, gains) - 1.5 * changes

    best = max(worth(states) for states in itertools.product((0, 1), repeat=n))
    assert worth(swapped_frames(np.arange(n), gains).astype(int)) == pytest.approx(best)


# --- links


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 7))
def test_links_make_chains_that_hold_every_row_once(seed, n):
    gains = np.random.default_rng(seed).normal(0, 2, (n, n))
    gains[np.tril_indices(n)] = -np.inf  # later pieces follow earlier ones
    links = best_links(gains)
    found = chains(links, n)
    assert sorted(k for chain in found for k in chain) == list(range(n))
    assert all(a < b and gains[a, b] > 0 for chain in found for a, b in itertools.pairwise(chain))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 4))
def test_a_rivalry_is_no_smaller_than_what_the_second_best_set_of_links_loses(seed, n):
    """Exchanges with one other link are looked at: they are sets of links too, so none beats the best but one."""
    gains = np.random.default_rng(seed).normal(1, 2, (n, n))
    links = best_links(gains)
    value = sum(gains[i, j] for i, j in links.items())
    for rivalry in rivalries(gains, links):
        if links.get(rivalry.before) != rivalry.after:
            continue
        without = gains.copy()
        without[rivalry.before, rivalry.after] = -np.inf
        second = sum(without[i, j] for i, j in best_links(without).items())
        assert rivalry.nats >= value - second - 1e-9
        if n == 2:
            assert rivalry.nats == pytest.approx(value - second)


def test_pieces_between_cuts_make_up_the_tracklets():
    rng = np.random.default_rng(22)
    hidden = walk(range(30, 40), lambda t: 400.0, RED, rng, visible_part=0.2)
    behind = walk(range(30), lambda t: 400.0, RED, rng) + hidden + walk(range(40, 70), lambda t: 400.0, RED, rng)
    tracklets = [
        behind,
        walk(range(70), lambda t: 100 + 8.0 * t, BLUE, rng),
        walk(range(70), lambda t: 900.0, RED, rng),
    ]
    pieces = cut_tracklets(tracklets, FPS)
    assert [sum(piece.tracklet == k for piece in pieces) for k in range(3)] == [2, 2, 1]
    for k, tracklet in enumerate(tracklets):
        assert tuple(s for piece in pieces if piece.tracklet == k for s in piece.sightings) == tracklet
