"""Fewer vertices, chosen among those of a mesh, so that everything known about them stays exact."""

import fast_simplification
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

_MILD = 3.0  # how fast fast_simplification raises its error threshold: slower keeps the shape better
_MAX_TRIALS = 50


def decimate_symmetric(
    vertices: np.ndarray, faces: np.ndarray, mirror: np.ndarray, n_vertices: int
) -> tuple[np.ndarray, np.ndarray]:
    """Decimate the half where x >= 0 and reflect it, so that the result is exactly symmetric.

    Args:
        vertices: (vertices, 3), mirror symmetric in x.
        faces: (faces, 3) that do not cross x = 0, with a mirror image each.
        mirror: (vertices,) index of the mirror image of each vertex, itself for those at x = 0.
        n_vertices: about how many to keep.

    Returns:
        kept: (about n_vertices,) indices into `vertices`.
        faces: (faces, 3) indices into `kept`.
    """
    half = faces[vertices[faces, 0].mean(axis=1) > 0]
    used, local = np.unique(half, return_inverse=True)
    points, few = _simplify(vertices[used], local.reshape(-1, 3), n_faces=n_vertices)
    in_middle = mirror[used] == used
    on_plane = np.abs(points[:, 0]) < 1e-6
    nearest = np.empty(len(points), dtype=int)
    for points_here, candidates in ((on_plane, used[in_middle]), (~on_plane, used[~in_middle])):
        nearest[points_here] = candidates[KDTree(vertices[candidates]).query(points[points_here])[1]]
    few = _without_slivers(nearest[few])
    kept, both = np.unique(np.concatenate([few, mirror[few[:, ::-1]]]), return_inverse=True)
    return kept, both.reshape(-1, 3)


def decimate_to(vertices: np.ndarray, faces: np.ndarray, n_vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Decimate to exactly `n_vertices`.

    Args:
        vertices: (vertices, 3).
        faces: (faces, 3).
        n_vertices: how many to keep.

    Returns:
        kept: (n_vertices,) different indices into `vertices`.
        faces: (faces, 3) indices into `kept`.

    Raises:
        ValueError: if the mesh cannot be decimated to that number.
    """
    n_faces = 2 * n_vertices
    for _ in range(_MAX_TRIALS):
        points, few = _simplify(vertices, faces, n_faces)
        if len(points) == n_vertices:
            # Distinct vertices nearest on the whole: neighbours must not fall onto the same one.
            return linear_sum_assignment(cdist(points, vertices))[1], few
        n_faces += 2 * (n_vertices - len(points)) or 1
    raise ValueError(f"could not decimate {len(vertices)} vertices to exactly {n_vertices}")


def _simplify(vertices: np.ndarray, faces: np.ndarray, n_faces: int) -> tuple[np.ndarray, np.ndarray]:
    target = min(n_faces, len(faces))
    simplified = fast_simplification.simplify(vertices, faces.astype(np.int32), target_count=target, agg=_MILD)
    return simplified[0], simplified[1]


def _without_slivers(faces: np.ndarray) -> np.ndarray:
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)]


def vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(vertices,) a third of the area of the faces around each vertex."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return np.bincount(faces.ravel(), weights=np.repeat(area / 3, 3), minlength=len(vertices))
