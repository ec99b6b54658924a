"""Rotations about the coordinate axes."""

import numpy as np
from scipy.spatial.transform import Rotation


def turn_x(angle: np.ndarray | float) -> Rotation:
    """Rotations about x by (n,) radians; one rotation for a number."""
    return Rotation.from_rotvec(np.multiply.outer(angle, [1.0, 0.0, 0.0]))


def turn_y(angle: np.ndarray | float) -> Rotation:
    """Rotations about y by (n,) radians; one rotation for a number."""
    return Rotation.from_rotvec(np.multiply.outer(angle, [0.0, 1.0, 0.0]))


def turn_z(angle: np.ndarray | float) -> Rotation:
    """Rotations about z by (n,) radians; one rotation for a number."""
    return Rotation.from_rotvec(np.multiply.outer(angle, [0.0, 0.0, 1.0]))
