"""How people stand, from their fits: trunks and planted feet, read a piece at a time to keep memory small."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import BodyFits
from nlf_pipeline.filtering import track_segments
from nlf_pipeline.fitting.contacts import Stances, foot_motion, resting_feet
from nlf_pipeline.fitting.soles import Soles
from nlf_pipeline.fitting.uprightness import Trunks, average_trunks
from nlf_pipeline.kinematics import global_rotations

_PIECE_FRAMES = 1024
_FULL_S, _BRIEF_WEIGHT = 0.4, 0.5
"""A foot planted as long as in a step counts in full, a shorter rest less, down to a half."""


@dataclass(frozen=True)
class PlantedFeet:
    """Feet at rest, and for how long."""

    stances: Stances
    seconds: np.ndarray
    """(n,) of every stance; a long rest is cut into several."""

    def weights(self) -> np.ndarray:
        """(n,) in (0, 1]: less for those who stay where they are, and for brief rests, which may be passing feet."""
        return self.stances.weights() * np.clip(self.seconds / _FULL_S, _BRIEF_WEIGHT, 1)


def trunks_in_shot(people: BodyFits, shot: slice, T_scene_cam: np.ndarray, fps: float) -> Trunks:
    """Everybody's trunks, averaged over seconds.

    Args:
        people: in the scene.
        shot: the frames.
        T_scene_cam: (frames of the clip, 4, 4).
        fps: frames per second.
    """
    empty = np.zeros((0, 3))
    parts = [Trunks(np.zeros(0, dtype=int), empty, empty, empty)]
    for k, frames, rotations in _pieces(people, shot):
        parts.append(average_trunks(k, rotations, -T_scene_cam[frames, :3, 1], fps))
    return Trunks(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("person", "up", "front", "left")))


def feet_in_shot(
    people: BodyFits, feet: list[Soles], shot: slice, T_scene_cam: np.ndarray, up: np.ndarray, fps: float
) -> PlantedFeet:
    """Everybody's feet at rest.

    Args:
        people: in the scene.
        feet: of every person.
        shot: the frames.
        T_scene_cam: (frames of the clip, 4, 4).
        up: (3,) rough direction of up.
        fps: frames per second.
    """
    persons, centres, points, seconds = [], [np.zeros((0, 3))], [np.zeros((0, 3))], []
    for k, frames, rotations in _pieces(people, shot):
        motion = foot_motion(feet[k].posed(rotations, people.joints[k, frames].astype(np.float64)), up, fps)
        for foot, rest in resting_feet(motion, up, fps):
            persons.append(k)
            centres.append(T_scene_cam[frames, :3, 3][rest].mean(axis=0, keepdims=True))
            points.append(motion.points[rest, foot].mean(axis=0, keepdims=True))
            seconds.append((rest.stop - rest.start) / fps)
    stances = Stances(np.array(persons, dtype=int), np.concatenate(centres), np.concatenate(points))
    return PlantedFeet(stances, np.array(seconds))


def _pieces(people: BodyFits, shot: slice) -> Iterator[tuple[int, slice, np.ndarray]]:
    """Person, frames without gaps, and their global rotations (frames, joints, 3, 3)."""
    for k, visible in enumerate(people.visible):
        for segment in track_segments(visible, [shot], 0):
            for start in range(segment.start, segment.stop, _PIECE_FRAMES):
                frames = slice(start, min(start + _PIECE_FRAMES, segment.stop))
                yield k, frames, global_rotations(people.pose_rotvecs[k, frames].astype(np.float64))
