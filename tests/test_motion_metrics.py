import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nlf_pipeline import motion_metrics as m

seeds = st.integers(0, 2**31 - 1)


def walk(n_frames: int, seed: int = 0) -> np.ndarray:
    """(frames, joints, 3) a body that sways while it walks 20 mm per frame along x."""
    rng = np.random.default_rng(seed)
    body = rng.normal(scale=0.4, size=(24, 3))
    sway = 0.05 * np.sin(np.arange(n_frames)[:, None, None] / 7 + rng.uniform(0, 6, (24, 3)))
    return body + sway + np.arange(n_frames)[:, None, None] * [0.02, 0, 0]


@given(st.integers(0, 1000))
def test_segments_cover_every_frame_once_and_none_is_shorter_than_it_must_be(n_frames: int):
    parts = m.segment_slices(n_frames)
    np.testing.assert_array_equal(
        np.concatenate([np.arange(1000)[part] for part in parts] or [[]]), np.arange(n_frames)
    )
    lengths = [part.stop - part.start for part in parts]
    assert lengths == [100] * (len(lengths) - 1) + lengths[-1:]
    assert not lengths or (lengths[-1] < 200 and (lengths[-1] >= 100 or len(lengths) == 1))


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_where_the_world_is_and_its_unit_cost_nothing_after_alignment(seed: int):
    rng, truth = np.random.default_rng(seed), walk(230, seed)
    R, t = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
    rotated = truth @ R.T + t
    for joints in (rotated, 1.4 * rotated):
        assert m.wa_mpjpe(joints, truth).max() < 1e-9
        assert m.w_mpjpe(joints, truth).max() < 1e-9
    assert m.root_translation_error(rotated[:, 0], truth[:, 0]) == pytest.approx(0, abs=1e-9)
    assert m.scene_mpjpe(rotated.reshape(-1, 3), truth.reshape(-1, 3)) < 1e-9


def test_drift_grows_from_the_start_of_every_segment_and_is_halved_by_aligning_all_of_it():
    truth = walk(200)
    drift = 0.001 * np.arange(200)[:, None, None] * [0, 0, 1]
    w, wa = m.w_mpjpe(truth + drift, truth), m.wa_mpjpe(truth + drift, truth)
    expected = 0.001 * np.abs(np.arange(100) - 0.5)
    np.testing.assert_allclose(w, np.tile(expected, 2), atol=0.004)
    assert w[99] == pytest.approx(0.0995, abs=0.01) and w[100] < 0.005
    assert wa.mean() < 0.5 * w.mean()


def test_a_jump_between_segments_is_forgiven_and_one_within_is_not():
    truth = walk(200)
    between, within = truth.copy(), truth.copy()
    between[100:] += [0, 0, 1]
    within[50:100] += [0, 0, 1]
    assert m.w_mpjpe(between, truth).max() < 1e-9
    np.testing.assert_allclose(m.w_mpjpe(within, truth)[50:100], 1, atol=1e-9)
    assert m.wa_mpjpe(within, truth)[:100].mean() > 0.1


def test_root_translation_error_is_a_share_of_the_path_and_scale_counts():
    truth = np.linspace(0, 1, 1001)[:, None] * [4.0, 0, 0]
    assert m.root_translation_error(1.1 * truth, truth) == pytest.approx(0.1 / 4, rel=1e-2)
    assert m.root_translation_error(truth[::-1] * 1.1, truth) == pytest.approx(0.1 / 4, rel=1e-2)
    bent = truth + [0, 0, 1] * np.sin(np.linspace(0, np.pi, 1001))[:, None]
    assert m.root_translation_error(3 * bent, 3 * truth) == pytest.approx(m.root_translation_error(bent, truth))


def test_a_short_walk_has_no_share():
    assert m.root_translation_error(np.zeros((5, 3)), np.zeros((5, 3))) is None
    assert m.root_translation_error(np.zeros((0, 3)), np.zeros((0, 3))) is None


def test_who_stands_where_counts_for_the_scene_and_not_for_a_person():
    truth = np.stack([walk(50, seed) + [0, 0, 3 * seed] for seed in range(2)])
    found = truth + np.array([0, 0.2])[:, None, None, None] * [0, 1, 0]
    assert max(m.wa_mpjpe(a, b).max() for a, b in zip(found, truth, strict=True)) < 1e-9
    assert m.scene_mpjpe(found.reshape(-1, 3), truth.reshape(-1, 3)) > 0.01
    scaled = m.scene_mpjpe(1.05 * truth.reshape(-1, 3), truth.reshape(-1, 3))
    assert scaled == pytest.approx(0.05 * np.linalg.norm(truth - truth.mean((0, 1, 2)), axis=-1).mean(), rel=1e-6)


def test_nobody_is_no_error():
    empty = np.zeros((0, 24, 3))
    assert len(m.w_mpjpe(empty, empty)) == len(m.wa_mpjpe(empty, empty)) == 0
