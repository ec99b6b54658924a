"""Stretches of frames in which one person was followed without doubt: their looks, their ends, where to cut them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.segmenters.appearance import average_parts, parts_distance
from nlf_pipeline.segmenters.association import (
    Motion,
    inconsistent_frames,
    predict_motion,
    start_motion,
    update_motion,
)
from nlf_pipeline.segmenters.linking import TrackletEnds

_END_S = 0.5  # how much of a tracklet tells the speed at its end
_CHANGE_WINDOW_S = 0.5
_CHANGE_LIMIT = 0.22  # appearance distance between before and after; a cut too many is mended by linking
_ACCELERATION = 3.0  # radii / s^2, usual for people
_JITTER_COST = 5.0  # per radius
_AWAY_S = 0.5  # patterns flicker; who is unseen for longer is hidden or has left
_WHOLE = 0.5  # visible part of a body that people show some of the time; leftovers of others never do
CLEAR = 0.6  # visible part of a body above which its colours are trusted


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
    likeness: float
    """How much like a person it looked, in [0, 1]."""


Tracklet = tuple[Sighting, ...]
"""In order of frames, at least one."""


def typical_appearance(sightings: Sequence[Sighting]) -> np.ndarray:
    """(parts, 3, bins) mean appearance over the sightings in which most of the body is visible; zeros without any."""
    clear = [s.appearance for s in sightings if s.visible_part >= CLEAR]
    if not clear:
        return np.zeros_like(sightings[0].appearance, dtype=np.float32)
    return average_parts(np.stack(clear).astype(np.float32))


def changes(tracklet: Tracklet, fps: float) -> list[int]:
    """Positions at which the person before looks unlike the person after: there it jumped to somebody else.

    Only sightings of most of a body are compared, so a jump behind somebody else's back is found as well.
    """
    count = max(3, round(_CHANGE_WINDOW_S * fps))
    clear = [i for i, sighting in enumerate(tracklet) if sighting.visible_part >= CLEAR]
    distances = [0.0] * len(clear)
    for k in range(3, len(clear) - 2):
        before = typical_appearance([tracklet[i] for i in clear[max(0, k - count) : k]])
        after = typical_appearance([tracklet[i] for i in clear[k : k + count]])
        distances[k] = parts_distance(before, after)
    return [clear[k] for k in inconsistent_frames(distances, _CHANGE_LIMIT)]


def _filtered(sightings: Sequence[Sighting], fps: float) -> Motion:
    """State at the last of `sightings`, which may run backwards in time."""
    motion = start_motion(sightings[0].centre_px, sightings[0].radius_px)
    for previous, sighting in itertools.pairwise(sightings):
        motion = predict_motion(motion, (sighting.frame - previous.frame) / fps)
        motion = update_motion(motion, sighting.centre_px, sighting.radius_px, sighting.visible_part)
    return motion


def ends(tracklet: Sequence[Sighting], fps: float) -> TrackletEnds:
    """Where and how fast a tracklet starts and ends."""
    count = max(2, round(_END_S * fps))
    return TrackletEnds(
        first_frame=tracklet[0].frame,
        last_frame=tracklet[-1].frame,
        first=_filtered(tracklet[:count][::-1], fps),
        last=_filtered(tracklet[-count:], fps),
    )


def reliability(person: Tracklet, fps: float) -> float:
    """How surely somebody followed is a person and not a pattern in the background; 1 or less, may be negative.

    Patterns look less like people, are lost every few frames, and jump about more than anybody moves. Scraps
    of people who are followed already never show a whole body.
    """
    if not person:
        return 0.0
    likeness, visible_part = np.array([(s.likeness, s.visible_part) for s in person]).T
    steps = np.diff([s.frame for s in person])
    coverage = len(person) / (1 + steps[steps <= _AWAY_S * fps].sum() + np.count_nonzero(steps > _AWAY_S * fps))
    wholeness = min(1.0, float(np.percentile(visible_part, 75)) / _WHOLE)
    jumps = [
        float(np.linalg.norm(c.centre_px - 2 * b.centre_px + a.centre_px)) / b.radius_px
        for a, b, c in zip(person[:-2], person[1:-1], person[2:], strict=True)
        if c.frame - a.frame == 2
    ]
    jitter = max(0.0, float(np.median(jumps)) - _ACCELERATION / fps**2) if jumps else 0.0
    best = float(np.sort(likeness)[len(likeness) // 2 :].mean())  # people hide one another half of the time
    return best * wholeness * float(np.sqrt(coverage)) - _JITTER_COST * jitter
