"""Which of several overlapping people each pixel belongs to, by bodies, colours and who is nearer."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nlf_pipeline.segmenters.appearance import Looks, colour_index, colour_scores
from nlf_pipeline.segmenters.body_region import distance_outside
from nlf_pipeline.segmenters.mask_ownership import ownership_cost, pixel_owners, without_specks
from nlf_pipeline.segmenters.observation import Cover, Observation, Pose, Window, window_about

_STRIDE = 2  # pixels; who owns what is as coarse as the model's masks
_SURE = 2.0  # difference of costs
_GRAIN_RADII = 0.04  # colours are compared over patches of this size, since single pixels are noisy


@dataclass(frozen=True)
class Body:
    """Somebody who can own pixels."""

    pose: Pose
    looks: Looks


@dataclass(frozen=True)
class _Fit:
    """How well the pixels of a part of the frame fit a body, on every second pixel."""

    distance_radii: np.ndarray
    """(height, width) from the body's surface, 0 inside."""
    score: np.ndarray
    """(height, width) of the colours, averaged over small patches."""

    def cost(self, rank: int) -> np.ndarray:
        """(height, width) of owning each pixel."""
        return ownership_cost(self.distance_radii, self.score, rank)


def _fits(image: np.ndarray, part: Window, bodies: Sequence[Body]) -> list[_Fit]:
    colours = colour_index(np.ascontiguousarray(part.cut(image)[::_STRIDE, ::_STRIDE]))
    fits = []
    for body in bodies:
        radius_px = body.pose.circle.radius_px / _STRIDE
        landmarks_px = (body.pose.landmarks_px - part.origin_px) / _STRIDE
        distance_px = distance_outside(landmarks_px, radius_px, (colours.shape[0], colours.shape[1]))
        grain = max(1, round(_GRAIN_RADII * radius_px))
        fits.append(_Fit(distance_px / radius_px, cv2.blur(colour_scores(body.looks)[colours], (grain, grain))))
    return fits


def _enlarged(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Back from every second pixel to all of them."""
    return np.repeat(np.repeat(mask, _STRIDE, axis=0), _STRIDE, axis=1)[: shape[0], : shape[1]]


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
    part = Window(left, top, left + width, top + height).shifted(person.window)
    costs = np.stack([fit.cost(rank) for rank, fit in enumerate(_fits(image, part, [Body(person, looks), *behind]))])
    owners = pixel_owners(np.ones_like(costs, dtype=bool), costs)
    return without_specks(person.mask & person.window.moved(_enlarged(owners == 0, part.shape), part))


def foreign_pixels(image: np.ndarray, person: Body, others: Sequence[Body]) -> list[Cover]:
    """Pixels within other people's bodies, where they are expected, that are surely not `person`'s.

    Painted over, they keep the landmark model from giving somebody his neighbour's head.
    """
    height_px, width_px = image.shape[:2]
    reach = window_about(person.pose.circle, (width_px, height_px))
    covers = []
    for other in others:
        part = reach.intersection(other.pose.extent)
        if min(part.shape) < 2 * _STRIDE or not person.pose.extent.intersects(other.pose.extent):
            continue
        own, their = _fits(image, part, [person, other])
        foreign = (their.distance_radii == 0) & (their.cost(0) + _SURE < own.cost(0))
        covers.append((part, without_specks(_enlarged(foreign, part.shape))))
    return covers
