"""Shoes: tubes swept from heel to toe around bare feet, flat on the plane the soles stand on."""

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.feet import smooth_step
from nlf_pipeline.demo.people import BaseMesh, RestBody
from nlf_pipeline.demo.skins import Material, Rgb, SkinnedMesh, surface_mesh, tube_faces

RIM = 0.006
"""Height of a shoe's rim above the ankle joint, metres."""
_LEATHER = 0.008
"""Thickness, metres."""
_SOLE_HEIGHT = 0.024
_RUBBER: Rgb = (0.60, 0.58, 0.54)
_SOLE_ROW = ((-1.0, _SOLE_HEIGHT), (-1.0, 0.0), (-0.4, 0.0), (0.4, 0.0), (1.0, 0.0), (1.0, _SOLE_HEIGHT))
"""Section of the rubber sole: half widths aside, metres above the floor."""
_STATIONS, _ARC = 22, 17
_SLAB = 0.014
"""Half the length of foot that shapes a station, metres."""


def shoe(base: BaseMesh, body: RestBody, side: int, colour: Rgb) -> SkinnedMesh:
    """The shoe on the left (`side` 0) or right (1) foot."""
    prefix = ("left_", "right_")[side]
    ankle, toe = joint_index(prefix + "ankle"), joint_index(prefix + "foot")
    skin = base.body_vertices
    is_foot = base.weights[skin][:, [ankle, toe]].sum(axis=1) > 0.5
    forward = (body.joints[toe] - body.joints[ankle]) * [1, 0, 1]
    forward = forward / np.linalg.norm(forward)
    aside = np.array([forward[2], 0.0, -forward[0]])
    floor = body.joints[0, 1] + body.feet.sole_y[side]
    local = body.vertices[skin[is_foot]] - body.joints[ankle] * [1, 0, 1]
    foot = np.stack([local @ aside, local[:, 1] - floor, local @ forward], axis=-1)
    rim = body.joints[ankle, 1] + RIM - floor

    rings = _sweep(foot[foot[:, 1] < rim], rim)
    points = rings.reshape(-1, 3)
    toes = smooth_step((points[:, 2] - (body.joints[toe] - body.joints[ankle]) @ forward + 0.025) / 0.05)
    weights = np.zeros((len(points), base.weights.shape[1]))
    weights[:, ankle], weights[:, toe] = 1 - toes, toes
    colours = np.empty_like(rings)
    colours[:, : len(_SOLE_ROW)], colours[:, len(_SOLE_ROW) :] = _RUBBER, colour
    world = points[:, :1] * aside + points[:, 2:] * forward + body.joints[ankle] * [1, 0, 1]
    world[:, 1] = points[:, 1] + floor
    return surface_mesh(world, tube_faces(*rings.shape[:2]), weights, colours.reshape(-1, 3), Material.LEATHER)


def _sweep(foot: np.ndarray, rim: float) -> np.ndarray:
    """(stations, around, 3) rings around the points `foot` (n, 3): aside, above the floor, forward."""
    rear, front = foot[:, 2].min() - _LEATHER, foot[:, 2].max() + _LEATHER
    s = 0.5 - 0.5 * np.cos(np.linspace(0, 1, _STATIONS) * np.pi)
    along = rear + s * (front - rear)
    near = np.abs(foot[:, 2] - np.clip(along, rear + _SLAB, front - _SLAB)[:, None]) < _SLAB
    left = np.where(near, foot[:, 0], np.inf).min(axis=1)
    right = np.where(near, foot[:, 0], -np.inf).max(axis=1)
    top = np.minimum(np.where(near, foot[:, 1], 0).max(axis=1) + _LEATHER, rim)
    cap = np.sqrt(np.clip(1 - (np.abs(2 * s - 1) - 0.72).clip(0) ** 2 / 0.28**2, 0.0, 1))
    width = ((right - left) / 2 + _LEATHER) * cap
    height = np.maximum(top * (0.55 + 0.45 * cap), _SOLE_HEIGHT + 0.012)

    arc = np.linspace(0, np.pi, _ARC)
    across = 0.97 * np.sign(np.cos(arc)) * np.abs(np.cos(arc)) ** 0.6
    above_sole = (height - _SOLE_HEIGHT)[:, None] * np.sin(arc) ** 0.8
    rings = np.zeros((_STATIONS, len(_SOLE_ROW) + _ARC, 3))
    rings[..., 0] = ((left + right) / 2)[:, None] + width[:, None] * np.append([x for x, _ in _SOLE_ROW], across)
    rings[:, : len(_SOLE_ROW), 1] = [y for _, y in _SOLE_ROW]
    rings[:, len(_SOLE_ROW) :, 1] = _SOLE_HEIGHT + above_sole
    rings[..., 2] = along[:, None]
    return rings
