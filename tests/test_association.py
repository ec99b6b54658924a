"""Motion, likeness and matching, on made-up trajectories with known answers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlf_pipeline.segmenters.association import (
    fuse_motions,
    landmark_similarity,
    match,
    motion_distance,
    overlap_groups,
    predict_motion,
    start_motion,
    update_motion,
)

FPS = 30.0
RADIUS_PX = 100.0


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


@settings(deadline=None)
@given(seconds=st.floats(-3, 3), x=st.floats(-1000, 1000), radius=st.floats(5, 500))
def test_prediction_runs_both_ways_and_only_loses_certainty(seconds, x, radius):
    motion = update_motion(predict_motion(start_motion(np.array([x, 0.0]), radius), 0.1), np.array([x + 3, 1]), radius)
    there = predict_motion(motion, seconds)
    np.testing.assert_allclose(predict_motion(there, -seconds).mean, motion.mean, atol=1e-6)
    for covariance in there.covariance:
        assert np.linalg.eigvalsh(covariance).min() > -1e-9 * abs(covariance).max()
    if seconds > 0:
        assert there.centre_std_px >= motion.centre_std_px


def test_two_estimates_are_fused_by_how_sure_they_are():
    before = predict_motion(start_motion(np.array([0.0, 0.0]), RADIUS_PX), 0.4)
    after = predict_motion(start_motion(np.array([30.0, 0.0]), RADIUS_PX), -0.2)
    fused, other_way = fuse_motions(before, after), fuse_motions(after, before)
    np.testing.assert_allclose(fused.mean, other_way.mean, atol=1e-9)
    assert 15 < fused.centre_px[0] < 30 and fused.centre_std_px < after.centre_std_px < before.centre_std_px
    assert motion_distance(before, before) == 0
    assert motion_distance(before, after) == pytest.approx(
        30 / np.hypot(before.centre_std_px, after.centre_std_px), rel=1e-6
    )


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


@settings(max_examples=60, deadline=None)
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
