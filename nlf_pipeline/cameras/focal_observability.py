"""Whether, and where, the pictures of a turning camera determine its focal length."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.cameras.radial_lens import directions, distort
from nlf_pipeline.cameras.rotation_pairs import KeyframePairs

_WIDEST_PAIRS = 12
_GRID = (0.4, 8.0, 40)
"""Shortest and longest focal length over the picture's width, and how many to try."""
_SHORTER, _LONGER = 0.7, 1.4
_MIN_RATIO = 1.5
_MIN_EXCESS = 0.5 / 640
"""Of the longer side: what a wrong focal length must add to the residuals. Rolling shutters can add less."""
_ZOOM_STEPS = np.linspace(-0.16, 0.16, 9)
_IRLS_STEPS = 5
_KERNEL_PX = 2.0


@dataclass(frozen=True)
class FocalEvidence:
    """Residuals at the best focal length against those at clearly wrong ones, in the pairs with the largest motion."""

    residual_px: float
    """Mean over pairs of the median residual at the best focal length."""
    shorter_px: float
    """The same at 0.7 times the best."""
    longer_px: float
    """The same at 1.4 times the best."""

    def is_observable(self, size_px: tuple[int, int]) -> bool:
        """Whether both wrong focal lengths fit clearly worse."""
        return is_clearly_worse(min(self.shorter_px, self.longer_px), self.residual_px, size_px)


def is_clearly_worse(wrong_px: float, best_px: float, size_px: tuple[int, int]) -> bool:
    """Residuals 1.5 times as large, and larger by more than what a lens with unmodelled effects leaves."""
    excess_px = np.sqrt(max(wrong_px**2 - best_px**2, 0.0))
    return bool(wrong_px >= _MIN_RATIO * best_px and excess_px >= _MIN_EXCESS * max(size_px))


def guess_focal(pairs: KeyframePairs, k1: float, width_px: int) -> float:
    """The focal length (pixels) among 40 from 0.4 to 8 widths at which pure rotations fit best."""
    low, high, count = _GRID
    widest = _widest(pairs)
    focals = width_px * np.geomspace(low, high, count)
    costs = [_cost(widest, np.full(len(pairs.frames), focal), k1) for focal in focals]
    return float(focals[int(np.argmin(costs))])


def weigh_focal(pairs: KeyframePairs, focal_px: np.ndarray, k1: float) -> FocalEvidence:
    """Evidence for the focal lengths of the keyframes.

    Args:
        pairs: points shared by pairs of keyframes.
        focal_px: (keyframes,). Where they differ, the wrong ones scale all of them, and each pair may choose its
            ratio anew, so that zooming does not pass for knowledge of the focal length.
        k1: distortion.
    """
    widest = _widest(pairs)
    zoom_steps = _ZOOM_STEPS if np.ptp(focal_px) > 0 else np.zeros(1)
    at = [_cost(widest, focal_px * scale, k1, zoom_steps) for scale in (1.0, _SHORTER, _LONGER)]
    return FocalEvidence(*at)


def fit_pair_rotations(
    pairs: KeyframePairs, focal_first_px: np.ndarray, focal_second_px: np.ndarray, k1: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rotate each pair's rays onto each other, robustly: Kabsch's method, reweighted.

    Args:
        pairs: points shared by pairs of keyframes.
        focal_first_px: (pairs,) focal lengths of the first pictures.
        focal_second_px: (pairs,) focal lengths of the second pictures.
        k1: distortion.

    Returns:
        R (pairs, 3, 3) from the first camera's axes to the second's, and (pairs, points) residuals in pixels, NaN for
        padding.
    """
    first = directions(pairs.offsets_first_px, focal_first_px, k1)
    second = directions(pairs.offsets_second_px, focal_second_px, k1)
    weight = pairs.valid.astype(np.float64)
    R, residual_px = np.zeros((len(pairs), 3, 3)), np.zeros_like(weight)
    for _ in range(_IRLS_STEPS):
        R = _kabsch(first, second, weight)
        turned = first @ np.swapaxes(R, -1, -2)
        y = turned[..., :2] / np.maximum(turned[..., 2:], 0.05)
        errors = focal_second_px[:, None, None] * distort(y, k1) - pairs.offsets_second_px
        residual_px = np.where(pairs.valid, np.linalg.norm(errors, axis=-1), np.nan)
        kernel_px = np.maximum(_KERNEL_PX, 1.5 * np.nanmedian(residual_px, axis=1))[:, None]
        weight = np.where(pairs.valid, 1 / (1 + (np.nan_to_num(residual_px) / kernel_px) ** 2) ** 2, 0.0)
    return R, residual_px


def _kabsch(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations that best take directions a (..., n, 3) to b."""
    U, _, Vt = np.linalg.svd(np.swapaxes(b * weight[..., None], -1, -2) @ a)
    U[..., -1] *= np.sign(np.linalg.det(U @ Vt))[..., None]
    return U @ Vt


def _widest(pairs: KeyframePairs) -> KeyframePairs:
    return pairs.select(np.argsort(-pairs.displacements_px(), kind="stable")[:_WIDEST_PAIRS])


def _cost(pairs: KeyframePairs, focal_px: np.ndarray, k1: float, zoom_steps: np.ndarray | None = None) -> float:
    """Mean over pairs of the median residual (pixels) after the best rotation, and ratio of focal lengths if free."""
    first, second = focal_px[pairs.first], focal_px[pairs.second]
    medians = [
        np.nanmedian(fit_pair_rotations(pairs, first, second * np.exp(step), k1)[1], axis=1)
        for step in (np.zeros(1) if zoom_steps is None else zoom_steps)
    ]
    return float(np.mean(np.min(medians, axis=0)))
