"""Blending drawn bodies over pictures, only where they are."""

import functools
from collections.abc import Iterable

import cv2
import numpy as np

from nlf_pipeline.geometry import project
from nlf_pipeline.offscreen import Box, joint_box

NEAR = 0.05
"""Metres; nothing nearer is drawn."""


def covering_box(points_cam: np.ndarray, K: np.ndarray, size_px: tuple[int, int]) -> Box | None:
    """The part of the picture that can show what lies between `points_cam` (n, 3); None for none of it.

    Points nearer than NEAR have no useful projection; then it is the whole picture.
    """
    width_px, height_px = size_px
    if not len(points_cam) or (points_cam[:, 2] < NEAR).all():
        return None
    if (points_cam[:, 2] < NEAR).any():
        return 0, 0, width_px, height_px
    uv = project(points_cam, K)
    low = np.clip(np.floor(uv.min(axis=0)) - 2, 0, size_px).astype(int)
    high = np.clip(np.ceil(uv.max(axis=0)) + 3, 0, size_px).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def separate_boxes(boxes: Iterable[Box | None]) -> list[Box]:
    """Boxes that do not overlap and cover all of `boxes`, of which None is empty."""
    apart: list[Box] = []
    waiting = [box for box in boxes if box is not None]
    while waiting:
        box = waiting.pop()
        met = [other for other in apart if _overlap(box, other)]
        apart = [other for other in apart if other not in met]
        (waiting if met else apart).append(functools.reduce(joint_box, met, box))
    return apart


def _overlap(a: Box, b: Box) -> bool:
    return all(a[axis] < b[axis] + b[axis + 2] and b[axis] < a[axis] + a[axis + 2] for axis in (0, 1))


def composite(picture: np.ndarray, drawn: np.ndarray, box_px: Box) -> None:
    """Blend `drawn` (height, width, 4) uint8, premultiplied, over its box of `picture`, in place."""
    left, top, width, height = box_px
    part = picture[top : top + height, left : left + width]
    behind = cv2.cvtColor(255 - drawn[..., 3], cv2.COLOR_GRAY2RGB)
    part[:] = cv2.add(cv2.multiply(part, behind, scale=1 / 255), cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB))
