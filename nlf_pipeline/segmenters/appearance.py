"""What a person looks like: colours of torso, thighs and shanks."""

from dataclasses import dataclass

import cv2
import numpy as np

from nlf_pipeline.segmenters.body_region import body_parts

_BINS = 16
_MIN_PIXELS = 20
_ENOUGH_RADIUS_PX = 90  # of a body whose colours are told by all its pixels
_CHROMA_GAIN = 1.5  # clothes fill only the middle of Lab's chroma range
_SMOOTHING = np.array([1, 4, 6, 4, 1]) / 16  # a little more light must not look like another shirt
_LIGHTNESS_WEIGHT = 0.5  # it changes with shade, chroma does less
_PALETTE = (8, 16, 16)  # bins of L, a, b together
_SAMPLES = 4000
_UNKNOWN_DISTANCE = 0.2
_UNKNOWN_COLOUR = 0.05  # share of pixels in colours not seen before


@dataclass(frozen=True)
class Looks:
    """What a person looks like."""

    parts: np.ndarray
    """(parts, 3, bins) float32 square roots of smoothed histograms of Lab's L, a, b of each part of the
    body, each of unit length; zeros for parts that are not seen."""
    palette: np.ndarray
    """(8, 16, 16) float32 share of each Lab colour in the whole person."""


def describe(image: np.ndarray, mask: np.ndarray, landmarks_px: np.ndarray, radius_px: float) -> Looks:
    """Colours of the visible parts of a body.

    Args:
        image: (height, width, 3) uint8 RGB.
        mask: (height, width) bool, the person's pixels.
        landmarks_px: (33, 2) in this image.
        radius_px: of the body's circle.
    """
    stride = max(1, round(radius_px / _ENOUGH_RADIUS_PX))
    image, mask = image[::stride, ::stride], mask[::stride, ::stride]
    parts = body_parts(landmarks_px / stride, radius_px / stride, (mask.shape[0], mask.shape[1]))
    descriptor = np.zeros((len(parts), 3, _BINS), np.float32)
    for k, part in enumerate(parts):
        pixels = image[(part > 0) & mask]
        if len(pixels) < _MIN_PIXELS:
            continue
        lab = _to_lab(pixels)
        for channel in range(3):
            counts = np.bincount(lab[:, channel] // (256 // _BINS), minlength=_BINS)
            smooth = np.convolve(counts, _SMOOTHING, mode="same")
            descriptor[k, channel] = np.sqrt(smooth / smooth.sum())
    pixels = image[mask]
    pixels = pixels[:: max(1, len(pixels) // _SAMPLES)]
    counts = np.bincount(_palette_index(_to_lab(pixels)), minlength=int(np.prod(_PALETTE))) if len(pixels) else 0
    palette = np.asarray(np.asarray(counts, np.float32) / max(len(pixels), 1), np.float32)
    return Looks(descriptor, np.broadcast_to(palette, (int(np.prod(_PALETTE)),)).reshape(_PALETTE))


def _to_lab(pixels: np.ndarray) -> np.ndarray:
    """(n, 3) uint8 RGB to Lab, chroma stretched."""
    lab = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2LAB)[0]
    lab[:, 1:] = np.clip((lab[:, 1:].astype(np.float32) - 128) * _CHROMA_GAIN + 128, 0, 255)
    return lab


def _palette_index(lab: np.ndarray) -> np.ndarray:
    """(n,) bin of (n, 3) Lab colours."""
    lightness, a, b = (lab[:, k].astype(np.int32) // (256 // bins) for k, bins in enumerate(_PALETTE))
    return (lightness * _PALETTE[1] + a) * _PALETTE[2] + b


def colour_index(image: np.ndarray) -> np.ndarray:
    """(height, width) int: the palette's bin of each pixel of a (height, width, 3) uint8 RGB image."""
    return _palette_index(_to_lab(image.reshape(-1, 3))).reshape(image.shape[:2])


def colour_scores(looks: Looks) -> np.ndarray:
    """(bins,) float32: logarithm of how common each colour is on a person, over all colours being equally so."""
    smooth = looks.palette
    for axis in range(3):
        smooth = 0.5 * smooth + 0.25 * (np.roll(smooth, -1, axis) + np.roll(smooth, 1, axis))
    share = (1 - _UNKNOWN_COLOUR) * smooth * smooth.size + _UNKNOWN_COLOUR
    return np.log(share).astype(np.float32).ravel()


def blend(usual: Looks, new: Looks, weight: float) -> Looks:
    """`usual` with a little of `new`, part by part where it is seen."""
    return Looks(
        average_parts(np.stack([usual.parts, new.parts]), np.array([1 - weight, weight])),
        (1 - weight) * usual.palette + weight * new.palette,
    )


def average_parts(descriptors: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean of (n, parts, 3, bins) descriptors, part by part over those in which it is seen."""
    total = np.average(np.square(descriptors), axis=0, weights=weights)
    norm = total.sum(axis=-1, keepdims=True)
    return np.sqrt(total / np.where(norm > 0, norm, 1)).astype(np.float32)


def parts_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Hellinger distance of two descriptors in [0, 1], over the parts seen in both; middling if there are none.

    Args:
        a: (parts, 3, bins).
        b: (parts, 3, bins).
    """
    both = (a.any(axis=(1, 2))) & (b.any(axis=(1, 2)))
    if not both.any():
        return _UNKNOWN_DISTANCE
    overlap = np.sum(a[both] * b[both], axis=-1)
    squared = np.clip(1 - overlap, 0, 1)
    weights = np.array([_LIGHTNESS_WEIGHT, 1, 1])
    return float(np.sqrt(np.mean(squared @ weights / weights.sum())))
