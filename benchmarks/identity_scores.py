"""How well people were kept apart, by py-motmetrics.

CLEAR MOT (Bernardin and Stiefelhagen 2008) and IDF1 (Ristani et al. 2016).
"""

from dataclasses import dataclass

import motmetrics
import numpy as np

from nlf_pipeline.evaluation.identities import enough_visible, mask_overlap
from nlf_pipeline.masks import MaskTracks

_LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class MotScores:
    """What motmetrics says."""

    switches: int
    idf1: float
    mota: float
    recall: float
    precision: float
    fragmentations: int


def score_masks(true: MaskTracks, found: MaskTracks) -> MotScores:
    """Compare tracks by their masks. Who shows less than a quarter of his usual area counts neither way."""
    overlap = mask_overlap(true, found)
    return score_overlap(overlap, enough_visible(true), found.visible)


def score_overlap(overlap: np.ndarray, asked: np.ndarray, shown: np.ndarray) -> MotScores:
    """The same from (frames, people, tracks) intersection over union.

    Args:
        overlap: intersection over union.
        asked: (people, frames) bool: the person has to be found.
        shown: (tracks, frames) bool: the track is there.
    """
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame, here in enumerate(overlap):
        counted = np.where(asked[:, frame, None], here, 0.0)
        on_others = here.max(0, initial=0.0) > counted.max(0, initial=0.0)
        people = np.flatnonzero(asked[:, frame])
        rows = np.flatnonzero(shown[:, frame] & ~on_others)
        distances = 1 - here[np.ix_(people, rows)]
        distances[distances > 1 - _LEAST_OVERLAP] = np.nan
        accumulator.update(people, rows, distances)
    names = ("num_switches", "idf1", "mota", "recall", "precision", "num_fragmentations")
    (row,) = motmetrics.metrics.create().compute(accumulator, metrics=names, name="clip").to_dict("records")
    return MotScores(
        int(row["num_switches"]),
        float(row["idf1"]),
        float(row["mota"]),
        float(row["recall"]),
        float(row["precision"]),
        int(row["num_fragmentations"]),
    )
