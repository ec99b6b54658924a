"""Which way is up, and how surely: people hold their trunks upright, and cameras are held level.

Everybody leans a little, walkers forwards. A lean turns with the person and gravity does not, so both can be found
from people who turn about; of those who face one way only, the usual lean is taken off.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.geometry import tangent_axes

_TRUNK = [joint_index(name) for name in ("pelvis", "spine1", "spine2", "spine3")]
_PIECE_S = 1.0
"""Trunks are averaged over so long; their errors last twice as long."""
_TRUNK_SD = np.deg2rad(4.0)
"""Of an averaged trunk about its owner's usual lean."""
_LEAN = np.deg2rad(3.0)
_LEAN_SD = np.deg2rad(5.0), np.deg2rad(1.5)
"""Forwards and sideways; of different people."""
_PITCH_BIAS_SD, _ROLL_BIAS_SD = np.deg2rad(2.5), np.deg2rad(1.0)
"""By which all bodies may be estimated to lean along and across the camera's view."""
_LENS_BIAS_SD = np.deg2rad(5.0)
"""The same along the view where the focal length was assumed: a wrong one stretches the scene in depth."""
_CAMERA_ROLL_SD, _CAMERA_PITCH_SD = np.deg2rad(4.0), np.deg2rad(20.0)
_FARTHEST = np.deg2rad(50.0)
"""Bodies that lean farther than this from the camera's up are not standing."""
_ITERATIONS = 8


@dataclass(frozen=True)
class Trunks:
    """How people hold themselves, a second at a time; one row per person and second."""

    person: np.ndarray
    """(n,) int."""
    up: np.ndarray
    """(n, 3) from the pelvis to the neck, length about 1, scene frame."""
    front: np.ndarray
    """(n, 3) where the pelvis faces."""
    left: np.ndarray
    """(n, 3)."""


@dataclass(frozen=True)
class UpBelief:
    """A direction with its uncertainty."""

    direction: np.ndarray
    """(3,) unit vector, scene frame."""
    covariance: np.ndarray
    """(3, 3) radians squared; none along the direction."""
    source: Literal["bodies", "camera"]


def average_trunks(person: int, rotations: np.ndarray, camera_up: np.ndarray, fps: float) -> Trunks:
    """The trunk of one person, averaged over every second in which it is mostly upright.

    Args:
        person: the row.
        rotations: (frames, joints, 3, 3) global, scene frame, without gaps.
        camera_up: (frames, 3) the cameras' up.
        fps: frames per second.
    """
    trunks = rotations[:, _TRUNK][..., 1].mean(axis=1)
    lengths = np.linalg.norm(trunks, axis=-1)
    standing = np.sum(trunks * camera_up, axis=-1) > np.cos(_FARTHEST) * lengths
    rows = [np.zeros((0, 3, 3))]
    for part in np.array_split(np.arange(len(trunks)), max(1, round(len(trunks) / (_PIECE_S * fps)))):
        frames = part[standing[part]]
        if len(frames) >= _PIECE_S * fps / 2:
            columns = rotations[frames, 0][..., [2, 0]].mean(axis=0)
            rows.append(np.stack([np.median(trunks[frames], axis=0), columns[:, 0], columns[:, 1]])[None])
    pieces = np.concatenate(rows)
    return Trunks(np.full(len(pieces), person), pieces[:, 0], pieces[:, 1], pieces[:, 2])


def believe_up(trunks: Trunks, T_scene_cam: np.ndarray, knows_lens: bool = True) -> UpBelief:
    """The most probable up of trunks that lean and of cameras that roll a little, by reweighted least squares.

    Args:
        trunks: everybody's; may be empty.
        T_scene_cam: (frames, 4, 4).
        knows_lens: the focal length was given or seen, not assumed.

    Returns:
        Up; its covariance includes the errors that all bodies share.
    """
    right, up = T_scene_cam[:, :3, 0], -T_scene_cam[:, :3, 1].mean(axis=0)
    up = up / np.linalg.norm(up)
    camera = right.T @ right / len(right) / _CAMERA_ROLL_SD**2 + np.eye(3) / _CAMERA_PITCH_SD**2
    if not len(trunks.person):
        across = np.eye(3) - np.outer(up, up)
        return UpBelief(up, np.linalg.pinv(across @ camera @ across, rcond=1e-9, hermitian=True), "camera")
    level = camera - np.eye(3) / _CAMERA_PITCH_SD**2
    for _ in range(_ITERATIONS):
        axes = tangent_axes(up)
        step, covariance = _tilt(trunks, up, axes, level)
        up = up + step @ axes
        up = up / np.linalg.norm(up)
    axes = tangent_axes(up)
    mean_right = right.mean(axis=0) / max(np.linalg.norm(right.mean(axis=0)), 1e-9)
    pitch_sd = _PITCH_BIAS_SD if knows_lens else _LENS_BIAS_SD
    bias = np.outer(mean_right, mean_right) * (_ROLL_BIAS_SD**2 - pitch_sd**2) + np.eye(3) * pitch_sd**2
    return UpBelief(up, axes.T @ (covariance + axes @ bias @ axes.T) @ axes, "bodies")


def _tilt(trunks: Trunks, up: np.ndarray, axes: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2,) how far up tilts from `up` along `axes`, and its (2, 2) covariance. Other unknowns: two leans per person."""
    people, owner = np.unique(trunks.person, return_inverse=True)
    n, each = len(owner), np.arange(len(owner))
    design = np.zeros((2, n, 2 + 2 * len(people)))
    design[:, :, :2] = np.eye(2)[:, None]
    design[:, each, 2 + 2 * owner] = axes @ trunks.front.T
    design[:, each, 3 + 2 * owner] = axes @ trunks.left.T
    seen = axes @ trunks.up.T
    usual = np.concatenate([[0, 0], np.tile([_LEAN, 0], len(people))])
    prior = np.diag(np.concatenate([[0, 0], np.tile(np.power(_LEAN_SD, -2.0), len(people))]))
    pull = prior @ usual
    prior[:2, :2] = axes @ level @ axes.T
    pull[:2] = -axes @ level @ up
    weights = np.ones(n)
    for _ in range(_ITERATIONS):
        precision = np.tile(weights / (2 * _TRUNK_SD**2), 2)
        flat = design.reshape(2 * n, -1)
        hessian = flat.T @ (precision[:, None] * flat) + prior
        found = np.linalg.solve(hessian, flat.T @ (precision * seen.ravel()) + pull)
        errors = seen - design @ found
        weights = 1 / (1 + np.sum(errors**2, axis=0) / (2 * (2 * _TRUNK_SD) ** 2))
    return found[:2], np.linalg.inv(hessian)[:2, :2]
