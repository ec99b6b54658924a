"""Masks and sightings come back from arrays exactly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.sighting_arrays import pack_masks, pack_sightings, unpack_masks, unpack_sightings
from nlf_pipeline.segmenters.tracklets import Sighting

SEEDS = st.lists(st.integers(0, 2**32 - 1), max_size=5)


def random_mask(rng):
    shape = rng.integers(1, 40, 2)
    return RLEMask.from_array((rng.random(shape) < rng.choice([0, 0.5, 1])).astype(np.uint8))


def random_sighting(rng):
    looks = rng.random((3, 3, 16)).astype(np.float16)
    frame = int(rng.integers(0, 10**6))
    numbers = rng.normal(size=3).tolist()
    return Sighting(frame, rng.normal(size=2), numbers[0], random_mask(rng), looks, numbers[1], numbers[2])


@given(SEEDS)
def test_masks_of_any_size(seeds):
    masks = [random_mask(np.random.default_rng(seed)) for seed in seeds]
    again = unpack_masks(pack_masks(masks))
    assert [mask.shape for mask in again] == [mask.shape for mask in masks]
    assert [mask.to_dict() for mask in again] == [mask.to_dict() for mask in masks]


@given(SEEDS)
def test_sightings(seeds):
    sightings = [random_sighting(np.random.default_rng(seed)) for seed in seeds]
    again = unpack_sightings(pack_sightings(sightings))
    assert len(again) == len(sightings)
    for one, other in zip(sightings, again, strict=True):
        assert one.mask.to_dict() == other.mask.to_dict()
        for name in ("frame", "radius_px", "visible_part", "likeness"):
            assert getattr(one, name) == getattr(other, name) and type(getattr(one, name)) is type(getattr(other, name))
        for name in ("centre_px", "appearance"):
            first, second = getattr(one, name), getattr(other, name)
            assert first.dtype == second.dtype and first.tobytes() == second.tobytes() and second.flags.writeable
