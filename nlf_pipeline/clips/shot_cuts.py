"""Where one shot ends and the next begins."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from scenedetect import AdaptiveDetector, FrameTimecode

_MIN_SHOT_FRAMES = 8
_ADAPTIVE_RATIO = 4.0
"""How much a cut must stand out from the frames around it; PySceneDetect's own default is 3."""
_MIN_CONTENT_CHANGE = 22.0
"""How much the picture must change at a cut, mean over HSV, of 255; 15 is PySceneDetect's default."""
_FRAMES_AFTER_CUT = 6
_MIN_LASTING_CHANGE = 12.0
"""Mean grey difference, of 255, between the last frame before a cut and each of the frames after it."""
_THUMBNAIL_STEP = 8


def find_cuts(frames: Iterable[np.ndarray], fps: float) -> tuple[list[int], int]:
    """Hard cuts, found by PySceneDetect; flashes, whip pans and people who pass by are not cuts.

    A cut that is missed joins two shots; one that is invented splits a person's track. The thresholds lean
    towards missing.

    Args:
        frames: (height, width, 3) uint8 RGB, small (about 160 pixels wide is enough).
        fps: frames per second.

    Returns:
        The index of the first frame of every shot but the first, ascending; and the number of frames.
    """
    detector = AdaptiveDetector(
        adaptive_threshold=_ADAPTIVE_RATIO, min_content_val=_MIN_CONTENT_CHANGE, min_scene_len=_MIN_SHOT_FRAMES
    )
    candidates: list[int] = []
    thumbnails: list[np.ndarray] = []
    for index, frame in enumerate(frames):
        thumbnails.append(frame[::_THUMBNAIL_STEP, ::_THUMBNAIL_STEP].mean(axis=-1).astype(np.uint8))
        timecode = FrameTimecode(index, Fraction(fps).limit_denominator(100_000))
        candidates += [cut.frame_num for cut in detector.process_frame(timecode, frame[..., ::-1])]
    return [cut for cut in candidates if _lasts(thumbnails, cut)], len(thumbnails)


def _lasts(thumbnails: list[np.ndarray], cut: int) -> bool:
    """Whether the picture stays different from what it was before `cut`: it does not after a flash."""
    before = thumbnails[cut - 1].astype(np.int16)
    after = thumbnails[cut : cut + _FRAMES_AFTER_CUT]
    return all(np.abs(frame - before).mean() > _MIN_LASTING_CHANGE for frame in after)
