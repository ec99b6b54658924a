"""Two-bone inverse kinematics: bend the knee about its own hinge and turn the leg until the ankle is there."""

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.geometry import rotation_between, skew

_HINGE = np.array([1.0, 0.0, 0.0])
"""The knee's axis in the unposed body: its x axis."""
_FREE_STRETCH = 0.97
"""Cosine of the knee (14 degrees) up to which legs are stretched as targets ask; beyond, they yield."""
_LEGS = tuple(tuple(joint_index(f"{side}_{name}") for name in ("hip", "knee", "ankle")) for side in ("left", "right"))


def move_feet(rotations: np.ndarray, joints: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Turn thighs and shanks so that the ankles move by `offsets`; feet keep their orientation.

    Where a target is out of reach, the leg is stretched towards it.

    Args:
        rotations: (frames, joints, 3, 3) global.
        joints: (frames, joints, 3) metres.
        offsets: (frames, 2, 3) left, right; metres.

    Returns:
        (frames, joints, 3, 3) global rotations.
    """
    moved = rotations.copy()
    for leg, (hip, knee, ankle) in enumerate(_LEGS):
        thigh, shank = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        target = thigh + shank + offsets[:, leg]
        bend = _about(rotations[:, knee] @ _HINGE, _knee_angle(thigh, shank, rotations[:, knee] @ _HINGE, target))
        swing = rotation_between(thigh + (bend @ shank[..., None])[..., 0], target)
        moved[:, hip] = swing @ rotations[:, hip]
        moved[:, knee] = swing @ bend @ rotations[:, knee]
    return moved


def _knee_angle(thigh: np.ndarray, shank: np.ndarray, hinge: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(frames,) smallest turn of the shank about the hinge that brings the ankle to the target's distance.

    The squared distance is a sinusoid of the angle: c + 2 (q cos + r sin).
    """
    dot = lambda a, b: np.sum(a * b, axis=-1)  # noqa: E731
    parallel = hinge * dot(hinge, shank)[:, None]
    across = shank - parallel
    q, r = dot(thigh, across), dot(thigh, np.cross(hinge, across))
    wanted = (dot(target, target) - dot(thigh, thigh) - dot(shank, shank)) / 2 - dot(thigh, parallel)
    amplitude = np.maximum(np.hypot(q, r), 1e-9)
    middle = np.arctan2(r, q)
    half = np.arccos(np.clip(_within_reach(wanted / amplitude, np.cos(middle)), -1, 1))
    candidates = np.stack([middle - half, middle + half])
    candidates = (candidates + np.pi) % (2 * np.pi) - np.pi
    return np.take_along_axis(candidates, np.argmin(np.abs(candidates), axis=0)[None], axis=0)[0]


def _within_reach(stretch: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(frames,) cosines of the knee that approach 1, a straight leg, ever more slowly the farther the target is.

    Cut off instead, a leg that comes back within reach would snap: its knee goes with the square root of the distance.
    """
    free = np.maximum(_FREE_STRETCH, before)
    room = np.maximum(1 - free, 1e-9)
    return np.where(stretch > free, 1 - room * np.exp(-np.maximum(stretch - free, 0) / room), stretch)


def _about(axes: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(n, 3, 3) rotations about (n, 3) unit axes by (n,) angles (Rodrigues)."""
    cross = skew(axes)
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return np.eye(3) + sine * cross + (1 - cosine) * cross @ cross
