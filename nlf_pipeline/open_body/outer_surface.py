"""The part of the base mesh that can be seen: skin and eyeballs, without the insides of the mouth and eye sockets."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from nlf_pipeline.open_body.makehuman import BaseMesh

EYEBALL_GROUPS = ("helper-l-eye", "helper-r-eye")


def outer_quads(base: BaseMesh) -> np.ndarray:
    """(quads, 4) vertex indices of the skin and the eyeballs.

    The texture map cuts the body into islands. The mouth and the eye sockets are islands of their own, and the only
    ones that lie inside the bounding box of another one, the head.
    """
    is_body = base.quad_groups == "body"
    quads, island = base.quads[is_body], _islands(base.texture_quads[is_body])
    corners = [base.vertices[quads[island == label]].reshape(-1, 3) for label in range(island.max() + 1)]
    low, high = (np.array([extreme(points, axis=0) for points in corners]) for extreme in (np.min, np.max))
    within = np.all((low[:, None] > low) & (high[:, None] < high), axis=-1)
    inner = np.flatnonzero(within.any(axis=1))
    eyeballs = base.quads[np.isin(base.quad_groups, EYEBALL_GROUPS)]
    return np.concatenate([quads[~np.isin(island, inner)], eyeballs])


def triangles(quads: np.ndarray) -> np.ndarray:
    """(2 quads, 3): every quad cut along its first diagonal."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _islands(quads: np.ndarray) -> np.ndarray:
    """(quads,) label of the connected component that each quad belongs to."""
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    n = quads.max() + 1
    graph = sp.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    return np.unique(label[quads[:, 0]], return_inverse=True)[1]
