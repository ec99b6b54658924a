"""Floors that are not level: how they are told, what their file says, and the world they stand in."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_clips.terrain import Terrain, TerrainClip
from motion_clips.truth import true_bodies, true_cameras
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, BodyFits, Cameras, Floor, Ground, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.contacts import Stances
from nlf_pipeline.fitting.feet_plane import fit_feet_plane
from nlf_pipeline.fitting.floor_kind import find_floor, find_levels
from nlf_pipeline.fitting.standing import PlantedFeet
from nlf_pipeline.fitting.uprightness import Trunks, UpBelief, believe_up
from nlf_pipeline.geometry import rigid, rotation_between, transform_points
from nlf_pipeline.ground import ground
from nlf_pipeline.world import world_from_scene

CAMERA = rigid(Rotation.from_euler("yxz", [20, 170, 3], degrees=True).as_matrix(), np.array([4.0, -7, 2]))
UP = np.array([0.0, 1.0, 0.0])
BELIEF = UpBelief(
    Rotation.from_euler("zx", [1, -1], degrees=True).apply(UP),
    np.deg2rad(1.5) ** 2 * np.diag([1.0, 0, 1]),
    "bodies",
)


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def walkers(
    rng: np.random.Generator, terrain: Terrain | None = None, sizes: tuple[float, ...] = (1, 1, 1), steps: int = 60
) -> PlantedFeet:
    """Feet of people who walk about 5-7 m from a camera 1.6 m above the floor, estimated 1.5 cm too high or too low."""
    camera, feet = np.array([0.0, 1.6, 0.0]), []
    for k, size in enumerate(sizes):
        xz = np.array([1.5 * (k - 1), -6.0]) + rng.uniform(-0.9, 0.9, (steps, 2))
        height = np.zeros(steps) if terrain is None else terrain.heights(xz)
        points = np.stack([xz[:, 0], height + 0.015 * rng.normal(size=steps), xz[:, 1]], axis=-1)
        feet.append(camera + size * np.exp(0.01 * rng.normal(size=(steps, 1))) * (points - camera))
    n = len(sizes) * steps
    stances = Stances(np.repeat(np.arange(len(sizes)), steps), np.tile(camera, (n, 1)), np.concatenate(feet))
    return PlantedFeet(stances, rng.uniform(0.25, 0.5, n))


def trunks(rng: np.random.Generator, n: int, up: np.ndarray, turns: float, lean_deg: float) -> Trunks:
    """One person who turns through `turns` radians, leaning forwards, held with an error of 3 degrees."""
    heading = Rotation.from_rotvec(rng.uniform(0, turns, (n, 1)) * UP)
    leaning = heading * Rotation.from_euler("x", lean_deg, degrees=True)
    shaken = Rotation.from_rotvec(np.deg2rad(3) * rng.normal(size=(n, 3))) * leaning
    to_up = Rotation.from_matrix(rotation_between(UP, up))
    axes = [(to_up * shaken).apply(axis) for axis in np.eye(3)[[1, 2, 0]]]
    return Trunks(np.zeros(n, dtype=int), *axes)


def moved(feet: PlantedFeet, T: np.ndarray) -> PlantedFeet:
    seen = feet.stances
    return PlantedFeet(
        Stances(seen.person, transform_points(T, seen.centre), transform_points(T, seen.point)), feet.seconds
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10000), st.floats(0, 8))
def test_people_who_turn_about_show_up_however_they_lean(seed: int, lean_deg: float) -> None:
    camera = np.tile(rigid(Rotation.from_euler("x", 160, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    found = believe_up(trunks(np.random.default_rng(seed), 60, UP, 2 * np.pi, lean_deg), camera)
    assert found.source == "bodies"
    assert angle_deg(found.direction, UP) < 2.0
    error = found.direction - UP
    assert error @ np.linalg.pinv(found.covariance, rcond=1e-6) @ error < 14  # of 2 degrees of freedom: 1 in 1000


def test_up_turns_with_the_scene() -> None:
    R = Rotation.from_rotvec([0.4, -0.3, 0.2]).as_matrix()
    camera = np.tile(rigid(Rotation.from_euler("x", 170, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    here = trunks(np.random.default_rng(0), 30, UP, 2 * np.pi, 4)
    there = Trunks(here.person, here.up @ R.T, here.front @ R.T, here.left @ R.T)
    found, turned = believe_up(here, camera), believe_up(there, rigid(R, np.zeros(3)) @ camera)
    np.testing.assert_allclose(turned.direction, R @ found.direction, atol=1e-6)
    np.testing.assert_allclose(turned.covariance, R @ found.covariance @ R.T, atol=1e-8)


def test_people_who_face_one_way_leave_their_lean_in_doubt() -> None:
    camera = np.tile(rigid(Rotation.from_euler("x", 180, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    doubts = [
        np.sqrt(believe_up(trunks(np.random.default_rng(1), 60, UP, turns, 4), camera).covariance[2, 2])
        for turns in (0.1, 2 * np.pi)
    ]
    assert doubts[0] > 2 * doubts[1]


def test_without_people_a_cameras_pitch_is_unknown_and_its_roll_is_small() -> None:
    camera = np.tile(rigid(Rotation.from_euler("x", 180, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    nobody = Trunks(np.zeros(0, dtype=int), *np.zeros((3, 0, 3)))
    found = believe_up(nobody, camera)
    assert found.source == "camera"
    assert angle_deg(found.direction, UP) < 1e-3
    assert found.covariance[2, 2] > 10 * found.covariance[0, 0] > 0


def test_an_assumed_lens_leaves_slopes_along_the_view_in_doubt() -> None:
    camera = np.tile(rigid(Rotation.from_euler("x", 180, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    seen = trunks(np.random.default_rng(2), 60, UP, 2 * np.pi, 4)
    known, assumed = (np.sqrt(np.diag(believe_up(seen, camera, lens).covariance)) for lens in (True, False))
    assert assumed[2] > 1.5 * known[2]
    assert assumed[0] == pytest.approx(known[0], rel=0.05)


def test_somebody_estimated_too_large_does_not_tilt_the_floor() -> None:
    errors = []
    for seed in range(8):
        feet = walkers(np.random.default_rng(seed), sizes=(1.0, 1.0, 1.04))
        plane = fit_feet_plane(feet.stances, feet.weights(), BELIEF.direction, BELIEF.covariance, 0.05, 0)
        points = feet.stances.point
        bare, *_ = np.linalg.lstsq(np.column_stack([points[:, [0, 2]], np.ones(len(points))]), points[:, 1], rcond=None)
        errors.append([angle_deg(plane.normal, UP), np.rad2deg(np.hypot(*bare[:2]))])
    mine, bare_deg = np.mean(errors, axis=0)
    assert mine < 0.8
    assert mine < bare_deg / 1.5


def test_wrong_distances_do_not_tilt_the_floor() -> None:
    tilts = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        seen = walkers(rng, sizes=(1.0,)).stances
        wrong = seen.centre + np.exp(0.03 * rng.normal(size=(len(seen.person), 1))) * (seen.point - seen.centre)
        stances, any_tilt = Stances(seen.person, seen.centre, wrong), np.diag([1.0, 0, 1]) * np.deg2rad(20) ** 2
        plane = fit_feet_plane(stances, stances.weights(), UP, any_tilt, 0.05, 0)
        bare, *_ = np.linalg.lstsq(np.column_stack([wrong[:, [0, 2]], np.ones(len(wrong))]), wrong[:, 1], rcond=None)
        tilts.append([np.rad2deg(plane.normal[2]), np.rad2deg(-bare[1])])
    mine, bare_deg = np.abs(np.mean(tilts, axis=0))
    assert mine < bare_deg / 1.5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10000))
def test_a_level_floor_is_level(seed: int) -> None:
    floor = find_floor(walkers(np.random.default_rng(seed)), BELIEF, 0.05, 0)
    assert floor.kind == "flat"
    assert floor.up is None
    assert angle_deg(np.array(floor.normal), UP) < 0.8
    assert abs(floor.offset_m - np.array([0, 0, -6]) @ floor.normal) < 0.01
    assert len(floor.levels_m) == 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10000), st.floats(8, 15), st.floats(0, 360))
def test_a_ramp_is_a_slope_and_the_world_stays_upright(seed: int, slope_deg: float, azimuth_deg: float) -> None:
    ramp = Terrain("ramp", slope_deg, azimuth_deg)
    floor = find_floor(walkers(np.random.default_rng(seed), ramp), BELIEF, 0.05, 0)
    assert floor.kind == "slope"
    assert angle_deg(np.array(floor.normal), ramp.normal) < 2
    np.testing.assert_allclose(floor.world_up, BELIEF.direction)
    assert floor.slope_deg == pytest.approx(slope_deg, abs=3)
    assert 0 < floor.slope_sd_deg < 3


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10000), st.floats(0, 360))
def test_stairs_are_uneven(seed: int, azimuth_deg: float) -> None:
    floor = find_floor(walkers(np.random.default_rng(seed), Terrain("stairs", 0, azimuth_deg)), BELIEF, 0.05, 0)
    assert floor.kind == "uneven"
    assert angle_deg(floor.world_up, UP) < 3
    assert floor.levels_m == sorted(floor.levels_m)
    assert 0.0 in floor.levels_m


def test_a_stage_beside_the_floor_is_uneven() -> None:
    feet = walkers(np.random.default_rng(0), steps=90)
    feet.stances.point[feet.stances.point[:, 2] < -6.3] += 0.2 * UP
    floor = find_floor(feet, BELIEF, 0.05, 0)
    assert floor.kind == "uneven"
    np.testing.assert_allclose(floor.levels_m, [0, 0.2], atol=0.04)


def test_people_who_jump_stand_on_a_level_floor() -> None:
    feet = walkers(np.random.default_rng(3))
    feet.stances.point[::4] += 0.25 * UP
    feet.seconds[::4] = 0.12
    floor = find_floor(feet, BELIEF, 0.05, 0)
    assert floor.kind == "flat"
    assert angle_deg(np.array(floor.normal), UP) < 0.8
    assert floor.inlier_fraction < 0.8


def test_a_floor_does_not_depend_on_the_frame() -> None:
    feet = walkers(np.random.default_rng(5))
    T = rigid(Rotation.from_rotvec([0.2, -0.1, 0.3]).as_matrix(), np.array([100.0, -30, 70]))
    R = T[:3, :3]
    turned = UpBelief(R @ BELIEF.direction, R @ BELIEF.covariance @ R.T, "bodies")
    here, there = find_floor(feet, BELIEF, 0.05, 0), find_floor(moved(feet, T), turned, 0.05, 0)
    normal = np.array(here.normal)
    assert angle_deg(np.array(there.normal), R @ normal) < 0.02
    point = transform_points(T, (feet.stances.point.mean(axis=0) @ normal * normal)[None])[0]
    beneath = float(feet.stances.point.mean(axis=0) @ normal) - here.offset_m
    assert point @ np.array(there.normal) - there.offset_m == pytest.approx(beneath, abs=0.01)


def test_levels_are_where_feet_stand_again_and_again() -> None:
    rng = np.random.default_rng(0)
    heights = np.concatenate([0.02 * rng.normal(size=80), 0.17 + 0.02 * rng.normal(size=40), [0.5, -0.7]])
    np.testing.assert_allclose(find_levels(heights, np.full(122, 0.4)), [0, 0.17], atol=0.02)
    assert len(find_levels(0.03 * rng.normal(size=200), np.full(200, 0.4))) == 1
    assert len(find_levels(rng.uniform(-0.2, 0.2, 400), np.full(400, 0.4))) == 1
    assert find_levels(np.zeros(0), np.zeros(0)) == [0.0]


@pytest.mark.parametrize(("terrain", "kind"), [(Terrain("ramp", 10, 90), "slope"), (Terrain("stairs"), "uneven")])
def test_people_walk_on_what_they_walk_on(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, terrain: Terrain, kind: str
) -> None:
    clip = TerrainClip(n_people=2, n_frames=240, camera="static", terrain=terrain)
    bodies, cameras = true_bodies(clip, meshes), true_cameras(clip)
    save_fits(tmp_path, bodies, cameras)
    files = {"fits": "fits.npz", "cameras": "cameras.npz", "video_facts": "video.json", "out": "ground.json"}
    ground(**{key: tmp_path / name for key, name in files.items()}, body=body_dir)  # type: ignore[arg-type]
    (floor,) = Ground.load(tmp_path / "ground.json").floors
    assert floor.kind == kind
    assert angle_deg(floor.world_up, UP) < 2
    assert angle_deg(np.array(floor.normal), terrain.normal) < 2


def save_fits(folder: Path, bodies: Bodies, cameras: Cameras) -> None:
    """The truth as if it had been fitted, the scene being the true world."""
    people = {name: getattr(bodies, name) for name in ("person_ids", "pose_rotvecs", "betas", "trans", "joints")}
    nothing, n = np.zeros_like(bodies.visible), len(bodies.person_ids)
    BodyFits(**people, visible=bodies.visible, filled=nothing, repaired=nothing, scale_correction=np.ones(n)).save(
        folder / "fits.npz"
    )
    SceneCameras(
        cameras.T_world_cam, cameras.K, cameras.distortion, cameras.size_px, np.ones(1), np.zeros(1), np.ones(n)
    ).save(folder / "cameras.npz")
    VideoFacts("terrain", 1280, 720, bodies.fps, bodies.visible.shape[1]).save(folder / "video.json")


def test_a_floor_says_which_way_is_up(tmp_path: Path) -> None:
    level = Floor((0.0, -1.0, 0.0), -1.6, "feet", 0.9, 0.01, 100)
    slope = Floor((0.0, -1.0, 0.0), -1.6, "feet", 0.9, 0.01, 9, "slope", (0.1, -0.99, 0.0), "bodies", 5.7, 1.0, [0.0])
    Ground([level, slope]).save(tmp_path / "ground.json")
    assert Ground.load(tmp_path / "ground.json").floors == [level, slope]
    np.testing.assert_array_equal(level.world_up, level.normal)
    np.testing.assert_array_equal(slope.world_up, [0.1, -0.99, 0.0])


@pytest.mark.parametrize("slope_deg", [0.0, 10.0])
def test_the_world_is_upright_on_a_slope(slope_deg: float) -> None:
    up = -CAMERA[:3, 1]
    normal = Rotation.from_rotvec(np.deg2rad(slope_deg) * CAMERA[:3, 0]).apply(up)
    on_floor = CAMERA[:3, 3] + 4 * CAMERA[:3, 2] - 1.5 * up
    T_world_scene = world_from_scene(normal, float(normal @ on_floor), CAMERA, up)
    np.testing.assert_allclose(T_world_scene[:3, :3] @ up, [0, 1, 0], atol=1e-12)
    normal_world = T_world_scene[:3, :3] @ normal
    assert transform_points(T_world_scene, on_floor[None])[0] @ normal_world == pytest.approx(0, abs=1e-9)
    x, _, z = T_world_scene[:3, :3] @ CAMERA[:3, 3] + T_world_scene[:3, 3]
    np.testing.assert_allclose([x, z], 0, atol=1e-9)
    assert np.rad2deg(np.arccos(normal_world[1])) == pytest.approx(slope_deg, abs=1e-4)
