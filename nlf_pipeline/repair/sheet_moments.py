"""At which moments to look at each person, to see whether he is the same all the time."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import IdentityDoubt, IdentityDoubts
from nlf_pipeline.masks import MaskTracks

EVEN_MOMENTS = 8
_DOUBTS_SHOWN = 4
"""Of a person: those with the least margin."""


@dataclass(frozen=True)
class Look:
    """A frame in which to look at a person."""

    frame: int
    doubt: str = ""
    """'before' or 'after' a doubt about him; empty for moments spread evenly over his life."""


def doubts_of_people(tracks: MaskTracks, detected: MaskTracks, doubts: IdentityDoubts) -> list[list[IdentityDoubt]]:
    """The doubts about each person, by row.

    Doubts name people as they were detected. After edits, they are about whoever has their masks then.
    """
    rows = tracks.rows_in(detected)
    found: list[list[IdentityDoubt]] = [[] for _ in tracks.person_ids]
    for doubt in doubts.doubts:
        named = [k for k, person_id in enumerate(detected.person_ids) if person_id in doubt.person_ids]
        span = slice(max(doubt.start - 1, 0), doubt.stop + 1)
        for k in np.flatnonzero(np.isin(rows[:, span], named).any(axis=1)):
            found[k].append(doubt)
    return found


def looks(areas_px: np.ndarray, doubts: list[IdentityDoubt]) -> list[Look]:
    """Moments of one person, in order: spread over the frames in which he is seen, and about his worst doubts.

    Args:
        areas_px: (frames,) pixels of him that are seen, -1 where he is not; the most decide in each part of his life.
        doubts: those about him.
    """
    frames = np.flatnonzero(areas_px >= 0)
    if not len(frames):
        return []
    parts = np.array_split(frames, min(EVEN_MOMENTS, len(frames)))
    best = [int(part[np.argmax(areas_px[part])]) for part in parts]
    chosen = {frame: Look(frame) for frame in best}
    for doubt in sorted(doubts, key=lambda doubt: doubt.margin)[:_DOUBTS_SHOWN]:
        before, after = frames[frames < doubt.start], frames[frames >= doubt.stop]
        if len(before):
            chosen[int(before[-1])] = Look(int(before[-1]), "before")
        if len(after):
            chosen[int(after[0])] = Look(int(after[0]), "after")
    return [chosen[frame] for frame in sorted(chosen)]
