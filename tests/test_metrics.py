import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nlf_pipeline import metrics
from nlf_pipeline.geometry import align_similarity

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_a_similarity_transform_costs_nothing_after_alignment(seed: int):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(5, 24, 3))
    R = Rotation.random(5, random_state=seed % 2**31).as_matrix()
    moved = rng.uniform(0.5, 2, (5, 1, 1)) * np.einsum("nij,nkj->nki", R, truth) + rng.normal(size=(5, 1, 3))
    assert metrics.pa_mpjpe(moved, truth) < 1e-9


@given(seeds)
def test_a_mirror_image_is_not_explained_away(seed: int):
    truth = np.random.default_rng(seed).normal(size=(2, 24, 3))
    assert metrics.pa_mpjpe(truth * [-1, 1, 1], truth) > 0.05


def test_alignment_agrees_with_scipy():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 24, 3))
    centred_a, centred_b = a - a.mean(0), b - b.mean(0)
    R, _ = Rotation.align_vectors(centred_b, centred_a)
    turned = R.apply(centred_a)
    expected = (turned * centred_b).sum() / (turned**2).sum() * turned + b.mean(0)
    scale, R, t = align_similarity(a, b)
    np.testing.assert_allclose(scale * a @ R.T + t, expected, atol=1e-9)


def test_sets_are_aligned_one_by_one():
    rng = np.random.default_rng(4)
    points, target = rng.normal(size=(2, 3, 2, 10, 3))
    points[1, 1] = 7.0
    scale, R, t = align_similarity(points, target)
    assert scale.shape == (3, 2) and R.shape == (3, 2, 3, 3) and t.shape == (3, 2, 3)
    for index in np.ndindex(3, 2):
        for together, alone in zip((scale, R, t), align_similarity(points[index], target[index]), strict=True):
            np.testing.assert_allclose(together[index], alone, atol=1e-12)
    assert scale[1, 1] == 1


def test_mpjpe_ignores_where_the_root_is_and_nothing_else():
    truth = np.random.default_rng(3).normal(size=(4, 24, 3))
    assert metrics.mpjpe(truth + [1, 2, 3], truth) < 1e-12
    off = truth.copy()
    off[:, 5] += [0, 0.24, 0]
    np.testing.assert_allclose(metrics.mpjpe(off, truth), 0.01)


def test_constant_velocity_has_no_acceleration_error_and_no_jitter():
    t = np.arange(10.0)[:, None, None]
    joints = t * np.ones((10, 24, 3))
    shown = np.ones(10, bool)
    assert metrics.acceleration_error(joints, np.zeros_like(joints), shown) < 1e-12
    assert metrics.jitter(joints, shown, 30.0) < 1e-8
    np.testing.assert_allclose(metrics.jitter(t**3 / 6 * [1.0, 0, 0], shown, 2.0), 8.0)


def test_frames_that_are_not_shown_do_not_count():
    joints = np.zeros((9, 24, 3))
    joints[4] = 100
    shown = np.ones(9, bool)
    shown[4] = False
    assert metrics.acceleration_error(joints, np.zeros_like(joints), shown) == 0
    assert metrics.jitter(joints, shown, 30.0) == 0


def test_only_planted_feet_slide():
    feet = np.zeros((4, 2, 3))
    feet[:, 0, 0] = [0, 0.01, 0.02, 0.9]
    planted = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], bool)
    np.testing.assert_allclose(metrics.foot_slide(feet, planted), [0.01, 0.01])


def overlaps(tracks: list[list[int]], n_people: int) -> np.ndarray:
    """tracks[row][t] = the person that row shows in frame t, or -1."""
    iou = np.zeros((len(tracks[0]), n_people, len(tracks)))
    for row, people in enumerate(tracks):
        for t, person in enumerate(people):
            if person >= 0:
                iou[t, person, row] = 0.9
    return iou


def test_a_swap_is_two_switches():
    tracks = [[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    scores = metrics.identity_scores(overlaps(tracks, 2), np.ones((2, 6), bool), np.ones((2, 6), bool))
    assert (scores.switches, scores.recall, scores.idf1) == (2, 1.0, 0.5)


def test_who_covers_another_for_a_moment_switches_nothing():
    iou = np.tile(np.eye(2), (5, 1, 1)) * 0.9
    iou[2] = [[0.7, 0.8], [0.8, 0.7]]
    scores = metrics.identity_scores(iou, np.ones((2, 5), bool), np.ones((2, 5), bool))
    assert (scores.switches, scores.recall, scores.idf1) == (0, 1, 1)
    iou[3:] = iou[3:, ::-1]
    assert metrics.identity_scores(iou, np.ones((2, 5), bool), np.ones((2, 5), bool)).switches == 2


def test_a_hole_is_lost_recall_and_no_switch():
    tracks = [[0, 0, -1, -1, 0, 0]]
    shown = np.array([[1, 1, 0, 0, 1, 1]], bool)
    scores = metrics.identity_scores(overlaps(tracks, 1), np.ones((1, 6), bool), shown)
    assert scores.switches == 0
    np.testing.assert_allclose(scores.recall, 4 / 6)
    np.testing.assert_allclose(scores.idf1, 2 * 4 / (6 + 4))


def test_nobody_anywhere_is_a_perfect_score():
    scores = metrics.identity_scores(np.zeros((5, 0, 0)), np.zeros((0, 5), bool), np.zeros((0, 5), bool))
    assert (scores.switches, scores.recall, scores.idf1) == (0, 1.0, 1.0)
