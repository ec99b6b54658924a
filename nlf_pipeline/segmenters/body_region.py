"""Which pixels can belong to a body whose landmarks are known: capsules about its bones."""

import cv2
import numpy as np

from nlf_pipeline.landmarks import landmark_index

_BONES = tuple(
    (landmark_index(a), landmark_index(b), thickness)
    for a, b, thickness in (
        ("left_shoulder", "right_shoulder", 0.10),
        ("left_hip", "right_hip", 0.16),
        ("left_shoulder", "left_hip", 0.12),
        ("right_shoulder", "right_hip", 0.12),
        ("left_shoulder", "right_hip", 0.10),
        ("right_shoulder", "left_hip", 0.10),
        ("left_shoulder", "left_elbow", 0.065),
        ("right_shoulder", "right_elbow", 0.065),
        ("left_elbow", "left_wrist", 0.06),
        ("right_elbow", "right_wrist", 0.06),
        ("left_wrist", "left_index", 0.11),
        ("right_wrist", "right_index", 0.11),
        ("left_hip", "left_knee", 0.115),
        ("right_hip", "right_knee", 0.115),
        ("left_knee", "left_ankle", 0.09),
        ("right_knee", "right_ankle", 0.09),
        ("left_heel", "left_foot_index", 0.07),
        ("right_heel", "right_foot_index", 0.07),
        ("left_ear", "right_ear", 0.15),
        ("mouth_left", "left_shoulder", 0.065),
        ("mouth_right", "right_shoulder", 0.065),
    )
)
"""Bones and half their thickness in radii of the body's circle, which hold 98 % of people in close-fitting clothes."""
_PARTS = (
    ((("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")), 0.10),
    ((("left_hip", "left_knee"), ("right_hip", "right_knee")), 0.06),
    ((("left_knee", "left_ankle"), ("right_knee", "right_ankle")), 0.05),
)
_SUBPIXEL_BITS = 4


def body_region(landmarks_px: np.ndarray, radius_px: float, shape: tuple[int, int], looseness: float) -> np.ndarray:
    """Pixels within `looseness` times the body's thickness of a bone.

    Args:
        landmarks_px: (33, 2) in the picture of `shape`.
        radius_px: of the body's circle.
        shape: (height, width).
        looseness: 1 is a tight fit.

    Returns:
        (height, width) uint8, 0 or 1.
    """
    region = np.zeros(shape, np.uint8)
    for a, b, thickness in _BONES:
        _draw_line(region, landmarks_px[a], landmarks_px[b], 2 * thickness * looseness * radius_px)
    return region


def distance_outside(landmarks_px: np.ndarray, radius_px: float, shape: tuple[int, int]) -> np.ndarray:
    """How far every pixel is from the body's surface: (height, width) float32 pixels, 0 inside the body.

    Args:
        landmarks_px: (33, 2) in the picture of `shape`.
        radius_px: of the body's circle.
        shape: (height, width).
    """
    outside = 1 - body_region(landmarks_px, radius_px, shape, looseness=1.0)
    if outside.all():  # OpenCV's result is undefined where there is nothing to be distant from
        return np.full(shape, np.float32(max(shape)))
    return cv2.distanceTransform(outside, cv2.DIST_L2, 3)


def body_parts(landmarks_px: np.ndarray, radius_px: float, shape: tuple[int, int]) -> list[np.ndarray]:
    """Torso, thighs and shanks, thin enough to lie well inside the body.

    Args:
        landmarks_px: (33, 2) in the picture of `shape`.
        radius_px: of the body's circle.
        shape: (height, width).

    Returns:
        One (height, width) uint8 array of 0 and 1 per part.
    """
    parts = []
    for bones, thickness in _PARTS:
        part = np.zeros(shape, np.uint8)
        for a, b in bones:
            start, end = landmarks_px[landmark_index(a)], landmarks_px[landmark_index(b)]
            _draw_line(part, start, end, 2 * thickness * radius_px)
        parts.append(part)
    return parts


def _draw_line(image: np.ndarray, start_px: np.ndarray, end_px: np.ndarray, width_px: float) -> None:
    """Set the pixels of `image` within half of `width_px` of a segment, in place."""
    scale = 2**_SUBPIXEL_BITS
    (x0, y0), (x1, y1) = np.round(np.clip([start_px, end_px], -1e4, 1e4) * scale).astype(int).tolist()
    cv2.line(image, (x0, y0), (x1, y1), (1,), thickness=max(1, round(width_px)), shift=_SUBPIXEL_BITS)
