"""Triangles of simple shapes: (3 n, 5) arrays of x y z in metres and u v in repeats of the texture."""

import numpy as np


def quad(corner: tuple[float, ...], u: tuple[float, ...], v: tuple[float, ...], metres_per_repeat: float) -> np.ndarray:
    """The parallelogram at `corner` with the edges `u` and `v`."""
    a, du, dv = (np.array(x, dtype=np.float64) for x in (corner, u, v))
    right, up = np.linalg.norm(du) / metres_per_repeat, np.linalg.norm(dv) / metres_per_repeat
    corners = [(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)]
    return np.array([[*(a + i * du + j * dv), i * right, j * up] for i, j in corners])


def box(centre: tuple[float, ...], size: tuple[float, ...], metres_per_repeat: float = 2.5) -> np.ndarray:
    """An axis-parallel box."""
    half_x, half_y, half_z = np.array(size, dtype=np.float64) / 2
    corner = np.array(centre, dtype=np.float64) + [-half_x, -half_y, half_z]
    right, up, back = np.diag([2 * half_x, 2 * half_y, -2 * half_z])
    below_above = [(corner, right, back), (corner + up, right, back)]
    sides = [(corner, right, up), (corner + back, right, up), (corner, back, up), (corner + right, back, up)]
    return np.concatenate([quad(*face, metres_per_repeat) for face in below_above + sides])


def standing_box(x: float, z: float, size: tuple[float, ...], metres_per_repeat: float = 2.5) -> np.ndarray:
    """A box of `size` (x, height, z) that stands on the floor."""
    return box((x, size[1] / 2, z), size, metres_per_repeat)


def column(x: float, z: float, radius: float, height: float, metres_per_repeat: float = 2.0) -> np.ndarray:
    """An upright cylinder without ends."""
    angles = np.linspace(0, 2 * np.pi, 25)
    ring = np.stack([x + radius * np.cos(angles), 0 * angles, z + radius * np.sin(angles)], axis=1)
    around = angles * radius / metres_per_repeat
    sides = []
    for k in range(24):
        side = quad(tuple(ring[k]), tuple(ring[k + 1] - ring[k]), (0, height, 0), metres_per_repeat)
        side[:, 3] += around[k]
        sides.append(side)
    return np.concatenate(sides)


def ellipsoid(centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """An axis-parallel ellipsoid."""
    n = 12
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, n + 1), np.linspace(0, 2 * np.pi, 2 * n + 1), indexing="ij")
    directions = [np.sin(polar) * np.cos(azimuth), np.cos(polar), -np.sin(polar) * np.sin(azimuth)]
    grid = np.stack(
        [*(c + r * d for c, r, d in zip(centre, radii, directions, strict=True)), azimuth / 3, polar / 2], -1
    )
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 5)
