"""Bundle adjustment of a turning camera: rotations of keyframes, focal lengths and distortion from pairs of pictures.

Minimises, over pairs of keyframes and points seen by both, rho(|project(R_j R_i^T ray(x_i)) - x_j|) with Geman and
McClure's rho by Levenberg and Marquardt's method. The points themselves are no unknowns, so that the normal equations
are small and sparse (after Brown and Lowe, "Automatic panoramic image stitching", IJCV 2007).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera, pair_errors, pair_jacobian, pair_residuals

_KERNEL_PX = 1.0
"""Residuals well above this count as outliers; or well above the median while that is larger."""
_KERNEL_MEDIANS = 1.5
_RMS_CAP_PX = 10.0
_NARROWER = 0.8
_MAX_ROUNDS = 4
_MAX_STEPS = 25
_CONVERGED = 1e-6
_DAMPING = (1e-4, 1e-9, 1e6)
"""First, smallest and largest factor of Levenberg and Marquardt's method."""
_MAX_K1 = 0.5
"""Beyond it the model folds within ordinary pictures."""
_FOCAL_STEP = 0.05
"""Relative change of a zooming lens from one keyframe to the next: the deviation of a weak prior."""
_FOCAL_PRIOR_POINTS = 10
"""That prior weighs as much as so many points with residuals of one pixel."""

FocalFreedom = Literal["fixed", "shared", "zoom"]
"""'zoom': one focal length per keyframe."""


@dataclass(frozen=True)
class Adjusted:
    """The best camera and how well it fits."""

    camera: TurningCamera
    residual_px: np.ndarray
    """(pairs, points); infinite for points behind the camera, NaN for padding."""
    k1_sigma: float
    """Standard error of the distortion; 0 if it was fixed."""

    @property
    def median_px(self) -> float:
        """Median residual."""
        return float(np.nanmedian(self.residual_px))

    @property
    def rms_px(self) -> float:
        """Root mean square residual, each counting as 10 pixels at most."""
        residuals = self.residual_px[~np.isnan(self.residual_px)]
        return float(np.sqrt(np.mean(np.minimum(residuals, _RMS_CAP_PX) ** 2)))


@dataclass(frozen=True)
class _Columns:
    """Where the unknowns are among the columns of the normal equations; -1 for what is fixed."""

    rotation: np.ndarray
    """(keyframes, 3)."""
    focal: np.ndarray
    """(keyframes,)."""
    k1: int
    count: int

    def of_pairs(self, pairs: KeyframePairs) -> np.ndarray:
        """(pairs, 9) in the order of `pair_jacobian`'s derivatives."""
        parts = [self.rotation[pairs.first], self.rotation[pairs.second]]
        lens = [self.focal[pairs.first], self.focal[pairs.second], np.full(len(pairs), self.k1)]
        return np.concatenate([*parts, np.stack(lens, axis=1)], axis=1)


def adjust(
    pairs: KeyframePairs,
    camera: TurningCamera,
    focal: FocalFreedom,
    *,
    k1: bool = False,
    kernel_px: float = 0.0,
) -> Adjusted:
    """Adjust the rotations but for the first keyframe's, and what else is asked for.

    Args:
        pairs: points shared by pairs of keyframes.
        camera: where to start.
        focal: which focal lengths may change.
        k1: whether the distortion may change.
        kernel_px: residuals to expect at the start, if that is more than what most residuals are.
    """
    columns = _lay_out(len(pairs.frames), focal, k1)
    kernel_px = max(kernel_px, _kernel(pair_residuals(pairs, camera)))
    for _ in range(_MAX_ROUNDS):
        camera = _descend(pairs, camera, columns, kernel_px)
        narrower = _kernel(pair_residuals(pairs, camera))
        if narrower > _NARROWER * kernel_px:
            break
        kernel_px = narrower
    sigma = _k1_sigma(pairs, camera, columns, kernel_px) if k1 else 0.0
    return Adjusted(camera, pair_residuals(pairs, camera), sigma)


def _lay_out(n_keyframes: int, focal: FocalFreedom, k1: bool) -> _Columns:
    rotation = np.maximum(np.arange(3 * n_keyframes).reshape(-1, 3) - 3, -1)
    count = 3 * (n_keyframes - 1)
    focals = np.full(n_keyframes, -1)
    match focal:
        case "shared":
            focals[:] = count
        case "zoom":
            focals = count + np.arange(n_keyframes)
    count = max(count, int(focals.max()) + 1)
    return _Columns(rotation, focals, count if k1 else -1, count + k1)


def _kernel(residual_px: np.ndarray) -> float:
    return max(_KERNEL_PX, _KERNEL_MEDIANS * float(np.nanmedian(residual_px)))


def _descend(pairs: KeyframePairs, camera: TurningCamera, columns: _Columns, kernel_px: float) -> TurningCamera:
    """Levenberg and Marquardt's method with a kernel of fixed width."""
    damping, least, most = _DAMPING
    cost = _cost(pairs, camera, kernel_px)
    A, slope = _normal_equations(pairs, camera, columns, kernel_px)
    for _ in range(_MAX_STEPS):
        step = -_solve(A, slope, damping)
        candidate = _move(camera, columns, step)
        candidate_cost = _cost(pairs, candidate, kernel_px)
        if candidate_cost < cost and abs(candidate.k1) < _MAX_K1:
            gain, cost, camera = cost - candidate_cost, candidate_cost, candidate
            if gain < _CONVERGED * cost:
                break
            damping = max(damping / 5, least)
            A, slope = _normal_equations(pairs, camera, columns, kernel_px)
        else:
            damping *= 8
            if damping > most:
                break
    return camera


def _cost(pairs: KeyframePairs, camera: TurningCamera, kernel_px: float) -> float:
    squared = (pair_residuals(pairs, camera)[pairs.valid] / kernel_px) ** 2
    saturating = 1 - 1 / (1 + squared)
    prior = _FOCAL_PRIOR_POINTS * np.sum((np.diff(np.log(camera.focal_px)) / _FOCAL_STEP) ** 2)
    return 0.5 * float(kernel_px**2 * np.sum(saturating) + prior)


def _normal_equations(
    pairs: KeyframePairs, camera: TurningCamera, columns: _Columns, kernel_px: float
) -> tuple[scipy.sparse.csc_array, np.ndarray]:
    """Robustly weighted J^T J and J^T e over the unknowns, the prior on zooming included."""
    errors = pair_errors(pairs, camera)
    weight = pairs.valid / (1 + np.sum(errors**2, axis=-1) / kernel_px**2) ** 2
    errors = np.where(np.isinf(errors), 0, errors).reshape(len(pairs), -1)
    jacobian = pair_jacobian(pairs, camera).reshape(len(pairs), -1, 9)
    weighted = jacobian * np.repeat(weight, 2, axis=1)[..., None]
    blocks, slopes = np.swapaxes(weighted, -1, -2) @ jacobian, np.einsum("pna,pn->pa", weighted, errors)
    prior = _FOCAL_PRIOR_POINTS / _FOCAL_STEP**2
    steps = np.diff(np.log(camera.focal_px))
    neighbours = np.stack([columns.focal[:-1], columns.focal[1:]], axis=1)
    prior_blocks = np.broadcast_to(prior * np.array([[1.0, -1.0], [-1.0, 1.0]]), (len(steps), 2, 2))
    prior_slopes = prior * np.stack([-steps, steps], axis=1)
    return _assemble(
        [(columns.of_pairs(pairs), blocks, slopes), (neighbours, prior_blocks, prior_slopes)], columns.count
    )


def _assemble(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], count: int
) -> tuple[scipy.sparse.csc_array, np.ndarray]:
    """Sum small dense blocks, given with their (n, k) columns, into one sparse matrix and one vector."""
    rows, cols, values, slope = [], [], [], np.zeros(count)
    for columns, blocks, slopes in parts:
        row, col = np.broadcast_arrays(columns[:, :, None], columns[:, None, :])
        free = (row >= 0) & (col >= 0)
        rows.append(row[free])
        cols.append(col[free])
        values.append(blocks[free])
        np.add.at(slope, columns[columns >= 0], slopes[columns >= 0])
    where = np.concatenate(rows), np.concatenate(cols)
    return scipy.sparse.coo_array((np.concatenate(values), where), shape=(count, count)).tocsc(), slope


def _solve(A: scipy.sparse.csc_array, b: np.ndarray, damping: float) -> np.ndarray:
    diagonal = A.diagonal()
    damped = A + scipy.sparse.diags_array(damping * diagonal + 1e-9 * (diagonal.max(initial=0.0) + 1), format="csc")
    return np.asarray(scipy.sparse.linalg.spsolve(damped, b)).reshape(len(b))


def _move(camera: TurningCamera, columns: _Columns, step: np.ndarray) -> TurningCamera:
    step = np.append(step, 0.0)  # what is fixed has column -1
    R = Rotation.from_rotvec(step[columns.rotation]).as_matrix() @ camera.R_cam_window
    return TurningCamera(R, camera.focal_px * np.exp(step[columns.focal]), camera.k1 + step[columns.k1])


def _k1_sigma(pairs: KeyframePairs, camera: TurningCamera, columns: _Columns, kernel_px: float) -> float:
    """From the curvature at the optimum, for noise of the size of the residuals' median."""
    A, _ = _normal_equations(pairs, camera, columns, kernel_px)
    axis = np.zeros(columns.count)
    axis[columns.k1] = 1
    noise_px = float(np.nanmedian(pair_residuals(pairs, camera))) / np.sqrt(2 * np.log(2))
    return noise_px * float(np.sqrt(max(_solve(A, axis, 0.0)[columns.k1], 0.0)))
