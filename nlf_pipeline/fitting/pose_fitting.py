"""Body parameters from points: one shape per person, then the pose of every frame, with smplfitter."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from smplfitter.pt import BodyFitter

_SHAPE_ITERATIONS = 2
_UNCERTAINTY_POWER = 1.0
_SIZE_FLOOR = 0.01
_OUTLIER_FACTOR = 2.0
"""Sample frames that fit worse than this many medians, or whose size is off by so many, are left out."""


@dataclass(frozen=True)
class BodyPoints:
    """Vertices and joints of one person in n frames."""

    vertices: np.ndarray
    """(n, vertices, 3) metres."""
    joints: np.ndarray
    """(n, joints, 3) metres."""
    vertex_uncertainties: np.ndarray
    """(n, vertices) expected error, metres."""
    joint_uncertainties: np.ndarray
    """(n, joints) expected error, metres."""

    def select(self, rows: np.ndarray | slice) -> "BodyPoints":
        """The chosen frames."""
        return BodyPoints(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))

    def scaled(self, factors: np.ndarray) -> "BodyPoints":
        """Points times (n,) factors: scaled about the camera."""
        return dataclasses.replace(
            self, vertices=self.vertices * factors[:, None, None], joints=self.joints * factors[:, None, None]
        )

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Vertices, joints, vertex and joint weights (mean 1 in every frame), float32."""
        uncertainties = np.concatenate([self.vertex_uncertainties, self.joint_uncertainties], axis=1)
        weights = np.maximum(uncertainties, 1e-4) ** -_UNCERTAINTY_POWER
        weights = weights / weights.mean(axis=1, keepdims=True)
        arrays = (self.vertices, self.joints, *np.split(weights, [self.vertices.shape[1]], axis=1))
        vertices, joints, vertex_weights, joint_weights = (torch.as_tensor(a, dtype=torch.float32) for a in arrays)
        return vertices, joints, vertex_weights, joint_weights


@dataclass(frozen=True)
class PoseFits:
    """Poses of one person in n frames."""

    rotations: np.ndarray
    """(n, joints, 3, 3) global, frame of the points, float32."""
    root: np.ndarray
    """(n, 3) root joint once the points are scaled about the camera to the body's size, metres."""
    size: np.ndarray
    """(n,) size of the points over the size of the body."""
    residual: np.ndarray
    """(n,) weighted root mean square distance of points and body, metres."""


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread: its tensors are small here, and threads that wait for each other cost up to tenfold."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit_poses(fitter: BodyFitter, points: BodyPoints, betas: np.ndarray) -> PoseFits:
    """Pose, place and apparent size of a body of known shape in every frame.

    Size comes first, from parts posed independently: fitted all at once, a body of the wrong size
    bends its limbs to make good a third of the difference.

    Args:
        fitter: of the body model whose vertices the points are.
        points: n frames.
        betas: (betas,).
    """
    vertices, joints, vertex_weights, joint_weights = points.tensors()
    weights = torch.cat([vertex_weights, joint_weights], dim=1)
    shape = torch.as_tensor(betas, dtype=torch.float32).expand(len(vertices), -1)

    def pose(adjust: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        known = (shape, vertices, joints, vertex_weights, joint_weights)
        fits = fitter.fit_with_known_shape(*known, num_iter=1, final_adjust_rots=adjust, requested_keys=[])
        posed = fitter.body_model(glob_rotmats=fits["orientations"], shape_betas=shape)
        body, target = torch.cat([posed["vertices"], posed["joints"]], 1), torch.cat([vertices, joints], 1)
        size, root, residual = _align(body, target, weights, posed["joints"][:, 0])
        return fits["orientations"], size, root, residual

    with torch.inference_mode():
        _, size, _, _ = pose(adjust=False)
        vertices, joints = vertices / size[:, None, None], joints / size[:, None, None]
        rotations, _, root, residual = pose(adjust=True)
    return PoseFits(rotations.numpy(), root.numpy(), size.numpy(), residual.numpy())


def _align(
    body: torch.Tensor, target: torch.Tensor, weights: torch.Tensor, root: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Size of the target over the body's, where the body's root then lies, and the residual of moving it there."""
    weights = (weights / weights.sum(1, keepdim=True))[..., None]
    target_mean, body_mean = (weights * target).sum(1), (weights * body).sum(1)
    target, body = target - target_mean[:, None], body - body_mean[:, None]
    size = (weights * target * body).sum((1, 2)) / (weights * body * body).sum((1, 2))
    residual = (weights * (target - size[:, None, None] * body) ** 2).sum((1, 2)).sqrt()
    return size, target_mean + root - body_mean, residual


def fit_shape(fitter: BodyFitter, sample: BodyPoints, beta_regularizer: float) -> tuple[np.ndarray, BodyPoints]:
    """One shape for the frames of a sample, robust to bad frames and to a size that wavers.

    Args:
        fitter: of the body model whose vertices the points are.
        sample: frames of one person; without any the shape is the average one.
        beta_regularizer: pull of all betas but the first two towards 0, per frame, at mean weight 1.

    Returns:
        (betas,) and the frames that were believed, brought to one size: the shape's.
    """
    if not len(sample.vertices):
        return np.zeros(fitter.n_betas, np.float32), sample
    fits = fit_poses(fitter, sample, solve_shape(fitter, sample, beta_regularizer))
    relative = np.abs(np.log(fits.size / np.median(fits.size)))
    good = fits.residual <= _OUTLIER_FACTOR * np.median(fits.residual)
    good &= relative <= _OUTLIER_FACTOR * max(np.median(relative), _SIZE_FLOOR)
    if good.any():
        sample = sample.select(good).scaled(np.median(fits.size) / fits.size[good])
    return solve_shape(fitter, sample, beta_regularizer), sample


def solve_shape(fitter: BodyFitter, sample: BodyPoints, beta_regularizer: float) -> np.ndarray:
    """(betas,) of all frames of the sample together."""
    with torch.inference_mode():
        result = fitter.fit(
            *sample.tensors(),
            num_iter=_SHAPE_ITERATIONS,
            beta_regularizer=beta_regularizer,
            share_beta=True,
            final_adjust_rots=False,
            requested_keys=[],
        )
    return result["shape_betas"][0].numpy()
