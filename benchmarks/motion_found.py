"""Everybody's motion as a stage leaves it, brought into the true world: raw estimates, fits, bodies."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from motion_clips.making import CHUNK_FRAMES, MotionTruth

from nlf_pipeline.artefacts import Bodies, BodyFits, Cameras, Floor
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.predictions import Predictions


@dataclass(frozen=True)
class Motion:
    """One person's motion, in the true world."""

    joints: np.ndarray
    """(frames, joints, 3) metres."""
    shown: np.ndarray
    """(frames,) bool."""
    vertex_error: np.ndarray
    """(frames,) mean distance of the vertices after moving the roots together, metres; NaN where not shown."""
    depth: np.ndarray
    """(frames,) how far the lowest vertex is under the true floor, metres, 0 above it; NaN where not shown."""
    own_depth: np.ndarray
    """The same under the floor that was found; NaN where there is none."""


def raw_motions(folder: Path, truth: MotionTruth, meshes: BodyMeshes) -> list[Motion]:
    """Everybody's estimates as they are, put into the world by the true camera."""
    source = Predictions.open(folder / "predictions.xz")
    n, shape = source.n_frames, truth.bodies.joints.shape
    joints, shown = np.zeros(shape), np.zeros(shape[:2], dtype=bool)
    errors, depth = np.full((2, *shape[:2]), np.nan)
    chunk: list[np.ndarray] = []
    for i, frame in enumerate(source):
        shown[:, i] = frame.valid & np.isfinite(frame.vertices).all((1, 2))
        joints[:, i] = transform_points(truth.cameras.T_world_cam[i], frame.joints)
        chunk.append(transform_points(truth.cameras.T_world_cam[i], frame.vertices))
        if len(chunk) == CHUNK_FRAMES or i == n - 1:
            part = slice(i + 1 - len(chunk), i + 1)
            for k in range(len(shown)):
                vertices = np.stack([people[k] for people in chunk])
                depth[k, part] = _depth(vertices, truth)
                errors[k, part] = _vertex_error(vertices, joints[k, part, 0], truth, meshes, k, part)
            chunk = []
    never = np.full(n, np.nan)
    return [_motion(joints[k], shown[k], errors[k], depth[k], never) for k in range(len(shown))]


def fitted_motions(fits: BodyFits, truth: MotionTruth, meshes: BodyMeshes) -> list[Motion]:
    """Everybody's fits, in the scene frame."""
    return _body_motions(fits, truth, meshes, truth.T_world_scene, None)


def world_motions(folder: Path, truth: MotionTruth, meshes: BodyMeshes, floor: Floor) -> list[Motion]:
    """Everybody's bodies in `folder`, in a world of their own, which the first camera ties to the true one.

    Args:
        folder: of bodies.npz and world_cameras.npz.
        truth: of the clip.
        meshes: on the vertices that predictions carry.
        floor: the one that was found.
    """
    bodies, cameras = Bodies.load(folder / "bodies.npz"), Cameras.load(folder / "world_cameras.npz")
    T = truth.cameras.T_world_cam[0] @ invert_rigid(cameras.T_world_cam[0])
    return _body_motions(bodies, truth, meshes, T, floor)


def _body_motions(
    found: BodyFits | Bodies, truth: MotionTruth, meshes: BodyMeshes, T_true_found: np.ndarray, floor: Floor | None
) -> list[Motion]:
    motions, T_scene_true = [], invert_rigid(truth.T_world_scene)
    for k in range(len(found.person_ids)):
        joints = transform_points(T_true_found, found.joints[k].astype(np.float64))
        error, depth, own_depth = np.full((3, len(joints)), np.nan)
        for start in range(0, len(joints), CHUNK_FRAMES):
            part = slice(start, start + CHUNK_FRAMES)
            vertices, _ = meshes.forward(found.pose_rotvecs[k, part], found.betas[k], found.trans[k, part])
            vertices = transform_points(T_true_found, vertices.astype(np.float64))
            own_depth[part] = _depth_under(floor, transform_points(T_scene_true, vertices)) if floor else np.nan
            depth[part] = _depth(vertices, truth)
            error[part] = _vertex_error(vertices, joints[part, 0], truth, meshes, k, part)
        motions.append(_motion(joints, found.visible[k], error, depth, own_depth))
    return motions


def _motion(
    joints: np.ndarray, shown: np.ndarray, error: np.ndarray, depth: np.ndarray, own_depth: np.ndarray
) -> Motion:
    return Motion(joints, shown, *(np.where(shown, values, np.nan) for values in (error, depth, own_depth)))


def _depth(vertices: np.ndarray, truth: MotionTruth) -> np.ndarray:
    """(frames,) how far the lowest of (frames, vertices, 3) is under the true floor; NaN among stairs."""
    if truth.terrain is None:
        return np.maximum(0, -vertices[..., 1].min(axis=1))
    if truth.terrain.kind == "stairs":  # a foot may well overlap the next stair, seen from above
        return np.full(len(vertices), np.nan)
    floor = truth.terrain.heights(vertices[..., [0, 2]].reshape(-1, 2)).reshape(vertices.shape[:2])
    return np.maximum(0, (floor - vertices[..., 1]).max(axis=1))


def _depth_under(floor: Floor, vertices_scene: np.ndarray) -> np.ndarray:
    """(frames,) how far the lowest of (frames, vertices, 3) is under a plane; NaN where no plane is the floor."""
    if floor.kind == "uneven":
        return np.full(len(vertices_scene), np.nan)
    return np.maximum(0, floor.offset_m - (vertices_scene @ np.array(floor.normal)).min(axis=1))


def _vertex_error(
    vertices: np.ndarray, root: np.ndarray, truth: MotionTruth, meshes: BodyMeshes, k: int, part: slice
) -> np.ndarray:
    """(frames,) mean distance of (frames, vertices, 3) to the true ones after moving the roots together."""
    bodies = truth.bodies
    true, _ = meshes.forward(bodies.pose_rotvecs[k, part], bodies.betas[k], bodies.trans[k, part])
    difference = (vertices - root[:, None]) - (true - bodies.joints[k, part, :1])
    return np.linalg.norm(difference, axis=-1).mean(axis=1)
