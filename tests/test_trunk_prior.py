import numpy as np
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import BodyMeshes, joint_index
from nlf_pipeline.fitting.trunk_prior import hold_trunk, usual_pose
from nlf_pipeline.kinematics import global_rotations, joint_positions, local_rotvecs
from nlf_pipeline.metrics import pa_mpjpe

TRUNK = [joint_index(name) for name in ("spine1", "spine2", "spine3", "left_collar", "right_collar", "neck", "head")]
LEGS = [joint_index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")]


def poses(n: int, turn: float, seed: int = 0) -> np.ndarray:
    """(n, 24, 3) of one usual pose and turns of the trunk about it."""
    rng = np.random.default_rng(seed)
    pose = np.tile(np.random.default_rng(9).normal(0, 0.3, (24, 3)), (n, 1, 1))
    pose[:, TRUNK] += turn * rng.normal(size=(n, len(TRUNK), 3))
    return pose


def test_turns_that_cancel_are_taken_back(meshes: BodyMeshes) -> None:
    rest = meshes.joints_rest(np.zeros(10))
    usual = poses(1, 0)
    pose = usual.copy()
    pose[:, joint_index("spine1"), 0] += 0.25
    pose[:, joint_index("spine2"), 0] -= 0.25
    held = local_rotvecs(hold_trunk(global_rotations(pose), rest, usual_pose(global_rotations(usual))))
    assert np.abs(held - usual)[:, TRUNK].max() < 0.6 * 0.25


def test_who_bows_bows(meshes: BodyMeshes) -> None:
    rest = meshes.joints_rest(np.zeros(10))
    usual = np.zeros((1, 24, 3))
    pose = usual.copy()
    pose[:, TRUNK[:3], 0] = 0.5
    held = hold_trunk(global_rotations(pose), rest, usual_pose(global_rotations(usual)))
    bowed, straight, kept = (
        joint_positions(r, np.zeros((1, 3)), rest)[0, joint_index("head")]
        for r in (global_rotations(pose), global_rotations(usual), held)
    )
    assert np.linalg.norm(kept - bowed) < 0.15 * np.linalg.norm(straight - bowed)


def test_parts_turned_each_on_its_own_come_to_agree(meshes: BodyMeshes) -> None:
    rest = meshes.joints_rest(np.zeros(10))
    true = global_rotations(poses(50, 0))
    noisy = true.copy()
    turns = Rotation.from_rotvec(0.2 * np.random.default_rng(3).normal(size=(50 * len(TRUNK), 3))).as_matrix()
    noisy[:, TRUNK] = turns.reshape(50, -1, 3, 3) @ true[:, TRUNK]
    held = hold_trunk(noisy, rest, usual_pose(noisy))

    def error(rotations: np.ndarray) -> float:
        joints, truth = (joint_positions(r, np.zeros((50, 3)), rest) for r in (rotations, true))
        return pa_mpjpe(joints, truth)

    assert error(held) < 0.9 * error(noisy)


def test_the_usual_pose_stays_and_legs_keep_their_orientation(meshes: BodyMeshes) -> None:
    rest = meshes.joints_rest(np.zeros(10))
    usual, other = global_rotations(poses(3, 0)), global_rotations(poses(3, 0.2))
    np.testing.assert_allclose(hold_trunk(usual, rest, usual_pose(usual)), usual, atol=1e-5)
    held = hold_trunk(other, rest, usual_pose(usual))
    np.testing.assert_allclose(held[:, LEGS], other[:, LEGS], atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(held), 1, atol=1e-5)


def test_every_frame_is_held_on_its_own(meshes: BodyMeshes) -> None:
    rest, noisy = meshes.joints_rest(np.zeros(10)), global_rotations(poses(300, 0.2))
    usual = usual_pose(noisy)
    one_by_one = [hold_trunk(noisy[i : i + 1], rest, usual)[0] for i in (0, 255, 256, 299)]
    np.testing.assert_allclose(hold_trunk(noisy, rest, usual)[[0, 255, 256, 299]], one_by_one, atol=1e-5)


def test_result_turns_with_the_frame(meshes: BodyMeshes) -> None:
    rest, R = meshes.joints_rest(np.zeros(10)), Rotation.from_rotvec([0.4, -1, 2]).as_matrix()
    noisy = global_rotations(poses(5, 0.2))
    held = hold_trunk(noisy, rest, usual_pose(noisy))
    np.testing.assert_allclose(hold_trunk(R @ noisy, rest, usual_pose(R @ noisy)), R @ held, atol=1e-4)


def test_it_is_near_the_minimum_of_its_cost(meshes: BodyMeshes) -> None:
    """Against a general minimiser: places within 5 cm, orientations within 0.3, turns within their usual size."""
    rest, spine = meshes.joints_rest(np.zeros(10)), joint_index("spine2")
    usual, estimated = global_rotations(poses(1, 0)), global_rotations(poses(1, 0.1))
    pose_usual = usual_pose(usual)
    held = hold_trunk(estimated, rest, pose_usual)
    target = joint_positions(estimated, np.zeros((1, 3)), rest)

    def cost(turn: np.ndarray, of: np.ndarray) -> float:
        """With everything from the middle of the spine up turned about it."""
        turned = of.copy()
        above = [j for j in range(24) if j not in LEGS and j not in (0, joint_index("spine1"))]
        turned[:, above] = Rotation.from_rotvec(turn).as_matrix() @ of[:, above]
        places = (joint_positions(turned, np.zeros((1, 3)), rest) - target) / 0.05
        aside = Rotation.from_matrix((estimated @ np.swapaxes(turned, -1, -2))[0]).as_rotvec()[above] / 0.3
        bend = turned[0, joint_index("spine1")] @ pose_usual[spine] @ turned[0, spine].T
        return float((places**2).sum() + (aside**2).sum() + (Rotation.from_matrix(bend).as_rotvec() ** 2).sum() / 0.01)

    best = minimize(cost, np.zeros(3), args=(held,)).x
    first = minimize(cost, np.zeros(3), args=(estimated,)).x
    assert np.linalg.norm(best) < 0.35 * np.linalg.norm(first)
