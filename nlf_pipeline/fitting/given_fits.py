"""Bodies that another program has fitted, put where the cameras of this clip are."""

import logging
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefact_files import ArrayArtefact
from nlf_pipeline.artefacts import BodyFits
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.kinematics import global_rotations, joint_positions
from nlf_pipeline.predictions import Predictions

_SAME_DIRECTION = 0.1
"""Radians, seen from the camera, up to which a body is that of a person who was estimated."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GivenFits(ArrayArtefact):
    """imports/{video}/fits.npz: bodies in a world of the other program's, with the cameras that saw them."""

    pose_rotvecs: np.ndarray
    """(people, frames, joints, 3) parent-relative rotation vectors, radians."""
    betas: np.ndarray
    """(people, betas)."""
    trans: np.ndarray
    """(people, frames, 3) SMPL's translation, metres."""
    visible: np.ndarray
    """(people, frames) bool."""
    T_world_cam: np.ndarray
    """(frames, 4, 4) metres."""


def place_given_fits(
    given: GivenFits, source: Predictions, meshes: BodyMeshes, T_scene_cam: np.ndarray, shots: list[slice]
) -> BodyFits:
    """Bodies as they were fitted, in the scene, which leaves the picture as it is.

    Everybody in the predictions gets the body that is seen in his direction.

    Args:
        given: the bodies, in any order.
        source: the people; nobody is in two shots.
        meshes: the body model that the parameters belong to.
        T_scene_cam: (frames, 4, 4) metres.
        shots: frame ranges between cuts.

    Raises:
        UserError: if they are of another clip or body model.
    """
    _check(given, source, meshes)
    joints_rest = meshes.joints_rest(given.betas).astype(np.float64)
    T_cam_world = invert_rigid(given.T_world_cam)
    roots = joints_rest[:, None, 0] + given.trans
    roots_cam = transform_points(T_cam_world, roots[..., None, :])[..., 0, :]
    seen_cam, is_seen = _seen_roots(source)
    fits = _nobody(source, given)
    for shot in shots:
        chosen = _matches(seen_cam[:, shot], is_seen[:, shot], roots_cam[:, shot], given.visible[:, shot])
        for k in np.flatnonzero(is_seen[:, shot].any(axis=1)):
            if k not in chosen:
                log.warning("person %d: no given body is seen in that direction", source.person_ids[k])
                continue
            row = chosen[k]
            T = (T_scene_cam @ T_cam_world)[shot]
            pose = given.pose_rotvecs[row, shot].astype(np.float64)
            pose[:, 0] = (Rotation.from_matrix(T[:, :3, :3]) * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
            root = transform_points(T, roots[row, shot, None])[:, 0]
            visible = given.visible[row, shot]
            fits.pose_rotvecs[k, shot] = np.where(visible[:, None, None], pose, 0)
            fits.joints[k, shot] = joint_positions(global_rotations(pose), root, joints_rest[row])
            fits.trans[k, shot] = np.where(visible[:, None], root - joints_rest[row, 0], 0)
            fits.visible[k, shot], fits.betas[k] = visible, given.betas[row]
            fits.filled[k, shot] = visible & ~is_seen[k, shot]
    return fits


def _check(given: GivenFits, source: Predictions, meshes: BodyMeshes) -> None:
    found = given.visible.shape[1], given.pose_rotvecs.shape[2], given.betas.shape[1]
    expected = source.n_frames, meshes.model.num_joints, meshes.model.num_betas
    if found != expected:
        raise UserError(
            "fits_file: found {} frames, {} joints and {} betas, ".format(*found)
            + "expected {}, {} and {}. Use the clip and the body_model that it is of.".format(*expected)
        )


def _seen_roots(source: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """(people, frames, 3) root joints as they were estimated, camera axes, and (people, frames) bool where."""
    shape = len(source.person_ids), source.n_frames
    roots, is_seen = np.zeros((*shape, 3)), np.zeros(shape, dtype=bool)
    for t, frame in enumerate(source):
        roots[:, t], is_seen[:, t] = frame.joints[:, 0], frame.valid
    return roots, is_seen


def _matches(a: np.ndarray, is_a: np.ndarray, b: np.ndarray, is_b: np.ndarray) -> dict[int, int]:
    """Row of `a` -> row of `b`: the pairs that lie in the same directions where both are seen.

    Args:
        a: (n, frames, 3) camera axes.
        is_a: (n, frames) bool: where they count.
        b: (m, frames, 3).
        is_b: (m, frames) bool.
    """
    angles = np.full((len(a), len(b)), np.pi)
    for i, j in np.ndindex(*angles.shape):
        both = is_a[i] & is_b[j]
        if both.any():
            p, q = (points[both] / np.linalg.norm(points[both], axis=1, keepdims=True) for points in (a[i], b[j]))
            angles[i, j] = np.median(2 * np.arcsin(np.minimum(np.linalg.norm(p - q, axis=1) / 2, 1)))
    pairs = zip(*linear_sum_assignment(angles), strict=True)
    return {int(i): int(j) for i, j in pairs if angles[i, j] <= _SAME_DIRECTION}


def _nobody(source: Predictions, given: GivenFits) -> BodyFits:
    """Everybody's row, with nothing in it."""
    shape, n_joints = (len(source.person_ids), source.n_frames), given.pose_rotvecs.shape[2]
    return BodyFits(
        person_ids=source.person_ids,
        pose_rotvecs=np.zeros((*shape, n_joints, 3), np.float32),
        betas=np.zeros((shape[0], given.betas.shape[1]), np.float32),
        trans=np.zeros((*shape, 3), np.float32),
        joints=np.zeros((*shape, n_joints, 3), np.float32),
        visible=np.zeros(shape, dtype=bool),
        filled=np.zeros(shape, dtype=bool),
        repaired=np.zeros(shape, dtype=bool),
        scale_correction=np.ones(shape[0]),
    )
