"""Backends that track the camera."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import framepump

from nlf_pipeline.artefacts import CameraPath, CameraReport, Intrinsics, VideoFacts
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.weights.registry import WEIGHTS_DIR, weights_path

CameraName = Literal["static", "klt", "file", "droid"]


@dataclass(frozen=True)
class TrackedCamera:
    """What a tracker found."""

    intrinsics: Intrinsics
    path: CameraPath
    report: CameraReport


class CameraTracker(Protocol):
    """Finds the camera's path, and may refine its intrinsics."""

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> TrackedCamera:
        """Track the camera through every shot.

        Args:
            frames: the clip.
            facts: of the clip; every shot has a camera of its own.
            people: the pixels to ignore.
            intrinsics: the best guess; kept if it came from the user or the file.
        """
        ...


def make_camera_tracker(
    name: CameraName,
    camera_file: Path | None,
    seed: int,
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
    droid: DroidOptions = DroidOptions(),  # noqa: B008  (frozen)
    chunks: ChunkStore | None = None,
) -> CameraTracker:
    """The backend called `name`.

    Args:
        name: of the backend.
        camera_file: for `file`.
        seed: for `klt`, of random sampling.
        weights: for `droid`, folder of the weights.
        device: for `droid`.
        droid: options of `droid`.
        chunks: where `klt` and `droid` keep what is done, for a run that goes on after this one was killed.

    Raises:
        UserError: if `file` is asked for without a file.
    """
    match name:
        case "static":
            from nlf_pipeline.cameras.static import StaticCameraTracker

            return StaticCameraTracker()
        case "klt":
            from nlf_pipeline.cameras.klt import KltCameraTracker

            return KltCameraTracker(seed, chunks)
        case "file":
            from nlf_pipeline.cameras.file import FileCameraTracker

            if camera_file is None:
                raise UserError("camera=file needs camera_file, the file or folder that holds the camera.")
            return FileCameraTracker(camera_file)
        case "droid":
            from nlf_pipeline.cameras.droid import DroidCameraTracker

            return DroidCameraTracker(weights_path(weights, "droid"), device, droid, chunks)
