"""Stretches of frames in which one person was followed without doubt, and joining them into identities."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.appearance import average_parts, parts_distance
from nlf_pipeline.segmenters.association import (
    LinkCosts,
    Motion,
    TrackletEnds,
    inconsistent_frames,
    link_cost,
    link_tracklets,
    predict_motion,
    start_motion,
    update_motion,
)

_END_S = 0.5  # how much of a tracklet tells the speed at its end
_CHANGE_WINDOW_S = 0.5
_CHANGE_LIMIT = 0.22  # appearance distance between before and after; a cut too many is mended by linking
_CLEAR = 0.6  # visible part of a body above which its colours are trusted


@dataclass(frozen=True)
class Sighting:
    """One person in one frame."""

    frame: int
    centre_px: np.ndarray
    """(2,)."""
    radius_px: float
    mask: RLEMask
    appearance: np.ndarray
    """(parts, 3, bins)."""
    visible_part: float
    """Visible area over that of the whole body, about."""


Tracklet = tuple[Sighting, ...]
"""In order of frames, at least one."""


def typical_appearance(tracklet: Sequence[Sighting]) -> np.ndarray:
    """(parts, 3, bins) mean appearance, over the frames in which most of the body is visible if there are any."""
    clear = [s.appearance for s in tracklet if s.visible_part >= _CLEAR]
    return average_parts(np.stack(clear or [s.appearance for s in tracklet]).astype(np.float32))


def split_at_changes(tracklet: Tracklet, fps: float) -> list[Tracklet]:
    """Cut a tracklet where the person before looks unlike the person after: there it jumped to somebody else."""
    half = max(3, round(_CHANGE_WINDOW_S * fps))
    distances = [0.0] * len(tracklet)
    for i in range(half, len(tracklet) - half + 1):
        before, after = typical_appearance(tracklet[i - half : i]), typical_appearance(tracklet[i : i + half])
        distances[i] = parts_distance(before, after)
    bounds = [0, *inconsistent_frames(distances, _CHANGE_LIMIT), len(tracklet)]
    return [tracklet[a:b] for a, b in itertools.pairwise(bounds)]


def _filtered(sightings: Sequence[Sighting], fps: float) -> Motion:
    """State at the last of `sightings`, which may run backwards in time."""
    motion = start_motion(sightings[0].centre_px, sightings[0].radius_px)
    for previous, sighting in itertools.pairwise(sightings):
        motion = predict_motion(motion, (sighting.frame - previous.frame) / fps)
        motion = update_motion(motion, sighting.centre_px, sighting.radius_px)
    return motion


def ends(tracklet: Tracklet, fps: float) -> TrackletEnds:
    """Where and how fast a tracklet starts and ends."""
    count = max(2, round(_END_S * fps))
    return TrackletEnds(
        first_frame=tracklet[0].frame,
        last_frame=tracklet[-1].frame,
        first=_filtered(tracklet[:count][::-1], fps),
        last=_filtered(tracklet[-count:], fps),
    )


def identities(tracklets: Sequence[Tracklet], fps: float) -> list[Tracklet]:
    """Join tracklets of one shot that are the same person; one per person."""
    pieces = [piece for tracklet in tracklets for piece in split_at_changes(tracklet, fps)]
    looks = [typical_appearance(piece) for piece in pieces]
    tips = [ends(piece, fps) for piece in pieces]
    prices = LinkCosts()
    costs = np.array(
        [
            [link_cost(a, b, parts_distance(looks[i], looks[j]), fps, prices) for j, b in enumerate(tips)]
            for i, a in enumerate(tips)
        ]
    ).reshape(len(pieces), len(pieces))
    return [tuple(s for i in chain for s in pieces[i]) for chain in link_tracklets(costs)]
