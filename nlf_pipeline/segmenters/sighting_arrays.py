"""People in frames as arrays and back, exactly."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.masks import encoded
from nlf_pipeline.segmenters.tracklets import Sighting

Arrays = dict[str, np.ndarray]


def pack_masks(masks: Sequence[RLEMask]) -> Arrays:
    """Masks of any sizes."""
    counts = [encoded(mask) for mask in masks]
    return {
        "mask_counts": np.frombuffer(b"".join(counts), np.uint8),
        "mask_ends": np.cumsum([len(c) for c in counts], dtype=np.int64),
        "mask_shapes": np.array([mask.shape for mask in masks], dtype=np.int64).reshape(-1, 2),
    }


def unpack_masks(arrays: Mapping[str, np.ndarray]) -> list[RLEMask]:
    """Inverse of `pack_masks`."""
    counts, ends = arrays["mask_counts"].tobytes(), [0, *arrays["mask_ends"].tolist()]
    shapes = arrays["mask_shapes"].tolist()
    return [
        RLEMask.from_dict({"size": shape, "counts": counts[start:stop]})
        for (start, stop), shape in zip(itertools.pairwise(ends), shapes, strict=True)
    ]


def pack_sightings(sightings: Sequence[Sighting]) -> Arrays:
    """Sightings as columns."""
    return {
        "frame": np.array([s.frame for s in sightings], dtype=np.int64),
        "centre_px": stacked([s.centre_px for s in sightings], (2,)),
        "radius_px": stacked([s.radius_px for s in sightings]),
        "appearance": stacked([s.appearance for s in sightings], (), np.float16),
        "visible_part": stacked([s.visible_part for s in sightings]),
        "likeness": stacked([s.likeness for s in sightings]),
        **pack_masks([s.mask for s in sightings]),
    }


def unpack_sightings(arrays: Mapping[str, np.ndarray]) -> list[Sighting]:
    """Inverse of `pack_sightings`."""
    columns = ("frame", "radius_px", "visible_part", "likeness")
    frames, radii, parts, likenesses = (arrays[name].tolist() for name in columns)
    rows = zip(frames, radii, parts, likenesses, unpack_masks(arrays), strict=True)
    return [
        Sighting(frame, arrays["centre_px"][k].copy(), radius, mask, arrays["appearance"][k].copy(), part, likeness)
        for k, (frame, radius, part, likeness, mask) in enumerate(rows)
    ]


def stacked(values: Sequence[object], shape: tuple[int, ...] = (), dtype: type = np.float64) -> np.ndarray:
    """(n, *shape) array of `n` values, which may be none; `shape` () leaves it to the values."""
    array = np.array(values, dtype=dtype)
    return array.reshape(-1, *shape) if shape else array
