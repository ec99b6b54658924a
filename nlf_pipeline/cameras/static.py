"""A camera on a tripod: it does not move, but whether the background agrees is measured."""

import logging

import framepump
import numpy as np

from nlf_pipeline.artefacts import CameraPath, Intrinsics, VideoFacts
from nlf_pipeline.cameras.background_motion import BackgroundMotion, measure_background_motion
from nlf_pipeline.masks import MaskTracks

_SAMPLES = 24
_STILL_PX = 0.5
"""Tripods stay below this (at a longer side of 640 pixels)."""
MOVING_PX = 2.0
"""Motion of the background (at a longer side of 640 pixels) from which on the camera is said to move."""
_UNKNOWN_CONFIDENCE = 0.5
log = logging.getLogger(__name__)


class StaticCameraTracker:
    """Says that the camera stands still, with less confidence the more the background moves."""

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> tuple[Intrinsics, CameraPath]:
        """The unchanged intrinsics and one pose for all frames."""
        motion = measure_background_motion(frames, facts.shots(), people, _SAMPLES)
        confidence = _confidence(motion, facts.n_frames)
        measured = motion.median_px[np.isfinite(motion.median_px)]
        largest_px = float(measured.max(initial=0.0))
        if largest_px > MOVING_PX:
            log.warning(
                "the camera seems to move (the background shifts by up to %.1f px at a longer side of 640), "
                "but it is treated as standing still: expect people to slide and drift",
                largest_px,
            )
        path = CameraPath(
            T_scene_cam=np.tile(np.eye(4), (facts.n_frames, 1, 1)),
            confidence=confidence,
            motion_class="static",
            background_motion_px=largest_px,
        )
        return intrinsics, path


def _confidence(motion: BackgroundMotion, n_frames: int) -> np.ndarray:
    """(frames,) 1 where the background is still, falling as 1 / motion, interpolated between the samples."""
    moved = np.maximum(motion.median_px, _STILL_PX)
    sampled = np.where(np.isfinite(moved), _STILL_PX / moved, _UNKNOWN_CONFIDENCE)
    return np.interp(np.arange(n_frames), motion.frames, sampled)
