"""SMPL-family bodies through smplfitter: where the files are, forward passes, joint names.

torch is imported only where many bodies are posed: it takes longer than the whole work of some stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import smplfitter.np
    import smplfitter.pt

from nlf_pipeline.errors import UserError

SMPL_JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
N_BETAS = 10
"""Shape parameters in use; SMPL's files hold 300."""
SUBSET_SIZE = 1024
"""Vertices that predictions carry: enough to fit every part, a sixth of the work of a full mesh."""


def joint_index(name: str) -> int:
    """Index of an SMPL joint by name."""
    return SMPL_JOINT_NAMES.index(name)


def load_body_model(body_dir: Path, subset: bool = False) -> smplfitter.pt.BodyModel:
    """The body whose files the rule `body` has put into `body_dir`, for many poses and for fitting.

    Args:
        body_dir: folder with the model in SMPL's layout, its vertex subset and landmark regressor.
        subset: only the SUBSET_SIZE vertices that predictions carry, with their joint regressor.

    Raises:
        UserError: if the model's file is not there.
    """
    import smplfitter.pt

    return smplfitter.pt.BodyModel("smpl", "neutral", **_where(body_dir, subset))


def load_resting_body(body_dir: Path, subset: bool = False) -> smplfitter.np.BodyModel:
    """The same body for a few poses: quick to load, ten times slower to pose. Arguments and errors as above."""
    import smplfitter.np

    return smplfitter.np.BodyModel("smpl", "neutral", **_where(body_dir, subset))


def _where(body_dir: Path, subset: bool) -> dict[str, Any]:
    if not (Path(body_dir) / "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl").is_file():
        raise UserError(f"{body_dir}: no body model found. Build it with: snakemake {body_dir}/landmark_regressor.npy")
    return {
        "model_root": str(body_dir),
        "num_betas": N_BETAS,
        "vertex_subset_size": SUBSET_SIZE if subset else None,
    }


@dataclass(frozen=True)
class BodyMeshes:
    """Forward passes of one body model on numpy arrays."""

    model: smplfitter.pt.BodyModel | smplfitter.np.BodyModel

    @property
    def faces(self) -> np.ndarray:
        """(faces, 3) int32 vertex indices."""
        return np.asarray(self.model.faces, dtype=np.int32)

    def root_rest(self, betas: np.ndarray) -> np.ndarray:
        """(..., 3) root joint of the template for (..., betas): the point SMPL rotates about."""
        template, directions = np.asarray(self.model.J_template), np.asarray(self.model.J_shapedirs)
        return template[0] + betas @ directions[0].T

    def joints_rest(self, betas: np.ndarray) -> np.ndarray:
        """(..., joints, 3) joints of the unposed body for (..., betas), metres."""
        template, directions = np.asarray(self.model.J_template), np.asarray(self.model.J_shapedirs)
        return template + np.einsum("jcb,...b->...jc", directions, betas)

    def forward(
        self, pose_rotvecs: np.ndarray, betas: np.ndarray, trans: np.ndarray, vertices: bool = True, chunk: int = 256
    ) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and joints of n bodies.

        Args:
            pose_rotvecs: (n, joints, 3) parent-relative rotation vectors, radians.
            betas: (n, betas), or (betas,) for one shape.
            trans: (n, 3) metres.
            vertices: without them the first result is empty, and the call is much cheaper.
            chunk: bodies at a time, which bounds the memory.

        Returns:
            (n, vertices, 3) and (n, joints, 3), float32, metres, in the frame of `trans`.
        """
        n = len(pose_rotvecs)
        shapes = np.broadcast_to(betas, (n, betas.shape[-1]))
        all_vertices, all_joints = [], [np.zeros((0, self.model.num_joints, 3), np.float32)]
        for start in range(0, n, chunk):
            part = slice(start, start + chunk)
            pose = np.reshape(pose_rotvecs[part], (-1, self.model.num_joints * 3))
            result = self._posed(pose, shapes[part], trans[part], vertices)
            all_joints.append(result["joints"])
            if vertices:
                all_vertices.append(result["vertices"])
        empty = np.zeros((0, self.model.num_vertices, 3), np.float32)
        return np.concatenate([empty, *all_vertices]), np.concatenate(all_joints)

    def _posed(self, pose: np.ndarray, betas: np.ndarray, trans: np.ndarray, vertices: bool) -> dict[str, np.ndarray]:
        """Joints, and vertices if asked for, of some bodies at once."""
        values = [np.array(array, dtype=np.float32) for array in (pose, betas, trans)]
        from smplfitter.np import BodyModel

        if isinstance(self.model, BodyModel):
            return self.model(*values, return_vertices=vertices)
        import torch

        with torch.inference_mode():
            result = self.model(*map(torch.as_tensor, values), return_vertices=vertices)
        return {name: tensor.numpy() for name, tensor in result.items() if name in ("joints", "vertices")}
