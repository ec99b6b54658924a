"""Every pixel of any tracked person with a margin, and likely pixels in frames in which he was missed."""

import itertools

import framepump
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.masks import MaskTracks

_LONGEST_GAP_S = 1.0  # who is out of sight for longer may be anywhere
_LEAD_S = 0.2  # people are there a little before they are found and after they are lost


class UnionPeopleMasker:
    """Joins the masks of all tracks."""

    def __init__(self, dilation: float) -> None:
        """Use a margin of `dilation` times the picture's width."""
        self._dilation = dilation

    def mask_people(self, frames: framepump.VideoFrames, tracks: list[MaskTracks]) -> MaskTracks:
        """One row of masks (id 0): every pixel of any person in every frame, generously; `frames` are not looked at."""
        first = tracks[0]
        margin_px = round(self._dilation * first.size_px[0])
        row = tuple(widen(mask, margin_px) for mask in join_tracks(tracks))
        return MaskTracks(first.size_px, first.fps, first.n_frames, (0,), (row,))


def join_tracks(tracks: list[MaskTracks]) -> list[RLEMask]:
    """One mask per frame: everybody, with short gaps in a person's track filled.

    Args:
        tracks: of the same clip.
    """
    width_px, height_px = tracks[0].size_px
    union: list[RLEMask] = [RLEMask.zeros((height_px, width_px)) for _ in range(tracks[0].n_frames)]
    for people in tracks:
        for track in people.masks:
            for t, mask in enumerate(bridge_gaps(track, people.fps)):
                if mask is not None:
                    union[t] = union[t] | mask
    return union


def bridge_gaps(track: tuple[RLEMask | None, ...], fps: float) -> list[RLEMask | None]:
    """One person's masks with short gaps filled by the masks on either side, moved along.

    Args:
        track: one mask per frame, None where he was not seen.
        fps: frames per second.
    """
    seen = [t for t, mask in enumerate(track) if mask is not None and mask.any()]
    filled = list(track)
    for before, after in itertools.pairwise(seen):
        if 1 < after - before <= _LONGEST_GAP_S * fps + 1:
            filled[before + 1 : after] = _between(track[before], track[after], after - before - 1)
    lead = round(_LEAD_S * fps)
    for t in range(max(seen[0] - lead, 0), seen[0]) if seen else ():
        filled[t] = track[seen[0]]
    for t in range(seen[-1] + 1, min(seen[-1] + 1 + lead, len(track))) if seen else ():
        filled[t] = track[seen[-1]]
    return filled


def _between(before: RLEMask | None, after: RLEMask | None, count: int) -> list[RLEMask | None]:
    """`count` masks on the way from one to the other: both, where a straight way puts them."""
    assert before is not None and after is not None
    step = np.asarray(after.centroid(), dtype=np.float64) - np.asarray(before.centroid(), dtype=np.float64)
    bridged: list[RLEMask | None] = []
    for i in range(1, count + 1):
        fraction = i / (count + 1)
        bridged.append(_moved(before, fraction * step) | _moved(after, (fraction - 1) * step))
    return bridged


def _moved(mask: RLEMask, offset_px: np.ndarray) -> RLEMask:
    dx, dy = np.round(offset_px).astype(int).tolist()
    return mask.shift((dy, dx))


def widen(mask: RLEMask, margin_px: int) -> RLEMask:
    """`mask` with a margin on all sides.

    In two steps, which is many times faster: a disc is the sum of two discs of half its size.
    """
    if margin_px < 1 or not mask.any():
        return mask
    for radius_px in (margin_px // 2, margin_px - margin_px // 2):
        if radius_px > 0:
            mask = mask.dilate("circle", 2 * radius_px + 1)
    return mask
