"""Points of the body as convex combinations of nearby vertices."""

import numpy as np
import torch
from scipy.optimize import nnls
from smplfitter.pt import BodyModel

from nlf_pipeline.body_kinds import skeleton
from nlf_pipeline.body_models import BodyMeshes, joint_index

_SUM_TO_ONE = 30.0  # metres: makes the sum of the weights count like a large error
_LOCALITY = 0.01  # error that a metre of distance counts as, metres
_POSE_STD_RAD = 0.25
_ARMS_DOWN_RAD = 1.5
_N_POSES = 100
_LEAST_CANDIDATES = 4


def convex_weights(vertices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Non-negative weights that sum to 1 and give `points` from `vertices`, in the least-squares sense.

    Among combinations that do equally well, the nearer vertices are preferred.

    Args:
        vertices: (bodies, vertices, 3).
        points: (bodies, 3).

    Returns:
        (vertices,) weights.
    """
    n = vertices.shape[1]
    distances = np.linalg.norm(vertices - points[:, None], axis=-1).mean(axis=0)
    rows = np.moveaxis(vertices, 1, 2).reshape(-1, n)
    # With weights >= 0, one row makes the mean distance of the vertices in use count as an error
    A = np.concatenate([rows, np.full((1, n), _SUM_TO_ONE), _LOCALITY * np.sqrt(len(vertices)) * distances[None]])
    b = np.concatenate([points.reshape(-1), [_SUM_TO_ONE, 0.0]])
    weights, _ = nnls(A, b)
    return weights / weights.sum()


def joint_regressor(
    vertices: np.ndarray, joints: np.ndarray, skinning_weights: np.ndarray, n_candidates: int = 200
) -> np.ndarray:
    """Sparse regressor from vertices to joints.

    A joint is taken from vertices that it, its parent or its children move: around the joint, not only beside it.

    Args:
        vertices: (bodies, vertices, 3).
        joints: (bodies, joints, 3).
        skinning_weights: (vertices, joints).
        n_candidates: at most so many vertices are considered for one joint.

    Returns:
        (joints, vertices), non-negative, rows sum to 1.
    """
    parents = skeleton(joints.shape[1])[1]
    regressor = np.zeros((joints.shape[1], vertices.shape[1]))
    mean_vertices, mean_joints = vertices.mean(axis=0), joints.mean(axis=0)
    for joint in range(len(regressor)):
        family = [joint, parents[joint]] if joint else [0]
        family += [child for child, parent in enumerate(parents) if parent == joint]
        candidates = np.flatnonzero(skinning_weights[:, family].sum(axis=1) > 0.5)
        while len(candidates) < _LEAST_CANDIDATES:  # tips of fingers may have hardly a vertex of their own
            family.append(parents[min(family)])
            candidates = np.flatnonzero(skinning_weights[:, family].sum(axis=1) > 0.5)
        around = _spread(mean_vertices[candidates] - mean_joints[joint], n_candidates)
        candidates = candidates[around]
        regressor[joint, candidates] = convex_weights(vertices[:, candidates], joints[:, joint])
    return regressor


def post_lbs_joint_regressor(model: BodyModel, subset: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Regressor from posed vertices of a subset to the joints.

    smplfitter needs it where only vertices are known: rows of the model's own regressor lose weight in a subset.

    Args:
        model: the whole body.
        subset: (n,) vertex indices.
        rng: draws poses, with the arms between the T-pose and hanging down, and shapes.

    Returns:
        (joints, n), non-negative, rows sum to 1.
    """
    pose = rng.normal(0, _POSE_STD_RAD, (_N_POSES, model.num_joints, 3))
    shoulders = [joint_index("left_shoulder"), joint_index("right_shoulder")]
    pose[:, shoulders, 2] += rng.uniform(0, _ARMS_DOWN_RAD, (_N_POSES, 2)) * [-1, 1]
    betas = rng.normal(0, 1, (_N_POSES, model.num_betas))
    vertices, joints = BodyMeshes(model).forward(pose, betas, np.zeros((_N_POSES, 3)))
    weights = model.weights[torch.as_tensor(subset)].numpy()
    return joint_regressor(vertices[:, subset].astype(np.float64), joints.astype(np.float64), weights)


def _spread(offsets: np.ndarray, count: int) -> np.ndarray:
    """Indices of the (n, 3) `offsets`: half of `count` the shortest, the others short ones in every direction."""
    distances = np.linalg.norm(offsets, axis=1)
    nearest = np.argsort(distances, kind="stable")[: count // 2]
    directions = fibonacci_sphere(count - count // 2)
    alignment = directions @ (offsets / distances[:, None]).T
    near = np.exp(-distances / np.median(distances))
    return np.unique(np.concatenate([nearest, np.argmax((1 + alignment) * near, axis=1)]))


def fibonacci_sphere(n: int) -> np.ndarray:
    """(n, 3) unit vectors that cover the sphere evenly (Fibonacci lattice)."""
    k = np.arange(n) + 0.5
    height, azimuth = 1 - 2 * k / n, np.pi * (1 + np.sqrt(5)) * k
    radius = np.sqrt(1 - height**2)
    return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), height])
