"""Places to film: textured surfaces, and the people who walk there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from camera_clips.shapes import box, column, ellipsoid, quad, standing_box
from camera_clips.textures import facade, mottled, plain, tiles

SceneName = Literal["room", "weak_room", "blank_room", "field", "street", "columns", "stairs", "halls"]


@dataclass(frozen=True)
class Surface:
    """Triangles under one texture."""

    vertices: np.ndarray
    """(3 n, 5) x y z in metres and texture coordinates."""
    texture: np.ndarray
    """(height, width, 3) uint8, repeated."""


@dataclass(frozen=True)
class Scene:
    """What stands still, and the texture of each person in turn."""

    surfaces: tuple[Surface, ...]
    clothes: tuple[np.ndarray, ...]


def build_scene(name: SceneName) -> Scene:
    """The scene called `name`."""
    rich = tuple(mottled(seed, c) for seed, c in enumerate((1.0, 1.0, 0.8, 0.25, 0.9, 1.1)))
    weak = tuple(mottled(seed, c, 25, 1.6) for seed, c in enumerate((0.35, 0.12, 0.3, 0.06, 0.15, 0.5)))
    builders: dict[SceneName, Callable[[], list[Surface]]] = {
        "room": lambda: _room(rich),
        "weak_room": lambda: _room(weak),
        "blank_room": lambda: _room(tuple(plain(150) for _ in rich)),
        "field": lambda: _field(rich),
        "street": _street,
        "columns": _columns,
        "stairs": _stairs,
        "halls": _halls,
    }
    clothes = weak if name == "weak_room" else rich
    return Scene(tuple(builders[name]()), (clothes[5], clothes[1], clothes[3]))


def person() -> np.ndarray:
    """Body and head of a person who stands at the origin: (3 n, 5) triangles."""
    return np.concatenate([ellipsoid((0, 0.85, 0), (0.22, 0.85, 0.22)), ellipsoid((0, 1.62, 0), (0.12, 0.15, 0.12))])


def _walls(half_x: float, half_z: float, height: float, metres_per_repeat: float) -> list[np.ndarray]:
    """Back (-z), front (+z), left (-x) and right (+x) wall."""
    x, z, up = half_x, half_z, (0, height, 0)
    along_x, along_z = (2 * x, 0, 0), (0, 0, -2 * z)
    starts = [((-x, 0, -z), along_x), ((-x, 0, z), along_x), ((-x, 0, z), along_z), ((x, 0, z), along_z)]
    return [quad(corner, along, up, metres_per_repeat) for corner, along in starts]


def _level(half_x: float, half_z: float, height: float, metres_per_repeat: float) -> np.ndarray:
    """A floor or ceiling."""
    return quad((-half_x, height, half_z), (2 * half_x, 0, 0), (0, 0, -2 * half_z), metres_per_repeat)


def _room(textures: tuple[np.ndarray, ...]) -> list[Surface]:
    """14 x 10 x 3.6 m with nine pieces of furniture."""
    back, front, left, right = _walls(7, 5, 3.6, 3)
    surfaces = [(_level(7, 5, 0, 3), 0), (_level(7, 5, 3.6, 4), 3), (back, 2), (front, 1), (left, 3), (right, 4)]
    furniture = [
        ((3, 0.5, -2.5), (1.2, 1, 0.8), 1),
        ((4.5, 1, 2), (0.6, 2, 0.6), 2),
        ((1.5, 0.4, 3.5), (1.6, 0.8, 0.8), 4),
        ((6, 0.6, 0), (0.8, 1.2, 2), 5),
        ((-3, 0.9, -3.5), (1, 1.8, 1), 2),
        ((2, 1.2, -4.2), (0.8, 2.4, 0.5), 0),
        ((-5, 0.5, 3), (1, 1, 1.4), 1),
        ((5.5, 1.3, -3.8), (0.5, 2.6, 0.5), 5),
        ((-1, 1.1, 4.2), (0.5, 2.2, 0.5), 4),
    ]
    surfaces += [(box(centre, size), k) for centre, size, k in furniture]
    return [Surface(vertices, textures[k]) for vertices, k in surfaces]


def _field(textures: tuple[np.ndarray, ...]) -> list[Surface]:
    """A playing field with a stand 45 m away: all but a plane."""
    stand = quad((45, 0, 60), (0, 0, -120), (0, 14, 0), 9)
    return [Surface(_level(60, 60, 0, 6), textures[0]), Surface(stand, textures[1])]


def _street() -> list[Surface]:
    """A street along +x, 14 m wide between houses of several heights, with parked cars, posts and an end."""
    surfaces = [Surface(quad((-15, 0, -7), (110, 0, 0), (0, 0, 14), 5), mottled(41, 0.6, 90, 1.2))]
    rng = np.random.default_rng(7)
    for side in (-1.0, 1.0):
        x = -15.0
        while x < 95:
            width, height, depth = rng.uniform(8, 15), rng.uniform(8, 15), rng.uniform(0, 1.5)
            house = box((x + width / 2, height / 2, side * (9 + depth)), (width, height, 4), 12)
            surfaces.append(Surface(house, facade(int(rng.integers(50, 55)))))
            x += width
        for x in np.arange(-8, 70, 7.5):
            car = standing_box(x + rng.uniform(-1, 1), side * 5.6, (4.2, 1.4, 1.7), 4)
            surfaces.append(Surface(car, mottled(int(rng.integers(60, 64)), 0.5, 60)))
        for x in np.arange(-4, 80, 12.0):
            surfaces.append(Surface(column(x, side * 4.2, 0.1, 5, 1.5), mottled(65, 0.8)))
    surfaces.append(Surface(standing_box(97, 0, (4, 13, 22), 12), facade(52)))
    return surfaces


def _columns() -> list[Surface]:
    """A hall of 24 x 16 x 6 m with two rows of round columns and a tiled floor."""
    walls = [Surface(wall, mottled(71 + k, 0.45, 120, 1.2)) for k, wall in enumerate(_walls(12, 8, 6, 5))]
    floor = [Surface(_level(12, 8, 0, 4.8), tiles(70)), Surface(_level(12, 8, 6, 5), mottled(75, 0.3, 60))]
    rows = [column(x, z, 0.35, 6) for x in np.arange(-10, 10.1, 4) for z in (-4.5, 4.5)]
    plinths = [standing_box(x, z, (1, 0.5, 1)) for x in np.arange(-10, 10.1, 4) for z in (-4.5, 4.5)]
    stands = [standing_box(x, z, (1.2, 1.1, 0.8)) for x, z in ((-7, -7), (-1, 7), (5, -7), (9, 6.5), (-9, 6.8))]
    stone, wood = mottled(76, 0.7, 150), mottled(77, 0.9)
    groups = ((rows, stone), (plinths, stone), (stands, wood))
    return floor + walls + [Surface(np.concatenate(group), texture) for group, texture in groups]


def _stairs() -> list[Surface]:
    """A stairwell 3 m wide: a landing, 16 steps up along +x, and an upper landing with a far wall."""
    rise, tread, n_steps, half = 0.17, 0.29, 16, 1.5
    stone, wall = mottled(81, 0.8, 180), mottled(82, 0.5, 120, 1.2)
    top, end = n_steps * rise, 2 + n_steps * tread
    steps = []
    for k in range(n_steps):
        x, y = 2 + k * tread, k * rise
        steps += [quad((x, y, -half), (0, 0, 2 * half), (0, rise, 0), 1.7)]
        steps += [quad((x, y + rise, -half), (tread, 0, 0), (0, 0, 2 * half), 1.7)]
    floors = [quad((-3, 0, -half), (5, 0, 0), (0, 0, 3), 3), quad((end, top, -half), (5, 0, 0), (0, 0, 3), 3)]
    length = end + 8
    sides = [quad((-3, 0, z), (length, 0, 0), (0, top + 3.2, 0), 3.5) for z in (-half, half)]
    ends = [quad((x, 0, -half), (0, 0, 3), (0, top + 3.2, 0), 3.5) for x in (-3, end + 5)]
    pictures = [
        box((x, y, z), (0.9, 0.7, 0.06), 0.9) for x, y, z in ((1.5, 1.7, -1.47), (4, 2.6, 1.47), (6, 3.6, -1.47))
    ]
    rail = [box((2 + k * tread * 2, k * rise * 2 + 0.5, -1.3), (0.05, 1.0, 0.05), 0.5) for k in range(9)]
    far = [standing_box(end + 3.5, 0.9, (0.6, top + 1.1, 0.6)), box((end + 4.9, top + 1.5, 0), (0.1, 1.4, 1.8), 1.8)]
    groups = ((steps + floors, stone), (sides + ends, wall), (pictures + rail + far, mottled(83, 1.1)))
    ceiling = quad((-3, top + 3.2, -half), (length, 0, 0), (0, 0, 3), 4)
    return [Surface(np.concatenate(g), t) for g, t in groups] + [Surface(ceiling, mottled(84, 0.25, 60))]


def _halls() -> list[Surface]:
    """A building of 44 x 28 x 4 m with rooms of several sizes in it, along whose walls one can walk for long."""
    walls = [Surface(wall, mottled(91 + k, 0.8)) for k, wall in enumerate(_walls(22, 14, 4, 4))]
    levels = [Surface(_level(22, 14, 0, 5), mottled(90, 0.9)), Surface(_level(22, 14, 4, 5), mottled(95, 0.3))]
    rooms = [(9.5, 0, 6, 5), (-9.5, 0, 7, 4.5), (0, 10.5, 7, 3), (0, -10.5, 7, 3)]
    blocks = [Surface(box((x, 2, z), (w, 4, d), 3.5), mottled(96 + k)) for k, (x, z, w, d) in enumerate(rooms)]
    rng = np.random.default_rng(9)
    furniture = []
    for x in np.arange(-20, 20.1, 4.0):
        for z in (-13.2, 13.2):
            furniture.append(standing_box(x + rng.uniform(-1, 1), z, (*rng.uniform(0.6, 2.2, 2), 0.8)))
    for z in np.arange(-12, 12.1, 4.0):
        for x in (-21.2, 21.2):
            furniture.append(standing_box(x, z + rng.uniform(-1, 1), (0.8, *rng.uniform(0.6, 2.2, 2))))
    return levels + walls + blocks + [Surface(np.concatenate(furniture), mottled(101, 1.1))]
