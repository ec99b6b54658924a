"""An estimator that sees the truth through its errors: vertices and joints in the camera frame."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from motion_clips.errors import PersonErrors
from motion_clips.mishaps import Kind
from nlf_pipeline.body_models import SMPL_JOINT_NAMES, BodyMeshes, joint_index
from nlf_pipeline.geometry import invert_rigid, transform_points

_OTHER_SIDE = [
    joint_index(name.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right"))
    for name in SMPL_JOINT_NAMES
]
_LEG_JOINTS = [joint_index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")]
_STUDENT_DEGREES = 4


@dataclass(frozen=True)
class TrueTrack:
    """Frames of one person and of the camera."""

    pose_rotvecs: np.ndarray
    """(frames, joints, 3)."""
    betas: np.ndarray
    """(betas,) or (frames, betas)."""
    root: np.ndarray
    """(frames, 3) pelvis joint, world, metres."""
    T_world_cam: np.ndarray
    """(frames, 4, 4)."""


@dataclass(frozen=True)
class Estimates:
    """Frames of one person."""

    vertices: np.ndarray
    """(frames, vertices, 3) camera frame, metres."""
    joints: np.ndarray
    """(frames, joints, 3) camera frame, metres."""
    vertex_uncertainties: np.ndarray
    """(frames, vertices) metres."""
    joint_uncertainties: np.ndarray
    """(frames, joints) metres."""


def estimate(
    meshes: BodyMeshes,
    track: TrueTrack,
    errors: PersonErrors,
    part: slice,
    vertex_error: float,
    rng: np.random.Generator,
) -> Estimates:
    """Estimates of the frames `part` of a person.

    Args:
        meshes: on the vertices that predictions carry.
        track: the truth of those frames only.
        errors: of all frames.
        part: the frames.
        vertex_error: of every vertex on its own, metres.
        rng: for what is drawn vertex by vertex.
    """
    pose = confuse_sides(track, errors.kinds[part])
    turned = Rotation.from_rotvec(pose.reshape(-1, 3)) * Rotation.from_rotvec(errors.turns[part].reshape(-1, 3))
    pose = turned.as_rotvec().reshape(pose.shape)
    vertices, joints = meshes.forward(pose, track.betas + errors.betas[part], np.zeros((len(pose), 3)))
    to_root = track.root[:, None] - joints[:, :1]
    weights = meshes.model.weights.numpy()
    noise = rng.standard_t(_STUDENT_DEGREES, vertices.shape) * vertex_error / np.sqrt(2)  # of variance 2
    vertices = vertices + to_root + np.einsum("vj,tjc->tvc", weights, errors.parts[part], optimize=True) + noise
    joints = joints + to_root + errors.parts[part]
    of_joints = errors.uncertainty[part]
    of_vertices = of_joints @ weights.T * np.exp(0.1 * rng.standard_normal(vertices.shape[:2]))
    T_cam_world = invert_rigid(track.T_world_cam)
    root_cam = transform_points(T_cam_world, track.root[:, None])
    shift = _shift(root_cam, errors, part)
    places = [
        (errors.scale[part, None, None] * (transform_points(T_cam_world, points) + shift[0]) + shift[1])
        for points in (vertices, joints)
    ]
    return Estimates(*(a.astype(np.float32) for a in (*places, of_vertices, of_joints)))


def _shift(root_cam: np.ndarray, errors: PersonErrors, part: slice) -> tuple[np.ndarray, np.ndarray]:
    """(frames, 1, 3) displacements across the ray to the root (frames, 1, 3), and along it."""
    distance = np.linalg.norm(root_cam, axis=-1, keepdims=True)
    ray = root_cam / distance
    across = errors.across[part, None]
    across = across - ray * np.sum(across * ray, axis=-1, keepdims=True)
    return across, ray * distance * errors.depth[part, None, None]


def confuse_sides(track: TrueTrack, kinds: np.ndarray) -> np.ndarray:
    """(frames, joints, 3) the true pose, with left and right confused where `kinds` (frames,) says so."""
    pose, mirrored = track.pose_rotvecs.copy(), mirror_pose(track.pose_rotvecs)
    legs = np.flatnonzero(kinds == Kind.LEGS_SWAPPED)
    pose[legs[:, None], _LEG_JOINTS] = mirrored[legs[:, None], _LEG_JOINTS]
    around = kinds == Kind.TURNED_AROUND
    if around.any():
        pose[around] = mirrored[around]
        pose[around, 0] = turn_around(
            track.pose_rotvecs[around, 0], track.root[around] - track.T_world_cam[around, :3, 3]
        )
    return pose


def mirror_pose(pose_rotvecs: np.ndarray) -> np.ndarray:
    """The pose (frames, joints, 3) of somebody's image in a mirror between left and right; the root too."""
    return pose_rotvecs[:, _OTHER_SIDE] * [1.0, -1.0, -1.0]


def turn_around(root_rotvecs: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Root rotations of mirrored bodies that look alike from afar, but face the other way.

    The body is reflected at the plane across the horizontal ray (depth is what a picture does not show), and again
    between its left and right, so that it stays a body.

    Args:
        root_rotvecs: (n, 3) radians, world.
        rays: (n, 3) from the camera to the root, world.
    """
    normal = rays * [1.0, 0.0, 1.0]
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    in_depth = np.eye(3) - 2 * normal[:, :, None] * normal[:, None, :]
    R = in_depth @ Rotation.from_rotvec(root_rotvecs).as_matrix() @ np.diag([-1.0, 1.0, 1.0])
    return Rotation.from_matrix(R).as_rotvec()
