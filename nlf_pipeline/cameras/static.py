"""A camera on a tripod: it does not move, but whether the background agrees is measured."""

import framepump
import numpy as np

from nlf_pipeline.artefacts import CameraPath, CameraReport, CameraWindow, Intrinsics, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.tracks.background_motion import BackgroundMotion, measure_background_motion
from nlf_pipeline.masks import MaskTracks

_SAMPLES = 24
_STILL_PX = 0.5
"""Tripods stay below this (at a longer side of 640 pixels)."""
MOVING_PX = 2.0
"""Motion of the background (at a longer side of 640 pixels) from which on the camera is said to move."""
_UNKNOWN_CONFIDENCE = 0.5


class StaticCameraTracker:
    """Says that the camera stands still, with less confidence the more the background moves."""

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> TrackedCamera:
        """The unchanged intrinsics and one pose for all frames."""
        motion = measure_background_motion(frames, facts.shots(), people, _SAMPLES)
        shots = facts.shots()
        path = CameraPath(
            T_scene_cam=np.tile(np.eye(4), (facts.n_frames, 1, 1)),
            confidence=_confidence(motion, facts.n_frames),
            segment=np.repeat(np.arange(len(shots)), [shot.stop - shot.start for shot in shots]),
            points=np.zeros((0, 3)),
            point_segment=np.zeros(0, dtype=int),
        )
        report = CameraReport([_window(motion, shot, intrinsics) for shot in shots])
        return TrackedCamera(intrinsics, path, report)


def _window(motion: BackgroundMotion, shot: slice, intrinsics: Intrinsics) -> CameraWindow:
    inside = (motion.frames >= shot.start) & (motion.frames < shot.stop) & np.isfinite(motion.median_px)
    largest_px = float(motion.median_px[inside].max(initial=0.0))
    notes = []
    if largest_px > MOVING_PX:
        notes.append(
            f"the camera seems to move (the background shifts by up to {largest_px:.1f} px at a longer side of 640), "
            "but it is treated as standing still: expect people to slide and drift"
        )
    return CameraWindow(
        start=shot.start,
        stop=shot.stop,
        motion_class="static",
        focal_source=intrinsics.focal_source,
        displacement_px=largest_px,
        rotation_residual_px=None,
        residual_px=None,
        coverage=float(inside.any()),
        gates=[],
        notes=notes,
    )


def _confidence(motion: BackgroundMotion, n_frames: int) -> np.ndarray:
    """(frames,) 1 where the background is still, falling as 1 / motion, interpolated between the samples."""
    moved = np.maximum(motion.median_px, _STILL_PX)
    sampled = np.where(np.isfinite(moved), _STILL_PX / moved, _UNKNOWN_CONFIDENCE)
    return np.interp(np.arange(n_frames), motion.frames, sampled)
