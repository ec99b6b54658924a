"""Sharing out pixels, cleaning masks, painting people over."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.segmenters.mask_ownership import (
    fill_from_surroundings,
    ownership_cost,
    pixel_owners,
    without_specks,
)


@given(seed=st.integers(0, 10_000), people=st.integers(1, 4))
def test_every_claimed_pixel_has_one_owner_who_claims_it_at_least_cost(seed, people):
    rng = np.random.default_rng(seed)
    claims, costs = rng.random((people, 6, 7)) < 0.5, rng.uniform(-3, 9, (people, 6, 7))
    owners = pixel_owners(claims, costs)
    np.testing.assert_array_equal(owners >= 0, claims.any(axis=0))
    for row, column in np.argwhere(owners >= 0):
        claimants = np.flatnonzero(claims[:, row, column])
        assert owners[row, column] in claimants
        assert costs[owners[row, column], row, column] == costs[claimants, row, column].min()


def test_a_pixel_goes_to_the_body_it_is_on_to_its_colours_and_else_to_the_nearer_person():
    on, off, usual, strange = np.zeros((1, 1)), np.full((1, 1), 0.3), np.full((1, 1), 2.0), np.full((1, 1), -2.0)
    assert ownership_cost(on, usual, rank=1) < ownership_cost(off, usual, rank=0)
    assert ownership_cost(on, usual, rank=1) < ownership_cost(on, strange, rank=0)
    assert ownership_cost(on, usual, rank=0) < ownership_cost(on, usual, rank=1)


def test_specks_go_and_a_body_cut_in_two_stays():
    mask = np.zeros((60, 60), bool)
    mask[5:30, 10:20] = mask[40:55, 10:20] = True
    expected = mask.copy()
    mask[50:52, 50:52] = True
    np.testing.assert_array_equal(without_specks(mask), expected)


def test_an_empty_mask_stays_empty():
    assert not without_specks(np.zeros((20, 30), bool)).any()


def test_filling_leaves_what_is_known_and_continues_it():
    rows, columns = np.mgrid[:120, :160]
    image = np.stack([rows, columns, 0 * rows + 60], axis=-1).astype(np.uint8)
    hole = np.zeros((120, 160), bool)
    hole[40:80, 60:90] = True
    painted = image.copy()
    painted[hole] = (255, 0, 255)
    filled = fill_from_surroundings(painted, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert np.abs(filled[hole].astype(int) - image[hole]).max() < 25
    np.testing.assert_array_equal(painted[hole][0], (255, 0, 255))


def test_filling_hides_the_outline():
    """The filling must not stand out from a plain background at all."""
    image = np.full((100, 100, 3), 90, np.uint8)
    hole = np.zeros((100, 100), bool)
    hole[20:90, 40:60] = True
    image[hole] = 200
    assert np.abs(fill_from_surroundings(image, hole).astype(int) - 90).max() <= 1


def test_an_image_without_a_hole_and_one_that_is_all_hole():
    image = np.random.default_rng(0).integers(0, 255, (33, 47, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fill_from_surroundings(image, np.zeros((33, 47), bool)), image)
    assert fill_from_surroundings(image, np.ones((33, 47), bool)).shape == image.shape
