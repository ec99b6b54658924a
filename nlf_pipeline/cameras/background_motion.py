"""How far the background moves in the picture: Kanade-Lucas-Tomasi tracks outside the people."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import framepump
import numpy as np

from nlf_pipeline.masks import MaskTracks

_LONG_SIDE_PX = 640
_MAX_CORNERS = 400
_MIN_TRACKS = 12
_FORWARD_BACKWARD_PX = 0.7
_LUCAS_KANADE = {
    "winSize": (21, 21),
    "maxLevel": 4,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
}
_MASK_MARGIN = 0.02  # of the width: masks end a little inside people's outlines


@dataclass(frozen=True)
class BackgroundMotion:
    """Motion of the background against the first frame of its shot, in a few frames."""

    frames: np.ndarray
    """(samples,) int frame indices."""
    median_px: np.ndarray
    """(samples,) median displacement, in pixels of a picture whose longer side has 640; NaN: too little to track."""


def measure_background_motion(
    frames: framepump.VideoFrames, shots: list[slice], people: MaskTracks, n_samples: int
) -> BackgroundMotion:
    """Track corners from the first frame of every shot to later frames of that shot.

    Args:
        frames: the clip.
        shots: frame ranges between cuts.
        people: pixels to ignore.
        n_samples: frames to look at, spread evenly over the clip, besides the first of every shot.
    """
    wanted = np.unique(np.linspace(0, people.n_frames - 1, n_samples).round().astype(int))
    starts = {shot.start for shot in shots}
    indices, motions = [], []
    reference = None
    for index, picture in _small_grey(frames, sorted(starts | set(wanted.tolist()))):
        if index in starts:
            reference = picture, _corners(picture, _background(people, index, picture.shape))
            motion = 0.0
        else:
            assert reference is not None
            motion = _median_motion(*reference, picture, _background(people, index, picture.shape))
        indices.append(index)
        motions.append(motion)
    return BackgroundMotion(np.array(indices, dtype=int), np.array(motions, dtype=np.float64))


def _small_grey(frames: framepump.VideoFrames, indices: list[int]) -> Iterator[tuple[int, np.ndarray]]:
    height_px, width_px = frames.original_imshape
    scale = min(1.0, _LONG_SIDE_PX / max(height_px, width_px))
    small = frames.resized((round(height_px * scale), round(width_px * scale)))
    for index, frame in zip(indices, small.frames_at(indices), strict=True):
        yield index, cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _background(people: MaskTracks, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """(height, width) uint8, 255 where nobody is near."""
    height_px, width_px = shape[:2]
    occupied = np.zeros((height_px, width_px), np.uint8)
    for track in people.masks:
        mask = track[index]
        if mask is not None:
            occupied = np.maximum(
                occupied,
                cv2.resize(np.asarray(mask.to_array()), (width_px, height_px), interpolation=cv2.INTER_NEAREST),
            )
    size = 2 * round(_MASK_MARGIN * width_px) + 1
    near = cv2.dilate(occupied, np.ones((size, size), np.uint8))
    return np.where(near > 0, 0, 255).astype(np.uint8)


def _corners(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    corners = cv2.goodFeaturesToTrack(picture, _MAX_CORNERS, 0.01, 8, mask=background)
    return np.zeros((0, 1, 2), np.float32) if corners is None else corners


def _median_motion(reference: np.ndarray, corners: np.ndarray, picture: np.ndarray, background: np.ndarray) -> float:
    """Median displacement of the corners that are found again and lie on the background; NaN if too few do."""
    if len(corners) < _MIN_TRACKS:
        return np.nan
    found, there, _ = cv2.calcOpticalFlowPyrLK(reference, picture, corners, corners.copy(), **_LUCAS_KANADE)
    back, back_there, _ = cv2.calcOpticalFlowPyrLK(picture, reference, found, found.copy(), **_LUCAS_KANADE)
    closed = np.linalg.norm(back - corners, axis=-1)[:, 0] < _FORWARD_BACKWARD_PX
    x, y = found[:, 0].round().astype(int).T
    height_px, width_px = picture.shape
    inside = (x >= 0) & (x < width_px) & (y >= 0) & (y < height_px)
    free = background[np.clip(y, 0, height_px - 1), np.clip(x, 0, width_px - 1)] > 0
    good = (there[:, 0] > 0) & (back_there[:, 0] > 0) & closed & inside & free
    if good.sum() < _MIN_TRACKS:
        return np.nan
    return float(np.median(np.linalg.norm(found[good] - corners[good], axis=-1)))
