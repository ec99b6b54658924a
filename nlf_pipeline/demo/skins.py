"""Surfaces cut and grown from the skin of a body in its T-pose."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from nlf_pipeline.meshes import Topology

Rgb = tuple[float, float, float]
"""Linear, 0-1."""
_TAUBIN = (0.50, -0.53)
"""A shrinking and a growing step of smoothing, which together keep the volume (Taubin 1995)."""
UNCOVERED = 1.0
"""Cover of what has no hem."""
_LINING, _DARK = 0.06, 0.4
"""Depth to which one sees into a shell, metres, and how much darker it is there."""


class Material(IntEnum):
    """How the fragment shader treats a surface; the same numbers stand there."""

    SKIN = 0
    KNIT = 1
    DENIM = 2
    LEATHER = 3
    HAIR = 4
    EYE = 5
    STRIPED = 6


@dataclass(frozen=True)
class SkinnedMesh:
    """A mesh in the T-pose that follows the body's joints."""

    vertices: np.ndarray
    """(v, 3) metres."""
    normals: np.ndarray
    """(v, 3) of unit length."""
    colours: np.ndarray
    """(v, 3) linear RGB."""
    materials: np.ndarray
    """(v,) Material."""
    cover: np.ndarray
    """(v,) distance inside the hem, metres. The shader cuts the surface where it changes sign: smooth hems."""
    weights: np.ndarray
    """(v, joints)."""
    faces: np.ndarray
    """(f, 3)."""

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """One mesh of all parts."""
        starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
        return cls(
            vertices=np.concatenate([part.vertices for part in parts]),
            normals=np.concatenate([part.normals for part in parts]),
            colours=np.concatenate([part.colours for part in parts]),
            materials=np.concatenate([part.materials for part in parts]),
            cover=np.concatenate([part.cover for part in parts]),
            weights=np.concatenate([part.weights for part in parts]),
            faces=np.concatenate([part.faces + start for part, start in zip(parts, starts[:-1], strict=True)]),
        )

    def pruned(self) -> "SkinnedMesh":
        """The same mesh without vertices that no face uses."""
        used, faces = np.unique(self.faces, return_inverse=True)
        return SkinnedMesh(
            self.vertices[used],
            self.normals[used],
            self.colours[used],
            self.materials[used],
            self.cover[used],
            self.weights[used],
            faces.reshape(-1, 3),
        )


def surface_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
    colours: np.ndarray,
    material: Material,
    cover: np.ndarray | None = None,
) -> SkinnedMesh:
    """A mesh of one material with smooth normals.

    Args:
        vertices: (v, 3); those without a face are dropped.
        faces: (f, 3).
        weights: (v, joints).
        colours: (v, 3) or (3,) linear RGB.
        material: of all of it.
        cover: (v,) distance inside the hem; None: everywhere covered.
    """
    cover = np.full(len(vertices), UNCOVERED) if cover is None else cover
    return SkinnedMesh(
        vertices=vertices,
        normals=Topology.of(faces, len(vertices)).normals(vertices),
        colours=np.broadcast_to(colours, vertices.shape),
        materials=np.full(len(vertices), material, dtype=np.float64),
        cover=cover,
        weights=weights,
        faces=faces[(cover[faces] > 0).any(axis=1)],
    ).pruned()


def lining(shell: SkinnedMesh) -> SkinnedMesh:
    """The inside of a shell, as far as one can look into it at its hems; dark."""
    seen = shell.faces[(shell.cover[shell.faces] < _LINING).any(axis=1)]
    return replace(shell, normals=-shell.normals, colours=_DARK * shell.colours, faces=seen[:, ::-1]).pruned()


def smoothed(vertices: np.ndarray, faces: np.ndarray, rounds: int) -> np.ndarray:
    """(v, 3) vertices after `rounds` of Taubin smoothing, which flattens details and keeps the volume."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    n = len(vertices)
    neighbours = csr_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    degree = np.maximum(neighbours.sum(axis=1), 1)[:, None]
    for step in _TAUBIN * rounds:
        vertices = vertices + step * np.where(degree > 1, neighbours @ vertices / degree - vertices, 0)
    return vertices


def tube_faces(n_rings: int, n_around: int) -> np.ndarray:
    """(f, 3) faces of a tube whose vertices are `n_rings` rings of `n_around`, in order; its ends are open."""
    ring, place = np.meshgrid(np.arange(n_rings - 1), np.arange(n_around), indexing="ij")
    a, b = ring * n_around + place, ring * n_around + (place + 1) % n_around
    c, d = a + n_around, b + n_around
    return np.stack([a, b, c, b, d, c], axis=-1).reshape(-1, 3)
