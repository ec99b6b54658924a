"""Backends that track the camera."""

from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import CameraPath, Intrinsics, VideoFacts
from nlf_pipeline.masks import MaskTracks

CameraName = Literal["static"]


class CameraTracker(Protocol):
    """Finds the camera's path, and may refine its intrinsics."""

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> tuple[Intrinsics, CameraPath]:
        """Path in the scene frame, up to scale. `people` marks the pixels to ignore; `intrinsics` is the best guess."""
        ...


def make_camera_tracker(name: CameraName) -> CameraTracker:
    """The backend called `name`."""
    match name:
        case "static":
            from nlf_pipeline.cameras.static import StaticCameraTracker

            return StaticCameraTracker()
