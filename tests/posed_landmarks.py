"""People of known pose for tests: joint rotations, and what a perfect landmark model would say of them."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import SMPL_JOINT_NAMES, joint_index
from nlf_pipeline.estimators.landmark_body import LandmarkBody, pose_body
from nlf_pipeline.estimators.landmark_tracks import LandmarkTrack

R_CAM_BODY = np.diag([1.0, -1.0, -1.0])
"""SMPL's axes to those of a camera that looks at the body's front."""


def walk(n: int, hz: float, turn: float = 0.0) -> np.ndarray:
    """(n, 24, 3, 3) parent-relative rotations of somebody walking towards the camera, turned by `turn` radians."""
    phase = 2 * np.pi * 0.9 * np.arange(n) / hz
    rotvecs = np.zeros((n, len(SMPL_JOINT_NAMES), 3))
    for side, sign, shift in (("left", 1, 0.0), ("right", -1, np.pi)):
        swing = np.sin(phase + shift)
        rotvecs[:, joint_index(f"{side}_hip"), 0] = -0.4 * swing - 0.1
        rotvecs[:, joint_index(f"{side}_knee"), 0] = 0.2 + 0.4 * np.clip(np.cos(phase + shift), 0, 1) ** 2
        arm = Rotation.from_euler("X", 0.4 * swing[:, None]) * Rotation.from_rotvec([0, 0, -sign * 1.2])
        rotvecs[:, joint_index(f"{side}_shoulder")] = arm.as_rotvec()
        rotvecs[:, joint_index(f"{side}_elbow"), 1] = -sign * 0.5
    R = Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(n, -1, 3, 3)
    R[:, 0] = R_CAM_BODY @ Rotation.from_rotvec([0, turn, 0]).as_matrix()
    return R


def plausible_poses(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 24, 3, 3) parent-relative rotations: any heading, arms anywhere, bent hips, knees and elbows."""
    rotvecs = rng.normal(size=(n, len(SMPL_JOINT_NAMES), 3)) * 0.08
    for side, sign in (("left", 1), ("right", -1)):
        down, lift = Rotation.from_rotvec([0, 0, -sign * 1.0]), Rotation.from_rotvec(rng.normal(size=(n, 3)) * 0.4)
        rotvecs[:, joint_index(f"{side}_shoulder")] = (lift * down).as_rotvec()
        rotvecs[:, joint_index(f"{side}_elbow")] = [0, -sign, 0] * rng.uniform(0.5, 2, (n, 1))
        rotvecs[:, joint_index(f"{side}_hip")] = [-1, 0, 0] * rng.uniform(-0.3, 1.2, (n, 1)) + rng.normal(size=3) * 0.1
        rotvecs[:, joint_index(f"{side}_knee")] = [1, 0, 0] * rng.uniform(0.6, 1.6, (n, 1))
    rotvecs[:, 0] = Rotation.random(n, random_state=np.random.RandomState(rng.integers(1 << 31))).as_rotvec()
    return Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(n, -1, 3, 3)


def pose(body: LandmarkBody, R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (n, 24, 3) and landmarks (n, 33, 3) of the mean body, root at the origin, float64."""
    posed = pose_body(torch.as_tensor(R, dtype=torch.float32), body.joints[None], body.landmarks[None])
    return posed[0].double().numpy(), posed[1].double().numpy()


def perfect_track(
    body: LandmarkBody, R: np.ndarray, root: np.ndarray, hz: float, noise: float = 0.0, seed: int = 0
) -> LandmarkTrack:
    """Landmarks of the mean body at `root` (n, 3), camera frame; `noise` is theirs in space, metres, a fifth across."""
    rng = np.random.default_rng(seed)
    points = pose(body, R)[1]
    in_camera = points + root[:, None] + rng.normal(size=points.shape) * noise / 5
    return LandmarkTrack(
        relative=points + rng.normal(size=points.shape) * noise,
        image=in_camera[..., :2] / in_camera[..., 2:],
        visibility=np.ones(points.shape[:2]),
        hz=hz,
    )
