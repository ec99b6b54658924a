"""Landmarks of one person by his own region of the image, started from his mask and followed by his landmarks.

Crowded pictures make a landmark model jump to the neighbour. Three things keep a person's landmarks his
own: the region follows his previous landmarks, pixels of other people's masks are painted over, and
landmarks that do not lie on his mask are not believed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.blazepose import REGION_SCALE, BodyCircle, PoseLandmarks
from nlf_pipeline.landmarks import landmark_index

Landmarker = Callable[[np.ndarray, BodyCircle], PoseLandmarks | None]
"""Landmarks of the person in a circle of a (height, width, 3) uint8 RGB image, or None if nobody is there."""

_CORE = [
    landmark_index(f"{side}_{name}")
    for side in ("left", "right")
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
]
_RADIUS_PER_DEVIATION = 2.1  # body circle over the spread of the mask along the body, measured on standing people
_MIN_AGREEMENT = 0.6
_MIN_VISIBLE = 4
_VISIBLE = 0.5
_TOLERANCE = 0.06  # of the circle's radius: landmarks may lie so far off the mask
_LYING = np.cos(np.deg2rad(60))
_OFF_MASK_TRUST = 0.1  # factor on the visibility of landmarks off the mask: behind somebody, or wrong
_NEUTRAL_GREY = 127
_REFINEMENTS = 2


def circle_from_mask(mask: RLEMask) -> BodyCircle:
    """Where a body must be by its mask: centroid, principal axis, spread. Of the two ends, the upper is the head.

    Args:
        mask: not empty.
    """
    moments = mask.moments()
    centre_px = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    covariance = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / moments["m00"]
    variances, axes = np.linalg.eigh(covariance)
    up = axes[:, 1] if axes[1, 1] < 0 else -axes[:, 1]
    return BodyCircle(centre_px, centre_px + up * _RADIUS_PER_DEVIATION * np.sqrt(max(variances[1], 1.0)))


def on_mask(found: PoseLandmarks, mask: RLEMask) -> np.ndarray:
    """(33,) bool: which landmarks lie on the mask or just beside it."""
    angles = np.arange(8) * (np.pi / 4)
    ring = np.concatenate([np.zeros((1, 2)), np.stack([np.cos(angles), np.sin(angles)], axis=1)])
    probes = found.image_px[:, None] + ring * (_TOLERANCE * found.circle.radius_px)
    left, top, width, height = (int(x) for x in mask.bbox())
    inside = mask.crop(np.array([left, top, width, height])).to_array()
    x, y = np.moveaxis(np.rint(probes).astype(int) - (left, top), -1, 0)
    in_box = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return (in_box & (inside[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] > 0)).any(axis=1)


def agreement(found: PoseLandmarks, mask: RLEMask) -> float:
    """Share of the visible shoulders, elbows, wrists, hips, knees and ankles that lie on the mask or beside it.

    Zero if hardly any are visible.
    """
    seen = found.visibility[_CORE] > _VISIBLE
    return float(on_mask(found, mask)[_CORE][seen].mean()) if seen.sum() >= _MIN_VISIBLE else 0.0


def find_in_region(
    landmarker: Landmarker, image: np.ndarray, circle: BodyCircle, own: RLEMask, others: Sequence[RLEMask]
) -> PoseLandmarks | None:
    """Landmarks of the person in `circle`, with the pixels of other people painted over."""
    height_px, width_px = image.shape[:2]
    reach_px = circle.radius_px * REGION_SCALE * np.sqrt(2) + 2
    left, top = (int(x) for x in np.clip(np.floor(circle.centre_px - reach_px), 0, (width_px - 1, height_px - 1)))
    right, bottom = (
        int(x) for x in np.clip(np.ceil(circle.centre_px + reach_px), (left + 1, top + 1), (width_px, height_px))
    )
    crop = image[top:bottom, left:right]
    box = np.array([left, top, right - left, bottom - top])
    hidden = [part for part in (mask.crop(box) for mask in others) if part.any()]
    if hidden:
        foreign = RLEMask.union(hidden).to_array().astype(bool) & ~own.crop(box).to_array().astype(bool)
        crop = crop.copy()
        crop[foreign] = _NEUTRAL_GREY
    offset_px = np.array([left, top])
    found = landmarker(crop, circle.moved(-offset_px))
    return found and found.moved(offset_px)


class PersonFollower:
    """Finds one person's landmarks in frame after frame of a shot."""

    def __init__(self, circle: BodyCircle | None = None) -> None:
        """Start anew, or go on from where somebody was in the frame before."""
        self.circle = circle
        """Where he is in the last frame looked at; None if he was not found there."""

    def find(
        self, landmarker: Landmarker, image: np.ndarray, mask: RLEMask | None, others: Sequence[RLEMask]
    ) -> PoseLandmarks | None:
        """Landmarks in the next frame, or None where the person is not seen or the landmarks are not his.

        Args:
            landmarker: the model.
            image: (height, width, 3) uint8 RGB.
            mask: what is visible of this person.
            others: what is visible of everybody else.
        """
        found = None
        if mask is not None and mask.any():
            if self.circle is not None:
                found = find_in_region(landmarker, image, self.circle, mask, others)
            if found is None or agreement(found, mask) < _MIN_AGREEMENT:
                found = _start_from_mask(landmarker, image, mask, others)
        if found is None or mask is None:
            self.circle = None
            return None
        self.circle = found.circle
        trust = np.where(on_mask(found, mask), 1.0, _OFF_MASK_TRUST)
        return replace(found, visibility=found.visibility * trust)


def _start_from_mask(
    landmarker: Landmarker, image: np.ndarray, mask: RLEMask, others: Sequence[RLEMask]
) -> PoseLandmarks | None:
    """Landmarks without knowing the previous frame; both ways up are tried for people who lie."""
    upright = circle_from_mask(mask)
    up = (upright.rim_px - upright.centre_px) / upright.radius_px
    starts = [upright]
    if -up[1] < _LYING:
        starts.append(BodyCircle(upright.centre_px, 2 * upright.centre_px - upright.rim_px))
    best, best_score = None, 0.0
    for start in starts:
        found, circle = None, start
        for _ in range(_REFINEMENTS):
            found = find_in_region(landmarker, image, circle, mask, others)
            if found is None:
                break
            circle = found.circle
        if found is not None and agreement(found, mask) >= _MIN_AGREEMENT:
            score = agreement(found, mask) * float(found.visibility[_CORE].mean())
            if score > best_score:
                best, best_score = found, score
    return best
