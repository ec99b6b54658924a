"""More frames per second: where new frames lie between the old ones, and bodies and cameras there."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, Cameras


@dataclass(frozen=True)
class Retiming:
    """For every new frame, the two old frames it lies between.

    One that would lie across a cut, or after the last old frame, repeats the nearer one: `left == right`.
    """

    left: np.ndarray
    """(new frames,) int."""
    right: np.ndarray
    """(new frames,) int."""
    fraction: np.ndarray
    """(new frames,) in [0, 1): 0 at `left`, 1 at `right`."""


def retiming(n_frames: int, factor: int, cuts: Sequence[int] = ()) -> Retiming:
    """Positions of `n_frames * factor` frames; new frame `factor * i` is old frame i.

    Args:
        n_frames: old frames.
        factor: new frames per old frame, at least 1.
        cuts: first frame of every shot but the first.
    """
    new = np.arange(n_frames * factor)
    left, fraction = new // factor, (new % factor) / factor
    right = np.where(fraction > 0, left + 1, left)
    across = np.isin(right, [*cuts, n_frames]) & (fraction > 0)
    nearer = np.minimum(np.where(fraction > 0.5, right, left), n_frames - 1)
    return Retiming(
        left=np.where(across, nearer, left),
        right=np.where(across, nearer, right),
        fraction=np.where(across, 0.0, fraction),
    )


def retime_bodies(bodies: Bodies, timing: Retiming) -> Bodies:
    """Bodies at the new frames: rotations on great arcs, positions on straight lines.

    Between a frame with and a frame without a person, the nearer one is repeated.
    """
    left, right = timing.left, timing.right
    both = bodies.visible[:, left] & bodies.visible[:, right]
    fraction = np.where(both, timing.fraction, timing.fraction > 0.5)
    nearer = np.where(timing.fraction > 0.5, right, left)
    return dataclasses.replace(
        bodies,
        fps=bodies.fps * len(left) / max(bodies.visible.shape[1], 1),
        pose_rotvecs=_slerp(bodies.pose_rotvecs[:, left], bodies.pose_rotvecs[:, right], fraction[..., None]),
        trans=_lerp(bodies.trans[:, left], bodies.trans[:, right], fraction[..., None]),
        joints=_lerp(bodies.joints[:, left], bodies.joints[:, right], fraction[..., None, None]),
        visible=bodies.visible[:, nearer],
        filled=bodies.filled[:, nearer],
        foot_contacts=bodies.foot_contacts[:, nearer],
    )


def retime_cameras(cameras: Cameras, timing: Retiming) -> Cameras:
    """Cameras at the new frames: rotations on great arcs, positions and intrinsics on straight lines."""
    left, right, fraction = timing.left, timing.right, timing.fraction[:, None, None]
    T = _lerp(cameras.T_world_cam[left], cameras.T_world_cam[right], fraction)
    rotvecs = Rotation.from_matrix(cameras.T_world_cam[:, :3, :3]).as_rotvec()
    between = _slerp(rotvecs[left], rotvecs[right], timing.fraction)
    T[:, :3, :3] = np.where(
        fraction > 0, Rotation.from_rotvec(between).as_matrix(), cameras.T_world_cam[left][:, :3, :3]
    )
    return dataclasses.replace(cameras, T_world_cam=T, K=_lerp(cameras.K[left], cameras.K[right], fraction))


def _lerp(a: np.ndarray, b: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    return a + (b - a) * fraction


def _slerp(rotvecs_a: np.ndarray, rotvecs_b: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """(..., 3) rotation vectors on the shorter arc from a to b; `fraction` broadcasts to (...)."""
    a = Rotation.from_rotvec(rotvecs_a.reshape(-1, 3))
    b = Rotation.from_rotvec(rotvecs_b.reshape(-1, 3))
    fractions = np.broadcast_to(fraction, rotvecs_a.shape[:-1]).reshape(-1, 1)
    arcs = Rotation.from_rotvec((a.inv() * b).as_rotvec() * fractions)
    return (a * arcs).as_rotvec().reshape(rotvecs_a.shape)
