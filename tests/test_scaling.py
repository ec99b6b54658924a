"""Metric scale from feet: laws of the numerics, and known truth."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from walkers import NLF_GRADE, Errors, background_points, camera_path, walking_people, write_inputs

from nlf_pipeline.artefacts import CameraPath
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.scaling.contact_scale import ray_axes, solve_contact
from nlf_pipeline.scaling.foot_ray_scale import point_floor
from nlf_pipeline.scaling.foot_tracks import FootTracks, ball_vertices, read_foot_tracks
from nlf_pipeline.scaling.fusion import Evidence, correlated_variance, fuse_kinds, fuse_people
from nlf_pipeline.scaling.given_sizes import estimated_heights, height_factors
from nlf_pipeline.scaling.planted_feet import find_stances, stillest_scale
from nlf_pipeline.scaling.segment_scale import feet_in_scene, segment_scale
from nlf_pipeline.scaling.segments import PathSegment, path_segments, scale_segments

FPS, FRAMES = 25.0, 110
UP = np.array([0.0, 1.0, 0.0])


@dataclasses.dataclass(frozen=True)
class Clip:
    """What the camera of a clip saw of walking people."""

    T_world_cam: np.ndarray
    tracks: FootTracks
    planted: np.ndarray
    """(people, frames, 2) bool, the truth."""

    def segment(self, unit: float, points: np.ndarray, T_scene_world: np.ndarray | None = None) -> PathSegment:
        T_scene_world = invert_rigid(self.T_world_cam[0]) if T_scene_world is None else T_scene_world
        T = T_scene_world @ self.T_world_cam
        origin = T[0, :3, 3].copy()
        T[:, :3, 3] = (T[:, :3, 3] - origin) / unit
        return PathSegment(0, np.arange(len(T)), T, (transform_points(T_scene_world, points) - origin) / unit)


def see(folder: Path, meshes: BodyMeshes, errors: Errors, travel: float, people: int) -> Clip:
    walks = walking_people(meshes, people, FRAMES, FPS)
    T_world_cam = camera_path(FRAMES, moving=True, travel=travel)
    write_inputs(folder, meshes, walks, T_world_cam, errors, FPS)
    tracks = read_foot_tracks(Predictions.open(folder / "predictions.xz"), meshes)
    return Clip(T_world_cam, tracks, np.stack([walk.planted for walk in walks]))


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory, meshes: BodyMeshes) -> Clip:
    return see(tmp_path_factory.mktemp("exact"), meshes, Errors(), 1.0, 2)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory, meshes: BodyMeshes) -> Clip:
    return see(tmp_path_factory.mktemp("noisy"), meshes, NLF_GRADE, 3.0, 3)


NO_POINTS, GROUND = np.zeros((0, 3)), background_points(100)


def nobody_given(clip: Clip) -> np.ndarray:
    return np.zeros(len(clip.tracks.seen), dtype=bool)


@pytest.mark.parametrize("points", [NO_POINTS, GROUND])
def test_without_errors_the_scale_is_exact(exact: Clip, points: np.ndarray) -> None:
    found = segment_scale(exact.segment(2.5, points), exact.tracks, nobody_given(exact))
    assert found.metres_per_unit == pytest.approx(2.5, rel=0.01)
    assert found.source == "people" and found.believed.all() and not found.apart.any()
    assert np.isfinite(found.floor_spread) == bool(len(points))


def test_with_an_estimators_errors_the_spread_is_honest(noisy: Clip) -> None:
    by_feet = segment_scale(noisy.segment(0.1, NO_POINTS), noisy.tracks, nobody_given(noisy))
    on_floor = segment_scale(noisy.segment(0.1, GROUND), noisy.tracks, nobody_given(noisy))
    for found, bound in ((by_feet, 0.15), (on_floor, 0.05)):
        error = abs(np.log(found.metres_per_unit / 0.1))
        assert error < min(bound, 2 * found.spread)
        assert found.spread < bound
    assert on_floor.spread < by_feet.spread


def test_a_camera_that_hardly_travels_says_so(tmp_path: Path, meshes: BodyMeshes) -> None:
    clip = see(tmp_path, meshes, NLF_GRADE, 0.03, 1)
    by_feet = segment_scale(clip.segment(1.0, NO_POINTS), clip.tracks, nobody_given(clip))
    assert by_feet.spread > 0.5
    assert any("hardly known" in trouble for trouble in by_feet.troubles(clip.tracks.person_ids))
    on_floor = segment_scale(clip.segment(1.0, GROUND), clip.tracks, nobody_given(clip))
    assert on_floor.metres_per_unit == pytest.approx(1, rel=0.1)


@settings(max_examples=8, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_a_path_in_another_unit_has_the_reciprocal_scale(noisy: Clip, factor: float) -> None:
    one = segment_scale(noisy.segment(1.0, GROUND), noisy.tracks, nobody_given(noisy))
    other = segment_scale(noisy.segment(factor, GROUND), noisy.tracks, nobody_given(noisy))
    assert other.metres_per_unit == pytest.approx(factor * one.metres_per_unit, rel=1e-6)
    assert other.spread == pytest.approx(one.spread, rel=1e-6)


@pytest.mark.parametrize("points", [NO_POINTS, GROUND])
def test_the_scale_does_not_depend_on_the_frame(noisy: Clip, points: np.ndarray) -> None:
    elsewhere = rigid(Rotation.from_rotvec([0.4, -2.0, 1.1]).as_matrix(), np.array([5.0, -40.0, 7.0]))
    here = segment_scale(noisy.segment(1.0, points), noisy.tracks, nobody_given(noisy))
    there = segment_scale(noisy.segment(1.0, points, elsewhere), noisy.tracks, nobody_given(noisy))
    assert there.metres_per_unit == pytest.approx(here.metres_per_unit, rel=1e-6)
    assert there.spread == pytest.approx(here.spread, rel=1e-6)


def test_the_order_of_people_does_not_matter(noisy: Clip) -> None:
    order = np.array([2, 0, 1])
    shuffled = dataclasses.replace(
        noisy.tracks, **{name: getattr(noisy.tracks, name)[order] for name in ("balls", "trunks", "chains", "seen")}
    )
    one = segment_scale(noisy.segment(1.0, GROUND), noisy.tracks, nobody_given(noisy))
    other = segment_scale(noisy.segment(1.0, GROUND), shuffled, nobody_given(noisy))
    assert other.metres_per_unit == pytest.approx(one.metres_per_unit, rel=1e-9)
    np.testing.assert_allclose(other.own, one.own[order])


def test_larger_people_make_a_larger_scale(noisy: Clip) -> None:
    larger = noisy.tracks.scaled(np.full(3, 1.1))
    one = segment_scale(noisy.segment(1.0, GROUND), noisy.tracks, nobody_given(noisy))
    other = segment_scale(noisy.segment(1.0, GROUND), larger, nobody_given(noisy))
    assert other.metres_per_unit / one.metres_per_unit == pytest.approx(1.1, abs=0.01)


def test_stances_are_where_feet_are_planted(exact: Clip) -> None:
    feet = feet_in_scene(exact.segment(1.0, NO_POINTS), exact.tracks)
    assert stillest_scale(feet) == pytest.approx(1, rel=0.1)
    marked = np.zeros_like(exact.planted)
    for stance in find_stances(feet, 1.0):
        marked[stance.person, stance.rows, stance.foot] = True
    assert (marked & exact.planted).sum() > 0.85 * exact.planted.sum()
    assert (marked & ~exact.planted).sum() < 0.15 * marked.sum()


def plain_contact(places: np.ndarray, shifts: np.ndarray, stance: np.ndarray) -> float:
    """The same by explicit pairs of frames, one after the other."""
    weights, noise, deviation = np.ones(len(stance)), np.array([1.0, 1.0, 3.0]), 0.0
    for _ in range(8):
        above = below = 0.0
        for t in range(len(stance)):
            total = weights[stance == stance[t]].sum()
            for u in range(t):
                if stance[t] == stance[u]:
                    moved, shifted = (places[t] - places[u]) / noise, (shifts[t] - shifts[u]) / noise
                    above -= weights[t] * weights[u] / total * (shifted @ moved)
                    below += weights[t] * weights[u] / total * (shifted @ shifted)
        deviation = above / below
        residual = np.empty_like(places)
        for t in range(len(stance)):
            own = stance == stance[t]
            mean = np.average(places[own] + deviation * shifts[own], axis=0, weights=weights[own])
            residual[t] = places[t] + deviation * shifts[t] - mean
        across = max(np.median(np.hypot(residual[:, 0], residual[:, 1])) / 1.1774, 0.005)
        noise = np.array([across, across, max(np.median(np.abs(residual[:, 2])) / 0.6745, 0.01)])
        weights = 1 / (1 + np.mean((residual / noise) ** 2, axis=-1) / 4)
    return deviation


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_contact_scale_agrees_with_explicit_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stance = np.repeat([0, 1, 2], [9, 5, 12])
    shifts = np.cumsum(rng.normal(0.02, 0.02, (26, 3)), axis=0)
    places = rng.normal(size=(3, 3))[stance] - 0.2 * shifts + 0.01 * rng.normal(size=(26, 3)) * [1, 1, 4]
    places[4] += 0.5  # a foot that had left
    deviation, weights, _ = solve_contact(places, shifts, stance)
    assert deviation == pytest.approx(plain_contact(places, shifts, stance), abs=1e-9)
    assert deviation == pytest.approx(0.2, abs=0.15)
    assert weights[4] == weights.min() < 0.2


def test_variance_of_terms_that_go_together() -> None:
    rng = np.random.default_rng(0)
    terms, times = rng.normal(size=30), rng.uniform(0, 8, 30)
    plain = sum(
        a * b * max(0.0, 1 - abs(s - t) / 1.5)
        for a, s in zip(terms, times, strict=True)
        for b, t in zip(terms, times, strict=True)
    )
    assert correlated_variance(terms, times, 1.5) == pytest.approx(plain * 30 / 29)
    assert correlated_variance(np.ones(4), np.zeros(4), 1.0) == pytest.approx(16 * 4 / 3)  # they are one


def test_viewing_axes_are_a_rotation_with_the_ray_last() -> None:
    ray = np.array([1.0, -2.0, 7.0])
    axes = ray_axes(ray)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(axes[2], ray / np.linalg.norm(ray))


NONE = np.zeros(3, dtype=bool)


def test_kinds_of_evidence_are_weighed_and_doubted() -> None:
    contact = Evidence(np.array([0.1, 0.0, 0.0]), np.array([0.01, 0.04, np.inf]))
    on_floor = Evidence(np.array([0.1, 0.9, 0.2]), np.array([0.01, 0.04, 0.02]))
    joint = fuse_kinds(contact, on_floor)
    np.testing.assert_allclose(joint.deviation, [0.1, 0.45, 0.2])
    np.testing.assert_allclose(joint.variance, [0.005, 0.02 * 0.81 / 0.08, 0.02])
    assert np.isinf(fuse_kinds(Evidence.none(2), Evidence.none(2)).variance).all()


def test_the_person_apart_from_the_others_does_not_count() -> None:
    found = fuse_people(Evidence(np.array([0.0, 0.3, 0.01]), np.full(3, 1e-4)), NONE)
    assert found.apart.tolist() == [False, True, False]
    assert found.believed.tolist() == [True, False, True]
    assert found.deviation == pytest.approx(0.005, abs=1e-3)
    vague = fuse_people(Evidence(np.array([0.0, 0.3, 0.01]), np.array([1e-4, 0.04, 1e-4])), NONE)
    assert vague.believed.all()


def test_two_who_disagree_both_count_and_widen_the_spread() -> None:
    agree = fuse_people(Evidence(np.array([0.0, 0.02]), np.full(2, 1e-4)), NONE[:2])
    quarrel = fuse_people(Evidence(np.array([-0.2, 0.2]), np.full(2, 1e-4)), NONE[:2])
    assert quarrel.apart.all() and quarrel.believed.all()
    assert quarrel.spread > 3 * agree.spread


def test_only_people_of_given_height_count() -> None:
    evidence = Evidence(np.array([0.1, 0.0, np.nan]), np.array([0.01, 1e-4, np.inf]))
    assert fuse_people(evidence, np.array([True, False, True])).deviation == pytest.approx(0.1)
    assert fuse_people(evidence, np.array([False, False, True])).deviation < 0.05
    assert fuse_people(Evidence.none(3), NONE).spread == np.inf


def test_the_floor_is_found_under_things() -> None:
    eyes = np.array([[0.0, 1.6, 0.0], [0.5, 1.6, 0.0]])
    tilted = Rotation.from_rotvec([0.05, 0, -0.06]).apply(UP)
    floor = point_floor(GROUND, eyes, tilted)
    assert floor is not None
    assert floor.normal @ UP > np.cos(np.deg2rad(0.5))
    assert abs(floor.offset) < 0.02
    np.testing.assert_allclose(floor.camera_height(eyes), 1.6, atol=0.03)
    assert point_floor(GROUND[100:200], eyes, UP) is None  # a wall
    assert point_floor(NO_POINTS, eyes, UP) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_segments_in_units_of_their_own_are_joined(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shots, segment = [slice(0, 7), slice(7, 12)], np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4])
    metres_per_unit, true, in_units = (
        rng.uniform(0.1, 10, 5),
        np.tile(np.eye(4), (12, 1, 1)),
        np.tile(np.eye(4), (12, 1, 1)),
    )
    for t in [*range(1, 7), *range(8, 12)]:
        step = rigid(Rotation.from_rotvec(rng.normal(size=3)).as_matrix(), rng.normal(size=3))
        true[t] = true[t - 1] @ step
        step[:3, 3] /= metres_per_unit[segment[t]]
        in_units[t] = in_units[t - 1] @ step
    np.testing.assert_allclose(scale_segments(in_units, segment, shots, metres_per_unit), true, atol=1e-9)
    np.testing.assert_array_equal(scale_segments(true, segment, shots, np.ones(5))[0], np.eye(4))


def test_a_segment_begins_where_the_last_one_ends() -> None:
    T = np.tile(np.eye(4), (6, 1, 1))
    T[:, 0, 3] = [0, 1, 2, 30, 40, 0]
    path = CameraPath(T, np.ones(6), np.array([0, 0, 0, 1, 1, 2]), np.array([[32.0, 0, 0]]), np.array([1]))
    first, second, third = path_segments(path, [slice(0, 5), slice(5, 6)])
    assert first.frames.tolist() == [0, 1, 2] and first.anchor == 0 and first.moves
    assert second.frames.tolist() == [2, 3, 4] and second.anchor == 2
    np.testing.assert_allclose(second.T_scene_cam[:, 0, 3], [0, 28, 38])
    np.testing.assert_allclose(second.points, [[30.0, 0, 0]])
    assert third.frames.tolist() == [5] and not third.moves


def test_balls_of_the_feet_lie_under_the_toe_joints(meshes: BodyMeshes) -> None:
    vertices, joints = meshes.forward(np.zeros((1, 24, 3)), np.zeros(10), np.zeros((1, 3)))
    balls = vertices[0, ball_vertices(meshes)].mean(axis=1)
    assert np.abs((balls - joints[0, [10, 11]])[:, [0, 2]]).max() < 0.05
    assert np.abs(balls[:, 1] - vertices[0, :, 1].min()).max() < 0.015


def test_height_follows_from_bones_whatever_the_pose(body_dir: Path, tmp_path: Path, meshes: BodyMeshes) -> None:
    body = BodyMeshes(load_body_model(body_dir))
    walks = walking_people(meshes, 3, 20, FPS)
    write_inputs(tmp_path, meshes, walks, camera_path(20), Errors(missing=((2, 0, 20),)), FPS)
    tracks = read_foot_tracks(Predictions.open(tmp_path / "predictions.xz"), meshes)
    heights = estimated_heights(tracks, body)
    for walk, height in zip(walks[:2], heights, strict=False):
        vertices, _ = body.forward(np.zeros((1, 24, 3)), walk.betas, np.zeros((1, 3)))
        assert height == pytest.approx(float(np.ptp(vertices[0, :, 1])), rel=0.02)
    assert np.isnan(heights[2])


def test_heights_go_by_id_whoever_was_dropped() -> None:
    factors = height_factors((0.0, 1.8, 0.0, 1.5), np.array([4, 2, 3]), np.array([1.5, 1.5, 1.5]))
    np.testing.assert_allclose(factors, [1, 1.2, np.nan])
    with pytest.raises(UserError, match="2 people were followed: 2, 3"):
        height_factors((1.7, 1.8), np.array([2, 3]), np.ones(2))
