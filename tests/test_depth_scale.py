"""Scale from metric depth: true depths give the true scale, and joining it follows certainty."""

import dataclasses
import sys

import numpy as np
import pytest
from rlemasklib import RLEMask
from synthetic_videos import write_video

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.scaling.depth_scale import DepthScale, align_depths, measure_depth_scale, with_depth
from nlf_pipeline.scaling.segment_scale import SegmentScale
from nlf_pipeline.scaling.segments import PathSegment
from nlf_pipeline.scaling.zoedepth import ZoeDepthEstimator
from nlf_pipeline.video import read_frames

SIZE_PX, N, UNIT = (160, 96), 20, 2.5
LENS = Intrinsics(SIZE_PX, (120.0, 120.0), (79.5, 47.5), [], "user")
NOBODY = MaskTracks(SIZE_PX, 30, N, (), ())


def depths(n=500, seed=0):
    return np.random.default_rng(seed).uniform(0.4, 3.5, n)


@pytest.mark.parametrize("scale", [0.02, 1.0, 2.5])
def test_true_depths_give_the_true_scale(scale):
    near = depths() / scale
    assert align_depths(near, scale * near) == pytest.approx(scale, rel=1e-4)


def test_wrong_depths_of_a_third_of_the_points_do_not_matter():
    rng, slam = np.random.default_rng(1), depths()
    metric = UNIT * slam * rng.normal(1, 0.05, len(slam))
    metric[::3] = rng.uniform(0.5, 9.5, len(metric[::3]))
    assert align_depths(slam, metric) == pytest.approx(UNIT, rel=0.03)


def test_depths_beyond_what_the_network_knows_do_not_count():
    slam = np.concatenate([depths(), np.full(800, 12.0)])  # 30 m, which it calls 9
    metric = np.concatenate([UNIT * depths(), np.full(800, 9.0)])
    metric[:50] = np.nan
    metric[50:60] = 0
    assert align_depths(slam, metric) == pytest.approx(UNIT, rel=0.02)


@pytest.mark.parametrize("metric", [np.nan, 0.0, 50.0])
def test_no_usable_depth_is_no_scale(metric):
    assert align_depths(depths(), np.full(500, metric)) is None


class TrueDepth:
    """A wall at 5 metres in the world, upright across the first camera's view; the people nearer."""

    def __init__(self, segment):
        self.segment, self.calls = segment, 0

    def estimate(self, picture):
        T = self.segment.T_scene_cam[np.unique(np.linspace(0, N - 1, 12).round().astype(int))[self.calls]]
        self.calls += 1
        rows, columns = np.indices(SIZE_PX[::-1])
        rays = np.stack([(columns - 79.5) / 120, (rows - 47.5) / 120, np.ones(rows.shape)], axis=-1)
        depth = (5 - UNIT * T[2, 3]) / (rays @ T[:3, :3].T)[..., 2]
        depth[:, :60] = 1.0
        return depth


def segment():
    T = rigid(np.tile(np.eye(3), (N, 1, 1)), np.outer(np.arange(N), [0.02, 0.005, 0.01]))
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(-1.2, 1.4, 800), rng.uniform(-0.7, 0.7, 800), np.full(800, 5 / UNIT)], axis=-1)
    return PathSegment(0, np.arange(N), T, points)


def clip(folder):
    frames = [np.full((*SIZE_PX[::-1], 3), 90, np.uint8)] * N
    return read_frames(write_video(folder / "clip.mp4", np.arange(N) / 30, frames))


def test_scale_of_a_segment_with_people_left_out(tmp_path):
    mask = np.zeros(SIZE_PX[::-1], np.uint8)
    mask[:, :60] = 1
    people = MaskTracks(SIZE_PX, 30, N, (0,), ((RLEMask.from_array(mask),) * N,))
    part = segment()
    found = measure_depth_scale(part, TrueDepth(part), clip(tmp_path), people, LENS)
    assert found.metres_per_unit == pytest.approx(UNIT, rel=0.01) and found.n_pictures == 12
    assert 0.15 <= found.spread < 0.16
    moved = transform_points(invert_rigid(part.T_scene_cam[-1]), part.points)
    assert np.all(moved[:, 2] > 0)


def test_nothing_to_compare_is_no_scale(tmp_path):
    part, frames = segment(), clip(tmp_path)
    few = dataclasses.replace(part, points=part.points[:5])
    still = dataclasses.replace(part, T_scene_cam=np.tile(np.eye(4), (N, 1, 1)))
    behind = dataclasses.replace(part, points=-part.points)
    for nothing in (few, still, behind):
        assert measure_depth_scale(nothing, TrueDepth(part), frames, NOBODY, LENS) is None


def by_people(scale, spread, source="people"):
    nobody = np.array([source == "people", False])
    return SegmentScale(scale, spread, source, 5, spread, np.inf, nobody, np.zeros(2, bool), np.full(2, np.nan))


NOT_GIVEN = np.zeros(2, dtype=bool)


def test_the_more_certain_counts_for_more():
    joint, troubles = with_depth(by_people(1.0, 0.05), DepthScale(1.2, 0.2, 12), NOT_GIVEN)
    assert 1.0 < joint.metres_per_unit < 1.03 and joint.spread < 0.05 and troubles == []
    assert joint.source == "people" and "depth network alone" in joint.describe(1.0, np.array([1, 2]))
    equal, _ = with_depth(by_people(1.0, 0.2), DepthScale(1.21, 0.2, 12), NOT_GIVEN)
    assert equal.metres_per_unit == pytest.approx(1.1)


def test_disagreement_widens_the_spread_and_is_told():
    joint, troubles = with_depth(by_people(1.0, 0.05), DepthScale(4.0, 0.15, 12), NOT_GIVEN)
    assert joint.spread > 0.3 and "4.00 times" in troubles[0]


@pytest.mark.parametrize(("source", "spread"), [("camera height", 0.3), ("unknown", np.inf)])
def test_without_people_the_network_decides(source, spread):
    joint, _ = with_depth(by_people(1.0, spread, source), DepthScale(3.0, 0.16, 4), NOT_GIVEN)
    assert (joint.metres_per_unit, joint.spread, joint.source) == (3.0, 0.16, "depth")
    assert "depth network" in joint.describe(3.0, np.zeros(0)) and joint.troubles(np.array([1, 2])) == []


def test_given_sizes_and_standing_cameras_stay_as_they_are():
    depth = DepthScale(3.0, 0.16, 4)
    for found, given in [(by_people(1.0, 0.05), np.array([True, False])), (by_people(1, 0, "none needed"), NOT_GIVEN)]:
        assert with_depth(found, depth, given) == (found, [])
    found = by_people(1.0, 0.05)
    assert with_depth(found, None, NOT_GIVEN) == (found, [])


def test_a_missing_package_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"make install-reference.*depth=null"):
        ZoeDepthEstimator(tmp_path / "model.safetensors", "cpu")
