"""Where people are: functions of how much of the shot has passed, 0 to 1, to (people, 3) metres."""

from collections.abc import Callable

import numpy as np

People = Callable[[float], np.ndarray]


def _standing(*places: tuple[float, float]) -> np.ndarray:
    """(people, 3) on the floor, from x and z."""
    return np.array([(x, 0.0, z) for x, z in places])


def nobody(u: float) -> np.ndarray:
    return np.zeros((0, 3))


def two_cross(u: float) -> np.ndarray:
    return _standing((2.2 + 1.2 * np.sin(2.6 * np.pi * u), 1 - 2.5 * u), (3.2 - 1.5 * u, -1.5 * np.cos(5 * u)))


def three_near(u: float) -> np.ndarray:
    return _standing((1.5 * u, 2.2 - 3.5 * u), (1.5, -1.5 + 3 * u), (-0.8, 1.2 - 0.6 * np.sin(9 * u)))


def two_pass(u: float) -> np.ndarray:
    return _standing((-2.2 + 5 * u, 1.4 - 1.5 * u), (5 - 4 * u, -0.8))


def three_play(u: float) -> np.ndarray:
    return _standing((2 + 3 * u, 2 - 5 * u), (6 - 2 * u, -3 + 4 * u), (4, 4 - 3 * u))


def five_mill(u: float) -> np.ndarray:
    return _standing(*((1 + 1.2 * np.cos(4 * u + 1.1 * k), -1.2 * np.sin(3 * u + 1.4 * k)) for k in range(5)))


def two_circle(u: float) -> np.ndarray:
    return _standing((np.cos(20 * u), -np.sin(17 * u)), (0.3, -1.2 * np.cos(13 * u)))


def two_swing(u: float) -> np.ndarray:
    return _standing((2.5, -2 * np.cos(9 * u)), (-2.0, -2 * np.sin(9 * u)))


def six_play(u: float) -> np.ndarray:
    places = ((4 + 3 * np.sin(5 * u + 2 * k), -7 + 2.8 * k + 3 * np.sin(4 * u + k)) for k in range(6))
    return _standing(*places)


def crowd_ahead(u: float) -> np.ndarray:
    """Three rows of people who walk just ahead of `paths.low_walk`."""
    x, z = -6 + 6.6 * u, 2.5 - 1.5 * u
    ahead, side = np.array([0.954, -0.298]), np.array([0.298, 0.954])
    rows = [
        (1.2 + 0.35 * row, 0.34 * (k - 4) + 0.12 * row + 0.05 * np.sin(11 * u + k))
        for row in range(3)
        for k in range(9)
    ]
    return _standing(*(tuple(np.array([x, z]) + far * ahead + off * side) for far, off in rows))


def pedestrians(u: float) -> np.ndarray:
    return _standing((6 + 7 * u, 0.3), (16 - 9 * u, -2.4), (9 + 8 * u, 3.4))


def couple(u: float) -> np.ndarray:
    turn = 7 * u
    return _standing((1 + 0.35 * np.cos(turn), 0.35 * np.sin(turn)), (1 - 0.35 * np.cos(turn), -0.35 * np.sin(turn)))


def street_crossing(u: float) -> np.ndarray:
    return _standing((27 - 3 * u, -4 + 5 * u), (26, -1 - 2.5 * u))


def one_ahead_upstairs(u: float) -> np.ndarray:
    x = 1.3 + 6.0 * u
    return np.array([(x, 16 * 0.17 * np.clip((x - 2) / (16 * 0.29), 0, 1), -0.4)])


def three_residents(u: float) -> np.ndarray:
    """People who stroll along the walls of the building of `paths.wandering_loop`."""
    angle = 45 * u + np.array([0.0, 2.0, 4.0])
    return _standing(*zip(18 * np.cos(angle), 8.5 * np.sin(angle), strict=True))
