import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from walkers import (
    CAMERA_HEIGHT,
    NLF_GRADE,
    TOES,
    Errors,
    Walk,
    camera_path,
    lowest_point,
    walking_people,
    write_inputs,
)

from nlf_pipeline.artefacts import Bodies, BodyFits, Cameras, Ground, VideoFacts
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fit import fit
from nlf_pipeline.fitting.foot_locking import FloorView, lock_feet
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.geometry import invert_rigid, project, rigid, transform_points
from nlf_pipeline.ground import ground
from nlf_pipeline.metrics import foot_slide, mpjpe
from nlf_pipeline.world import world, world_from_scene

FPS, FRAMES = 25.0, 120
T_WORLD_CAM = camera_path(FRAMES, moving=True)
ALWAYS = np.ones(FRAMES, dtype=bool)


@pytest.fixture(scope="module")
def walks(meshes: BodyMeshes) -> list[Walk]:
    return walking_people(meshes, 2, FRAMES, FPS)


def run_until_ground(
    folder: Path,
    body_dir: Path,
    meshes: BodyMeshes,
    walks: list[Walk],
    errors: Errors,
    T_scene_world: np.ndarray | None = None,
) -> Path:
    write_inputs(folder, meshes, walks, T_WORLD_CAM, errors, FPS, (), T_scene_world)
    files = {"cameras": folder / "cameras.npz", "video_facts": folder / "video.json", "body": body_dir}
    fit(predictions=folder / "predictions.xz", out=folder / "fits.npz", **files)
    ground(fits=folder / "fits.npz", out=folder / "ground.json", **files)
    return folder


def make_world(folder: Path, body_dir: Path, contacts: bool = True) -> tuple[Bodies, Cameras]:
    world(
        fits=folder / "fits.npz",
        cameras=folder / "cameras.npz",
        ground=folder / "ground.json",
        video_facts=folder / "video.json",
        body=body_dir,
        bodies_out=folder / "bodies.npz",
        cameras_out=folder / "world_cameras.npz",
        contacts=contacts,
    )
    return Bodies.load(folder / "bodies.npz"), Cameras.load(folder / "world_cameras.npz")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> Path:
    return run_until_ground(tmp_path_factory.mktemp("noisy"), body_dir, meshes, walks, NLF_GRADE)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> Path:
    return run_until_ground(tmp_path_factory.mktemp("clean"), body_dir, meshes, walks, Errors())


def test_clean_motion_survives(clean: Path, body_dir: Path, walks: list[Walk]) -> None:
    bodies, cameras = make_world(clean, body_dir)
    truth = np.stack([w.joints for w in walks])
    assert np.linalg.norm(bodies.joints - truth, axis=-1).mean() < 0.02
    assert mpjpe(bodies.joints.reshape(-1, 24, 3), truth.reshape(-1, 24, 3)) < 0.010
    np.testing.assert_allclose(cameras.T_world_cam, T_WORLD_CAM, atol=0.01)


def test_world_is_upright_with_the_first_camera_over_its_origin(noisy: Path, body_dir: Path) -> None:
    _, cameras = make_world(noisy, body_dir)
    first = cameras.T_world_cam[0]
    np.testing.assert_allclose(first[[0, 2], 3], 0, atol=1e-9)
    assert first[1, 3] == pytest.approx(CAMERA_HEIGHT, rel=0.04)  # sizes are off by 2 %, slowly
    assert first[0, 2] == pytest.approx(0, abs=1e-9)  # looks along -z, not aside
    assert first[2, 2] < -0.9
    assert first[0, 0] > 0.99  # +x to its right
    np.testing.assert_allclose(np.linalg.det(cameras.T_world_cam[:, :3, :3]), 1)


def test_bodies_are_bodies_of_the_model(noisy: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    bodies, _ = make_world(noisy, body_dir)
    for k in range(2):
        _, joints = meshes.forward(bodies.pose_rotvecs[k], bodies.betas[k], bodies.trans[k])
        np.testing.assert_allclose(joints, bodies.joints[k], atol=1e-4)
    fits = BodyFits.load(noisy / "fits.npz")
    np.testing.assert_array_equal(bodies.betas, fits.betas)
    np.testing.assert_array_equal(bodies.visible, fits.visible)


def test_planted_feet_rest_on_the_floor(noisy: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> None:
    free, _ = make_world(noisy, body_dir, contacts=False)
    bodies, _ = make_world(noisy, body_dir)
    truth = np.stack([w.joints for w in walks])
    assert mpjpe(bodies.joints.reshape(-1, 24, 3), truth.reshape(-1, 24, 3)) < mpjpe(
        free.joints.reshape(-1, 24, 3), truth.reshape(-1, 24, 3)
    )
    for k, walk in enumerate(walks):
        planted = walk.planted & bodies.visible[k][:, None]
        slide = foot_slide(bodies.joints[k][:, TOES], planted)
        assert slide.mean() < 0.003
        assert slide.mean() < 0.5 * foot_slide(free.joints[k][:, TOES], planted).mean()
        own_slide = foot_slide(bodies.joints[k][:, TOES], bodies.foot_contacts[k])
        assert np.quantile(own_slide, 0.9) < 0.003
        found = Walk(bodies.pose_rotvecs[k], bodies.betas[k], bodies.trans[k], bodies.joints[k], walk.planted)
        low = lowest_point(meshes, found)[bodies.foot_contacts[k].any(axis=1)]
        assert np.quantile(low, 0.02) > -0.010
        assert np.median(np.abs(low)) < 0.003
        both = bodies.foot_contacts[k] & walk.planted
        assert both.sum() > 0.9 * walk.planted.sum()
        assert both.sum() > 0.75 * bodies.foot_contacts[k].sum()


def test_without_contacts_bodies_only_move_rigidly(noisy: Path, body_dir: Path) -> None:
    fits, plane = BodyFits.load(noisy / "fits.npz"), Ground.load(noisy / "ground.json").floors[0]
    bodies, cameras = make_world(noisy, body_dir, contacts=False)
    T_scene_cam = invert_rigid(T_WORLD_CAM[0]) @ T_WORLD_CAM[0]
    T_world_scene = cameras.T_world_cam[0] @ invert_rigid(T_scene_cam)
    np.testing.assert_allclose(bodies.joints, transform_points(T_world_scene, fits.joints), atol=1e-4)
    assert plane.source == "feet"
    assert bodies.foot_contacts.any()


def test_nobody_is_moved_onto_an_assumed_floor(noisy: Path, body_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(noisy, tmp_path / "copy")
    plane = Ground.load(folder / "ground.json").floors[0]
    Ground([dataclasses.replace(plane, source="camera")]).save(folder / "ground.json")
    moved, _ = make_world(folder, body_dir, contacts=True)
    free, _ = make_world(folder, body_dir, contacts=False)
    np.testing.assert_array_equal(moved.joints, free.joints)


def test_feet_rest_on_a_slope_as_they_do_on_a_level_floor(noisy: Path, body_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(noisy, tmp_path / "copy")
    plane = Ground.load(folder / "ground.json").floors[0]
    up = Rotation.from_rotvec([0.1, 0, 0.05]).apply(np.array(plane.normal))
    Ground([dataclasses.replace(plane, kind="slope", up=tuple(up.tolist()))]).save(folder / "ground.json")
    level, level_cameras = make_world(noisy, body_dir)
    slope, slope_cameras = make_world(folder, body_dir)
    T_slope_level = slope_cameras.T_world_cam[0] @ invert_rigid(level_cameras.T_world_cam[0])
    np.testing.assert_array_equal(slope.foot_contacts, level.foot_contacts)
    difference = np.abs(slope.joints - transform_points(T_slope_level, level.joints))
    assert np.quantile(difference, 0.99) < 1e-4
    assert T_slope_level[1, 1] < 0.995


def test_one_person_does_not_change_another(noisy: Path, body_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(noisy, tmp_path / "copy")
    fits = BodyFits.load(folder / "fits.npz")
    spoiled = fits.pose_rotvecs.copy()
    spoiled[0] += np.random.default_rng(0).normal(0, 0.5, spoiled[0].shape).astype(spoiled.dtype)
    dataclasses.replace(fits, pose_rotvecs=spoiled).save(folder / "fits.npz")
    before, _ = make_world(noisy, body_dir)
    after, _ = make_world(folder, body_dir)
    np.testing.assert_array_equal(after.joints[1], before.joints[1])
    assert np.isfinite(after.joints).all()


def test_world_does_not_depend_on_the_scenes_frame(
    noisy: Path, tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    T_scene_world = rigid(Rotation.from_rotvec([1.0, -0.5, 2]).as_matrix(), np.array([30.0, 5, -8]))
    elsewhere = run_until_ground(tmp_path, body_dir, meshes, walks, NLF_GRADE, T_scene_world)
    here, cameras_here = make_world(noisy, body_dir)
    there, cameras_there = make_world(elsewhere, body_dir)
    np.testing.assert_allclose(cameras_there.T_world_cam, cameras_here.T_world_cam, atol=5e-3)
    assert np.linalg.norm(there.joints - here.joints, axis=-1).mean() < 0.005


def test_feet_are_not_held_across_a_cut(noisy: Path, body_dir: Path, tmp_path: Path) -> None:
    folder, cut = shutil.copytree(noisy, tmp_path / "copy"), 60
    fits = BodyFits.load(folder / "fits.npz")
    step = np.array([2.0, 0, 0]) * (np.arange(FRAMES) >= cut)[:, None]
    dataclasses.replace(
        fits,
        trans=(fits.trans + step).astype(np.float32),
        joints=(fits.joints + step[:, None]).astype(np.float32),
    ).save(folder / "fits.npz")
    facts = VideoFacts.load(folder / "video.json")
    dataclasses.replace(facts, cuts=[cut]).save(folder / "video.json")
    Ground(Ground.load(folder / "ground.json").floors * 2).save(folder / "ground.json")
    bodies, _ = make_world(folder, body_dir)
    jump = np.linalg.norm(bodies.joints[:, cut, 0] - bodies.joints[:, cut - 1, 0], axis=-1)
    np.testing.assert_allclose(jump, 2, atol=0.15)


def test_nobody_makes_empty_files(tmp_path: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    run_until_ground(tmp_path, body_dir, meshes, [], Errors())
    bodies, cameras = make_world(tmp_path, body_dir)
    assert bodies.joints.shape == (0, FRAMES, 24, 3)
    assert bodies.foot_contacts.shape == (0, FRAMES, 2)
    assert cameras.T_world_cam.shape == (FRAMES, 4, 4)


def test_a_camera_that_looks_straight_down_keeps_its_pictures_top_ahead() -> None:
    looks_down = rigid(np.array([[1.0, 0, 0], [0, 0, -1], [0, -1, 0]]).T @ np.eye(3), np.array([1.0, 2, 3]))
    normal = -looks_down[:3, 2]
    T_world_scene = world_from_scene(normal, float(normal @ looks_down[:3, 3]) - 3, looks_down)
    T_world_cam = T_world_scene @ looks_down
    np.testing.assert_allclose(T_world_cam[:3, 3], [0, 3, 0], atol=1e-9)
    np.testing.assert_allclose(T_world_cam[:3, 2], [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(-T_world_cam[:3, 1], [0, 0, -1], atol=1e-9)


def test_planting_feet_leaves_knees_where_the_picture_shows_them(noisy: Path, body_dir: Path) -> None:
    free, cameras = make_world(noisy, body_dir, contacts=False)
    planted, _ = make_world(noisy, body_dir)
    T_cam_world = invert_rigid(cameras.T_world_cam)[None]
    free_px, planted_px = (
        project(transform_points(T_cam_world, bodies.joints[:, :, [4, 5]]), cameras.K[None, :, None])
        for bodies in (free, planted)
    )
    assert np.linalg.norm(planted_px - free_px, axis=-1).mean() < 3.0


def test_planted_feet_stay_planted(noisy: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    bodies, cameras = make_world(noisy, body_dir)
    for k in range(2):
        feet, view = find_soles(meshes, bodies.betas[k]), FloorView(cameras.T_world_cam[:, :3, 3], FPS, ALWAYS)
        again = lock_feet(bodies.pose_rotvecs[k], bodies.joints[k, :, 0], feet, view)
        moved = np.linalg.norm(again.joints - bodies.joints[k], axis=-1)
        assert moved.mean() < 0.002
        assert (again.contacts == bodies.foot_contacts[k]).mean() > 0.98


def test_someone_far_off_the_floor_is_left_there(walks: list[Walk], meshes: BodyMeshes) -> None:
    walk, feet = walks[0], find_soles(meshes, walks[0].betas)
    root = walk.joints[:, 0] + [0, 0.6, 0]
    locked = lock_feet(walk.pose_rotvecs, root, feet, FloorView(np.zeros((FRAMES, 3)), FPS, ALWAYS))
    assert not locked.contacts.any()
    np.testing.assert_allclose(locked.joints[:, 0], root, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_short_appearances_are_handled(frames: int, walks: list[Walk], meshes: BodyMeshes) -> None:
    walk, feet = walks[0], find_soles(meshes, walks[0].betas)
    view = FloorView(np.zeros((frames, 3)), FPS, ALWAYS[:frames])
    locked = lock_feet(walk.pose_rotvecs[:frames], walk.joints[:frames, 0], feet, view)
    assert np.linalg.norm(locked.joints - walk.joints[:frames], axis=-1).max() < 0.02
