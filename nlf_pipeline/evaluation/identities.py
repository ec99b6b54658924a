"""Who was found, and whether people were kept apart."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from nlf_pipeline import metrics
from nlf_pipeline.evaluation.measurement import Measurement
from nlf_pipeline.masks import MaskTracks

_MIN_VISIBLE_SHARE = 0.25
"""Of a person's usual area: with less in sight nobody is asked to find him."""
_LEAST_IOU = 0.5
"""Overlap that counts as a match."""


def mask_overlap(true: MaskTracks, found: MaskTracks) -> np.ndarray:
    """(frames, people, tracks) intersection over union of true masks with found ones; 0 where either is missing."""
    n_frames = min(true.n_frames, found.n_frames)
    overlap = np.zeros((n_frames, len(true.masks), len(found.masks)))
    for person, true_track in enumerate(true.masks):
        for row, track in enumerate(found.masks):
            for t in range(n_frames):
                a, b = true_track[t], track[t]
                if a is not None and b is not None:
                    overlap[t, person, row] = a.iou(b)
    return overlap


def enough_visible(true: MaskTracks) -> np.ndarray:
    """(people, frames) bool: at least a quarter of the person's median area over the clip is in sight."""
    areas = np.array([[0 if mask is None else mask.area() for mask in track] for track in true.masks])
    areas = areas.reshape(len(true.masks), true.n_frames)
    usual = np.array([np.median(row[row > 0]) if (row > 0).any() else np.inf for row in areas])
    return areas >= _MIN_VISIBLE_SHARE * usual[:, None]


def assign_rows(overlap: np.ndarray) -> list[tuple[int, int]]:
    """(person, row) pairs: the one-to-one assignment with the greatest overlap over the whole clip."""
    total = overlap.sum(0)
    return [(int(k), int(row)) for k, row in zip(*linear_sum_assignment(-total), strict=True) if total[k, row] > 0]


def identity_measurements(overlap: np.ndarray, asked: np.ndarray, shown: np.ndarray) -> list[Measurement]:
    """Identity switches, recall and IDF1. Frames in which nobody asks for a person count neither for nor against.

    Args:
        overlap: (frames, people, tracks) of `mask_overlap`.
        asked: (people, frames) bool: the person has to be found.
        shown: (tracks, frames) bool: the track is there.
    """
    asked, shown = asked[:, : len(overlap)], shown[:, : len(overlap)]
    counted = np.where(asked.T[..., None], overlap, 0.0)
    best = counted.max(1, initial=0.0)
    on_others = (overlap.max(1, initial=0.0) > best) & (best < _LEAST_IOU)
    scores = metrics.identity_scores(counted, asked, shown & ~on_others.T, _LEAST_IOU)
    return [
        Measurement("identity switches", scores.switches, "", "<= 0"),
        Measurement("detection recall", scores.recall, "", ">= 0.98"),
        Measurement("IDF1", scores.idf1, "", ">= 0.98"),
    ]
