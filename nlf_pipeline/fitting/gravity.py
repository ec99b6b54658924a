"""A first guess of which way is up: people stand upright, and cameras are held level."""

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.filtering import geometric_median

_TRUNK = tuple(joint_index(name) for name in ("pelvis", "spine1", "spine2", "spine3"))
_BODY_ROLL_SHARE = 0.64
"""Trust in the bodies' roll against a level camera's: errors of 3 and 4 degrees."""
_FARTHEST = np.deg2rad(50.0)
"""Bodies that lean farther than this from the camera's up are not standing."""


def trunk_axes(rotations: np.ndarray) -> np.ndarray:
    """(n, 3) along the trunks of bodies with (n, joints, 3, 3) global rotations, from the hips upwards."""
    return rotations[:, list(_TRUNK)][..., 1].mean(axis=1)


def up_direction(trunks: np.ndarray, T_scene_cam: np.ndarray) -> np.ndarray:
    """The likely direction of up in the scene frame.

    Pitch is taken from the trunks, which a tilted camera sees as well as a level one; roll also
    from the camera. Without standing people it is the camera's up.

    Args:
        trunks: (n, 3) `trunk_axes` of the bodies, from frames of all people; n may be 0.
        T_scene_cam: (frames, 4, 4).

    Returns:
        (3,) unit vector.
    """
    right, up = (_direction(T_scene_cam[:, :3, axis] * sign) for axis, sign in ((0, 1), (1, -1)))
    trunks = trunks[trunks @ up > np.cos(_FARTHEST) * np.linalg.norm(trunks, axis=-1)]
    if not len(trunks):
        return up
    body_up = _direction(trunks)
    return _direction(body_up[None] - (1 - _BODY_ROLL_SHARE) * right * (body_up @ right))


def _direction(vectors: np.ndarray) -> np.ndarray:
    """Robust mean direction of (n, 3) vectors."""
    median = geometric_median(vectors, np.ones(len(vectors)))
    return median / np.linalg.norm(median)
