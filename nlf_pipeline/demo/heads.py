"""Faces, eyes and hair."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.feet import smooth_step
from nlf_pipeline.demo.people import BaseMesh, RestBody
from nlf_pipeline.demo.skins import Material, Rgb, SkinnedMesh, lining, surface_mesh, tube_faces
from nlf_pipeline.meshes import Topology

_HAIRLINE = (
    (-1.0, -0.80), (-0.55, -0.70), (-0.38, -0.25), (-0.28, 0.22), (0.12, 0.25), (0.22, -0.10), (0.34, 0.05),
    (0.50, 0.45), (0.70, 0.62), (1.0, 0.58),
)  # fmt: skip
"""Direction (-1 back, 0 side, 1 front) and lower edge of the hair there, above the eyes, in units of Head."""
_WHITE_OF_EYE, _IRIS = (0.72, 0.71, 0.69), (0.035, 0.02, 0.012)


@dataclass(frozen=True)
class Head:
    """Measures of a head in the T-pose, metres."""

    eyes: np.ndarray
    """(3,) between the eyes."""
    eye_x: float
    """Half the distance of the eyes."""
    unit: float
    """Height of the crown above the eyes."""
    middle_z: float
    """Halfway from the forehead to the back of the head."""
    back_z: float
    skin: np.ndarray
    """(vertices,) how much each vertex of the base mesh belongs to the head's skin, 0-1."""

    @classmethod
    def of(cls, base: BaseMesh, body: RestBody) -> "Head":
        """Measure a body's head."""
        left, right = (body.vertices[eye].mean(axis=0) for eye in base.eye_vertices)
        skin = np.zeros(len(body.vertices))
        skin[base.body_vertices] = base.weights[base.body_vertices, joint_index("head")]
        points = body.vertices[skin > 0.5]
        eyes = (left + right) / 2
        upper = points[points[:, 1] > eyes[1]]
        back, front = float(upper[:, 2].min()), float(upper[:, 2].max())
        unit = float(points[:, 1].max() - eyes[1])
        return cls(eyes, float(left[0] - right[0]) / 2, unit, (back + front) / 2, back, skin)


def paint_face(head: Head, body: RestBody, skin: Rgb, hair: Rgb) -> np.ndarray:
    """(v, 3) colours of the skin: brows, lips, darker eye sockets, warmer cheeks and hands."""
    x, y, z = ((body.vertices - head.eyes) / head.unit).T
    side = np.abs(x) - head.eye_x / head.unit
    front = head.skin * smooth_step((z - 0.05) / 0.15)

    def blob(dx: np.ndarray, dy: np.ndarray, width: float, height: float) -> np.ndarray:
        return front * np.exp(-((dx / width) ** 4) - (dy / height) ** 2)

    colours = np.broadcast_to(skin, (*x.shape, 3)).astype(np.float64)
    for amount, colour in (
        (0.35 * blob(side, y, 0.20, 0.13), np.multiply(skin, (0.55, 0.45, 0.42))),
        (0.15 * blob(side - 0.05, y + 0.40, 0.22, 0.18), np.multiply(skin, (1.0, 0.62, 0.58))),
        (0.90 * blob(side - 0.02, y - 0.20 + 0.25 * (side - 0.02) ** 2, 0.18, 0.05), np.multiply(hair, 0.8)),
        (0.75 * blob(x, y + 0.60, 0.21, 0.075), np.multiply(skin, (0.72, 0.42, 0.40))),
        (0.60 * blob(x, y + 0.605, 0.20, 0.016), np.multiply(skin, (0.25, 0.10, 0.10))),
    ):
        colours += np.clip(amount, 0, 1)[:, None] * (colour - colours)
    return colours


def eyeballs(base: BaseMesh, body: RestBody) -> SkinnedMesh:
    """Both eyes, which ride on the head."""
    colours = np.tile(_WHITE_OF_EYE, (len(body.vertices), 1))
    weights = np.zeros_like(base.weights)
    weights[:, joint_index("head")] = 1
    for eye in base.eye_vertices:
        ball = body.vertices[eye]
        centre = (ball.min(axis=0) + ball.max(axis=0)) / 2
        radius = np.ptp(ball[:, 0]) / 2
        aside = np.linalg.norm((ball - centre)[:, :2], axis=1)
        colours[eye[(aside < 0.55 * radius) & (ball[:, 2] > centre[2])]] = _IRIS
    return surface_mesh(body.vertices, base.eye_faces, weights, colours, Material.EYE)


def hair_meshes(
    head: Head, base: BaseMesh, body: RestBody, soft: np.ndarray, colour: Rgb, ponytail: bool
) -> list[SkinnedMesh]:
    """Hair as a shell over the scalp `soft` (v, 3), and a ponytail if wanted."""
    x, y, z = (body.vertices - head.eyes).T
    direction = np.arctan2(z + head.eyes[2] - head.middle_z, np.abs(x)) / (np.pi / 2)
    knots, heights = np.array(_HAIRLINE).T
    cover = y - head.unit * PchipInterpolator(knots, heights)(direction)
    is_ear = (np.abs(x) > 0.66 * head.unit) & (y < 0.28 * head.unit) & (direction > -0.45) & (direction < 0.3)
    cover = np.where((head.skin < 0.3) | is_ear, -0.02, cover)
    volume = 0.003 + 0.016 * smooth_step(cover / 0.05)
    shell = soft + volume[:, None] * Topology.of(base.body_faces, len(soft)).normals(soft)
    scalp = surface_mesh(shell, base.body_faces, base.weights, np.array(colour), Material.HAIR, cover)
    meshes = [scalp, lining(scalp)]
    return [*meshes, _ponytail(head, colour, base.weights.shape[1])] if ponytail else meshes


def _ponytail(head: Head, colour: Rgb, n_joints: int) -> SkinnedMesh:
    """A tapering tube that hangs from the back of the head."""
    along, around = np.linspace(0, 1, 13), np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = head.unit * np.interp(along, [0, 0.08, 0.2, 0.5, 0.85, 1], [0.10, 0.13, 0.24, 0.30, 0.20, 0.02])
    y = head.eyes[1] + head.unit * np.interp(along, [0, 0.12, 0.3, 1], [0.38, 0.40, 0.25, -1.75])
    z = head.back_z + head.unit * np.interp(along, [0, 0.12, 0.3, 1], [0.10, -0.16, -0.34, -0.22])
    ring = np.stack([np.cos(around), np.zeros_like(around), np.sin(around)], axis=-1)
    centre = np.stack([np.full_like(y, head.eyes[0]), y, z], axis=-1)
    points = (centre[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
    weights = np.zeros((len(points), n_joints))
    weights[:, joint_index("head")] = 1
    return surface_mesh(points, tube_faces(len(along), len(around)), weights, np.array(colour), Material.HAIR)
