"""Frames in which somebody's sighting is really of the person beside him, put right with hindsight.

While two people are close, the landmark model may see the one in the other's region for a few frames. Over the
whole shot the looks of both are known, so those frames are told by colours.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.segmenters.appearance import parts_distance
from nlf_pipeline.segmenters.tracklets import Sighting, Tracklet, typical_appearance

_NEAR_RADII = 0.8
_TELLING_PART = 0.4  # visible part of a body above which its colours tell fully who it is
_DISTINCT_LOOKS = 0.15  # of two people; more than light does to one
_LOOKS_NATS = 10.0  # per unit of distance and frame; successive frames tell nearly the same
_CHANGE_NATS = 1.5  # of who is seen in whose sightings
_LONGEST_GAP_S = 1.0


@dataclass
class _Person:
    """Sightings by frame, which change hands."""

    by_frame: dict[int, Sighting]
    looks: np.ndarray


def return_strays(people: Sequence[Tracklet], fps: float) -> list[Tracklet]:
    """The same people with sightings exchanged where they are rather each other's.

    Args:
        people: everybody of a shot; more or fewer people never come out.
        fps: frames per second.
    """
    persons = [_Person({s.frame: s for s in person}, typical_appearance(person)) for person in people]
    places = [_Places(person, fps) for person in people]
    for (a, at_a), (b, at_b) in itertools.combinations(zip(persons, places, strict=True), 2):
        if not at_a.overlaps(at_b) or parts_distance(a.looks, b.looks) < _DISTINCT_LOOKS:
            continue
        if not (a.looks.any() and b.looks.any()):
            continue
        frames = _close_frames(a, b, at_a, at_b)
        if not frames:
            continue
        gains = np.array([_swap_gain(a, b, frame) for frame in frames])
        for frame, swap in zip(frames, swapped_frames(np.array(frames), gains), strict=True):
            if swap:
                _swap(a, b, frame)
    return [tuple(person.by_frame[frame] for frame in sorted(person.by_frame)) for person in persons]


class _Places:
    """Where a person was, between sightings too."""

    def __init__(self, person: Tracklet, fps: float) -> None:
        self._frames = np.array([s.frame for s in person], dtype=np.float64)
        self._circles = np.array([(*s.centre_px, s.radius_px) for s in person]).reshape(-1, 3)
        self._longest = _LONGEST_GAP_S * fps

    def overlaps(self, other: "_Places") -> bool:
        """True if both were seen at about the same time."""
        if not (len(self._frames) and len(other._frames)):
            return False
        start, stop = max(self._frames[0], other._frames[0]), min(self._frames[-1], other._frames[-1])
        return bool(start - stop <= self._longest)

    def at(self, frames: np.ndarray) -> np.ndarray:
        """(n, 3) centre and radius in `frames` (n,); NaN where he was not seen for long."""
        circles = np.stack([np.interp(frames, self._frames, column) for column in self._circles.T], axis=-1)
        next_seen = np.searchsorted(self._frames, frames)
        after = np.abs(self._frames[np.minimum(next_seen, len(self._frames) - 1)] - frames)
        before = np.abs(self._frames[np.maximum(next_seen - 1, 0)] - frames)
        circles[np.minimum(before, after) > self._longest] = np.nan
        return circles


def _close_frames(a: _Person, b: _Person, at_a: _Places, at_b: _Places) -> list[int]:
    """Frames in which one of them was seen, and both were about the same place."""
    frames = np.array(sorted(a.by_frame.keys() | b.by_frame.keys()))
    one, other = at_a.at(frames), at_b.at(frames)
    distance = np.linalg.norm((one - other)[:, :2], axis=1)
    return frames[distance < _NEAR_RADII * np.fmax(one[:, 2], other[:, 2])].tolist()


def _swap_gain(a: _Person, b: _Person, frame: int) -> float:
    """Nats by which the looks in a frame fit better the other way round."""
    gain = 0.0
    for own, other in ((a, b), (b, a)):
        sighting = own.by_frame.get(frame)
        if sighting is not None:
            looks = sighting.appearance.astype(np.float32)
            trust = min(1.0, sighting.visible_part / _TELLING_PART)
            gain += trust * (parts_distance(looks, own.looks) - parts_distance(looks, other.looks))
    return _LOOKS_NATS * gain


def swapped_frames(frames: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """In which frames to swap: the likeliest sequence, in which changes are rare (Viterbi).

    Args:
        frames: (n,) ascending; between frames that do not follow one another nobody stays swapped.
        gains: (n,) nats by which each frame speaks for it.

    Returns:
        (n,) bool.
    """
    n = len(frames)
    came_from = np.zeros((n, 2), int)
    score = np.array([0.0, gains[0] - _CHANGE_NATS])
    for t in range(1, n):
        if frames[t] - frames[t - 1] > 1:
            kept = max(score[0], score[1] - _CHANGE_NATS)
            came_from[t] = int(score[1] - _CHANGE_NATS > score[0])
            score = np.array([kept, kept - _CHANGE_NATS + gains[t]])
            continue
        options = score[:, None] - _CHANGE_NATS * (1 - np.eye(2))
        came_from[t] = np.argmax(options, axis=0)
        score = np.max(options, axis=0) + [0.0, gains[t]]
    states = np.zeros(n, int)
    states[-1] = int(score[1] - _CHANGE_NATS > score[0])
    for t in range(n - 1, 0, -1):
        states[t - 1] = came_from[t, states[t]]
    return states.astype(bool)


def _swap(a: _Person, b: _Person, frame: int) -> None:
    seen = a.by_frame.pop(frame, None), b.by_frame.pop(frame, None)
    for person, sighting in ((a, seen[1]), (b, seen[0])):
        if sighting is not None:
            person.by_frame[frame] = sighting
