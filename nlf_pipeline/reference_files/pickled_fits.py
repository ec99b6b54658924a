"""Fits of the reference pipeline: per frame the body parameters of those who are seen, and the floor under them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import Bodies
from nlf_pipeline.reference_files import MM_PER_M
from nlf_pipeline.reference_files.pickled_arrays import WrongValueError, as_array, as_list, fields
from nlf_pipeline.reference_files.pickled_masks import plain_pickle
from nlf_pipeline.reference_files.restricted_pickles import read_pickle, refused

_EXPECTED = "fits of the reference pipeline: pose_rotvecs, shape_betas and trans of everybody per frame"


@dataclass(frozen=True)
class ReferenceFits:
    """Everybody's body parameters, world, metres. Row k is one person: the file has it by its shape alone."""

    pose_rotvecs: np.ndarray
    """(people, frames, joints, 3) radians."""
    betas: np.ndarray
    """(people, betas)."""
    trans: np.ndarray
    """(people, frames, 3) SMPL's translation."""
    visible: np.ndarray
    """(people, frames) bool."""


def read_fits(path: Path, step: int = 1) -> ReferenceFits:
    """Everybody's fits; people are told apart by their shapes, which do not change.

    Args:
        path: the pickle.
        step: every so many frames of it are read, of a file with more frames than the video.

    Raises:
        UserError: if it is missing, damaged, or does not hold fits.
    """
    try:
        frames = [_frame(value) for value in as_list(read_pickle(path, _EXPECTED))[::step]]
        return _by_person(frames)
    except WrongValueError as error:
        raise refused(path, str(error), _EXPECTED) from error


def write_fits(bodies: Bodies, R_file_world: np.ndarray, joints_rest: np.ndarray, path: Path) -> None:
    """Write the body parameters of everybody who is visible, frame by frame.

    Args:
        bodies: in our world.
        R_file_world: (3, 3) rotation from our world to the file's.
        joints_rest: (people, 3) root joint of everybody's unposed body, metres.
        path: the pickle.
    """
    from scipy.spatial.transform import Rotation

    n_people, n_frames, n_joints = bodies.pose_rotvecs.shape[:3]
    pose = bodies.pose_rotvecs.astype(np.float64)
    turned = Rotation.from_matrix(R_file_world) * Rotation.from_rotvec(pose[:, :, 0].reshape(-1, 3))
    pose[:, :, 0] = turned.as_rotvec().reshape(n_people, n_frames, 3)
    roots = joints_rest[:, None] + bodies.trans
    trans = roots @ R_file_world.T - joints_rest[:, None]
    frames = []
    for t in range(n_frames):
        seen = bodies.visible[:, t]
        values = {
            "pose_rotvecs": pose[seen, t].reshape(-1, n_joints * 3),
            "shape_betas": bodies.betas[seen],
            "trans": trans[seen, t],
        }
        frames.append({name: array.astype(np.float32) for name, array in values.items()})
    path.write_bytes(plain_pickle(frames))


def write_ground(world_up: np.ndarray, height: float, path: Path) -> None:
    """Write the floor.

    Args:
        world_up: (3,) unit vector against gravity.
        height: of the floor along it, metres.
        path: the pickle.
    """
    values = {"ground_height": height * MM_PER_M, "world_up": np.asarray(world_up, dtype=np.float32)}
    path.write_bytes(plain_pickle(values))


def _frame(value: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poses (people, 3 joints), betas and translations of one frame."""
    entries = fields(value, "pose_rotvecs", "shape_betas", "trans")
    pose, betas, trans = (
        as_array(entries[name]).astype(np.float64) for name in ("pose_rotvecs", "shape_betas", "trans")
    )
    if not (pose.ndim == betas.ndim == 2 and trans.shape == (len(pose), 3) and len(betas) == len(pose)):
        raise WrongValueError(f"a frame with arrays of shapes {pose.shape}, {betas.shape} and {trans.shape}")
    if pose.shape[1] not in (24 * 3, 55 * 3):
        raise WrongValueError(f"poses of {pose.shape[1]} numbers, which are not those of 24 or 55 joints")
    finite = [np.isfinite(array).all(axis=1) for array in (pose, betas, trans)]
    keep = np.logical_and.reduce(finite)
    return pose[keep], betas[keep], trans[keep]


def _by_person(frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> ReferenceFits:
    if len({(pose.shape[1], betas.shape[1]) for pose, betas, _ in frames}) > 1:
        raise WrongValueError("frames with different numbers of joints or betas")
    rows: dict[bytes, int] = {}
    shapes = []
    for _, betas, _ in frames:
        for shape in betas:
            if rows.setdefault(shape.tobytes(), len(rows)) == len(shapes):
                shapes.append(shape)
    n_numbers, n_betas = (frames[0][0].shape[1], frames[0][1].shape[1]) if frames else (72, 10)
    n, n_frames = len(rows), len(frames)
    if n > max(n_frames, *(len(poses) for poses, _, _ in frames), 0) or n > 200:
        raise WrongValueError(f"{n} shapes in {n_frames} frames, where everybody should keep one")
    pose, trans = np.zeros((n, n_frames, n_numbers)), np.zeros((n, n_frames, 3))
    visible = np.zeros((n, n_frames), dtype=bool)
    for t, (poses, betas, translations) in enumerate(frames):
        for here, shape in enumerate(betas):
            row = rows[shape.tobytes()]
            pose[row, t], trans[row, t], visible[row, t] = poses[here], translations[here], True
    return ReferenceFits(
        pose.reshape(n, n_frames, n_numbers // 3, 3), np.array(shapes).reshape(n, n_betas), trans, visible
    )
