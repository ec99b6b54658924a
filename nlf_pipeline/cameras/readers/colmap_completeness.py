"""Whether COLMAP's binary files are whole: its own reader runs on and fills the memory where one ends too early.

Layouts: https://colmap.github.io/format.html
"""

import struct
from collections.abc import Callable
from pathlib import Path

from nlf_pipeline.cameras.readers import unreadable

_COUNT = struct.Struct("<Q")
_COUNT_IN_FRAME = struct.Struct("<I")
_IMAGE_BYTES, _KEYPOINT_BYTES = 4 + 7 * 8 + 4, 2 * 8 + 8
_POINT_BYTES, _TRACK_ELEMENT_BYTES = 8 + 3 * 8 + 3 + 8, 4 + 4
_FRAME_BYTES, _FRAME_DATUM_BYTES = 4 + 4 + 7 * 8, 4 + 4 + 8


def check_complete(folder: Path) -> None:
    """Walk through the entries of images.bin, points3D.bin and frames.bin, where they are there.

    Raises:
        UserError: if one of them ends before its last entry.
    """
    after: dict[str, Callable[[bytes, int], int]] = {
        "images": _after_image,
        "points3D": _after_point,
        "frames": _after_frame,
    }
    for part, after_entry in after.items():
        path = folder / f"{part}.bin"
        if path.is_file() and not _is_complete(path.read_bytes(), after_entry):
            raise unreadable(path, "a file that is damaged or cut short", "a whole one", "Copy the model again.")


def _is_complete(data: bytes, after_entry: Callable[[bytes, int], int]) -> bool:
    try:
        (n_entries,), at = _COUNT.unpack_from(data), _COUNT.size
        for _ in range(n_entries):
            at = after_entry(data, at)
    except (struct.error, ValueError):
        return False
    return at <= len(data)


def _after_image(data: bytes, at: int) -> int:
    """Where the image that starts at `at` ends."""
    name_end = data.index(b"\0", at + _IMAGE_BYTES)
    (n_keypoints,) = _COUNT.unpack_from(data, name_end + 1)
    return name_end + 1 + _COUNT.size + n_keypoints * _KEYPOINT_BYTES


def _after_point(data: bytes, at: int) -> int:
    (n_elements,) = _COUNT.unpack_from(data, at + _POINT_BYTES)
    return at + _POINT_BYTES + _COUNT.size + n_elements * _TRACK_ELEMENT_BYTES


def _after_frame(data: bytes, at: int) -> int:
    (n_data,) = _COUNT_IN_FRAME.unpack_from(data, at + _FRAME_BYTES)
    return at + _FRAME_BYTES + _COUNT_IN_FRAME.size + n_data * _FRAME_DATUM_BYTES
