"""Clips whose frames tell their number, for the DROID stand-in to recognise them by."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rlemasklib import RLEMask
from standins.droid import PACKAGE_FOLDER, write_weights

from nlf_pipeline.artefacts import FocalSource, Intrinsics, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.droid import DroidCameraTracker
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.video import read_frames, writing_video

sys.path.insert(0, str(PACKAGE_FOLDER))
SIZE_PX = (160, 96)
FPS = 30.0
PERSON = slice(48, 88), slice(96, 136)
"""Rows and columns in which the person of `person_masks` stands."""
_BITS = 8


def numbered(number: int, size_px: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """(height, width, 3) uint8: the number as bars in the upper third, reddish below."""
    width_px, height_px = size_px
    frame = np.full((height_px, width_px, 3), (200, 90, 40), np.uint8)
    for bit in range(_BITS):
        bar = slice(bit * width_px // _BITS, (bit + 1) * width_px // _BITS)
        frame[: height_px // 3, bar] = 230 if number >> bit & 1 else 30
    return frame


def read_number(picture: np.ndarray) -> int:
    """The number in a picture of any size."""
    row = picture[picture.shape[0] // 6].mean(axis=-1)
    centres = (np.arange(_BITS) + 0.5) * picture.shape[1] / _BITS
    return sum(1 << bit for bit, centre in enumerate(centres) if row[int(centre)] > 125)


def write_clip(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Encode pictures."""
    with writing_video(path, FPS, crf=10) as sink:
        for picture in pictures:
            sink.append_data(picture)
    return path


def facts_of(n_frames: int, cuts: Sequence[int] = (), size_px: tuple[int, int] = SIZE_PX) -> VideoFacts:
    """Of a clip of `write_clip`."""
    return VideoFacts("v", *size_px, FPS, n_frames, list(cuts))


def guess(source: FocalSource = "user", focal_px: float = 150.0, size_px: tuple[int, int] = SIZE_PX) -> Intrinsics:
    """What a tracker is given to begin with."""
    centre = ((size_px[0] - 1) / 2, (size_px[1] - 1) / 2)
    return Intrinsics(size_px, (focal_px, focal_px), centre, [], source)


def nobody(n_frames: int, size_px: tuple[int, int] = SIZE_PX) -> MaskTracks:
    """Masks of no people."""
    return MaskTracks(size_px, FPS, n_frames, (), ())


def person_masks(n_frames: int, rows: slice = PERSON[0], columns: slice = PERSON[1]) -> MaskTracks:
    """Masks of one person who stands in the same place throughout, except in frame 1, where he is not seen."""
    mask = np.zeros(SIZE_PX[::-1], np.uint8)
    mask[rows, columns] = 1
    masks = tuple(None if t == 1 else RLEMask.from_array(mask) for t in range(n_frames))
    return MaskTracks(SIZE_PX, FPS, n_frames, (0,), (masks,))


def track(
    folder: Path,
    pictures: Sequence[np.ndarray],
    intrinsics: Intrinsics | None = None,
    people: MaskTracks | None = None,
    cuts: Sequence[int] = (),
    options: DroidOptions | None = None,
) -> TrackedCamera:
    """Track a clip of these pictures with DROID."""
    n = len(pictures)
    weights = folder.parent / "droid.pth"  # one for all tests of a session
    if not weights.exists():
        write_weights(weights)
    tracker = DroidCameraTracker(weights, "cpu", options or DroidOptions(smoothing=0))
    video = write_clip(folder / "clip.mp4", pictures)
    return tracker.track(read_frames(video), facts_of(n, cuts), people or nobody(n), intrinsics or guess())
