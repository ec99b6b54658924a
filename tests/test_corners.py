"""Corners lie on the background, apart from one another, and all over the picture."""

import cv2
import numpy as np
import pytest
from textured_pictures import BACKGROUND, SIZE_PX, texture

from nlf_pipeline.cameras.tracks.corners import BORDER_PX, corner_distance_px, find_corners, grid_cells, is_on

PICTURE = texture(SIZE_PX)


def distances_px(a, b):
    return np.linalg.norm(a[:, None] - b[None], axis=-1)


@pytest.mark.parametrize("max_points", [1, 50, 400])
def test_corners_are_as_many_as_wanted_at_most(max_points):
    corners = find_corners(PICTURE, BACKGROUND, max_points)
    assert 0 < len(corners) <= max_points and corners.dtype == np.float32 and corners.shape[1] == 2


def test_corners_lie_on_the_background_and_off_the_border():
    background = BACKGROUND.copy()
    background[:, 100:220] = 0
    corners = find_corners(PICTURE, background, 300)
    x, y = corners.T
    assert len(corners) > 50 and ((x < 100) | (x >= 219.5)).all()
    assert min(x.min(), y.min()) >= BORDER_PX
    assert x.max() <= SIZE_PX[0] - 1 - BORDER_PX and y.max() <= SIZE_PX[1] - 1 - BORDER_PX


def test_new_corners_keep_away_from_points_that_exist():
    existing = find_corners(PICTURE, BACKGROUND, 200)[::2]
    new = find_corners(PICTURE, BACKGROUND, 200, existing)
    nearest = distances_px(new, existing).min(axis=1)
    refinement_px = 4.3  # three pixels each way
    assert len(new) > 20 and len(new) + len(existing) <= 200
    assert nearest.min() >= corner_distance_px(SIZE_PX, 200) - refinement_px


def test_a_place_full_of_texture_does_not_get_all_the_corners():
    picture = np.clip(128 + 0.25 * (PICTURE.astype(float) - 128), 0, 255).astype(np.uint8)
    picture[:, :80] = PICTURE[:, :80]
    corners = find_corners(picture, BACKGROUND, 150)
    assert np.mean(corners[:, 0] < 80) < 0.5
    assert len(np.unique(grid_cells(corners, SIZE_PX))) > 80


def test_the_grid_turns_with_the_picture():
    points = np.random.default_rng(0).uniform(0, 1, (500, 2)) * SIZE_PX
    lying, upright = grid_cells(points, SIZE_PX), grid_cells(points[:, ::-1], SIZE_PX[::-1])
    assert (lying == upright).all() and lying.max() == 143 and lying.min() == 0


def test_a_corner_is_found_to_a_fraction_of_a_pixel():
    square = np.zeros((768, 1280), np.uint8)
    cv2.rectangle(square, (402, 250), (2000, 2000), 255, -1)
    picture = cv2.resize(square, (320, 192), interpolation=cv2.INTER_AREA)
    corner = find_corners(picture, BACKGROUND, 10)[0]
    np.testing.assert_allclose(corner, [402 / 4 - 0.5, 250 / 4 - 0.5], atol=0.25)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_has_none(grey):
    assert find_corners(np.full((192, 320), grey, np.uint8), BACKGROUND, 100).shape == (0, 2)


def test_a_picture_full_of_people_has_none():
    assert find_corners(PICTURE, np.zeros_like(PICTURE), 100).shape == (0, 2)


@pytest.mark.parametrize("shape", [(1, 1), (5, 40), (12, 12)])
def test_tiny_pictures_do_no_harm(shape):
    picture = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    assert find_corners(picture, np.full(shape, 255, np.uint8), 100).shape[1] == 2


def test_points_outside_and_undefined_are_not_on_the_background():
    points = np.array([[50, 50], [-3, 50], [400, 50], [np.nan, 50], [np.inf, 1], [2, 50]], np.float32)
    assert is_on(BACKGROUND, points).tolist() == [True, False, False, False, False, False]
