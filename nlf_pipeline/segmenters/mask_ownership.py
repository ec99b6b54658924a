"""Sharing out pixels that several people's masks claim."""

import cv2
import numpy as np

_SMALLEST_PART = 0.05  # of the largest: an occluder may cut a body in pieces, but not in crumbs
_COST_PER_RADIUS = 20.0
_COLOUR_LIMIT = 3.0
_FILL_DETAIL = 4  # pixels; the filling is smooth anyway


def pixel_owners(claims: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Who owns each pixel: of those who claim it, the one whom it costs least.

    Args:
        claims: (people, height, width) bool masks.
        costs: (people, height, width) as from `ownership_cost`.

    Returns:
        (height, width) int: row of the owner; -1 where nobody claims the pixel.
    """
    owners = np.argmin(np.where(claims, costs, np.inf), axis=0)
    return np.where(claims.any(axis=0), owners, -1)


def ownership_cost(distance_radii: np.ndarray, log_likelihood: np.ndarray, rank: int) -> np.ndarray:
    """How badly each pixel fits a person: far off his body, not in his colours, or behind somebody else.

    Args:
        distance_radii: (height, width) distance from the surface of his body, 0 inside.
        log_likelihood: (height, width) of the pixels' colours on him.
        rank: 0 for the person nearest to the camera.

    Returns:
        (height, width), in units of log likelihood.
    """
    return _COST_PER_RADIUS * distance_radii - np.clip(log_likelihood, -_COLOUR_LIMIT, _COLOUR_LIMIT) + rank


def without_specks(mask: np.ndarray) -> np.ndarray:
    """A (height, width) bool mask without connected parts that are small beside its largest one."""
    pixels = mask.astype(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    if width == 0:
        return mask
    box = slice(top, top + height), slice(left, left + width)
    n_parts, labels, stats, _ = cv2.connectedComponentsWithStats(pixels[box], connectivity=8)
    if n_parts <= 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.zeros_like(mask)
    large = np.concatenate([[False], areas >= _SMALLEST_PART * areas.max()])
    kept[box] = large[labels.astype(np.intp)]
    return kept


def fill_from_surroundings(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`image` with the pixels of `hole` replaced by what is around them, smoothly (push-pull interpolation).

    Gortler et al., The Lumigraph, 1996. Nobody must be recognizable in the filling, not even by his outline.

    Args:
        image: (height, width, 3) uint8.
        hole: (height, width) bool.
    """
    if not hole.any():
        return image
    unknown = hole.astype(np.uint8)
    known = cv2.bitwise_and(image, image, mask=1 - unknown)
    weight = _shrink((1 - unknown).astype(np.float32), _FILL_DETAIL)
    levels = [np.dstack([_shrink(known, _FILL_DETAIL).astype(np.float32), weight])]
    while min(levels[-1].shape[:2]) > 2:
        levels.append(_shrink(levels[-1], 2))
    filled = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], 1e-6)
    for level in reversed(levels[:-1]):
        larger = cv2.resize(filled, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        filled = level[..., :3] + (1 - level[..., 3:]) * larger
    smooth = np.clip(filled, 0, 255).astype(np.uint8)
    filling = cv2.resize(smooth, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.copyTo(filling, unknown, known)


def _shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Averages over squares of `factor` pixels."""
    size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
