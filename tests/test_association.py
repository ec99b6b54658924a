"""Motion, likeness, matching and linking, on made-up trajectories with known answers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.association import (
    landmark_similarity,
    link_tracklets,
    match,
    overlap_groups,
    predict_motion,
    start_motion,
    update_motion,
)
from nlf_pipeline.segmenters.tracklets import (
    Sighting,
    ends,
    identities,
    reliability,
    split_at_changes,
    without_guesses,
)

FPS = 30.0
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


# --- motion


def test_a_steady_walk_is_predicted_ahead_and_back():
    rng = np.random.default_rng(0)
    position = lambda t: np.array([200 + 4.0 * t, 300 - 1.0 * t])  # noqa: E731
    motion = start_motion(position(0), RADIUS_PX)
    for t in range(1, 40):
        motion = predict_motion(motion, 1 / FPS)
        motion = update_motion(motion, position(t) + rng.normal(size=2), RADIUS_PX)
    for t in (49, 29):
        np.testing.assert_allclose(predict_motion(motion, (t - 39) / FPS).centre_px, position(t), atol=6)
    assert predict_motion(motion, 0.5).radius_px == pytest.approx(RADIUS_PX, rel=0.1)


@given(seconds=st.floats(-3, 3), x=st.floats(-1000, 1000), radius=st.floats(5, 500))
def test_prediction_runs_both_ways_and_only_loses_certainty(seconds, x, radius):
    motion = update_motion(predict_motion(start_motion(np.array([x, 0.0]), radius), 0.1), np.array([x + 3, 1]), radius)
    there = predict_motion(motion, seconds)
    np.testing.assert_allclose(predict_motion(there, -seconds).mean, motion.mean, atol=1e-6)
    for covariance in there.covariance:
        assert np.linalg.eigvalsh(covariance).min() > -1e-9 * abs(covariance).max()
    if seconds > 0:
        assert there.centre_std_px >= motion.centre_std_px


def test_an_update_moves_towards_the_observation_less_so_for_a_hidden_body():
    motion = predict_motion(start_motion(np.array([0.0, 0.0]), RADIUS_PX), 0.3)
    seen = update_motion(motion, np.array([10.0, 0.0]), RADIUS_PX, visible_part=1.0)
    hidden = update_motion(motion, np.array([10.0, 0.0]), RADIUS_PX, visible_part=0.15)
    assert 0 < hidden.centre_px[0] < seen.centre_px[0] < 10
    assert seen.centre_std_px < hidden.centre_std_px < motion.centre_std_px


def test_poses_are_alike_by_distance_in_body_sizes():
    pose = np.random.default_rng(1).uniform(0, 200, (33, 2))
    assert landmark_similarity(pose, pose, RADIUS_PX) == 1
    near, far = pose + [0.05 * RADIUS_PX, 0], pose + [0.5 * RADIUS_PX, 0]
    assert 1 > landmark_similarity(pose, near, RADIUS_PX) > 0.5 > 0.01 > landmark_similarity(pose, far, RADIUS_PX)
    assert landmark_similarity(3 * pose, 3 * near, 3 * RADIUS_PX) == pytest.approx(
        landmark_similarity(pose, near, RADIUS_PX)
    )


# --- matching


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), rows=st.integers(0, 4), columns=st.integers(0, 4))
def test_matching_is_the_cheapest_of_all_ways(seed, rows, columns):
    costs = np.random.default_rng(seed).uniform(0, 1.6, (rows, columns))
    pairs = match(costs, limit=1.0)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(costs[i, j] <= 1 for i, j in pairs)
    best = 0.0
    for size in range(min(rows, columns) + 1):
        for chosen in itertools.permutations(range(columns), size):
            for owners in itertools.combinations(range(rows), size):
                best = min(best, sum(costs[i, j] - 1 for i, j in zip(owners, chosen, strict=True)))
    assert sum(costs[i, j] - 1 for i, j in pairs) == pytest.approx(best)


def test_impossible_pairs_are_never_matched():
    assert match(np.array([[np.inf, 0.2], [np.inf, 0.1]]), 1.0) == [(1, 1)]


@given(seed=st.integers(0, 10_000), n=st.integers(0, 8))
def test_overlap_groups_agree_with_growing_them_one_by_one(seed, n):
    corners = np.random.default_rng(seed).uniform(0, 100, (n, 2))
    boxes = np.concatenate([corners, corners + 20], axis=1)
    groups = overlap_groups(boxes)
    assert sorted(i for group in groups for i in group) == list(range(n))
    for i, j in itertools.product(range(n), repeat=2):
        reached, frontier = {i}, [i]
        while frontier:
            a = frontier.pop()
            for b in range(n):
                if b not in reached and (abs(corners[a] - corners[b]) < 20).all():
                    reached.add(b)
                    frontier.append(b)
        assert (j in reached) == any(i in group and j in group for group in groups)


@given(seed=st.integers(0, 10_000), n=st.integers(0, 7))
def test_links_make_chains_that_hold_every_tracklet_once(seed, n):
    costs = np.random.default_rng(seed).uniform(0, 2, (n, n))
    costs[np.tril_indices(n)] = np.inf  # later tracklets follow earlier ones
    chains = link_tracklets(costs)
    assert sorted(i for chain in chains for i in chain) == list(range(n))
    assert all(a < b and costs[a, b] <= 1 for chain in chains for a, b in itertools.pairwise(chain))


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
    assert len(split_at_changes(walk(range(100), lambda t: 5.0 * t, RED, rng), FPS)) == 1
    assert len(split_at_changes(walk(range(3), lambda t: 5.0 * t, RED, rng), FPS)) == 1


def test_nobody_at_all_is_nobody():
    assert identities([], FPS) == []


def test_patterns_that_jump_and_vanish_are_less_reliable_than_people():
    rng = np.random.default_rng(10)
    person = walk(range(90), lambda t: 5.0 * t, RED, rng)
    jumping = walk(range(90), lambda t: 300.0, RED, rng, noise_px=15)
    flickering = walk(range(0, 90, 4), lambda t: 300.0, RED, rng)
    assert reliability(person, FPS) > 0.7
    assert max(reliability(jumping, FPS), reliability(flickering, FPS)) < 0.6
