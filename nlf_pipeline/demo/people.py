"""The body behind each person: the full MakeHuman mesh with its shape, skinning weights and rest joints."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlf_pipeline.body_models import joint_index, load_body_model
from nlf_pipeline.demo.feet import STRIKE_PITCH, RestFeet
from nlf_pipeline.errors import UserError
from nlf_pipeline.kinematics import global_rotations, joint_positions

_INFLUENCES = 4
"""Joints per vertex, as in SMPL's files."""
_TOE_LENGTH = 0.025
"""Vertices so far in front of the toe joint belong to the toes, metres."""


@dataclass(frozen=True)
class BaseMesh:
    """The whole mesh that the open body was thinned out from, in the same T-pose and with the same betas."""

    mean: np.ndarray
    """(vertices, 3) metres."""
    shapedirs: np.ndarray
    """(betas, vertices, 3)."""
    weights: np.ndarray
    """(vertices, joints) skinning weights, at most four per vertex, summing to 1 (0 for unused vertices)."""
    body_faces: np.ndarray
    """(faces, 3)."""
    eye_faces: np.ndarray
    """(faces, 3)."""
    eye_vertices: tuple[np.ndarray, np.ndarray]
    """Vertices of the left and the right eyeball."""
    kept_vertices: np.ndarray
    """(body vertices,) where each vertex of the body model lies in this mesh."""
    joint_template: np.ndarray
    """(joints, 3) rest joints of the mean body, metres."""
    joint_shapedirs: np.ndarray
    """(joints, 3, betas)."""

    @classmethod
    def load(cls, body_dir: Path) -> "BaseMesh":
        """Read the open body in `body_dir`; raises UserError if it is not there."""
        model = load_body_model(body_dir)
        path = Path(body_dir) / "base_mesh.npz"
        if not path.is_file():
            raise UserError(f"{path}: not found. The demo draws the open body only. Build it with: snakemake {path}")
        with np.load(path, allow_pickle=False) as file:
            return cls(
                mean=file["mean"].astype(np.float64),
                shapedirs=file["shapedirs"].astype(np.float64),
                weights=_keep_strongest(file["weights"].astype(np.float64)),
                body_faces=file["body_faces"].astype(np.int64),
                eye_faces=file["eye_faces"].astype(np.int64),
                eye_vertices=(file["eye_vertices_left"], file["eye_vertices_right"]),
                kept_vertices=file["kept_vertices"],
                joint_template=model.J_template.double().numpy(),
                joint_shapedirs=model.J_shapedirs.double().numpy(),
            )

    @property
    def body_vertices(self) -> np.ndarray:
        """Vertices of the skin."""
        return np.unique(self.body_faces)


@dataclass(frozen=True)
class RestBody:
    """One person in the T-pose."""

    betas: np.ndarray
    """(betas,)."""
    vertices: np.ndarray
    """(vertices, 3) of the base mesh, metres."""
    joints: np.ndarray
    """(joints, 3) metres."""
    feet: RestFeet


def shape_body(base: BaseMesh, betas: np.ndarray) -> RestBody:
    """The T-pose of the base mesh with `betas` (betas,)."""
    vertices = base.mean + np.einsum("b,bvc->vc", betas, base.shapedirs)
    joints = base.joint_template + base.joint_shapedirs @ betas
    return RestBody(betas, vertices, joints, _measure_feet(base, vertices, joints))


def choose_betas(base: BaseMesh, stature: float, weight: float, breadth: float, details: np.ndarray) -> np.ndarray:
    """(3 + n,) betas of a person with given measures.

    Args:
        base: the mesh and its shape space: beta 0 is stature, beta 1 weight, beta 2 what sets the sexes apart.
        stature: height of the T-pose, metres.
        weight: standard deviations heavier than usual at this stature.
        breadth: standard deviations along beta 2, towards broader shoulders.
        details: (n,) betas 3, 4, ...
    """
    left, right = joint_index("left_shoulder"), joint_index("right_shoulder")
    widening = np.sign(base.joint_shapedirs[left, 0, 2] - base.joint_shapedirs[right, 0, 2])
    others = np.concatenate([[weight, breadth * widening], details])

    def height(beta0: float) -> float:
        y = base.mean[:, 1] + np.append(beta0, others) @ base.shapedirs[:, :, 1]
        return float(np.ptp(y[base.body_vertices]))

    low, high = height(-1.0), height(1.0)  # the extreme vertices stay the same, so the height is linear in beta 0
    return np.append((2 * stature - low - high) / (high - low), others)


def bone_transforms(pose_rotvecs: np.ndarray, root: np.ndarray, joints_rest: np.ndarray) -> np.ndarray:
    """Maps from the T-pose to the posed body, per joint.

    Args:
        pose_rotvecs: (n, joints, 3) parent-relative rotation vectors.
        root: (n, 3) pelvis joint, metres.
        joints_rest: (joints, 3).

    Returns:
        (n, joints, 3, 4) affine maps; linear blend skinning mixes them by the weights.
    """
    R = global_rotations(pose_rotvecs)
    joints = joint_positions(R, root, joints_rest)
    t = joints - np.einsum("njab,jb->nja", R, joints_rest)
    return np.concatenate([R, t[..., None]], axis=-1)


def _keep_strongest(weights: np.ndarray) -> np.ndarray:
    kept = weights.copy()
    np.put_along_axis(kept, np.argsort(-kept, axis=1)[:, _INFLUENCES:], 0.0, axis=1)
    return kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-9)


def _measure_feet(base: BaseMesh, vertices: np.ndarray, joints: np.ndarray) -> RestFeet:
    ankles = np.array([joint_index("left_ankle"), joint_index("right_ankle")])
    toes = np.array([joint_index("left_foot"), joint_index("right_foot")])
    body = base.body_vertices
    sole_y, heel_z, tip_z, press = [], [], [], []
    for ankle, toe in zip(ankles, toes, strict=True):
        foot = vertices[body[base.weights[body][:, [ankle, toe]].sum(axis=1) > 0.5]]
        height, z = foot[:, 1] - foot[:, 1].min(), foot[:, 2]
        in_front = z - joints[toe, 2] > _TOE_LENGTH
        sole_y.append(foot[:, 1].min())
        heel_z.append(np.min(z + height / np.tan(STRIKE_PITCH)))
        tip_z.append(z.max())
        press.append(np.min(height[in_front] / (z[in_front] - joints[toe, 2])))
    root = joints[0]
    return RestFeet(
        ankles=joints[ankles] - root,
        toes=joints[toes] - root,
        sole_y=np.array(sole_y) - root[1],
        heel_z=np.array(heel_z) - root[2],
        toe_tip_z=np.array(tip_z) - root[2],
        toe_press=np.array(press),
    )
