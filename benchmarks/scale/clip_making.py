"""Clips of any length in which people walk: the demo's, drawn small, forwards and backwards again and again.

`python clip_making.py OUT FRAMES FPS STRIDE CAMERA DEMO` writes a clip: every STRIDE-th picture of the demo, from the
start to the end and back, played at FPS.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np

from nlf_pipeline.video import read_frames, writing_video

Camera = Literal["still", "pan"]
SIZE_PX = (320, 180)
DEMO_SIZE_PX = (640, 360)
_DEMO_FOV_DEG, _PAN_FOV_DEG, _PAN_DEG = 62.0, 48.0, 6.0


def to_and_fro(n: int) -> list[int]:
    """Indices 0 .. n - 1 and back to 1, which can be repeated without a jump."""
    return [*range(n), *range(n - 2, 0, -1)]


def one_round(demo: Path, stride: int, camera: Camera) -> list[np.ndarray]:
    """The pictures that a clip repeats, (height, width, 3) uint8 RGB."""
    pictures = list(read_frames(demo))[::stride]
    order = to_and_fro(len(pictures))
    if camera == "still":
        return [cv2.resize(pictures[i], SIZE_PX, interpolation=cv2.INTER_AREA) for i in order]
    return [_turned(pictures[i], np.sin(2 * np.pi * step / len(order))) for step, i in enumerate(order)]


def _turned(picture: np.ndarray, share: float) -> np.ndarray:
    """What a camera of longer focal length sees that is turned to the side by `share` of the whole pan."""
    angle = np.deg2rad(_PAN_DEG) * share
    R = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    seen = _K(DEMO_SIZE_PX, _DEMO_FOV_DEG) @ R @ np.linalg.inv(_K(SIZE_PX, _PAN_FOV_DEG))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(picture, seen, SIZE_PX, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _K(size_px: tuple[int, int], fov_deg: float) -> np.ndarray:  # noqa: N802 - the field's name for it
    focal = size_px[0] / 2 / np.tan(np.deg2rad(fov_deg) / 2)
    return np.array([[focal, 0, (size_px[0] - 1) / 2], [0, focal, (size_px[1] - 1) / 2], [0, 0, 1]])


def clip_frames(pictures: list[np.ndarray], n_frames: int) -> Iterator[np.ndarray]:
    """`n_frames` of them, over and over."""
    return itertools.islice(itertools.cycle(pictures), n_frames)


def main(out: str, n_frames: str, fps: str, stride: str, camera: str, demo: str) -> None:
    with writing_video(Path(out), float(fps)) as sink:
        for picture in clip_frames(one_round(Path(demo), int(stride), cast(Camera, camera)), int(n_frames)):
            sink.append_data(np.ascontiguousarray(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
