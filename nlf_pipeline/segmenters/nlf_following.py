"""Following the bodies that NLF finds, frame by frame, cautiously: who is lost for a while starts a new tracklet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.body_kinds import joint_index
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES
from nlf_pipeline.segmenters.appearance import describe
from nlf_pipeline.segmenters.association import (
    Motion,
    landmark_similarity,
    match,
    predict_motion,
    start_motion,
    update_motion,
)
from nlf_pipeline.segmenters.tracklets import Sighting, Tracklet

_SPLIT_S = 0.25
"""Who was unseen for longer is a new tracklet, to be linked with hindsight."""
_LEAST_SIMILARITY = 0.3
"""Of poses in successive frames, by which the same person is known."""
_RADIUS_M = 0.9
"""Of the circle that stands for a body; it does not shrink when somebody crouches."""
_SAME_NAMED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_STAND_INS = {"heel": "ankle", "foot_index": "foot", "pinky": "hand", "index": "hand", "thumb": "hand"}


@dataclass(frozen=True)
class SeenBody:
    """Somebody in one frame."""

    joints_px: np.ndarray
    """(24, 2) SMPL's joints."""
    radius_px: float
    visible: np.ndarray
    """(height, width) uint8: his pixels."""
    visible_part: float
    """Of his whole body."""
    score: float
    """The detector's, in [0, 1]."""


@dataclass(frozen=True)
class SightedBody:
    """What is remembered of somebody in one frame."""

    joints_px: np.ndarray
    """(24, 2) SMPL's joints."""
    sighting: Sighting

    @classmethod
    def of(cls, frame: int, image: np.ndarray, body: SeenBody) -> Self:
        """Describe who is seen in a frame: (height, width, 3) uint8 RGB."""
        return cls(body.joints_px, _sighting(frame, image, body))


def radius_px(focal_px: float, depth_m: float) -> float:
    """Radius of the circle that stands for a body at some distance."""
    return focal_px * _RADIUS_M / max(depth_m, 1e-3)


@dataclass
class _Followed:
    motion: Motion
    joints_px: np.ndarray
    sightings: list[Sighting] = field(default_factory=list)


class BodyTracker:
    """Follows people through the frames of one shot."""

    def __init__(self, fps: float) -> None:
        """Start with nobody."""
        self._fps = fps
        self._people: list[_Followed] = []
        self._finished: list[Tracklet] = []

    def step(self, frame: int, bodies: Sequence[SightedBody]) -> None:
        """Take in who is seen in the next frame."""
        self._close([p for p in self._people if frame - p.sightings[-1].frame > _SPLIT_S * self._fps])
        expected = [predict_motion(p.motion, (frame - p.sightings[-1].frame) / self._fps) for p in self._people]
        costs = np.array(
            [
                [_difference(p, motion, body) for body in bodies]
                for p, motion in zip(self._people, expected, strict=True)
            ]
        )
        pairs = match(costs.reshape(len(expected), len(bodies)), 1 - _LEAST_SIMILARITY)
        for i, j in pairs:
            person, seen = self._people[i], bodies[j].sighting
            person.motion = update_motion(expected[i], seen.centre_px, seen.radius_px, seen.visible_part)
            person.joints_px = bodies[j].joints_px
            person.sightings.append(seen)
        taken = {j for _, j in pairs}
        for j, body in enumerate(bodies):
            if j not in taken:
                motion = start_motion(body.sighting.centre_px, body.sighting.radius_px)
                self._people.append(_Followed(motion, body.joints_px, [body.sighting]))

    def finish(self) -> list[Tracklet]:
        """Everybody's tracklets."""
        self._close(self._people)
        return self._finished

    def _close(self, people: Sequence[_Followed]) -> None:
        self._finished += [tuple(person.sightings) for person in people]
        self._people = [person for person in self._people if all(person is not other for other in people)]


def _difference(person: _Followed, expected: Motion, body: SightedBody) -> float:
    """How unlike somebody's expected pose a body is, 0 to 1."""
    last = person.sightings[-1]
    scale = expected.radius_px / last.radius_px
    joints_px = expected.centre_px + scale * (person.joints_px - last.centre_px)
    return 1 - landmark_similarity(joints_px, body.joints_px, expected.radius_px, expected.centre_std_px)


def _sighting(frame: int, image: np.ndarray, body: SeenBody) -> Sighting:
    rows, columns = (np.flatnonzero(body.visible.any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    landmarks_px = body.joints_px[_LANDMARK_JOINTS] - [columns[0], rows[0]]
    looks = describe(image[window], body.visible[window] > 0, landmarks_px, body.radius_px)
    mask = RLEMask.from_array(body.visible)
    return Sighting(
        frame, body.joints_px[0], body.radius_px, mask, looks.parts.astype(np.float16), body.visible_part, body.score
    )


def _joint_of_landmark(name: str) -> int:
    """The SMPL joint nearest to a landmark of BlazePose."""
    side, _, part = name.partition("_")
    if part in _SAME_NAMED:
        return joint_index(name)
    return joint_index(f"{side}_{_STAND_INS[part]}") if part in _STAND_INS else joint_index("head")


_LANDMARK_JOINTS = [_joint_of_landmark(name) for name in BLAZEPOSE_LANDMARK_NAMES]
