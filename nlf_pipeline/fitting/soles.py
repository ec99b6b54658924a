"""The soles of the feet: where a body can touch the floor.

The toe joint lies some 3 cm above the floor, so floor and contacts are judged by sole vertices.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import BodyMeshes, joint_index

_THICKNESS = 0.02
"""Vertices so little above the lowest point of the unposed foot belong to the sole, metres."""
_POINTS_PER_FOOT = 32
ANKLES = (joint_index("left_ankle"), joint_index("right_ankle"))
TOES = (joint_index("left_foot"), joint_index("right_foot"))


@dataclass(frozen=True)
class Soles:
    """Points under the feet of one body, with the share that the ankle and the toe joint have in each."""

    rest: np.ndarray
    """(2, points, 3) left, right; unposed body, metres."""
    joints_rest: np.ndarray
    """(joints, 3) of the unposed body, metres."""
    toe_share: np.ndarray
    """(2, points) skinning weight of the toe joint, 0-1; the ankle joint has the rest."""

    def posed(self, rotations: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Sole points of posed bodies by linear blend skinning.

        Args:
            rotations: (..., joints, 3, 3) global.
            joints: (..., joints, 3) metres.

        Returns:
            (..., 2, points, 3) metres, frame of the joints.
        """
        share = self.toe_share[..., None]
        by_ankle, by_toe = (self._ridden(rotations, joints, bones) for bones in (ANKLES, TOES))
        return (1 - share) * by_ankle + share * by_toe

    def _ridden(self, rotations: np.ndarray, joints: np.ndarray, bones: tuple[int, int]) -> np.ndarray:
        offsets = self.rest - self.joints_rest[list(bones), None]
        turned = offsets @ np.swapaxes(rotations[..., list(bones), :, :], -1, -2)
        return turned + joints[..., list(bones), None, :]


def find_soles(body: BodyMeshes, betas: np.ndarray) -> Soles:
    """The sole points of a body of shape `betas`, spread evenly over the soles.

    Args:
        body: a y-up body model facing +z, with all its vertices or a subset.
        betas: (betas,).
    """
    joints = len(body.model.kintree_parents)
    vertices, joints_rest = body.forward(np.zeros((1, joints, 3)), betas, np.zeros((1, 3)))
    weights = np.asarray(body.model.weights)
    rest, share = [], []
    for ankle, toe in zip(ANKLES, TOES, strict=True):
        on_foot = np.flatnonzero(weights[:, ankle] + weights[:, toe] > 0.5)
        height = vertices[0, on_foot, 1]
        chosen = on_foot[height < height.min() + _THICKNESS]
        chosen = chosen[_spread(vertices[0, chosen], _POINTS_PER_FOOT)]
        rest.append(vertices[0, chosen])
        share.append(weights[chosen, toe] / (weights[chosen, ankle] + weights[chosen, toe]))
    return Soles(np.stack(rest), joints_rest[0], np.stack(share))


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` points far from each other, with repetition if there are fewer."""
    chosen = [int(np.argmin(points[:, 1]))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=-1))
        chosen.append(int(np.argmax(distance)))
    return np.array(chosen)
