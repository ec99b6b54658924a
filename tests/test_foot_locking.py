import numpy as np
import pytest
from walkers import Walk, camera_path, walking_people

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.body_motion import Stepping
from nlf_pipeline.fitting.contact_evidence import speeds_on_floor
from nlf_pipeline.fitting.foot_paths import foot_offsets, resting_offsets
from nlf_pipeline.fitting.leg_ik import move_feet
from nlf_pipeline.fitting.leg_turning import feet_at, leg_turns, turn_legs
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.kinematics import global_rotations, joint_positions

FPS, FRAMES = 25.0, 120
T_WORLD_CAM = camera_path(FRAMES, moving=True)


@pytest.fixture(scope="module")
def walks(meshes: BodyMeshes) -> list[Walk]:
    return walking_people(meshes, 1, FRAMES, FPS)


def test_legs_that_turn_reach_as_far_as_legs_that_bend_and_keep_their_knees(
    walks: list[Walk], meshes: BodyMeshes
) -> None:
    rng = np.random.default_rng(1)
    walk, feet = walks[0], find_soles(meshes, walks[0].betas)
    rotations, root, joints = global_rotations(walk.pose_rotvecs), walk.joints[:, 0], walk.joints
    rays = root - T_WORLD_CAM[:, :3, 3]
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    offsets = rng.uniform(-0.015, 0.015, (FRAMES, 2, 3))
    goals = feet_at(rotations, joints, feet) + offsets
    turned = turn_legs(rotations, leg_turns(rotations, root, feet, goals, rays))
    reached = joint_positions(turned, root, feet.joints_rest)
    missed = np.linalg.norm(feet_at(turned, reached, feet) - goals, axis=-1)
    assert np.median(missed) < 0.001
    assert np.quantile(missed, 0.95) < 0.005
    bent = joint_positions(move_feet(rotations, joints, offsets), root, feet.joints_rest)

    def knee_shift(found: np.ndarray) -> float:
        aside = (found - joints)[:, [4, 5]]
        aside = aside - rays[:, None] * np.sum(aside * rays[:, None], axis=-1, keepdims=True)
        return float(np.linalg.norm(aside, axis=-1).mean())

    assert knee_shift(reached) < 0.75 * knee_shift(bent)
    kept = [j for j in range(24) if j not in (1, 2, 4, 5, 7, 8, 10, 11)]
    np.testing.assert_array_equal(turned[:, kept], rotations[:, kept])
    at_home = turn_legs(rotations, leg_turns(rotations, root, feet, goals - offsets, rays))
    np.testing.assert_allclose(at_home, rotations, atol=1e-5)


def test_movement_along_the_viewing_ray_is_no_movement_on_the_floor() -> None:
    rng = np.random.default_rng(2)
    centre, t = np.array([0.0, 1.6, 0]), np.arange(30) / FPS
    start = np.stack([rng.uniform(-2, 2, 2), np.zeros(2), rng.uniform(-6, -3, 2)], axis=-1)
    over = rng.uniform(-1, 1, (2, 3)) * [1, 0, 1]
    on_floor = start + t[:, None, None] * over
    nearer = 1 + 0.1 * np.sin(np.outer(t, [3.0, 5.0]))[..., None]
    seen = centre + (on_floor - centre) * nearer
    centres = np.tile(centre, (30, 1))
    np.testing.assert_allclose(speeds_on_floor(start + 0 * on_floor, centres, FPS), 0, atol=1e-9)
    still = speeds_on_floor(centre + (start - centre) * nearer, centres, FPS)
    np.testing.assert_allclose(still, 0, atol=1e-9)
    true = np.tile(np.linalg.norm(over, axis=-1), (30, 1))
    np.testing.assert_allclose(speeds_on_floor(seen, centres, FPS)[1:-1], true[1:-1], rtol=0.15)


def test_a_foot_misjudged_in_depth_rests_where_its_viewing_ray_meets_the_floor() -> None:
    rng, frames = np.random.default_rng(3), 20
    place, centre = np.array([0.4, 0.0, -5.0]), np.array([0.0, 1.6, 0])
    ray = (place - centre) / np.linalg.norm(place - centre)
    toes = np.tile(place, (frames, 2, 1)) + ray * rng.uniform(0.1, 0.3, (frames, 2, 1))
    across, along = np.eye(3) - np.outer(ray, ray), np.outer(ray, ray)
    precision = np.tile(across / 0.01**2 + along / 1.0**2, (frames, 2, 1, 1))
    steps = Stepping(np.ones((frames, 2)), toes, toes[..., 1], precision)
    left = resting_offsets(steps, np.tile(np.eye(3), (frames, 1, 1)), np.tile(place, (frames, 1)))
    np.testing.assert_allclose(toes + left, np.tile(place, (frames, 2, 1)), atol=1e-3)


def test_a_foot_that_nobody_saw_stands_where_it_usually_does_beside_the_body() -> None:
    """Six stances along a curved path, one of them seen nowhere near where it was."""
    frames, lost = 90, slice(45, 57)
    angle = np.linspace(0, 1.5, frames)
    root = np.stack([3 * np.cos(angle), 0 * angle, -3 * np.sin(angle)], axis=-1)
    ahead = np.stack([-np.sin(angle), 0 * angle, -np.cos(angle)], axis=-1)
    body = np.stack([np.cross([0, 1.0, 0], ahead), np.tile([0, 1.0, 0], (frames, 1)), ahead], axis=-1)
    beside = root + body @ np.array([0.1, 0, 0.05])
    hold, toes = np.zeros((frames, 2)), np.zeros((frames, 2, 3))
    for start in range(0, frames, 15):
        hold[start : start + 12, 0], toes[start : start + 15, 0] = 1, beside[start + 5]
    toes[lost, 0] += [0.5, 0, 0.7]
    hold[lost, 0] = 1e-3
    steps = Stepping(hold, toes, 0 * hold, np.tile(np.eye(3) / 0.02**2, (frames, 2, 1, 1)))
    stands = (toes + resting_offsets(steps, body, root))[lost, 0]
    np.testing.assert_allclose(np.ptp(stands, axis=0), 0, atol=1e-9)
    assert np.linalg.norm(stands[0] - beside[50]) < 0.02


def test_legs_reach_for_their_targets_and_feet_stay_level(walks: list[Walk], meshes: BodyMeshes) -> None:
    rng = np.random.default_rng(0)
    walk = walks[0]
    rotations, rest = global_rotations(walk.pose_rotvecs), meshes.joints_rest(walk.betas)
    offsets = rng.uniform(-0.03, 0.03, (FRAMES, 2, 3)) + [0, 0.03, 0]
    moved = move_feet(rotations, walk.joints, offsets)
    joints = joint_positions(moved, walk.joints[:, 0], rest)
    np.testing.assert_allclose(joints[:, [7, 8]], walk.joints[:, [7, 8]] + offsets, atol=2e-4)  # the straightest yield
    others = [j for j in range(24) if j not in (1, 2, 4, 5)]
    np.testing.assert_array_equal(moved[:, others], rotations[:, others])
    np.testing.assert_allclose(move_feet(rotations, walk.joints, 0 * offsets), rotations, atol=1e-5)
    beyond = move_feet(rotations, walk.joints, np.array([0, -5.0, 0]) + 0 * offsets)
    reach = joint_positions(beyond, walk.joints[:, 0], rest)[:, 7] - walk.joints[:, 1]
    assert (np.linalg.norm(reach, axis=-1) > 0.98 * np.linalg.norm(rest[7] - rest[1])).all()


def test_a_knee_does_not_snap_when_its_foot_comes_back_within_reach(walks: list[Walk], meshes: BodyMeshes) -> None:
    walk, rest = walks[0], meshes.joints_rest(walks[0].betas)
    bent = int(np.argmin(np.linalg.norm(walk.joints[:, 7] - walk.joints[:, 1], axis=-1)))
    rotations = np.repeat(global_rotations(walk.pose_rotvecs)[bent : bent + 1], 200, axis=0)
    still = np.repeat(walk.joints[bent : bent + 1], 200, axis=0)
    leg = still[0, 7] - still[0, 1]
    offsets = np.linspace(0.2, -0.05, 200)[:, None, None] * (leg / np.linalg.norm(leg))
    moved = move_feet(rotations, still, np.repeat(offsets, 2, axis=1))
    knee = joint_positions(moved, still[:, 0], rest)[:, 4]
    steps = np.linalg.norm(np.diff(knee, axis=0), axis=-1)
    assert steps.max() < 0.01 and np.abs(np.diff(steps)).max() < 0.001


def standing(hold: np.ndarray, toes: np.ndarray) -> Stepping:
    return Stepping(hold, toes, toes[..., 1], np.tile(np.eye(3), (*hold.shape, 1, 1)))


def test_feet_are_let_go_smoothly() -> None:
    hold = np.zeros((60, 2))
    hold[10:25], hold[40:55] = 1, 1
    left = np.zeros((60, 2, 3))
    left[10:25, :, 0], left[40:55, :, 0] = 0.05, -0.02
    offsets = foot_offsets(left, standing(hold, 0 * left), np.ones(60, dtype=bool), FPS)
    np.testing.assert_allclose(offsets[11:24], left[11:24], atol=1e-3)
    np.testing.assert_allclose(offsets[41:54], left[41:54], atol=1e-3)
    assert np.abs(np.diff(offsets, n=2, axis=0)).max() < 0.012
    assert np.abs(offsets).max() < 0.06
    assert np.abs(offsets[0]).max() < 0.03


def test_feet_that_nobody_saw_step_from_one_stance_to_the_next() -> None:
    hold, toes, known = np.zeros((60, 2)), np.zeros((60, 2, 3)), np.ones(60, dtype=bool)
    hold[:25], hold[37:] = 1, 1
    toes[37:, :, 0], known[20:40] = 0.6, False
    toes[25:37, :, 0] = np.linspace(0, 0.6, 12)[:, None]
    toes[25:37, :, 1] = -0.05 * np.sin(np.linspace(0, np.pi, 12))[:, None]
    path = toes + foot_offsets(np.zeros_like(toes), standing(hold, toes), known, FPS)
    assert (np.diff(path[..., 0], axis=0) > -0.01).all()
    assert path[25:37, :, 1].min() > -0.01
    assert 0.03 < path[25:37, :, 1].max() < 0.1
    np.testing.assert_allclose(path[..., 2], 0, atol=0.01)
