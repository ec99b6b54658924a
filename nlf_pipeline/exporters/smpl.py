"""Everybody's SMPL-family parameters and the camera in one npz: y up, metres, radians."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nlf_pipeline.exporters.body_frames import change_frame
from nlf_pipeline.exporters.motion import Motion, MovingPerson
from nlf_pipeline.geometry import invert_rigid

FORMAT_VERSION = 1


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{video_id}.npz, docs/exports.md."""
    np.savez_compressed(folder / f"{motion.video_id}.npz", **smpl_arrays(motion))


def smpl_arrays(motion: Motion) -> dict[str, np.ndarray]:
    """Everything of everybody by key; person k is row k. The root's parameters are there in the camera's frame too."""
    cameras, n_frames, n_joints = motion.cameras, motion.n_frames, len(motion.joint_names)
    n_vertices = len(motion.skin.weights)
    T_cam_world = invert_rigid(cameras.T_world_cam)
    in_camera = [
        change_frame(p.pose_rotvecs[:, 0], p.trans, p.joints_rest[0], T_cam_world[:, :3, :3], T_cam_world[:, :3, 3])
        for p in motion.people
    ]

    def stacked(of: Callable[[MovingPerson], np.ndarray], *shape: int, kind: type = np.float32) -> np.ndarray:
        return np.array([of(person) for person in motion.people], kind).reshape(len(motion.people), *shape)

    n_betas = len(motion.people[0].betas) if motion.people else 0
    return {
        "format_version": np.array(FORMAT_VERSION),
        "video_id": np.array(motion.video_id),
        "fps": np.array(motion.fps),
        "cuts": np.array(motion.cuts, dtype=np.int64),
        "body_model": np.array(motion.body_model),
        "person_ids": np.array([person.person_id for person in motion.people], dtype=np.int64),
        "person_names": np.array([person.name for person in motion.people], dtype=np.str_),
        "pose_rotvecs": stacked(lambda person: person.pose_rotvecs, n_frames, n_joints, 3),
        "trans": stacked(lambda person: person.trans, n_frames, 3),
        "betas": stacked(lambda person: person.betas, n_betas),
        "global_orient_cam": np.array([root for root, _ in in_camera], np.float32).reshape(-1, n_frames, 3),
        "trans_cam": np.array([trans for _, trans in in_camera], np.float32).reshape(-1, n_frames, 3),
        "joints": stacked(lambda person: person.joints, n_frames, n_joints, 3),
        "visible": stacked(lambda person: person.visible, n_frames, kind=bool),
        "filled": stacked(lambda person: person.filled, n_frames, kind=bool),
        "foot_contacts": stacked(lambda person: person.foot_contacts, n_frames, 2, kind=bool),
        "joint_names": np.array(motion.joint_names),
        "joint_parents": np.array(motion.joint_parents, dtype=np.int64),
        "joints_rest": stacked(lambda person: person.joints_rest, n_joints, 3),
        "vertices_rest": stacked(lambda person: person.vertices_rest, n_vertices, 3),
        "skin_weights": motion.skin.weights,
        "faces": motion.skin.faces,
        "T_world_cam": cameras.T_world_cam,
        "K": cameras.K,
        "distortion": cameras.distortion,
        "size_px": cameras.size_px,
    }
