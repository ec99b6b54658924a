"""Clothes made from the body's own skin: shells pushed outwards and cut at hems."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.feet import smooth_step
from nlf_pipeline.demo.heads import Head, eyeballs, hair_meshes, paint_face
from nlf_pipeline.demo.people import BaseMesh, RestBody
from nlf_pipeline.demo.shoes import RIM, shoe
from nlf_pipeline.demo.skins import Material, Rgb, SkinnedMesh, lining, smoothed, surface_mesh
from nlf_pipeline.meshes import Topology

_HIDDEN = 0.02
"""Skin so far inside a garment is left out, metres."""


@dataclass(frozen=True)
class Outfit:
    """What one person looks like. Colours are linear RGB in [0, 1]."""

    skin: Rgb
    hair: Rgb
    top: Rgb
    trousers: Rgb
    shoes: Rgb
    sleeve: float
    """Length of the sleeves over the length from shoulder to wrist."""
    cuff: float
    """Height of the trousers' hem above the ankle over that of the knee."""
    striped: bool = False
    ponytail: bool = False


def dress(base: BaseMesh, body: RestBody, outfit: Outfit) -> SkinnedMesh:
    """The clothed person in the T-pose."""
    points, faces, weights = body.vertices, base.body_faces, base.weights
    head = Head.of(base, body)
    soft = smoothed(points, faces, 40)
    outwards = Topology.of(faces, len(soft)).normals(soft)
    covers = [_top_cover(body, outfit, points), _trousers_cover(body, outfit, points), _shoes_cover(body)]
    bare = faces[(np.max(covers, axis=0) < _HIDDEN)[faces].any(axis=1)]
    skin = surface_mesh(points, bare, weights, paint_face(head, body, outfit.skin, outfit.hair), Material.SKIN)
    loose = soft + outwards * _top_gap(body, outfit)[:, None]
    cloth = Material.STRIPED if outfit.striped else Material.KNIT
    top = surface_mesh(loose, faces, weights, np.array(outfit.top), cloth, _top_cover(body, outfit, loose))
    straight = soft + outwards * _trousers_gap(body, outfit)[:, None]
    cuffs = _trousers_cover(body, outfit, straight)
    trousers = surface_mesh(straight, faces, weights, np.array(outfit.trousers), Material.DENIM, cuffs)
    shoes = [shoe(base, body, side, outfit.shoes) for side in (0, 1)]
    hair = hair_meshes(head, base, body, soft, outfit.hair, outfit.ponytail)
    return SkinnedMesh.joined([skin, top, lining(top), trousers, lining(trousers), *shoes, *hair, eyeballs(base, body)])


def _top_cover(body: RestBody, outfit: Outfit, points: np.ndarray) -> np.ndarray:
    """(v,) distance of `points` (v, 3) inside the shirt: above its hem, within its sleeves, below its neckline."""
    x, y, z = points.T
    pelvis, neck = body.joints[joint_index("pelvis")], body.joints[joint_index("neck")]
    hem = y - (pelvis[1] - 0.055)
    sleeve = _along_arm(body, outfit.sleeve)[0] - np.abs(x - pelvis[0])
    below_plane = (neck[1] - 0.008 - y) * 0.90 - (z - neck[2]) * 0.42
    beside_neck = np.minimum(np.hypot(x - neck[0], z - neck[2]) - 0.105, neck[1] - 0.01 - y)
    return np.minimum.reduce([hem, sleeve, np.maximum(below_plane, beside_neck)])


def _along_arm(body: RestBody, fraction: float) -> tuple[float, float]:
    """Distance from the middle plane at `fraction` of the way from shoulder to wrist, and at the shoulder."""
    shoulder, wrist = body.joints[joint_index("left_shoulder")], body.joints[joint_index("left_wrist")]
    start, end = shoulder[0] - body.joints[0, 0], wrist[0] - body.joints[0, 0]
    return start + fraction * (end - start), start


def _top_gap(body: RestBody, outfit: Outfit) -> np.ndarray:
    """(v,) distance of the shirt from the skin: looser at the waist and at the end of short sleeves."""
    x, y, _ = body.vertices.T
    pelvis_y, chest_y = body.joints[joint_index("pelvis"), 1], body.joints[joint_index("spine3"), 1]
    waist = smooth_step((chest_y - y) / (chest_y - pelvis_y))
    end, start = _along_arm(body, outfit.sleeve)
    along = smooth_step((np.abs(x - body.joints[0, 0]) - start) / (end - start))
    flare = 0.012 if outfit.sleeve < 0.6 else 0.002
    return 0.013 + 0.014 * waist * (along == 0) + flare * along


def _trousers_cover(body: RestBody, outfit: Outfit, points: np.ndarray) -> np.ndarray:
    """(v,) distance of `points` (v, 3) inside the trousers: below the waist, above the cuffs."""
    y = points[:, 1]
    knee, ankle = body.joints[joint_index("left_knee"), 1], body.joints[joint_index("left_ankle"), 1]
    cuff = ankle + outfit.cuff * (knee - ankle)
    return np.minimum(body.joints[joint_index("pelvis"), 1] + 0.07 - y, y - cuff)


def _trousers_gap(body: RestBody, outfit: Outfit) -> np.ndarray:
    """(v,) distance of the trousers from the skin: straight legs, so looser where the leg is thin."""
    y = body.vertices[:, 1]
    hip, ankle = body.joints[joint_index("left_hip"), 1], body.joints[joint_index("left_ankle"), 1]
    down = smooth_step((hip - y) / (hip - ankle))
    return 0.009 + (0.020 if outfit.cuff < 0.5 else 0.035) * down


def _shoes_cover(body: RestBody) -> np.ndarray:
    """(v,) distance below the shoes' rim."""
    return body.joints[joint_index("left_ankle"), 1] + RIM - body.vertices[:, 1]
