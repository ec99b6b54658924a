"""Accuracy of joints, feet and identities, under the field's names. Pure functions; results in SI units."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from nlf_pipeline.geometry import align_similarity


def mpjpe(joints: np.ndarray, truth: np.ndarray, root: int = 0) -> float:
    """Mean per joint position error after moving the roots together, metres. Inputs (n, joints, 3)."""
    relative, true_relative = joints - joints[:, root, None], truth - truth[:, root, None]
    return float(np.linalg.norm(relative - true_relative, axis=-1).mean())


def pa_mpjpe(joints: np.ndarray, truth: np.ndarray) -> float:
    """Mean per joint position error after a similarity alignment of every frame, metres. Inputs (n, joints, 3)."""
    scale, R, t = align_similarity(joints, truth)
    aligned = scale[:, None, None] * joints @ np.swapaxes(R, 1, 2) + t[:, None]
    return float(np.linalg.norm(aligned - truth, axis=-1).mean())


def position_error(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance, metres. Inputs (..., 3)."""
    return float(np.linalg.norm(points - truth, axis=-1).mean())


def acceleration_errors(joints: np.ndarray, truth: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Errors of the second difference over frames (Kanazawa et al. 2019).

    Args:
        joints: (frames, joints, 3).
        truth: (frames, joints, 3).
        shown: (frames,) bool; only runs of three shown frames count.

    Returns:
        (runs, joints) metres per frame squared.
    """
    runs = shown[2:] & shown[1:-1] & shown[:-2]
    error = np.diff(joints, n=2, axis=0) - np.diff(truth, n=2, axis=0)
    return np.linalg.norm(error[runs], axis=-1)


def acceleration_error(joints: np.ndarray, truth: np.ndarray, shown: np.ndarray) -> float:
    """Mean of `acceleration_errors`; NaN if there are none."""
    errors = acceleration_errors(joints, truth, shown)
    return float(errors.mean()) if errors.size else float("nan")


def jitter(joints: np.ndarray, shown: np.ndarray, fps: float) -> float:
    """Mean size of the third derivative over time, metres per second cubed.

    Args:
        joints: (frames, joints, 3).
        shown: (frames,) bool; only runs of four shown frames count. NaN if there are none.
        fps: frames per second.
    """
    runs = shown[3:] & shown[2:-1] & shown[1:-2] & shown[:-3]
    third = np.diff(joints, n=3, axis=0) * fps**3
    return float(np.linalg.norm(third[runs], axis=-1).mean()) if runs.any() else float("nan")


def foot_slide(feet: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """Distance a planted foot moves from frame to frame.

    Args:
        feet: (frames, feet, 3).
        planted: (frames, feet) bool.

    Returns:
        (steps,) metres per frame, one for every pair of successive frames in which a foot is planted.
    """
    both = planted[1:] & planted[:-1]
    return np.linalg.norm(np.diff(feet, axis=0), axis=-1)[both]


@dataclass(frozen=True)
class IdentityScores:
    """How well tracks keep people apart (CLEAR MOT and IDF1, Ristani et al. 2016)."""

    switches: int
    """Times a true person's matched track changes."""
    recall: float
    """Share of true person-frames matched by some track."""
    idf1: float
    """F1 score of the best one-to-one assignment of tracks to people over the whole clip."""


def identity_scores(iou: np.ndarray, present: np.ndarray, shown: np.ndarray, min_iou: float = 0.5) -> IdentityScores:
    """Score tracks against true people.

    Args:
        iou: (frames, people, tracks) overlap of every true person with every track, 0 where either is missing.
        present: (people, frames) bool: the true person is there.
        shown: (tracks, frames) bool: the track is there.
        min_iou: overlap that counts as a match.
    """
    _, n_people, n_tracks = iou.shape
    matched = _matched_tracks(iou, min_iou)
    switches = 0
    for track in matched:
        seen = track[track >= 0]
        switches += int((seen[1:] != seen[:-1]).sum())
    together = (iou >= min_iou).sum(0)
    rows, columns = linear_sum_assignment(-together)
    true_positives = together[rows, columns].sum() if n_people and n_tracks else 0
    total = present.sum() + shown.sum()
    return IdentityScores(
        switches=switches,
        recall=float((matched[present] >= 0).mean()) if present.any() else 1.0,
        idf1=float(2 * true_positives / total) if total else 1.0,
    )


def _matched_tracks(iou: np.ndarray, min_iou: float) -> np.ndarray:
    """(people, frames) the track matched to each person, -1 for none.

    As in CLEAR MOT a match of the frame before is kept while it overlaps enough: people who cover one another in the
    picture are no reason to switch.
    """
    matched = np.full((iou.shape[1], len(iou)), -1)
    for t, left in enumerate(iou.copy()):
        if t:
            before = np.flatnonzero(matched[:, t - 1] >= 0)
            kept = before[left[before, matched[before, t - 1]] >= min_iou]
            matched[kept, t] = matched[kept, t - 1]
            left[kept], left[:, matched[kept, t]] = 0, 0
        for person, track in zip(*linear_sum_assignment(-left), strict=True):
            if left[person, track] >= min_iou:
                matched[person, t] = track
    return matched
