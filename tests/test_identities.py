"""Who is who over a shot, on made-up trajectories with known answers."""

import numpy as np
import pytest
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.identities import identify
from nlf_pipeline.segmenters.tracklets import Sighting, changes, ends, reliability, without_guesses

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


def walk(frames, x_px, colour, rng, y_px=300.0, visible_part=1.0, noise_px=1.0, likeness: float | None = 0.9):
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
@pytest.mark.parametrize("found_late", [-3, 0, 6])
def test_somebody_hidden_while_the_camera_pans_is_continued(pan_px_per_frame, found_late):
    """Guesses go on where he would have been without the pan, even after he is followed again where he is."""
    rng = np.random.default_rng(11)
    pan = lambda t: pan_px_per_frame * max(0, t - 50)  # noqa: E731
    at = lambda t: 400 + 2 * t - pan(t)  # noqa: E731
    unpanned = lambda t: 400 + 2 * t  # noqa: E731
    back = 62
    guesses = walk(range(50, back + found_late), unpanned, RED, rng, visible_part=0.15, likeness=None)
    pieces = [
        walk(range(50), at, RED, rng) + guesses,
        walk(range(back, 110), at, RED, rng),
        walk(range(110), lambda t: 470.0 - pan(t), BLUE, rng),
    ]
    hidden, other = sorted(identities(pieces, FPS), key=len)
    assert len(other) == 110
    frames = [s.frame for s in hidden]
    assert frames == [*range(50), *(s.frame for s in guesses if s.frame < back), *range(back, 110)]
    assert all(s.likeness is not None for s in hidden if s.frame >= back)


def test_who_is_seen_elsewhere_at_the_same_time_is_somebody_else():
    rng = np.random.default_rng(12)
    pieces = [walk(range(61), lambda t: 400.0, RED, rng), walk(range(60, 110), lambda t: 420.0, RED, rng)]
    assert sorted(len(person) for person in identities(pieces, FPS)) == [50, 61]


def test_guesses_give_way_but_what_was_seen_does_not():
    rng = np.random.default_rng(14)
    seen = walk(range(40), lambda t: 3.0 * t, RED, rng)
    guessed = walk(range(40, 50), lambda t: 900.0, RED, rng, likeness=None)
    for frame in (0, 20, 40, 45, 50, 60):
        kept = without_guesses(seen + guessed, frame)
        assert [s.frame for s in kept] == list(range(min(max(frame, 40), 50)))


def test_guesses_tell_nothing_about_the_motion():
    rng = np.random.default_rng(13)
    seen = walk(range(40), lambda t: 3.0 * t, RED, rng)
    guessed = walk(range(40, 60), lambda t: 900.0, RED, rng, visible_part=0.3, likeness=None)
    with_guesses, without = ends(seen + guessed, FPS), ends(seen, FPS)
    assert with_guesses.last_frame == without.last_frame == 39
    np.testing.assert_array_equal(with_guesses.last.mean, without.last.mean)
    np.testing.assert_array_equal(with_guesses.last.covariance, without.last.covariance)


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
