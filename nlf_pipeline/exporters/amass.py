"""AMASS's npz, one per person: SMPL+H's layout, or SMPL-X's for its 55 joints. z is up."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_kinds import N_SHARED_JOINTS, SMPLX_JOINT_NAMES
from nlf_pipeline.exporters.axes import Z_UP
from nlf_pipeline.exporters.body_frames import change_frame
from nlf_pipeline.exporters.motion import Motion, MovingPerson
from nlf_pipeline.kinematics import from_smpl_pose

_N_BETAS = 16
_N_DMPLS = 8
_FACE = slice(N_SHARED_JOINTS, N_SHARED_JOINTS + 3)
_BENT_FRAMES = 4096
"""At once: rotation matrices of an hour would fill gigabytes."""
_GENDERS = ("neutral", "female", "male")


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{file_stem}.npz for everybody, docs/exports.md."""
    for person in motion.people:
        np.savez_compressed(folder / f"{person.file_stem}.npz", **amass_arrays(motion, person))


def amass_arrays(motion: Motion, person: MovingPerson) -> dict[str, np.ndarray]:
    """One person's motion by AMASS's keys, in both spellings that loaders ask for, and some keys more.

    A model of 24 joints gives SMPL+H's 52: SMPL's hand turns the knuckles of four fingers. Betas are filled up to 16
    with zeros, as all of AMASS has so many.
    """
    root, trans = change_frame(person.pose_rotvecs[:, 0], person.trans, person.joints_rest[0], Z_UP)
    own_pose = np.concatenate([root[:, None], person.pose_rotvecs[:, 1:]], axis=1)
    pose = _with_fingers(own_pose)
    is_smplx = own_pose.shape[1] == len(SMPLX_JOINT_NAMES)
    n_frames, fps = len(trans), np.array(motion.fps)
    body = pose if is_smplx else np.delete(pose, _FACE, axis=1)
    betas = np.zeros(max(_N_BETAS, len(person.betas)))
    betas[: len(person.betas)] = person.betas
    flat = {
        "poses": body,
        "root_orient": pose[:, :1],
        "pose_body": pose[:, 1:N_SHARED_JOINTS],
        "pose_hand": pose[:, _FACE.stop :],
        "poses_own": own_pose,
    }
    if is_smplx:
        flat |= {"pose_jaw": pose[:, _FACE][:, :1], "pose_eye": pose[:, _FACE][:, 1:]}
    return {
        **{name: rotvecs.reshape(n_frames, -1).astype(np.float32) for name, rotvecs in flat.items()},
        "trans": trans.astype(np.float32),
        "betas": betas,
        "num_betas": np.array(len(betas)),
        "dmpls": np.zeros((n_frames, _N_DMPLS), np.float32),
        "gender": np.array(_gender(motion.body_model)),
        "surface_model_type": np.array("smplx" if is_smplx else "smplh"),
        "mocap_framerate": fps,
        "mocap_frame_rate": fps,
        "mocap_time_length": np.array(n_frames / motion.fps),
        "joints": (person.joints @ Z_UP.T).astype(np.float32),
        "joints_rest": person.joints_rest,
        "joint_names": np.array(motion.joint_names),
        "visible": person.visible,
        "filled": person.filled,
        "foot_contacts": person.foot_contacts,
        "video_id": np.array(motion.video_id),
        "person_id": np.array(person.person_id),
        "person_name": np.array(person.name),
        "body_model": np.array(motion.body_model),
    }


def _with_fingers(pose_rotvecs: np.ndarray) -> np.ndarray:
    """(frames, 24 or 55, 3) to (frames, 55, 3) parent-relative rotation vectors."""
    if pose_rotvecs.shape[1] == len(SMPLX_JOINT_NAMES):
        return pose_rotvecs
    starts = range(0, len(pose_rotvecs), _BENT_FRAMES)
    return np.concatenate([_bent(pose_rotvecs[start : start + _BENT_FRAMES]) for start in starts])


def _bent(pose_rotvecs: np.ndarray) -> np.ndarray:
    """(frames, 24, 3) to (frames, 55, 3), the fingers bent as the hands are."""
    rotations = Rotation.from_rotvec(pose_rotvecs.reshape(-1, 3)).as_matrix().reshape(*pose_rotvecs.shape, 3)
    posed = from_smpl_pose(rotations, len(SMPLX_JOINT_NAMES))
    return Rotation.from_matrix(posed.reshape(-1, 3, 3)).as_rotvec().reshape(*posed.shape[:-1])


def _gender(body_model: str) -> str:
    """The gender in a body model's name, such as smplx-female-10."""
    return next((gender for gender in _GENDERS if f"-{gender}-" in body_model), "neutral")
