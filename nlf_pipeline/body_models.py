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

from nlf_pipeline.body_kinds import (
    N_BETAS,
    SMPL_JOINT_NAMES,
    SMPL_PARENTS,
    SUBSET_SIZE,
    BodyKind,
    joint_index,
)

__all__ = [
    "N_BETAS",
    "SMPL_JOINT_NAMES",
    "SMPL_PARENTS",
    "SUBSET_SIZE",
    "BodyMeshes",
    "joint_index",
    "load_body_model",
    "load_resting_body",
]


def load_body_model(body_dir: Path, subset: bool = False, kind: BodyKind | None = None) -> smplfitter.pt.BodyModel:
    """The body whose files `build_body` or `import_body` has put into `body_dir`, for many poses and for fitting.

    Args:
        body_dir: folder with the model, its description, vertex subset and landmark regressor.
        subset: only the SUBSET_SIZE vertices that predictions carry, with their joint regressor.
        kind: which model it is, while its folder is being filled; else its description is read.

    Raises:
        UserError: if there is no body model.
    """
    import smplfitter.pt

    return smplfitter.pt.BodyModel(**_which(body_dir, subset, kind or BodyKind.of(body_dir)))


def load_resting_body(body_dir: Path, subset: bool = False) -> smplfitter.np.BodyModel:
    """The same body for a few poses: quick to load, ten times slower to pose. Arguments and errors as above."""
    import smplfitter.np

    return smplfitter.np.BodyModel(**_which(body_dir, subset, BodyKind.of(body_dir)))


def _which(body_dir: Path, subset: bool, kind: BodyKind) -> dict[str, Any]:
    return {
        "model_name": kind.layout,
        "gender": "neutral",  # the name under which every gender's file lies there
        "model_root": str(body_dir),
        "num_betas": kind.n_betas,
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

    @property
    def template(self) -> np.ndarray:
        """(vertices, 3) float64: the unposed body of average shape, metres."""
        # smplfitter keeps it without what SMPL's pose-dependent shape adds where nothing is turned.
        unturned = np.tile(np.eye(3).ravel(), self.model.num_joints - 1)
        return np.asarray(self.model.v_template, np.float64) + np.asarray(self.model.posedirs) @ unturned

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
