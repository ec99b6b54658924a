"""Accuracy of people's motion through the world, under the field's names. Pure functions; results in SI units."""

import numpy as np

from nlf_pipeline.geometry import align_similarity

SEGMENT_FRAMES = 100
_ALIGNED_FRAMES = 2
SHORTEST_WALK_M = 0.5
"""An error as a share of a shorter path than this says nothing."""


def segment_slices(n_frames: int, length: int = SEGMENT_FRAMES) -> list[slice]:
    """Consecutive ranges of `length` frames; what is left over belongs to the last one. None for no frames."""
    if not n_frames:
        return []
    starts = [k * length for k in range(max(1, n_frames // length))]
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], n_frames], strict=True)]


def wa_mpjpe(joints: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """WA-MPJPE100: joint errors after one similarity alignment of every segment of 100 frames to the truth.

    It forgives where a segment is and how large, but not drift within it (Ye et al. 2023, SLAHMR; Shin et al. 2024,
    WHAM).

    Args:
        joints: (frames, joints, 3) one person in the world.
        truth: (frames, joints, 3).

    Returns:
        (frames,) mean error over the joints, metres.
    """
    return _segment_errors(joints, truth, None)


def w_mpjpe(joints: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """W-MPJPE100: joint errors after a similarity alignment of each segment's first two frames only.

    Drift grows over the segment (Ye et al. 2023, SLAHMR; Shin et al. 2024, WHAM). Arguments and result are those of
    `wa_mpjpe`.
    """
    return _segment_errors(joints, truth, _ALIGNED_FRAMES)


def _segment_errors(joints: np.ndarray, truth: np.ndarray, n_aligned: int | None) -> np.ndarray:
    errors = [np.zeros(0)]
    for part in segment_slices(len(joints)):
        scale, R, t = align_similarity(joints[part][:n_aligned].reshape(-1, 3), truth[part][:n_aligned].reshape(-1, 3))
        errors.append(np.linalg.norm(scale * joints[part] @ R.T + t - truth[part], axis=-1).mean(axis=-1))
    return np.concatenate(errors)


def align_rigid(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rotation R (3, 3) and translation t (3,) that map points (n, 3) to their targets best, in least squares."""
    _, R, _ = align_similarity(points, target)
    return R, target.mean(0) - R @ points.mean(0)


def root_translation_error(roots: np.ndarray, truth: np.ndarray) -> float | None:
    """RTE: mean distance between rigidly aligned root paths, over the true path's length (Shin et al. 2024, WHAM).

    Args:
        roots: (frames, 3) one person's root joint in the world, metres.
        truth: (frames, 3).

    Returns:
        Share of the path; None where the true path is shorter than SHORTEST_WALK_M.
    """
    length = np.linalg.norm(np.diff(truth, axis=0), axis=-1).sum() if len(truth) else 0.0
    if length < SHORTEST_WALK_M:
        return None
    R, t = align_rigid(roots, truth)
    return float(np.linalg.norm(roots @ R.T + t - truth, axis=-1).mean() / length)


def scene_mpjpe(joints: np.ndarray, truth: np.ndarray) -> float:
    """Mean joint error after one rigid alignment of everybody in all frames: metres, who stands where, and drift count.

    Args:
        joints: (n, 3) joints of all people and frames, in one world, metres.
        truth: (n, 3).
    """
    R, t = align_rigid(joints, truth)
    return float(np.linalg.norm(joints @ R.T + t - truth, axis=-1).mean())
