"""From the real camera over to a side view, both of which may move."""

import numpy as np
from deltacamera.trajectory import ramp, smootherstep
from scipy.spatial.transform import Rotation

from nlf_pipeline.geometry import rigid
from nlf_pipeline.viewing.framing import UP, Following


def ease_over(
    T_world_cam: np.ndarray,
    following: Following,
    R_world_side: np.ndarray,
    azimuth: float,
    start: int,
    n_steps: float,
) -> tuple[np.ndarray, np.ndarray]:
    """A path that leaves the moving real camera smoothly, along an arc around what the side view looks at.

    Both cameras, as seen from the target, are turned about the vertical to the azimuth reached so far and mixed there;
    height and distance change steadily. Speed and turning are those of the real camera at the start and those of the
    side view at the end. (`DepartureBlend` does the same for a camera at rest.)

    Args:
        T_world_cam: (frames, 4, 4) the real camera.
        following: the side view's path.
        R_world_side: (3, 3) its orientation.
        azimuth: from the real camera to the side view, about the vertical.
        start: frame up to which the real camera is followed exactly.
        n_steps: frames that the transition takes.

    Returns:
        T_world_cam (frames, 4, 4) and the share of the side view (frames,), 0 to 1.
    """
    share = ramp(np.arange(len(T_world_cam)), start, n_steps, smootherstep)
    reached = Rotation.from_rotvec(np.outer(share * azimuth, UP))
    missing = Rotation.from_rotvec(np.outer((share - 1) * azimuth, UP))
    real = reached.apply(T_world_cam[:, :3, 3] - following.targets)
    side = missing.apply(following.eyes - following.targets)
    positions = following.targets + (1 - share[:, None]) * real + share[:, None] * side
    level = Rotation.from_rotvec(-azimuth * UP) * Rotation.from_matrix(R_world_side)
    correction = unwrapped((level.inv() * Rotation.from_matrix(T_world_cam[:, :3, :3])).as_rotvec())
    rotations = reached * level * Rotation.from_rotvec((1 - share[:, None]) * correction)
    T = rigid(rotations.as_matrix(), positions)
    T[share == 0] = T_world_cam[share == 0]
    return T, share


def unwrapped(rotvecs: np.ndarray) -> np.ndarray:
    """(frames, 3) rotation vectors of the same rotations without jumps where their angle passes half a turn."""
    unwrapped = rotvecs.copy()
    for frame in range(1, len(rotvecs)):
        angle = np.linalg.norm(rotvecs[frame])
        if angle > 0:
            axis = rotvecs[frame] / angle
            turns = np.round((axis @ unwrapped[frame - 1] - angle) / (2 * np.pi))
            unwrapped[frame] += 2 * np.pi * turns * axis
    return unwrapped
