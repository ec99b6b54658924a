"""Pixels of bodies whose points NLF has localized: each part's outline is taken to be convex.

No mesh is needed: which part a point belongs to is told by where it lies in NLF's canonical space, in which legs
and arms are spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nlf_pipeline.body_kinds import SMPL_PARENTS
from nlf_pipeline.geometry import project

_N_JOINTS = len(SMPL_PARENTS)
_SHARED = 1.1
"""A point belongs to all bones that are at most so much farther than the nearest: neighbours' outlines overlap."""
_NEAREST_M = 0.05
"""What is closer to the camera's plane cannot be projected."""
_SUBPIXEL_BITS = 4
_FARTHEST_PX = 1e4


@dataclass(frozen=True)
class BodyParts:
    """For each bone the points about it; joints come last, as in NLF's canonical points."""

    members: tuple[np.ndarray, ...]
    """(points,) indices."""

    @classmethod
    def of(cls, canonical_points: np.ndarray) -> "BodyParts":
        """Sort (vertices + 24, 3) points of SMPL in NLF's canonical space, joints last, by the nearest bones."""
        joints, n = canonical_points[-_N_JOINTS:], len(canonical_points)
        bones = [(parent, joint) for joint, parent in enumerate(SMPL_PARENTS) if parent >= 0]
        distances = np.stack([_from_segment(canonical_points, joints[a], joints[b]) for a, b in bones])
        near = distances <= _SHARED * distances.min(axis=0)
        ends = np.array(bones) + n - _N_JOINTS
        return cls(tuple(np.union1d(np.flatnonzero(row), ends[k]) for k, row in enumerate(near)))

    def silhouette(self, points_cam: np.ndarray, K: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """The pixels that a body covers.

        Args:
            points_cam: (points, 3) as those that were sorted, camera frame, metres.
            K: (3, 3) pixels.
            size_px: (width, height).

        Returns:
            (height, width) uint8, 0 or 1.
        """
        canvas = np.zeros(size_px[::-1], np.uint8)
        in_front = points_cam[:, 2] > _NEAREST_M
        points_px = np.zeros((len(points_cam), 2))
        points_px[in_front] = np.clip(project(points_cam[in_front], K), -_FARTHEST_PX, _FARTHEST_PX)
        fixed = np.round(points_px * 2**_SUBPIXEL_BITS).astype(np.int32)
        for members in self.members:
            outline = fixed[members[in_front[members]]]
            if len(outline) > 2:
                cv2.fillConvexPoly(canvas, cv2.convexHull(outline), (1,), shift=_SUBPIXEL_BITS)
        return canvas


def nearest_first(silhouettes: Sequence[np.ndarray], depths: np.ndarray) -> list[np.ndarray]:
    """What is visible of each silhouette behind those that are nearer, in the order given.

    Args:
        silhouettes: (height, width) uint8, 0 or 1, each.
        depths: (people,) distance from the camera.
    """
    visible = list(silhouettes)
    hidden = np.zeros(silhouettes[0].shape, np.uint8) if silhouettes else np.zeros((0, 0), np.uint8)
    for k in np.argsort(depths, kind="stable"):
        visible[k] = silhouettes[k] & ~hidden
        hidden |= silhouettes[k]
    return visible


def _from_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(n,) distance of (n, 3) points from a segment."""
    along = end - start
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * along, axis=-1)
