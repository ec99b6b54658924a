"""People who are not followed: they are seen only when somebody looks for people, and stay marked in between."""

from collections.abc import Mapping, Sequence

import numpy as np
from rlemasklib import RLEMask
from scipy.optimize import linear_sum_assignment

from nlf_pipeline.segmenters.propagation.masks import Track, is_among, overlap

_LONGEST_S = 1.0  # before and after a look; who walks is elsewhere by then
_SAME_PERSON = 0.2  # intersection over union, from one look to the next


def mark_bystanders(
    found: Mapping[int, Sequence[RLEMask]], followed: Sequence[Track], shot: slice, fps: float
) -> list[Track]:
    """Rows of people who are not followed, of one shot.

    Args:
        found: masks by frame looked at.
        followed: masks by frame of each followed person; who is among them is no bystander.
        shot: its frames.
        fps: frames per second.
    """
    rows: list[Track] = []
    for frame in sorted(found):
        known = [track[frame] for track in followed if frame in track]
        masks = [mask for mask in found[frame] if not is_among(mask, known)]
        _add(rows, frame, masks)
    return [_held(row, shot, fps) for row in rows]


def _add(rows: list[Track], frame: int, masks: Sequence[RLEMask]) -> None:
    """Put each mask in the row whose last mask it overlaps most, or in a new one."""
    last = [row[max(row)] for row in rows]
    overlaps = np.array([[overlap(a, b) for b in masks] for a in last]).reshape(len(last), len(masks))
    pairs = zip(*linear_sum_assignment(-overlaps), strict=True)
    row_of = {int(k): int(row) for row, k in pairs if overlaps[row, k] > _SAME_PERSON}
    for k, mask in enumerate(masks):
        if k in row_of:
            rows[row_of[k]][frame] = mask
        else:
            rows.append({frame: mask})


def _held(row: Track, shot: slice, fps: float) -> Track:
    """Masks of the nearest look in the frames about it."""
    reach = round(_LONGEST_S * fps)
    looks = np.array(sorted(row))
    held: Track = {}
    for frame in range(max(shot.start, looks[0] - reach), min(shot.stop, looks[-1] + reach + 1)):
        nearest = int(looks[np.argmin(np.abs(looks - frame))])
        if abs(nearest - frame) <= reach:
            held[frame] = row[nearest]
    return held
