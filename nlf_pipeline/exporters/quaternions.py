"""Quaternions over time."""

import numpy as np


def continuous_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """(frames, ..., 4) the same rotations with signs such that each is near the one before, for straight blending."""
    flips = np.where(np.sum(quaternions[1:] * quaternions[:-1], axis=-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones_like(quaternions[:1, ..., 0]), np.cumprod(flips, axis=0)])
    return quaternions * signs[..., None]
