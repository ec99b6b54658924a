"""Sizes of people who share a floor, and how far they depend on who else is there."""

import numpy as np
import pytest

from nlf_pipeline.fitting.contacts import Stances
from nlf_pipeline.fitting.ground_scale import person_scales

UP, RIGHT = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0, 0])


def people_on_a_floor(seed: int, sizes: tuple[float, ...]) -> Stances:
    """Feet of people at 5-7 m from a camera 1.6 m above the floor, each estimated so many times too large."""
    rng, steps = np.random.default_rng(seed), 40
    rows = []
    for k, size in enumerate(sizes):
        xz = rng.normal([1.3 * (k - 1), 6 + 0.5 * (-1) ** k], 0.5, (steps, 2))
        points = np.stack([xz[:, 0], 1.6 + 0.02 * rng.normal(size=steps), xz[:, 1]], axis=-1)
        rows.append(size * np.exp(0.01 * rng.normal(size=(steps, 1))) * points)
    n = steps * len(sizes)
    return Stances(np.repeat(np.arange(len(sizes)), steps), np.zeros((n, 3)), np.concatenate(rows))


def without(stances: Stances, person: int) -> Stances:
    return stances.select(stances.person != person)


@pytest.mark.parametrize("size", [0.92, 1.08, 1.18])
def test_losing_somebody_misjudged_moves_the_others_little(size: float) -> None:
    """Two centimetres in the height of the feet are 1.2 %, which is what one cannot know of a person's size.

    That somebody is larger than he is taken for is believed less, so there the others take part of the blame.
    """
    for seed in range(4):
        stances = people_on_a_floor(seed, (1.0, size, 1.0))
        together, apart = person_scales(stances, 3, UP, RIGHT), person_scales(without(stances, 1), 3, UP, RIGHT)
        np.testing.assert_allclose(together[[0, 2]], apart[[0, 2]], atol=0.025 if size > 1 else 0.035)
        assert apart[1] == 1
        assert abs(np.log(together[1] * size)) < 0.4 * abs(np.log(size))


def test_of_two_people_the_smaller_one_is_a_child_rather_than_the_other_a_giant() -> None:
    for seed in range(4):
        child, adult = np.log(person_scales(people_on_a_floor(seed, (1.2, 1.0)), 2, UP, RIGHT))
        assert child < -0.7 * np.log(1.2) and abs(adult) < 0.3 * np.log(1.2)


def test_losing_somebody_of_the_right_size_moves_nobody() -> None:
    for seed in range(4):
        stances = people_on_a_floor(seed, (1.0, 1.0, 1.0))
        together, apart = person_scales(stances, 3, UP, RIGHT), person_scales(without(stances, 1), 3, UP, RIGHT)
        np.testing.assert_allclose(together[[0, 2]], apart[[0, 2]], atol=0.01)


def test_a_person_alone_keeps_the_size_that_was_estimated() -> None:
    np.testing.assert_array_equal(person_scales(people_on_a_floor(0, (1.1,)), 1, UP, RIGHT), [1.0])


def test_feet_on_stairs_say_nothing_about_sizes() -> None:
    for seed in range(4):
        stances = people_on_a_floor(seed, (1.0, 1.0, 1.0))
        steps = 0.17 * np.random.default_rng(seed).integers(0, 5, (len(stances.person), 1))
        on_stairs = Stances(stances.person, stances.centre, stances.point + steps * UP)
        np.testing.assert_array_equal(person_scales(on_stairs, 3, UP, RIGHT), np.ones(3))
