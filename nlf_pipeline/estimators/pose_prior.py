"""A Gaussian prior on every joint's rotation about a relaxed standing pose.

Broad where people move freely, narrow about axes on which a joint hardly turns (elbows and knees are
hinges). Chosen by anatomy, not learnt from data. Rotations are SMPL's: T-pose at rest, x left, y up,
z front.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import SMPL_JOINT_NAMES

_DEFAULT_SPREAD = (0.3, 0.3, 0.3)
_MIDDLE: dict[str, tuple[float, float, float]] = {
    "spine1": (0.2, 0.15, 0.12),
    "spine2": (0.2, 0.15, 0.12),
    "spine3": (0.2, 0.15, 0.12),
    "neck": (0.25, 0.3, 0.2),
    "head": (0.25, 0.3, 0.2),
}
"""Spread, radians, about x, y, z of the joints in the plane of symmetry; their mean is zero."""
_SIDES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "hip": ((-0.3, 0, 0), (0.7, 0.3, 0.25)),
    "knee": ((0.4, 0, 0), (1.0, 0.06, 0.06)),
    "ankle": ((-0.1, 0, 0), (0.45, 0.2, 0.15)),
    "foot": ((0, 0, 0), (0.15, 0.05, 0.05)),
    "collar": ((0, 0, 0), (0.1, 0.15, 0.15)),
    "shoulder": ((0, 0, -1.1), (0.7, 0.7, 0.7)),
    "elbow": ((0, -0.5, 0), (0.35, 1.0, 0.07)),
    "wrist": ((0, 0, 0), (0.25, 0.25, 0.3)),
    "hand": ((0, 0, -0.2), (0.05, 0.05, 0.3)),
}
"""Mean rotation vector and spread, radians, on the left; the right is its mirror image. About x, the means of hip, knee
and ankle cancel: the mean pose stands on flat feet."""


@dataclass(frozen=True)
class PosePrior:
    """Mean and spread of the parent-relative rotations. The root is left out by whoever uses it."""

    R_mean: np.ndarray
    """(24, 3, 3)."""
    spread: np.ndarray
    """(24, 3) radians, about the joint's x, y and z."""


def standing_prior() -> PosePrior:
    """The prior for people on their feet; it is weak enough for sitting and reaching."""
    mean, spread = np.zeros((len(SMPL_JOINT_NAMES), 3)), np.tile(np.array(_DEFAULT_SPREAD), (len(SMPL_JOINT_NAMES), 1))
    for j, name in enumerate(SMPL_JOINT_NAMES):
        side, _, part = name.partition("_")
        if part in _SIDES:
            mirror = (1, 1, 1) if side == "left" else (1, -1, -1)
            mean[j], spread[j] = np.multiply(_SIDES[part][0], mirror), _SIDES[part][1]
        elif name in _MIDDLE:
            spread[j] = _MIDDLE[name]
    return PosePrior(Rotation.from_rotvec(mean).as_matrix(), spread)
