"""The points of a body that NLF is asked for: where they lie in its canonical space.

NLF localizes any point of a volume, which is SMPL's neutral body with legs spread and arms raised. The points of SMPL
itself come with the release, or with the files that its authors publish beside it. Another body in SMPL's layout is
brought there: posed the same way, with the shape whose joints lie closest to SMPL's, and moved by what remains, so
that each of its points names the same part of the body as in SMPL. Of a body that is SMPL's own this changes nothing.
"""

from pathlib import Path

import numpy as np

from nlf_pipeline.body_kinds import BodyKind, Layout, joint_index
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import UserError

_ANGLES_ABOUT_Z_DEG = {
    "left_hip": 40, "right_hip": -40, "left_collar": 15, "right_collar": -15,
    "left_shoulder": 15, "right_shoulder": -15,
}  # fmt: skip
"""The canonical pose (https://github.com/isarandi/nlf/issues/4)."""
_JOINT_SPREAD_M = 0.01
"""How far joints may stay off SMPL's for the sake of a shape nearer to the average by one standard deviation."""


def published_points(folder: Path, layout: Layout) -> np.ndarray | None:
    """(vertices + joints, 3) of SMPL or SMPL-X from canonical_verts and canonical_joints in `folder`; None without.

    They are part of nlf_data_files.zip of the release 0.2.0.

    Raises:
        UserError: if one is there without the other, or is not an array of points.
    """
    paths = [folder / kind / f"{layout}.npy" for kind in ("canonical_verts", "canonical_joints")]
    if not any(path.exists() for path in paths):
        return None
    arrays = []
    for path in paths:
        try:
            arrays.append(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path}: cannot be read ({error}). Take both folders from nlf_data_files.zip.") from error
        if arrays[-1].ndim != 2 or arrays[-1].shape[1] != 3:
            raise UserError(f"{path}: found an array of shape {arrays[-1].shape}, expected (points, 3).")
    return np.concatenate(arrays).astype(np.float64)


def canonical_points(reference: np.ndarray, body: BodyMeshes, kind: BodyKind) -> np.ndarray:
    """Where the points of a body lie in NLF's canonical space.

    Args:
        reference: (points, 3) of SMPL or SMPL-X, whose layout the body has: vertices, all or some, then all joints.
        body: the body on the vertices that are wanted.
        kind: of the body.

    Returns:
        (vertices + joints, 3) metres.
    """
    joints = reference[-kind.n_joints :]
    if kind.family == kind.layout and len(reference) == kind.n_vertices + kind.n_joints:
        return np.concatenate([reference[np.asarray(body.model.vertex_subset)], joints])
    return np.concatenate([_moved_vertices(body, joints), joints])


def canonical_pose(n_joints: int) -> np.ndarray:
    """(joints, 3) rotation vectors, radians, of the pose that NLF's canonical space is in."""
    pose = np.zeros((n_joints, 3))
    for name, angle_deg in _ANGLES_ABOUT_Z_DEG.items():
        pose[joint_index(name), 2] = np.deg2rad(angle_deg)
    return pose


def _moved_vertices(body: BodyMeshes, joints: np.ndarray) -> np.ndarray:
    """(vertices, 3) of the body in the canonical pose, its joints at `joints` (joints, 3)."""
    n_betas, pose = body.model.num_betas, canonical_pose(len(joints))

    def posed(betas: np.ndarray, vertices: bool) -> tuple[np.ndarray, np.ndarray]:
        n = len(betas)
        return body.forward(np.repeat(pose[None], n, axis=0), betas, np.zeros((n, 3)), vertices=vertices)

    # With the pose given, joints are linear in the shape, so the nearest shape is a linear problem.
    at = posed(np.concatenate([np.zeros((1, n_betas)), np.eye(n_betas)]), vertices=False)[1].astype(np.float64)
    slopes = (at[1:] - at[0]).reshape(n_betas, -1).T
    shift = np.tile(np.eye(3), (len(joints), 1))
    unknowns = np.concatenate([np.concatenate([slopes, shift], axis=1), np.eye(n_betas, n_betas + 3) * _JOINT_SPREAD_M])
    wanted = np.concatenate([(joints - at[0]).ravel(), np.zeros(n_betas)])
    betas = np.linalg.lstsq(unknowns, wanted, rcond=None)[0][:n_betas]
    vertices, reached = (values[0].astype(np.float64) for values in posed(betas[None], vertices=True))
    return vertices + np.asarray(body.model.weights, dtype=np.float64) @ (joints - reached)
