"""A body reduced to SMPL's 24 joints and 33 BlazePose landmarks: all that posing by landmarks needs.

Every landmark is taken to ride rigidly on one bone; its place at rest is linear in the shape, like
the joints'. Forward kinematics of 57 points is far cheaper than skinning a mesh.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nlf_pipeline.body_kinds import smpl_joints
from nlf_pipeline.body_models import SMPL_PARENTS, BodyMeshes, joint_index, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES

_BONES = {
    "shoulder": "collar", "elbow": "shoulder", "wrist": "elbow", "pinky": "wrist", "index": "wrist",
    "thumb": "wrist", "hip": "pelvis", "knee": "hip", "ankle": "knee", "heel": "ankle", "foot_index": "foot",
}  # fmt: skip
_LEVELS = ((0,), (1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12, 13, 14), (15, 16, 17), (18, 19), (20, 21), (22, 23))


def _bone_of(landmark: str) -> int:
    """Index of the joint whose rotation moves `landmark`."""
    side, _, part = landmark.partition("_")
    bone = _BONES.get(part, "head")
    return joint_index(bone if bone in ("pelvis", "head") else f"{side}_{bone}")


_OFFSETS_MM = {
    "nose": (0, 11, -24), "ear": (-20, 3, 16), "shoulder": (18, 30, -5), "elbow": (-12, 1, -12), "wrist": (9, -4, -1),
    "pinky": (-6, -4, 28), "index": (-21, -12, -18), "thumb": (-17, 22, -48), "hip": (-11, -18, 19),
    "knee": (-3, -20, 0), "ankle": (4, 20, 2), "heel": (3, 12, 24), "foot_index": (10, 12, -25),
}  # fmt: skip
"""Where the model sees a left landmark, from the point that anatomy names: mean over rendered people, T-pose axes."""


def _model_offsets() -> np.ndarray:
    """(33, 3) metres: _OFFSETS_MM on the left, mirrored on the right."""
    offsets = np.zeros((len(BLAZEPOSE_LANDMARK_NAMES), 3))
    for k, name in enumerate(BLAZEPOSE_LANDMARK_NAMES):
        side, _, part = name.partition("_")
        mirror = np.array([-1, 1, 1]) if side == "right" else np.ones(3)
        offsets[k] = np.array(_OFFSETS_MM.get(part or name, (0, 0, 0))) * mirror / 1000
    return offsets


LANDMARK_BONES = tuple(_bone_of(name) for name in BLAZEPOSE_LANDMARK_NAMES)
"""For each landmark, the joint whose rotation moves it."""


@dataclass(frozen=True)
class LandmarkBody:
    """Rest pose of joints and landmarks, linear in the shape. Metres, SMPL's axes (x left, y up, z front)."""

    joints: torch.Tensor
    """(24, 3) of the mean body."""
    joint_directions: torch.Tensor
    """(24, 3, betas)."""
    landmarks: torch.Tensor
    """(33, 3) of the mean body: where the landmark model sees them, which is not quite where anatomy does."""
    landmark_directions: torch.Tensor
    """(33, 3, betas)."""

    @classmethod
    def load(cls, body_dir: Path) -> "LandmarkBody":
        """Read the body model and its landmark regressor from `body_dir`.

        Raises:
            UserError: if a file is missing, or the regressor belongs to another mesh.
        """
        model = load_body_model(body_dir)
        path = Path(body_dir) / "landmark_regressor.npy"
        if not path.is_file():
            raise UserError(
                f"{path}: not found, expected a ({len(LANDMARK_BONES)}, vertices) matrix that gives the BlazePose "
                f"landmarks of this body. Build it with: snakemake {path}"
            )
        regressor = torch.as_tensor(np.load(path, allow_pickle=False), dtype=torch.float32)
        if regressor.shape != (len(LANDMARK_BONES), model.num_vertices):
            raise UserError(
                f"{path} has shape {tuple(regressor.shape)}, expected {(len(LANDMARK_BONES), model.num_vertices)}: "
                "it belongs to another body model. Delete it and build it again."
            )
        template, joints = torch.as_tensor(BodyMeshes(model).template), smpl_joints(model.num_joints)
        return cls(
            model.J_template[joints],
            model.J_shapedirs[joints],
            regressor @ template.float() + torch.as_tensor(_model_offsets(), dtype=torch.float32),
            torch.einsum("lv,vcb->lcb", regressor, model.shapedirs),
        )

    def at_rest(self, betas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Joints (..., 24, 3) and landmarks (..., 33, 3) in the rest pose, for betas (..., betas)."""
        joints = self.joints + torch.einsum("jcb,...b->...jc", self.joint_directions, betas)
        return joints, self.landmarks + torch.einsum("lcb,...b->...lc", self.landmark_directions, betas)


def pose_body(R: torch.Tensor, joints: torch.Tensor, landmarks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Forward kinematics with the root joint at the origin.

    Args:
        R: (n, 24, 3, 3) parent-relative rotations; the first turns the whole body.
        joints: (n or 1, 24, 3) rest pose.
        landmarks: (n or 1, 33, 3) rest pose.

    Returns:
        Posed joints (n, 24, 3) and landmarks (n, 33, 3).
    """
    parents = list(SMPL_PARENTS)
    bones = joints - joints[:, [max(p, 0) for p in parents]]
    R_posed = [R[:, 0]] + [R[:, 0]] * (len(parents) - 1)
    posed = [torch.zeros_like(R[:, 0, 0])] * len(parents)
    for level in _LEVELS[1:]:
        above = [parents[j] for j in level]
        R_above = torch.stack([R_posed[p] for p in above], dim=1)
        moved = (R_above @ bones[:, level, :, None])[..., 0] + torch.stack([posed[p] for p in above], dim=1)
        R_level = R_above @ R[:, level]
        for n, j in enumerate(level):
            R_posed[j], posed[j] = R_level[:, n], moved[:, n]
    R_all, joints_posed = torch.stack(R_posed, dim=1), torch.stack(posed, dim=1)
    carriers = list(LANDMARK_BONES)
    offsets = (landmarks - joints[:, carriers])[..., None]
    return joints_posed, (R_all[:, carriers] @ offsets)[..., 0] + joints_posed[:, carriers]


def exp_map(rotvecs: torch.Tensor) -> torch.Tensor:
    """(..., 3) rotation vectors to (..., 3, 3) matrices (Rodrigues), differentiable at zero."""
    angle = (rotvecs.square().sum(-1, keepdim=True) + 1e-12).sqrt()[..., None]
    K = skew_torch(rotvecs)
    identity = torch.eye(3, dtype=rotvecs.dtype)
    return identity + torch.sin(angle) / angle * K + (1 - torch.cos(angle)) / angle**2 * (K @ K)


def skew_torch(v: torch.Tensor) -> torch.Tensor:
    """(..., 3) vectors to (..., 3, 3) matrices of the cross product v x."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def rotation_axis_parts(R: torch.Tensor) -> torch.Tensor:
    """(..., 3) axis times the sine of the angle, for (..., 3, 3) rotations: their antisymmetric part."""
    return 0.5 * torch.stack(
        [R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], dim=-1
    )
