"""Geometry of triangle meshes that share one topology."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Topology:
    """Faces of a mesh, and which faces meet at each vertex."""

    faces: np.ndarray
    """(faces, 3) vertex indices, counter-clockwise seen from outside."""
    n_vertices: int
    incidence: sparse.csr_matrix
    """(vertices, faces): 1 where the vertex belongs to the face."""

    @classmethod
    def of(cls, faces: np.ndarray, n_vertices: int) -> Self:
        """The topology of `faces` (faces, 3) over `n_vertices` vertices."""
        face_indices = np.repeat(np.arange(len(faces)), 3)
        ones = np.ones(faces.size, np.float32)
        return cls(
            faces, n_vertices, sparse.csr_matrix((ones, (faces.ravel(), face_indices)), shape=(n_vertices, len(faces)))
        )

    def _area_vectors(self, vertices: np.ndarray) -> np.ndarray:
        """(vertices, 3): sum of the outward area vectors of the faces that meet at each vertex, square metres."""
        a, b, c = (vertices[self.faces[:, k]] for k in range(3))
        return self.incidence @ (np.cross(b - a, c - a) / 2)

    def normals_and_areas(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`normals` and `vertex_areas` of (vertices, 3) at once."""
        sums = self._area_vectors(vertices)
        lengths = np.linalg.norm(sums, axis=-1)
        return sums / np.maximum(lengths[:, None], 1e-12), lengths / 3

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """(vertices, 3) smooth unit normals of (vertices, 3): area-weighted means of the faces' normals."""
        return self.normals_and_areas(vertices)[0]

    def vertex_areas(self, vertices: np.ndarray) -> np.ndarray:
        """(vertices,) square metres of the surface (vertices, 3) that each vertex stands for."""
        return self.normals_and_areas(vertices)[1]
