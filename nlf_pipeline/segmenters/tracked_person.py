"""What is remembered of a person while he is followed."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from nlf_pipeline.blazepose import BodyCircle
from nlf_pipeline.segmenters.appearance import Looks, blend
from nlf_pipeline.segmenters.association import (
    Motion,
    fuse_motions,
    motion_distance,
    predict_motion,
    start_motion,
    update_motion,
)
from nlf_pipeline.segmenters.following import JUMP_RADII, JUMP_STDS, USUAL_AREA_RADII2, Expectation, Seen
from nlf_pipeline.segmenters.observation import Pose
from nlf_pipeline.segmenters.tracklets import Sighting

_CONSISTENT_STDS = 3.0  # of somebody who is followed back to where he came from
_CLEAR = 0.7  # visible part of a body above which its looks and size are learned from
_LEARNING = 0.05  # weight of a new frame in what is learned
_FEET_LEARNING = 0.1  # slow enough for steps to cancel


@dataclass
class TrackedPerson:
    """A person being followed, forwards or backwards in time."""

    motion: Motion
    pose: Pose
    frame: int
    """Frame of the last sighting."""
    looks: Looks
    area_radii2: float
    feet_radii: float
    """How far his lowest point is usually below his hips, in radii."""
    sightings: list[Sighting] = field(default_factory=list)
    """Of the present tracklet."""
    origin: tuple[Motion, int] | None = None
    """How he moved in the last frame before he was lost, and that frame: where following him back leads to."""
    before: list[Sighting] = field(default_factory=list)
    """Of the tracklet before that."""

    @classmethod
    def start(cls, frame: int, seen: Seen) -> Self:
        """Start following who was seen in `frame`."""
        circle = seen.observation.circle
        motion = start_motion(circle.centre_px, circle.radius_px)
        area_radii2 = max(USUAL_AREA_RADII2, seen.observation.area_px / circle.radius_px**2)
        pose = seen.observation.without_mask()
        return cls(motion, pose, frame, seen.looks, area_radii2, _feet_radii(pose))

    def expect(self, frame: int, fps: float) -> Expectation:
        """What to expect in `frame`, later or earlier than the last."""
        motion = predict_motion(self.motion, (frame - self.frame) / fps)
        if self.origin is not None:
            start, start_frame = self.origin
            onwards = predict_motion(start, (frame - start_frame) / fps)
            motion = fuse_motions(motion, onwards) if motion_distance(motion, onwards) < _CONSISTENT_STDS else motion
        up = (self.pose.circle.rim_px - self.pose.circle.centre_px) / max(self.pose.circle.radius_px, 1e-6)
        circle = BodyCircle(motion.centre_px, motion.centre_px + up * motion.radius_px)
        missing = abs(frame - self.frame) > 1
        feet_px = float(motion.centre_px[1] + self.feet_radii * motion.radius_px)
        return Expectation(motion, self.pose.moved_to(circle), feet_px, self.looks, self.area_radii2, missing)

    def is_elsewhere(self, frame: int, fps: float, seen: Seen) -> bool:
        """True if he was seen far from where he was expected."""
        motion = self.expect(frame, fps).motion
        jump_px = np.linalg.norm(seen.observation.circle.centre_px - motion.centre_px)
        return bool(jump_px > JUMP_RADII * motion.radius_px + JUMP_STDS * motion.centre_std_px)

    def restart(self, frame: int, seen: Seen) -> None:
        """Forget how he moved."""
        circle = seen.observation.circle
        self.motion, self.frame = start_motion(circle.centre_px, circle.radius_px), frame

    def meet(self, frame: int, fps: float, seen: Seen, sighting: Sighting, alone: bool) -> None:
        """Learn from what was seen in `frame`: the build only from somebody `alone`, looks only when certain."""
        circle = seen.observation.circle
        motion = predict_motion(self.motion, (frame - self.frame) / fps)
        self.motion = update_motion(motion, circle.centre_px, circle.radius_px, sighting.visible_part)
        self.pose, self.frame = seen.observation.without_mask(), frame
        self.sightings.append(sighting)
        if alone:
            self.feet_radii += _FEET_LEARNING * (_feet_radii(self.pose) - self.feet_radii)
        if alone and sighting.visible_part > _CLEAR:
            area = seen.observation.area_px / circle.radius_px**2
            self.area_radii2 += _LEARNING * (area - self.area_radii2)
        if seen.certain and sighting.visible_part > _CLEAR:
            self.looks = blend(self.looks, seen.looks, _LEARNING)


def _feet_radii(pose: Pose) -> float:
    return (pose.lowest_px - float(pose.circle.centre_px[1])) / max(pose.circle.radius_px, 1e-6)
