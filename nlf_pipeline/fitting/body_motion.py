"""The body moves as a whole, as little as makes its planted feet rest.

An estimated foot that slides is wrong because of where the body is, or because of how its leg is posed. Both errors
change slowly, so they are modelled as smooth offsets of known spread; wanted are the most probable ones.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from nlf_pipeline.filtering import true_runs
from nlf_pipeline.geometry import skew

_BODY_LATERAL_SD, _BODY_DEPTH_SD = 0.012, 0.08
"""Errors of a body's place across and along the viewing ray, metres."""
_BODY_ROLL_SD, _BODY_LEAN_SD = 0.025, 0.06
"""Errors of a body's orientation about the viewing ray, which the picture shows well, and about other axes, radians."""
_BODY_ERROR_S = 0.25
"""How slowly both change, seconds."""
_FOOT_LATERAL_SD, _FOOT_DEPTH_SD, _FOOT_HEIGHT_SD = 0.03, 0.06, 0.007
"""Errors of a foot relative to the body across and along the viewing ray, and in height, metres.

Together they allow least in height, where they would bend the knee."""
_FOOT_ERROR_S = 0.3
"""How slowly it changes, seconds."""
_WINDOW_FRAMES, _OVERLAP_S = 1500, 4.0
_REWEIGHTINGS = 3
_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Stepping:
    """When the feet of one person are planted, and what must then hold still; no gaps or cuts inside."""

    hold: np.ndarray
    """(frames, 2) how firmly each foot is seen to be planted, 0-1; 0 in the air."""
    toes: np.ndarray
    """(frames, 2, 3) toe joints, metres: x and z must not change while planted."""
    lowest: np.ndarray
    """(frames, 2) height of the lowest sole point above what it stands on, metres: must be 0 while planted."""
    precision: np.ndarray
    """(frames, 2, 3, 3) how certain the places of the feet relative to the body are, 1 / metres^2."""

    @property
    def plants(self) -> list[tuple[int, slice]]:
        """(foot, frames) of every stance."""
        return [(foot, run) for foot in (0, 1) for run in true_runs(self.hold[:, foot] > 0)]

    def window(self, part: slice) -> "Stepping":
        """Some of the frames."""
        return Stepping(self.hold[part], self.toes[part], self.lowest[part], self.precision[part])


def foot_precision(rays: np.ndarray) -> np.ndarray:
    """(..., 3, 3) certainty of the places of feet relative to the body, seen along (..., 3) unit vectors."""
    return _inverse_covariance(rays, _FOOT_LATERAL_SD, _FOOT_DEPTH_SD) + np.diag(_UP) / _FOOT_HEIGHT_SD**2


def _inverse_covariance(axes: np.ndarray, across_sd: float, along_sd: float) -> np.ndarray:
    """(..., 3, 3) of errors with different spread across and along (..., 3) unit vectors."""
    along = axes[..., :, None] * axes[..., None, :]
    return (np.eye(3) - along) / across_sd**2 + along / along_sd**2


def body_motion(steps: Stepping, root: np.ndarray, rays: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Small motions of the whole body that let planted feet rest as far as the evidence allows.

    Robust least squares over the motions of all frames and the place of every stance; of long clips, in windows that
    overlap and are faded into each other, since motions seconds apart have nothing to do with each other.

    Args:
        steps: of one person.
        root: (frames, 3) root joint, metres.
        rays: (frames, 3) unit vectors from the camera to the body, along which its place is least certain.
        fps: frames per second.

    Returns:
        (frames, 3) offsets of the root, metres, and (frames, 3) rotation vectors about it, radians.
    """
    frames, overlap = len(root), round(_OVERLAP_S * fps)
    moved, total = np.zeros((frames, 6)), np.zeros((frames, 1))
    for start in range(0, max(1, frames - overlap), _WINDOW_FRAMES):
        part = slice(start, min(frames, start + _WINDOW_FRAMES + overlap))
        inside = np.arange(part.start, part.stop)
        fade_in = (inside - start + 1) / overlap if start else np.ones(len(inside))
        fade_out = (part.stop - inside) / overlap if part.stop < frames else np.ones(len(inside))
        share = np.clip(np.minimum(fade_in, fade_out), 0, 1)[:, None]
        moved[part] += share * _solve(steps.window(part), root[part], rays[part], fps)
        total[part] += share
    offsets, turns = np.split(moved / np.maximum(total, 1e-9), 2, axis=-1)
    return offsets, turns


def _solve(steps: Stepping, root: np.ndarray, rays: np.ndarray, fps: float) -> np.ndarray:
    """(frames, 6) offsets and rotation vectors of one window."""
    if not steps.plants:
        return np.zeros((len(root), 6))
    design, target = _stance_equations(steps, root)
    held = steps.hold > 0
    hold, precision = steps.hold[held], steps.precision[held]
    places = 1e-6 * sparse.eye_array(2 * len(steps.plants))
    prior = sparse.csc_array(sparse.block_diag([_smoothness_prior(rays, fps), places]))
    residual = np.zeros((len(hold), 3))
    solution = np.zeros(6 * len(root) + 2 * len(steps.plants))
    for _ in range(_REWEIGHTINGS):
        squared = np.einsum("ni,nij,nj->n", residual, precision, residual) / 3
        believed = hold / (1 + squared / 9) ** 2 / (_FOOT_ERROR_S * fps)
        weighted = design.T @ _block_diagonal(precision * believed[:, None, None])
        solution = splu((prior + weighted @ design).tocsc()).solve(weighted @ target)
        residual = (target - design @ solution).reshape(-1, 3)
    return solution[: 6 * len(root)].reshape(-1, 6)


def _smoothness_prior(rays: np.ndarray, fps: float) -> sparse.csc_array:
    """(6 frames, 6 frames) precision of offsets and rotations: small, smooth, smaller across the ray than along it."""
    frames, slowness = len(rays), _BODY_ERROR_S * fps
    certainty = np.zeros((frames, 6, 6))
    certainty[:, :3, :3] = _inverse_covariance(rays, _BODY_LATERAL_SD, _BODY_DEPTH_SD)
    certainty[:, 3:, 3:] = _inverse_covariance(rays, _BODY_LEAN_SD, _BODY_ROLL_SD)
    prior = _block_diagonal(certainty / slowness)
    if frames < 3:
        return prior
    bend = sparse.kron(sum(c * sparse.eye_array(frames - 2, frames, k=k) for k, c in enumerate((1, -2, 1))), np.eye(6))
    return sparse.csc_array(prior + bend.T @ _block_diagonal(certainty[1:-1] * slowness**3) @ bend)


def _block_diagonal(blocks: np.ndarray) -> sparse.csc_array:
    """(n, d, d) blocks to a (n d, n d) matrix."""
    n = len(blocks)
    return sparse.csc_array(sparse.bsr_array((blocks, np.arange(n), np.arange(n + 1))))


def _stance_equations(steps: Stepping, root: np.ndarray) -> tuple[sparse.csc_array, np.ndarray]:
    """Three equations per planted foot and frame: x and z come to the stance's place, the sole to the floor."""
    frames = len(steps.hold)
    place = np.full(steps.hold.shape, -1)
    for index, (foot, run) in enumerate(steps.plants):
        place[run, foot] = index
    at, foot = np.nonzero(place >= 0)
    n, places = len(at), 6 * frames + 2 * place[at, foot]
    lever = -skew(steps.toes[at, foot] - root[at])
    by_motion = np.concatenate([np.tile(np.eye(3), (n, 1, 1)), lever], axis=-1)
    rows = np.broadcast_to(3 * np.arange(n)[:, None, None] + np.arange(3)[:, None], by_motion.shape)
    columns = np.broadcast_to(6 * at[:, None, None] + np.arange(6), by_motion.shape)
    rows = np.concatenate([rows.ravel(), 3 * np.arange(n), 3 * np.arange(n) + 2])
    columns = np.concatenate([columns.ravel(), places, places + 1])
    values = np.concatenate([by_motion.ravel(), -np.ones(2 * n)])
    design = sparse.csc_array((values, (rows, columns)), shape=(3 * n, 6 * frames + 2 * len(steps.plants)))
    toes = steps.toes[at, foot]
    target = -np.stack([toes[:, 0], steps.lowest[at, foot], toes[:, 2]], axis=-1)
    return design, target.ravel()
