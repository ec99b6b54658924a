"""Whether, and where, the pictures of a turning camera determine its focal length."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.cameras.tracks.radial_lens import directions, distort
from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs

_WIDEST_PAIRS = 12
_GRID = (0.4, 8.0, 40)
"""Shortest and longest focal length over the picture's width, and how many to try."""
_SHORTER, _LONGER = 0.7, 1.4
_MIN_RATIO = 1.5
_MIN_EXCESS = 0.5 / 640
"""Of the longer side: what a wrong focal length must add to the residuals. Rolling shutters can add less."""
_STEPS, _ZOOM_STEPS = 5, 12
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


@dataclass(frozen=True)
class PairFit:
    """The best rotation, and change of focal length, for each pair on its own."""

    R_second_first: np.ndarray
    """(pairs, 3, 3) from the first camera's axes to the second's."""
    focal_second_px: np.ndarray
    """(pairs,) focal lengths of the second pictures."""
    residual_px: np.ndarray
    """(pairs, points); NaN for padding."""


def guess_focal(pairs: KeyframePairs, k1: float, width_px: int, *, zooms: bool) -> float:
    """The focal length (pixels) among 40 from 0.4 to 8 widths at which rotations, and zooms if allowed, fit best."""
    low, high, count = _GRID
    widest = _widest(pairs)
    focals = width_px * np.geomspace(low, high, count)
    costs = [_cost(widest, np.full(len(pairs.frames), focal), k1, zooms=zooms) for focal in focals]
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
    zooms = bool(np.ptp(focal_px) > 0)
    return FocalEvidence(*(_cost(widest, focal_px * scale, k1, zooms=zooms) for scale in (1.0, _SHORTER, _LONGER)))


def fit_pairs(
    pairs: KeyframePairs, focal_first_px: np.ndarray, focal_second_px: np.ndarray, k1: float, *, zooms: bool = False
) -> PairFit:
    """Rotate each pair's rays onto each other, robustly: Kabsch's method, reweighted.

    Args:
        pairs: points shared by pairs of keyframes.
        focal_first_px: (pairs,) focal lengths of the first pictures.
        focal_second_px: (pairs,) focal lengths of the second pictures; where to start if it `zooms`.
        k1: distortion.
        zooms: whether the second focal lengths are free, too; they are found in turns with the rotations.
    """
    first = directions(pairs.offsets_first_px, focal_first_px, k1)
    weight = pairs.valid.astype(np.float64)
    R, residual_px = np.zeros((len(pairs), 3, 3)), np.zeros_like(weight)
    for _ in range(_ZOOM_STEPS if zooms else _STEPS):
        R = _kabsch(first, directions(pairs.offsets_second_px, focal_second_px, k1), weight)
        turned = first @ np.swapaxes(R, -1, -2)
        x = distort(turned[..., :2] / np.maximum(turned[..., 2:], 0.05), k1)
        if zooms:
            agreement = np.einsum("pn,pni,pni->p", weight, x, pairs.offsets_second_px)
            focal_second_px = agreement / np.einsum("pn,pni,pni->p", weight, x, x)
        errors = focal_second_px[:, None, None] * x - pairs.offsets_second_px
        residual_px = np.where(pairs.valid, np.linalg.norm(errors, axis=-1), np.nan)
        kernel_px = np.maximum(_KERNEL_PX, 1.5 * np.nanmedian(residual_px, axis=1))[:, None]
        weight = np.where(pairs.valid, 1 / (1 + (np.nan_to_num(residual_px) / kernel_px) ** 2) ** 2, 0.0)
    return PairFit(R, focal_second_px, residual_px)


def _kabsch(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations that best take directions a (..., n, 3) to b."""
    U, _, Vt = np.linalg.svd(np.swapaxes(b * weight[..., None], -1, -2) @ a)
    U[..., -1] *= np.sign(np.linalg.det(U @ Vt))[..., None]
    return U @ Vt


def _widest(pairs: KeyframePairs) -> KeyframePairs:
    return pairs.select(np.argsort(-pairs.displacements_px(), kind="stable")[:_WIDEST_PAIRS])


def _cost(pairs: KeyframePairs, focal_px: np.ndarray, k1: float, *, zooms: bool) -> float:
    """Mean over pairs of the median residual (pixels) after the best rotation."""
    fit = fit_pairs(pairs, focal_px[pairs.first], focal_px[pairs.second], k1, zooms=zooms)
    return float(np.mean(np.nanmedian(fit.residual_px, axis=1)))
