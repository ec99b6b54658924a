"""Legs that were not seen, or seen as no legs can be, are made up from the moments before and after."""

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.spatial.transform import Rotation, Slerp

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.filtering import fill_linear, true_runs, whittaker
from nlf_pipeline.fitting.foot_tracks import chunks
from nlf_pipeline.fitting.soles import ANKLES, TOES, Soles
from nlf_pipeline.kinematics import global_rotations

_MOST_TURNED = 0.2
"""Cosine of the greatest turn of a foot against the pelvis."""
_REJOIN_S, _LOST_WEIGHT = 0.1, 1e-3
_LEGS = [joint_index(f"{side}_{name}") for name in ("hip", "knee", "ankle") for side in ("left", "right")]
_KNEES = (joint_index("left_knee"), joint_index("right_knee"))


def turn_feet_forward(pose_rotvecs: np.ndarray, feet: Soles) -> np.ndarray:
    """Feet that point backwards, as no foot can, get their orientation from the moments before and after.

    Args:
        pose_rotvecs: (frames, joints, 3) parent-relative, y up.
        feet: of this person.

    Returns:
        (frames, joints, 3).
    """
    turned = pose_rotvecs.copy()
    for ankle, toes, knee in zip(ANKLES, TOES, _KNEES, strict=True):
        foot = feet.joints_rest[toes] - feet.joints_rest[ankle]
        shanks, ankles, backward = _feet_against_pelvis(pose_rotvecs, knee, ankle, foot)
        known = np.logical_not(binary_dilation(backward))
        blind = _between(known)
        if len(blind):
            sure = np.flatnonzero(known)
            ahead = Slerp(sure, Rotation.from_matrix(ankles[sure]))(blind).as_matrix()
            local = np.swapaxes(shanks[blind], -1, -2) @ ahead
            turned[blind, ankle] = Rotation.from_matrix(local).as_rotvec()
    return turned


def _feet_against_pelvis(
    pose_rotvecs: np.ndarray, knee: int, ankle: int, foot: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(frames, 3, 3) of a shank and its foot relative to the pelvis, and (frames,) whether that points backwards."""
    shanks, ankles, backward = [], [], []
    for part in chunks(len(pose_rotvecs)):
        rotations = global_rotations(pose_rotvecs[part].astype(np.float64))
        pelvis = np.swapaxes(rotations[:, 0], -1, -2)
        shanks.append(pelvis @ rotations[:, knee])
        ankles.append(pelvis @ rotations[:, ankle])
        ahead, body = (rotations[:, ankle] @ foot)[:, ::2], rotations[:, 0, ::2, 2]
        length = np.linalg.norm(ahead, axis=-1) * np.linalg.norm(body, axis=-1)
        backward.append(np.sum(ahead * body, axis=-1) < _MOST_TURNED * length)
    return np.concatenate(shanks), np.concatenate(ankles), np.concatenate(backward)


def rejoin_legs(pose_rotvecs: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Legs that were not seen go from how they were before to how they are after.

    Args:
        pose_rotvecs: (frames, joints, 3) parent-relative.
        known: (frames,) bool: the legs were seen; others at the ends stay as they are.

    Returns:
        (frames, joints, 3).
    """
    blind, sure, joined = _between(known), np.flatnonzero(known), pose_rotvecs.copy()
    if len(blind):
        for joint in _LEGS:
            joined[blind, joint] = Slerp(sure, Rotation.from_rotvec(pose_rotvecs[sure, joint]))(blind).as_rotvec()
    return joined


def _between(known: np.ndarray) -> np.ndarray:
    """Unknown frames that have known ones before and after them."""
    sure, blind = np.flatnonzero(known), np.flatnonzero(~known)
    return blind[(blind > sure[0]) & (blind < sure[-1])] if len(sure) else sure


def rejoin_path(root: np.ndarray, known: np.ndarray, contradicted: np.ndarray, fps: float) -> np.ndarray:
    """A path that leads smoothly through frames in which the body was estimated where it cannot have been.

    Args:
        root: (frames, 3) metres.
        known: (frames,) bool: the legs were seen; others at the ends stay as they are.
        contradicted: (frames,) bool: the feet were seen where they cannot have been.
        fps: frames per second.

    Returns:
        (frames, 3) metres; unchanged but for runs of unknown frames that have contradicted ones among them.
    """
    wrong = [run for run in true_runs(~known) if run.start > 0 and run.stop < len(known) and contradicted[run].any()]
    if not wrong:
        return root
    lost = np.zeros(len(root), dtype=bool)
    for run in wrong:
        lost[run] = True
    smooth = whittaker(fill_linear(root, ~lost), np.where(lost, _LOST_WEIGHT, 1.0), _REJOIN_S * fps)
    return np.where(lost[:, None], smooth, root)
