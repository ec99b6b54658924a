"""How well the result agrees with the single estimates that it was made of, frame by frame."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_kinds import body_joints, joint_index
from nlf_pipeline.geometry import invert_rigid, project, transform_points
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.progress import progress

_LEAST_DEPTH = 0.1
"""Nearer to the camera than this, points are not projected, metres."""
LIMBS = tuple(
    (joint_index(f"{side}_{near}"), joint_index(f"{side}_{far}"))
    for side in ("left", "right")
    for near, far in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Agreement:
    """Of everybody's result with the estimates. NaN where there is no estimate or no body."""

    reprojection_px: np.ndarray
    """(people, frames) distance in the picture, mean over the joints without face and fingers."""
    reprojection_m: np.ndarray
    """(people, frames) that distance at the joints' distance from the camera."""
    limb_lengths: np.ndarray
    """(people, frames, limbs) of the estimates, metres."""


def compare_with_estimates(predictions: Predictions, bodies: Bodies, cameras: Cameras) -> Agreement:
    """Read the estimates once; only a few numbers per person and frame are kept.

    The lens's distortion is left out on both sides: it moves the two projections of a joint alike.

    Args:
        predictions: of the same people and frames as `bodies`.
        bodies: the result.
        cameras: in the world.
    """
    shape, body = bodies.visible.shape, slice(body_joints(bodies.joints.shape[2]))
    px, metres = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    limbs = np.full((*shape, len(LIMBS)), np.nan, np.float32)
    near, far = np.array(LIMBS).T
    T_cam_world = invert_rigid(cameras.T_world_cam)
    for t, frame in enumerate(progress(predictions, predictions.n_frames, "compare with the estimates")):
        rows = np.flatnonzero(frame.valid & np.isfinite(frame.joints).all(axis=(1, 2)))
        limbs[rows, t] = np.linalg.norm(frame.joints[rows][:, near] - frame.joints[rows][:, far], axis=-1)
        rows = rows[bodies.visible[rows, t]]
        result = transform_points(T_cam_world[t], bodies.joints[rows, t, body].astype(np.float64))
        px[rows, t], metres[rows, t] = _distances(result, frame.joints[rows, body], cameras.K[t])
    return Agreement(px, metres, limbs)


def _distances(result: np.ndarray, estimate: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(people,) mean distance of projected joints, pixels and metres; NaN where a joint is not before the camera."""
    depth = np.minimum(result[..., 2], estimate[..., 2])
    is_ahead = (depth > _LEAST_DEPTH).all(axis=-1)
    safe = np.where(is_ahead[:, None, None], 1.0, np.nan)
    px = np.linalg.norm(project(result * safe, K) - project(estimate * safe, K), axis=-1)
    return px.mean(axis=-1), (px * result[..., 2] / K[0, 0]).mean(axis=-1)


def limb_variation(lengths: np.ndarray) -> float | None:
    """Robust relative deviation of limb lengths over time, mean over the limbs (1.4826 MAD / median).

    Args:
        lengths: (frames, limbs) metres, NaN where there is no estimate.

    Returns:
        None with fewer than two estimates.
    """
    known = lengths[np.isfinite(lengths).all(axis=1)].astype(np.float64)
    if len(known) < 2:
        return None
    median = np.median(known, axis=0)
    spread = _MAD_TO_SD * np.median(np.abs(known - median), axis=0)
    return float((spread / np.maximum(median, 1e-6)).mean())
