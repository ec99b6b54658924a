"""Every pixel of any tracked person with a margin, and likely pixels in frames in which he was missed."""

import itertools
from collections.abc import Iterator, Sequence

import framepump
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.masks import MaskTrack, MaskTracks

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
        row = MaskTrack.of((widen(mask, margin_px) for mask in join_tracks(tracks)), first.size_px)
        return MaskTracks(first.size_px, first.fps, first.n_frames, (0,), (row,))


def join_tracks(tracks: list[MaskTracks]) -> Iterator[RLEMask]:
    """One mask per frame: everybody, with short gaps in a person's track filled.

    Args:
        tracks: of the same clip.
    """
    width_px, height_px = tracks[0].size_px
    bridged = [bridge_gaps(track, people.fps) for people in tracks for track in people.masks]
    for _ in range(tracks[0].n_frames):
        union = RLEMask.zeros((height_px, width_px))
        for person in bridged:
            mask = next(person)
            if mask is not None:
                union = union | mask
        yield union


def bridge_gaps(track: Sequence[RLEMask | None], fps: float) -> Iterator[RLEMask | None]:
    """One person's masks in order, short gaps filled by the masks on either side, moved along.

    Args:
        track: one mask per frame, None where he was not seen.
        fps: frames per second.
    """
    seen = [t for t, mask in enumerate(track) if mask is not None and mask.any()]
    if not seen:
        yield from track
        return
    lead = round(_LEAD_S * fps)
    yield from track[: max(seen[0] - lead, 0)]
    yield from itertools.repeat(track[seen[0]], min(lead, seen[0]))
    for before, after in itertools.pairwise(seen):
        yield track[before]
        if 1 < after - before <= _LONGEST_GAP_S * fps + 1:
            yield from _between(track[before], track[after], after - before - 1)
        else:
            yield from track[before + 1 : after]
    last = seen[-1]
    yield track[last]
    yield from itertools.repeat(track[last], min(lead, len(track) - 1 - last))
    yield from track[last + 1 + lead :]


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
