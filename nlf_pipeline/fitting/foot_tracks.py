"""Where the feet of one posed person are, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.fitting.soles import ANKLES, TOES, Soles
from nlf_pipeline.kinematics import global_rotations, joint_positions

_CHUNK_FRAMES = 1024


@dataclass(frozen=True)
class FootTrack:
    """The feet of one person, frame by frame."""

    toes: np.ndarray
    """(frames, 2, 3) toe joints, left and right, metres."""
    ankles: np.ndarray
    """(frames, 2, 3) metres."""
    lowest: np.ndarray
    """(frames, 2) height of the lowest sole point, metres."""


def chunks(frames: int) -> Iterator[slice]:
    """Ranges of frames few enough to pose them all at once."""
    for start in range(0, frames, _CHUNK_FRAMES):
        yield slice(start, min(start + _CHUNK_FRAMES, frames))


def track_feet(pose_rotvecs: np.ndarray, root: np.ndarray, feet: Soles) -> FootTrack:
    """Pose a body and look where its feet are.

    Args:
        pose_rotvecs: (frames, joints, 3) parent-relative, y up.
        root: (frames, 3) root joint, metres.
        feet: of this person.
    """
    track = FootTrack(np.zeros((len(root), 2, 3)), np.zeros((len(root), 2, 3)), np.zeros((len(root), 2)))
    for part in chunks(len(root)):
        rotations = global_rotations(pose_rotvecs[part].astype(np.float64))
        joints = joint_positions(rotations, root[part], feet.joints_rest)
        track.toes[part], track.ankles[part] = joints[:, list(TOES)], joints[:, list(ANKLES)]
        track.lowest[part] = feet.posed(rotations, joints)[..., 1].min(axis=-1)
    return track
