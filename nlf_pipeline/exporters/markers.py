"""Markers for gait tools: the joints, and points of the skin where a gait laboratory would glue markers.

The points of the skin are found on the body at rest, by what lies in a given direction from a joint, so that they work
on every body model. They move with the skin, without SMPL's pose-dependent shape.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.exporters.motion import MovingPerson, Skin
from nlf_pipeline.kinematics import global_rotations

_OUT, _IN, _UP, _DOWN, _FRONT, _BACK = (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)
"""Axes of the left side of the body at rest: out is away from the body's middle."""
_SPINES_ABOVE_HIP = 0.1
"""Height of the pelvis's iliac spines above the hip joint, of the length from hip to ankle."""
_BACK_SPINE_HIGHER = 0.02
"""How much higher those at the back are, of the same length."""
_FRONT_SPINE_OUT, _BACK_SPINE_OUT = 0.8, 0.3
"""How far out the iliac spines are, of the pelvis's half width there."""
_BEND_FRAMES = 4096


@dataclass(frozen=True)
class Markers:
    """One person's labelled points."""

    labels: tuple[str, ...]
    """Names of joints in small letters, markers on the skin in capitals."""
    descriptions: tuple[str, ...]
    positions: np.ndarray
    """(frames, markers, 3) world, metres; NaN where the person is not visible."""


@dataclass(frozen=True)
class _Site:
    """Where a marker sits on the left side or in the middle: the first skin in `direction` from `joint`."""

    label: str
    """Without its side."""
    description: str
    joint: str
    """From which to look, without its side."""
    direction: tuple[float, float, float]
    limb: tuple[str, ...]
    """The joints whose skin it may be."""
    is_paired: bool = True


_LEG, _ANKLE, _FOOT, _ARM = ("hip", "knee"), ("knee", "ankle"), ("ankle", "foot"), ("shoulder", "elbow")
_WRIST, _TRUNK = ("elbow", "wrist"), ("neck", "spine3", "spine2")
_SITES = (
    _Site("LFC", "knee, lateral epicondyle", "knee", _OUT, _LEG),
    _Site("MFC", "knee, medial epicondyle", "knee", _IN, _LEG),
    _Site("LMAL", "ankle, lateral malleolus", "ankle", _OUT, _ANKLE),
    _Site("MMAL", "ankle, medial malleolus", "ankle", _IN, _ANKLE),
    _Site("CAL", "heel, back of the calcaneus", "ankle", (0, -0.5, -1), _FOOT),
    _Site("TOE", "foot, above the ball", "foot", _UP, _FOOT),
    _Site("MT5", "foot, head of the fifth metatarsal", "foot", (1, 0, -0.5), _FOOT),
    _Site("ACR", "shoulder, acromion", "shoulder", (-0.5, 1, 0), ("shoulder", "collar")),
    _Site("LEL", "elbow, lateral epicondyle", "elbow", _UP, _ARM),
    _Site("MEL", "elbow, medial epicondyle", "elbow", _DOWN, _ARM),
    _Site("FAradius", "wrist, side of the thumb", "wrist", _FRONT, _WRIST),
    _Site("FAulna", "wrist, side of the little finger", "wrist", _BACK, _WRIST),
    _Site("FHD", "head, front", "head", (0.5, 1, 0.9), ("head",)),
    _Site("BHD", "head, back", "head", (0.5, 1, -0.9), ("head",)),
    _Site("C7", "seventh vertebra of the neck", "neck", _BACK, _TRUNK, is_paired=False),
    _Site("CLAV", "notch above the breastbone", "neck", (0, -0.6, 1), _TRUNK, is_paired=False),
)
"""Labels as in OpenSim's full-body models (Rajagopal et al. 2016), which find them by name; of the head as in Plug-in
Gait."""


def person_markers(person: MovingPerson, skin: Skin, joint_names: tuple[str, ...]) -> Markers:
    """Joints and skin markers of one person in all frames."""
    sites = skin_sites(person.vertices_rest, person.joints_rest, skin.weights, joint_names)
    vertices = np.array([vertex for _, _, vertex in sites])
    positions = np.concatenate([person.joints, _move(person, vertices, skin.weights)], axis=1)
    positions[~person.visible] = np.nan
    return Markers(
        labels=(*joint_names, *(label for label, _, _ in sites)),
        descriptions=(*(f"joint centre, {name}" for name in joint_names), *(text for _, text, _ in sites)),
        positions=positions,
    )


def skin_sites(
    vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray, joint_names: tuple[str, ...]
) -> list[tuple[str, str, int]]:
    """Where markers sit on a body at rest.

    Args:
        vertices: (vertices, 3) T-pose, y up, facing +z, left at +x.
        joints: (joints, 3).
        weights: (vertices, joints) of the skin.
        joint_names: in order.

    Returns:
        Label, description and vertex index of each.
    """
    looking = _Body(vertices, joints, weights, joint_names)
    found = []
    for site in _SITES:
        for side, mirror in (("left", 1), ("right", -1)) if site.is_paired else (("", 1),):
            limb = tuple(_sided(part, side, joint_names) for part in site.limb)
            origin = looking.joint(_sided(site.joint, side, joint_names))
            vertex = looking.skin_towards(origin, np.array(site.direction) * (mirror, 1, 1), limb)
            found.append((f"{side[:1].upper()}{site.label}", f"{side} {site.description}".strip(), vertex))
    return found + _pelvis_sites(looking)


@dataclass(frozen=True)
class _Body:
    vertices: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    names: tuple[str, ...]

    def joint(self, name: str) -> np.ndarray:
        return self.joints[self.names.index(name)]

    def skin_towards(self, origin: np.ndarray, direction: np.ndarray, limb: tuple[str, ...]) -> int:
        """The vertex of the limb that is seen from `origin` nearest to `direction`."""
        moved_by_limb = self.weights[:, [self.names.index(name) for name in limb]].sum(axis=1)
        candidates = np.flatnonzero(moved_by_limb > 0.5 * moved_by_limb.max())
        rays = self.vertices[candidates] - origin
        cosines = rays @ direction / np.maximum(np.linalg.norm(rays, axis=1), 1e-9)
        return int(candidates[np.argmax(cosines)])


def _sided(name: str, side: str, joint_names: tuple[str, ...]) -> str:
    """The joint of that side, or the one in the middle."""
    return name if name in joint_names else f"{side}_{name}"


def _pelvis_sites(body: _Body) -> list[tuple[str, str, int]]:
    """The iliac spines: no joint is straight behind them, so they are found by the pelvis's height and width."""
    limb = ("pelvis", "spine1", "left_hip", "right_hip")
    hips = (body.joint("left_hip") + body.joint("right_hip")) / 2
    leg = body.joint("left_hip")[1] - body.joint("left_ankle")[1]
    middle = hips + np.array([0, _SPINES_ABOVE_HIP * leg, 0])
    half_width = body.vertices[body.skin_towards(middle, np.array(_OUT), limb), 0] - middle[0]
    found = []
    for name, text, out, higher, direction in (
        ("ASI", "front iliac spine", _FRONT_SPINE_OUT, 0.0, _FRONT),
        ("PSI", "back iliac spine", _BACK_SPINE_OUT, _BACK_SPINE_HIGHER, _BACK),
    ):
        for side, mirror in (("left", 1), ("right", -1)):
            origin = middle + np.array([mirror * out * half_width, higher * leg, 0])
            vertex = body.skin_towards(origin, np.array(direction), limb)
            found.append((f"{side[0].upper()}{name}", f"{side} {text}", vertex))
    return found


def _move(person: MovingPerson, vertices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(frames, len(vertices), 3) some vertices of the moving skin: linear blend skinning."""
    shares = weights[vertices].astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    arms = person.vertices_rest[vertices][:, None] - person.joints_rest
    moved = np.empty((len(person.joints), len(vertices), 3))
    for start in range(0, len(moved), _BEND_FRAMES):
        part = slice(start, start + _BEND_FRAMES)
        turned = np.einsum("fjab,vj,vjb->fva", global_rotations(person.pose_rotvecs[part]), shares, arms, optimize=True)
        moved[part] = turned + np.einsum("vj,fjc->fvc", shares, person.joints[part])
    return moved
