"""Which frame of the clip a picture of a camera file is."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from nlf_pipeline.errors import UserError

_LAST_DIGITS = re.compile(r"(\d+)\D*$")


def numbers_in_names(path: Path, names: Sequence[str]) -> np.ndarray:
    """(names,) int: the last number in the stem of each picture's name, such as 12 of images/frame_00012.jpg.

    Raises:
        UserError: if a name has none.
    """
    found = [_LAST_DIGITS.search(PurePosixPath(name.replace("\\", "/")).stem) for name in names]
    for name, match in zip(names, found, strict=True):
        if match is None:
            raise UserError(
                f"{path}: found a picture called {name!r}, expected names that end in the number of the clip's frame, "
                "such as frame_00012.png. Rename the pictures."
            )
    return np.array([int(match[1]) for match in found if match], dtype=int)


def to_frames(path: Path, numbers: np.ndarray, n_frames: int, counts_from: int) -> tuple[np.ndarray, list[str]]:
    """Frame numbers that may count from 0 or from 1 to frames of the clip.

    A 0 among them, or the number of frames, tells. Otherwise `counts_from` holds, and a note says so.

    Args:
        path: the file, for messages.
        numbers: (poses,) int.
        n_frames: of the clip.
        counts_from: 0 or 1, the format's habit.

    Returns:
        (poses,) int frames in [0, n_frames), and notes.

    Raises:
        UserError: if there are numbers that the clip has not.
    """
    if not len(numbers):
        return numbers, []
    smallest, largest = int(numbers.min()), int(numbers.max())
    if smallest < 0 or largest > n_frames or (smallest == 0 and largest == n_frames):
        raise too_many_frames(path, f"frames numbered {smallest} to {largest}", n_frames)
    if smallest == 0:
        return numbers, []
    if largest == n_frames:
        return numbers - 1, []
    note = (
        f"frames are numbered {smallest} to {largest} in a clip of {n_frames}: counted from {counts_from}. "
        f"If they count from {1 - counts_from}, the camera is one frame off"
    )
    return numbers - counts_from, [note]


def too_many_frames(path: Path, found: str, n_frames: int) -> UserError:
    """The error for a camera that goes on after the clip."""
    return UserError(
        f"{path}: found {found}, but the clip has {n_frames} frames; expected one pose for each, numbered from 0 or 1. "
        "Find the camera in the frames of results/VIDEO_ID/clip.mp4, which is the video after time_range."
    )
