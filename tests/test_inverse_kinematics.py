import numpy as np
import pytest
from posed_landmarks import plausible_poses, pose
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.estimators.inverse_kinematics import landmark_rotations
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.pose_prior import standing_prior
from nlf_pipeline.landmarks import landmark_index

LIMBS = [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("heel", "foot_index")]


@pytest.fixture(scope="module")
def body(body_dir):
    return LandmarkBody.load(body_dir)


@pytest.fixture(scope="module")
def rest(body):
    return body.landmarks.double().numpy()


def directions(landmarks: np.ndarray) -> np.ndarray:
    bones = []
    for side in ("left", "right"):
        for start, end in LIMBS:
            bones.append(
                landmarks[:, landmark_index(f"{side}_{end}")] - landmarks[:, landmark_index(f"{side}_{start}")]
            )
    bones = np.stack(bones, axis=1)
    return bones / np.linalg.norm(bones, axis=-1, keepdims=True)


def test_poses_come_back_from_their_landmarks(body, rest):
    R = plausible_poses(300, np.random.default_rng(0))
    joints, landmarks = pose(body, R)
    found_joints, found_landmarks = pose(body, landmark_rotations(landmarks, rest))
    assert np.linalg.norm(found_joints - joints, axis=-1).mean() < 0.03
    assert np.linalg.norm(found_landmarks - landmarks, axis=-1).mean() < 0.04


def test_limbs_point_where_the_landmarks_say(body, rest):
    landmarks = pose(body, plausible_poses(100, np.random.default_rng(1)))[1]
    found = pose(body, landmark_rotations(landmarks, rest))[1]
    cosines = (directions(found) * directions(landmarks)).sum(-1)
    assert np.rad2deg(np.arccos(np.clip(cosines, -1, 1))).mean() < 3


def test_turning_the_landmarks_turns_only_the_root(body, rest):
    landmarks = pose(body, plausible_poses(20, np.random.default_rng(2)))[1]
    Q = Rotation.random(20, random_state=np.random.RandomState(3)).as_matrix()
    R, turned = landmark_rotations(landmarks, rest), landmark_rotations(landmarks @ np.swapaxes(Q, -1, -2), rest)
    np.testing.assert_allclose(turned[:, 0], Q @ R[:, 0], atol=1e-6)
    np.testing.assert_allclose(turned[:, 1:], R[:, 1:], atol=1e-6)


def test_place_and_size_do_not_matter(body, rest):
    landmarks = pose(body, plausible_poses(20, np.random.default_rng(4)))[1]
    np.testing.assert_allclose(
        landmark_rotations(landmarks, rest), landmark_rotations(1.7 * landmarks + [3.0, -2.0, 5.0], rest), atol=1e-6
    )


def test_the_rest_pose_needs_hardly_any_rotation(rest):
    R = landmark_rotations(rest[None], rest)
    assert np.rad2deg(Rotation.from_matrix(R[0]).magnitude()).max() < 6


def test_results_are_rotations_whatever_the_landmarks(rest):
    R = landmark_rotations(np.random.default_rng(5).normal(size=(200, 33, 3)), rest)
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-6)


def test_the_mean_pose_stands_on_flat_feet():
    R = standing_prior().R_mean
    for side in ("left", "right"):
        hip, knee, ankle, foot = (R[joint_index(f"{side}_{part}")] for part in ("hip", "knee", "ankle", "foot"))
        np.testing.assert_allclose(hip @ knee @ ankle @ foot, np.eye(3), atol=1e-9)
