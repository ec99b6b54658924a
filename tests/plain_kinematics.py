"""A second, slow and plain way to pose bodies and to project points, for tests of exports."""

from collections.abc import Sequence

import cv2
import numpy as np


def posed_joints(rotvecs: np.ndarray, trans: np.ndarray, joints_rest: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """(joints, 3) by SMPL's definition: bone by bone from the root, `trans` (3,) added at the end."""
    return posed_transforms(rotvecs, trans, joints_rest, parents)[:, :3, 3]


def posed_transforms(
    rotvecs: np.ndarray, trans: np.ndarray, joints_rest: np.ndarray, parents: Sequence[int]
) -> np.ndarray:
    """(joints, 4, 4) joint to world for (joints, 3) parent-relative rotation vectors."""
    transforms = []
    for joint, parent in enumerate(parents):
        local = np.eye(4)
        local[:3, :3] = cv2.Rodrigues(np.array(rotvecs[joint], np.float64))[0]
        local[:3, 3] = joints_rest[joint] - (joints_rest[parent] if parent >= 0 else 0)
        transforms.append(transforms[parent] @ local if parent >= 0 else local)
    result = np.array(transforms)
    result[:, :3, 3] += trans
    return result


def skinned_vertices(
    transforms: np.ndarray, joints_rest: np.ndarray, vertices_rest: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(vertices, 3) by linear blend skinning with (joints, 4, 4) posed transforms and (vertices, joints) weights."""
    placed = sum(
        weights[:, joint, None] * ((vertices_rest - joints_rest[joint]) @ T[:3, :3].T + T[:3, 3])
        for joint, T in enumerate(transforms)
    )
    return np.asarray(placed)


def opencv_pixels(points: np.ndarray, T_world_cam: np.ndarray, K: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """(n, 2) where OpenCV sees (n, 3) points of the world."""
    T_cam_world = np.linalg.inv(T_world_cam)
    rotvec = cv2.Rodrigues(T_cam_world[:3, :3])[0]
    coefficients = np.asarray(distortion, np.float64) if len(distortion) else None
    pixels, _ = cv2.projectPoints(np.array(points, np.float64), rotvec, T_cam_world[:3, 3], K, coefficients)
    return pixels[:, 0]
