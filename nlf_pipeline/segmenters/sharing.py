"""Which of several overlapping people each pixel belongs to, by bodies, colours and who is nearer."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nlf_pipeline.segmenters.appearance import Looks, colour_index, colour_scores
from nlf_pipeline.segmenters.body_region import distance_outside
from nlf_pipeline.segmenters.mask_ownership import ownership_cost, pixel_owners, without_specks
from nlf_pipeline.segmenters.observation import Observation, Pose

_STRIDE = 2  # pixels; who owns what is as coarse as the model's masks
_GRAIN_RADII = 0.04  # colours are compared over patches of this size, since single pixels are noisy


@dataclass(frozen=True)
class Body:
    """Somebody who can own pixels."""

    pose: Pose
    looks: Looks


def own_mask(image: np.ndarray, person: Observation, looks: Looks, behind: Sequence[Body]) -> np.ndarray:
    """A nearer person's mask without the pixels that are more likely of people expected behind him.

    Args:
        image: (height, width, 3) uint8 RGB frame.
        person: the nearer one.
        looks: what he usually looks like.
        behind: the others, where they should be.
    """
    behind = [body for body in behind if body.pose.extent.intersects(person.window)]
    if not behind or not person.mask.any():
        return person.mask
    left, top, width, height = cv2.boundingRect(person.mask.astype(np.uint8))
    box = slice(top, top + height), slice(left, left + width)
    colours = colour_index(np.ascontiguousarray(person.window.cut(image)[box][::_STRIDE, ::_STRIDE]))
    costs = []
    for rank, body in enumerate([Body(person, looks), *behind]):
        radius_px = body.pose.circle.radius_px / _STRIDE
        landmarks_px = (body.pose.landmarks_px - person.window.origin_px - (left, top)) / _STRIDE
        distance_px = distance_outside(landmarks_px, radius_px, (colours.shape[0], colours.shape[1]))
        grain = max(1, round(_GRAIN_RADII * radius_px))
        scores = cv2.blur(colour_scores(body.looks)[colours], (grain, grain))
        costs.append(ownership_cost(distance_px / radius_px, scores, rank))
    owners = pixel_owners(np.ones((len(costs), *colours.shape), bool), np.stack(costs))
    own = person.mask.copy()
    own[box] &= np.repeat(np.repeat(owners == 0, _STRIDE, axis=0), _STRIDE, axis=1)[:height, :width]
    return without_specks(own)
