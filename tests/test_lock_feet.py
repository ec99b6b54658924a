"""What holding feet does to whole walks, seen without errors but for those made here."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp
from walkers import TOES, Walk, camera_path, walking_people

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting import body_motion, foot_tracks
from nlf_pipeline.fitting.foot_locking import FloorView, LockedMotion, lock_feet
from nlf_pipeline.fitting.soles import Soles, find_soles
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.metrics import foot_slide

FPS, FRAMES = 25.0, 200
T_WORLD_CAM = camera_path(FRAMES, moving=False)
VIEW = FloorView(T_WORLD_CAM[:, :3, 3], FPS, np.ones(FRAMES, dtype=bool))


@pytest.fixture(scope="module")
def walk(meshes: BodyMeshes) -> Walk:
    return walking_people(meshes, 1, FRAMES, FPS)[0]


@pytest.fixture(scope="module")
def feet(walk: Walk, meshes: BodyMeshes) -> Soles:
    return find_soles(meshes, walk.betas)


@pytest.fixture(scope="module")
def noisy(walk: Walk) -> tuple[np.ndarray, np.ndarray]:
    """Pose and root with slow errors of 2.5 degrees and, along the viewing ray, 5 cm."""
    rng = np.random.default_rng(0)

    def slow(*shape: int) -> np.ndarray:
        noise = gaussian_filter1d(rng.normal(size=(FRAMES + 100, *shape)), 0.4 * FPS, axis=0)[50:-50]
        return noise / noise.std()

    turns = Rotation.from_rotvec(0.045 * slow(24, 3).reshape(-1, 3))
    pose = (Rotation.from_rotvec(walk.pose_rotvecs.reshape(-1, 3)) * turns).as_rotvec().reshape(FRAMES, 24, 3)
    rays = walk.joints[:, 0] - VIEW.centres
    return pose, walk.joints[:, 0] + rays / np.linalg.norm(rays, axis=-1, keepdims=True) * 0.05 * slow(1)


def slide(found: LockedMotion, planted: np.ndarray) -> float:
    """Mean, metres per frame."""
    return float(foot_slide(found.joints[:, TOES], planted).mean())


def test_feet_do_not_slide(noisy: tuple[np.ndarray, np.ndarray], walk: Walk, feet: Soles) -> None:
    free, held = lock_feet(*noisy, feet, VIEW, move=False), lock_feet(*noisy, feet, VIEW)
    assert slide(free, walk.planted) > 0.004
    assert slide(held, walk.planted) < 0.0015
    both = (held.contacts & walk.planted).sum()
    assert both > 0.97 * walk.planted.sum()
    assert both > 0.85 * held.contacts.sum()
    error = [np.linalg.norm(motion.joints - walk.joints, axis=-1).mean() for motion in (free, held)]
    assert error[1] < error[0]


def test_the_picture_of_the_body_stays(noisy: tuple[np.ndarray, np.ndarray], feet: Soles) -> None:
    """Hips and head, 1000 px of focal length."""
    pictures = []
    for motion in (lock_feet(*noisy, feet, VIEW, move=False), lock_feet(*noisy, feet, VIEW)):
        cam = transform_points(invert_rigid(T_WORLD_CAM), motion.joints[:, [1, 2, 15]])
        pictures.append(1000 * cam[..., :2] / cam[..., 2:])
    assert np.linalg.norm(pictures[1] - pictures[0], axis=-1).mean() < 2.5


def test_a_true_walk_stays_as_it_is(walk: Walk, feet: Soles) -> None:
    held = lock_feet(walk.pose_rotvecs, walk.joints[:, 0], feet, VIEW)
    assert np.linalg.norm(held.joints - walk.joints, axis=-1).mean() < 0.004


@pytest.mark.parametrize("start", [70, 77, 84])
def test_legs_step_through_a_gap(start: int, walk: Walk, feet: Soles) -> None:
    """Half a second, more than a step, over which every joint was turned evenly from its first pose to its last."""
    gap, ends = np.arange(start, start + 13), [start - 1, start + 13]
    pose, root = walk.pose_rotvecs.copy(), walk.joints[:, 0].copy()
    for joint in range(24):
        pose[gap, joint] = Slerp(ends, Rotation.from_rotvec(walk.pose_rotvecs[ends, joint]))(gap).as_rotvec()
    root[gap] = root[ends[0]] + np.linspace(0, 1, 15)[1:-1, None] * (root[ends[1]] - root[ends[0]])
    seen = VIEW.seen.copy()
    seen[gap] = False
    view = dataclasses.replace(VIEW, seen=seen)
    planted = walk.planted.copy()
    planted[: start - 2], planted[start + 15 :] = False, False
    assert slide(lock_feet(pose, root, feet, view, move=False), planted) > 0.010
    assert slide(lock_feet(pose, root, feet, view), planted) < 0.005


def test_nobody_is_pulled_out_of_the_air(walk: Walk, feet: Soles) -> None:
    """A jump of 0.6 s, 0.44 m high."""
    t = (np.arange(FRAMES) - 100) / FPS
    root = walk.joints[:, 0] + [0, 1, 0] * np.maximum(9.81 / 2 * (0.3**2 - t**2), 0)[:, None]
    held = lock_feet(walk.pose_rotvecs, root, feet, VIEW)
    high = np.abs(t) < 0.2
    assert not held.contacts[high].any()
    assert np.abs(held.joints[high, 0, 1] - root[high, 1]).max() < 0.05
    assert held.contacts[np.abs(t) > 0.5].any(axis=1).mean() > 0.95


def test_all_that_matters_is_how_people_camera_and_floor_stand_to_each_other(
    noisy: tuple[np.ndarray, np.ndarray], feet: Soles
) -> None:
    turn, shift = Rotation.from_rotvec([0, 2.1, 0]), np.array([30.0, 0, -50.0])
    pose, root = noisy
    moved = pose.copy()
    moved[:, 0] = (turn * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    view = dataclasses.replace(VIEW, centres=turn.apply(VIEW.centres) + shift)
    here, there = lock_feet(pose, root, feet, VIEW), lock_feet(moved, turn.apply(root) + shift, feet, view)
    np.testing.assert_array_equal(there.contacts, here.contacts)
    expected = turn.apply(here.joints.reshape(-1, 3)).reshape(here.joints.shape) + shift
    difference = np.abs(there.joints - expected)
    assert np.quantile(difference, 0.99) < 1e-5
    assert difference.max() < 0.01  # a sole may rest on another one of two equally low points


def test_feet_on_stairs_rest_where_they_are(
    noisy: tuple[np.ndarray, np.ndarray], walk: Walk, feet: Soles, meshes: BodyMeshes
) -> None:
    pose, root = noisy
    stairs = dataclasses.replace(VIEW, level=False)
    held = lock_feet(pose, root + [0, 0.8, 0], feet, stairs)
    assert slide(held, walk.planted) < 0.002
    heights = held.joints[:, TOES, 1][walk.planted]
    assert np.abs(heights - 0.8).max() < 0.2
    assert not lock_feet(pose, root + [0, 0.8, 0], feet, VIEW).contacts.any()


def test_long_clips_are_solved_in_parts_that_agree(
    noisy: tuple[np.ndarray, np.ndarray], feet: Soles, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lock_feet(*noisy, feet, VIEW)
    monkeypatch.setattr(body_motion, "_WINDOW_FRAMES", 40)
    monkeypatch.setattr(foot_tracks, "_CHUNK_FRAMES", 64)
    parts = lock_feet(*noisy, feet, VIEW)
    np.testing.assert_array_equal(parts.contacts, whole.contacts)
    np.testing.assert_allclose(parts.joints, whole.joints, atol=2e-3)


def test_a_foot_turned_backwards_for_a_moment_is_turned_round(walk: Walk, feet: Soles) -> None:
    pose = walk.pose_rotvecs.copy()
    about = Rotation.from_rotvec([0, np.pi, 0])
    pose[80:83, 7] = (Rotation.from_rotvec(pose[80:83, 7]) * about).as_rotvec()
    held = lock_feet(pose, walk.joints[:, 0], feet, VIEW)
    assert np.linalg.norm(held.joints[75:90, TOES] - walk.joints[75:90, TOES], axis=-1).max() < 0.06
