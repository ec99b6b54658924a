from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from walkers import CAMERA_HEIGHT, NLF_GRADE, Errors, Walk, camera_path, walking_people, write_inputs

from nlf_pipeline.artefacts import Floor, Ground
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import UserError
from nlf_pipeline.fit import fit
from nlf_pipeline.fitting.contacts import foot_motion, resting_feet
from nlf_pipeline.fitting.floor_plane import fit_floor
from nlf_pipeline.fitting.gravity import trunk_axes, up_direction
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.geometry import invert_rigid, rigid
from nlf_pipeline.ground import ground
from nlf_pipeline.kinematics import global_rotations

FPS, FRAMES = 25.0, 120
UP = np.array([0.1, -0.97, -0.2]) / np.linalg.norm([0.1, -0.97, -0.2])


@pytest.fixture(scope="module")
def walks(meshes: BodyMeshes) -> list[Walk]:
    return walking_people(meshes, 2, FRAMES, FPS)


def run(folder: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk], errors: Errors) -> None:
    """Predictions, cameras and fits in `folder`."""
    write_inputs(folder, meshes, walks, camera_path(FRAMES, moving=True), errors, FPS)
    names = {"predictions": "predictions.xz", "cameras": "cameras.npz", "video_facts": "video.json", "out": "fits.npz"}
    fit(**{key: folder / name for key, name in names.items()}, body=body_dir)


def find(folder: Path, body_dir: Path, **options: float) -> Floor:
    names = {"fits": "fits.npz", "cameras": "cameras.npz", "video_facts": "video.json", "out": "ground.json"}
    ground(**{key: folder / name for key, name in names.items()}, body=body_dir, **options)  # type: ignore[arg-type]
    (floor,) = Ground.load(folder / "ground.json").floors
    return floor


def true_up() -> np.ndarray:
    """Up in the scene frame: the axes of the first camera."""
    return invert_rigid(camera_path(1)[0])[:3, 1]


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


@pytest.mark.parametrize(("errors", "max_deg", "max_m"), [(Errors(), 0.2, 0.005), (NLF_GRADE, 1.0, 0.02)])
def test_floor_under_walkers(
    tmp_path: Path,
    body_dir: Path,
    meshes: BodyMeshes,
    walks: list[Walk],
    errors: Errors,
    max_deg: float,
    max_m: float,
) -> None:
    run(tmp_path, body_dir, meshes, walks, errors)
    found = find(tmp_path, body_dir)
    normal = np.array(found.normal)
    under_feet = np.concatenate([w.joints[w.planted[:, 0], 10] for w in walks]) * [1, 0, 1]
    in_scene = under_feet @ invert_rigid(camera_path(1)[0])[:3, :3].T + invert_rigid(camera_path(1)[0])[:3, 3]
    assert found.source == "feet"
    assert angle_deg(normal, true_up()) < max_deg
    assert abs((in_scene @ normal - found.offset_m).mean()) < max_m
    assert np.linalg.norm(normal) == pytest.approx(1)
    assert found.inlier_fraction > 0.7
    assert found.n_points > 10
    assert find(tmp_path, body_dir) == found  # the same seed draws the same
    if errors == NLF_GRADE:
        other = find(tmp_path, body_dir, seed=7)
        assert angle_deg(np.array(other.normal), normal) < 0.05


def test_without_people_the_camera_is_level(tmp_path: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    run(tmp_path, body_dir, meshes, [], Errors())
    found = find(tmp_path, body_dir)
    assert found.source == "camera"
    assert found.n_points == 0
    np.testing.assert_allclose(found.normal, [0, -1, 0], atol=0.1)
    assert found.offset_m == pytest.approx(-CAMERA_HEIGHT, abs=0.01)


def test_a_threshold_of_nothing_is_refused(tmp_path: Path, body_dir: Path) -> None:
    with pytest.raises(UserError, match=r"-0\.1 m"):
        find(tmp_path, body_dir, threshold_m=-0.1)


def floor_points(rng: np.random.Generator, n: int, spread: float, sd: float) -> np.ndarray:
    across = np.linalg.svd(UP[None])[2][1:]
    return np.array([1.0, 1.5, 6]) + rng.uniform(-spread, spread, (n, 2)) @ across + sd * rng.normal(size=(n, 1)) * UP


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_floor_survives_feet_that_are_not_on_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = floor_points(rng, 80, 2, 0.01)
    points[:24] += rng.uniform(0.15, 1, (24, 1)) * UP
    wrong_up = Rotation.from_rotvec(np.deg2rad(8) * np.cross(UP, [1.0, 0, 0])).apply(UP)
    plane = fit_floor(points, np.ones(80), wrong_up, 0.05, 0)
    assert angle_deg(plane.normal, UP) < 0.8
    assert plane.offset == pytest.approx(float(points[24:].mean(axis=0) @ plane.normal), abs=0.01)
    assert not plane.inliers[:24].any()
    assert plane.inliers[24:].mean() > 0.9


def test_floor_does_not_depend_on_the_frame() -> None:
    points = floor_points(np.random.default_rng(0), 60, 2, 0.02)
    R, t = Rotation.from_rotvec([1.0, 2, 3]).as_matrix(), np.array([5.0, -40, 7])
    here = fit_floor(points, np.ones(60), UP, 0.05, 0)
    there = fit_floor(points @ R.T + t, np.ones(60), R @ UP, 0.05, 0)
    assert angle_deg(there.normal, R @ here.normal) < 0.1
    centre = points.mean(axis=0)
    assert (R @ centre + t) @ there.normal - there.offset == pytest.approx(centre @ here.normal - here.offset, abs=2e-3)


def test_feet_on_one_line_leave_up_as_it_was() -> None:
    rng = np.random.default_rng(1)
    along = np.linalg.svd(UP[None])[2][1]
    points = np.array([0, 1.5, 5.0]) + rng.uniform(-0.1, 0.1, (30, 1)) * along + 0.01 * rng.normal(size=(30, 1)) * UP
    plane = fit_floor(points, np.full(30, 30**-0.5), UP, 0.05, 0)
    assert angle_deg(plane.normal, UP) < 3
    assert plane.offset == pytest.approx(float(np.mean(points @ UP)), abs=0.02)


def test_two_feet_that_disagree_give_the_lower_one() -> None:
    across = np.cross(UP, [0.0, 0, 1])
    points = np.stack([0.5 * UP, across, across + 0.01 * UP])[:2]
    plane = fit_floor(points, np.ones(2), UP, 0.05, 0)
    assert angle_deg(plane.normal, UP) < 1
    assert plane.offset == pytest.approx(0, abs=0.02)
    assert plane.inliers.tolist() == [False, True]


def test_a_wall_is_no_floor() -> None:
    rng = np.random.default_rng(2)
    side = np.cross(UP, [0.0, 0, 1])
    wall = np.array([0, 0, 6.0]) + rng.uniform(-1, 1, (60, 1)) * UP + rng.uniform(-1, 1, (60, 1)) * side
    assert angle_deg(fit_floor(wall, np.ones(60), UP, 0.05, 0).normal, UP) < 35


def test_up_comes_from_upright_people_and_level_cameras(walks: list[Walk]) -> None:
    rotations = global_rotations(walks[0].pose_rotvecs)
    tilted = np.tile(rigid(Rotation.from_euler("x", 60, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    level = np.tile(rigid(Rotation.from_euler("x", 180, degrees=True).as_matrix(), np.zeros(3)), (5, 1, 1))
    world_up = np.array([0.0, 1, 0])
    assert (
        angle_deg(up_direction(trunk_axes(rotations), tilted @ level[0]), world_up) > 40
    )  # people lie, as far as it can tell
    nobody = rotations[:0]
    assert angle_deg(up_direction(trunk_axes(nobody), level), world_up) < 1e-3
    pitched = level @ rigid(Rotation.from_euler("x", -25, degrees=True).as_matrix(), np.zeros(3))
    assert angle_deg(up_direction(trunk_axes(rotations), pitched), world_up) < 1
    lying = Rotation.from_euler("z", 90, degrees=True).as_matrix() @ rotations
    assert angle_deg(up_direction(trunk_axes(np.concatenate([rotations, lying[:20]])), pitched), world_up) < 1


def test_stances_are_found_where_feet_are_planted(meshes: BodyMeshes, walks: list[Walk]) -> None:
    walk, up = walks[0], np.array([0.0, 1, 0])
    soles = find_soles(meshes, walk.betas).posed(global_rotations(walk.pose_rotvecs), walk.joints)
    assert np.abs(soles[..., 1].min(axis=-1)[walk.planted]).max() < 0.002  # the lowest sole point is on the floor
    stances = resting_feet(foot_motion(soles, up, FPS), up, FPS)
    marked = np.zeros_like(walk.planted)
    for foot, frames in stances:
        marked[frames, foot] = True
    assert (marked & walk.planted).sum() > 0.9 * walk.planted.sum()
    assert (marked & ~walk.planted).sum() < 0.15 * marked.sum()  # the foot is still slow as it leaves


def test_soles_follow_the_body_model(meshes: BodyMeshes) -> None:
    rng = np.random.default_rng(3)
    pose, betas, trans = rng.normal(0, 0.3, (4, 24, 3)), rng.normal(size=10), rng.normal(size=(4, 3))
    vertices, joints = meshes.forward(pose, betas, trans)
    soles = find_soles(meshes, betas).posed(global_rotations(pose), joints)
    distance = np.linalg.norm(soles.reshape(4, -1, 1, 3) - vertices[:, None], axis=-1).min(axis=-1)
    assert distance.max() < 0.002
