"""How far the background moves in the picture: points followed outside the people, in a few frames."""

from dataclasses import dataclass

import cv2
import framepump
import numpy as np

from nlf_pipeline.cameras.tracks.corners import find_corners, is_on
from nlf_pipeline.cameras.tracks.working_pictures import WorkingPicture, choose_reduction, pictures_at
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
    indices, motions = [], []
    for shot in shots:
        here = sorted({shot.start, *wanted[(wanted > shot.start) & (wanted < shot.stop)].tolist()})
        reduction = choose_reduction(frames, shot, people, _MASK_MARGIN)
        pictures = pictures_at(frames, here, people, reduction, _MASK_MARGIN)
        reference = next(pictures)
        corners = find_corners(reference.grey, reference.background, _MAX_CORNERS, min_strength=reduction.min_strength)
        later = [_median_motion(reference, corners, picture) for picture in pictures]
        indices += here
        motions += [0.0, *(motion * _LONG_SIDE_PX / max(reduction.size_px) for motion in later)]
    return BackgroundMotion(np.array(indices, dtype=int), np.array(motions, dtype=np.float64))


def _median_motion(reference: WorkingPicture, corners_px: np.ndarray, picture: WorkingPicture) -> float:
    """Median displacement of the corners that are found again and lie on the background; NaN if too few do."""
    if len(corners_px) < _MIN_TRACKS:
        return np.nan
    before = corners_px[:, None]
    found, there, _ = cv2.calcOpticalFlowPyrLK(reference.grey, picture.grey, before, before.copy(), **_LUCAS_KANADE)
    back, back_there, _ = cv2.calcOpticalFlowPyrLK(picture.grey, reference.grey, found, found.copy(), **_LUCAS_KANADE)
    closed = np.linalg.norm(back - before, axis=-1)[:, 0] < _FORWARD_BACKWARD_PX
    good = (there[:, 0] > 0) & (back_there[:, 0] > 0) & closed & is_on(picture.background, found[:, 0])
    if good.sum() < _MIN_TRACKS:
        return np.nan
    return float(np.median(np.linalg.norm(found[good] - before[good], axis=-1)))
