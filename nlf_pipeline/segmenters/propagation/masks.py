"""Masks of people on the way from and to label maps."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from rlemasklib import RLEMask

_MARGIN = 0.15  # of the largest part's box on each side; what lies farther off is not part of the person
_SAME_PERSON = 0.3  # of a detection's pixels, or of both masks' together

Track = dict[int, RLEMask]
"""One person's masks by frame; none is empty."""


def clean_mask(mask: RLEMask) -> RLEMask:
    """A mask without cracks, and without what is far from its largest part.

    As stcnbuf does it: dilated twice and eroded twice by 5 x 5 pixels, then cut to a box about its largest part.
    """
    closed = mask.dilate5x5().dilate5x5().erode5x5().erode5x5() | mask
    if not closed.any():
        return closed
    left, top, width, height = closed.largest_connected_component().bbox()
    widened = [left - _MARGIN * width, top - _MARGIN * height, (1 + 2 * _MARGIN) * width, (1 + 2 * _MARGIN) * height]
    return closed & RLEMask.from_bbox(widened, closed.shape)


def clean_masks(masks: Sequence[RLEMask]) -> list[RLEMask]:
    """Cleaned masks of people in one frame, none of which grows into another.

    Args:
        masks: no pixel is in two of them.
    """
    cleaned: list[RLEMask] = []
    for k, mask in enumerate(masks):
        others = union([*cleaned, *masks[k + 1 :]], mask.shape)
        cleaned.append(clean_mask(mask) & others.complement())
    return cleaned


def masks_of_labels(labels: np.ndarray, n_people: int) -> list[RLEMask]:
    """Masks of people 1 .. n_people in a (height, width) uint8 map of labels."""
    found = RLEMask.from_label_map(labels)
    height_px, width_px = labels.shape
    return [found.get(k + 1, RLEMask.zeros((height_px, width_px))) for k in range(n_people)]


def union(masks: Iterable[RLEMask], shape: tuple[int, int]) -> RLEMask:
    """Pixels in any of the masks.

    Args:
        masks: each of `shape`.
        shape: (height, width).
    """
    joined = RLEMask.zeros(shape)
    for mask in masks:
        joined = joined | mask
    return joined


def resized(masks: Sequence[RLEMask], size_px: tuple[int, int]) -> np.ndarray:
    """(masks, height, width) bool, at another size (width, height)."""
    width_px, height_px = size_px
    small = np.zeros((len(masks), height_px, width_px), bool)
    for k, mask in enumerate(masks):
        if mask.any():
            small[k] = cv2.resize(mask.to_array() * np.uint8(255), size_px, interpolation=cv2.INTER_AREA) > 127
    return small


def is_among(mask: RLEMask, others: Iterable[RLEMask]) -> bool:
    """Whether a detection is somebody of `others`, or mostly hidden in them."""
    others = [other for other in others if other.any()]
    if not others:
        return False
    covered = (mask & union(others, mask.shape)).area() / max(mask.area(), 1)
    return bool(covered > _SAME_PERSON or max(overlap(mask, other) for other in others) > _SAME_PERSON)


def overlap(a: RLEMask, b: RLEMask) -> float:
    """Intersection over union; 0 of two empty masks."""
    return float((a & b).area() / max((a | b).area(), 1))
