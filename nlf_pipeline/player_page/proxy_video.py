"""The clip made small enough to be part of a page, and quick to seek in; frame i stays frame i."""

import logging
import math
import tempfile
from pathlib import Path

import cv2

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.progress import progress
from nlf_pipeline.video import encoding_video, exactly, read_frames
from nlf_pipeline.video_segments import join_segments

_AREA_PX = 854 * 480
_SMALL_AREA_PX = 480 * 270
_RUNGS = ((27, _AREA_PX), (33, _AREA_PX), (30, _SMALL_AREA_PX), (36, _SMALL_AREA_PX), (42, _SMALL_AREA_PX))
"""(constant rate factor, pixels), from fine to coarse; what is coarser than the last is of no use."""
_CRF_PER_HALVING = 6
"""x264's rule of thumb: six steps of the constant rate factor halve the bit rate."""
_GOP = 15
log = logging.getLogger(__name__)


def proxy_size(size_px: tuple[int, int], area_px: int = _AREA_PX) -> tuple[int, int]:
    """(width, height), even numbers, of about `area_px` pixels or as many as there are, of the same shape."""
    width_px, height_px = size_px
    scale = min(1.0, math.sqrt(area_px / (width_px * height_px)))
    return max(2, round(width_px * scale / 2) * 2), max(2, round(height_px * scale / 2) * 2)


def make_proxy(video: Path, facts: VideoFacts, max_bytes: int) -> bytes | None:
    """The clip as a small mp4 (H.264, a key frame at least every 15 frames, its sound) of at most `max_bytes`.

    It gets coarser, then smaller, until it fits.

    Args:
        video: clip.mp4.
        facts: video.json.
        max_bytes: how large it may become.

    Returns:
        The file's bytes; None if it would have to be too coarse to be of use.

    Raises:
        UserError: if the video has more or fewer frames than it should.
    """
    rung = 0
    while True:
        crf, area_px = _RUNGS[rung]
        made = _encoded(video, facts, proxy_size(facts.size_px, area_px), crf)
        if len(made) <= max_bytes:
            return made
        if rung == len(_RUNGS) - 1:
            return None
        told = "the video would take %.1f MB of the %.1f MB that are left in the page: encoding it again, coarser"
        log.info(told, len(made) / 1e6, max_bytes / 1e6)
        rung = _next_rung(rung, max_bytes / len(made))


def _next_rung(rung: int, wanted: float) -> int:
    """The first after `rung` that should need no more than this share of its bytes; else the last."""
    for candidate in range(rung + 1, len(_RUNGS)):
        if _relative_size(candidate) <= wanted * _relative_size(rung):
            return candidate
    return len(_RUNGS) - 1


def _relative_size(rung: int) -> float:
    crf, area_px = _RUNGS[rung]
    return area_px * 2 ** (-crf / _CRF_PER_HALVING)


def _encoded(video: Path, facts: VideoFacts, size_px: tuple[int, int], crf: int) -> bytes:
    frames = progress(exactly(read_frames(video), facts.n_frames, video), facts.n_frames, "player's video")
    with tempfile.TemporaryDirectory() as folder:
        pictures, joined = Path(folder) / "pictures.mp4", Path(folder) / "joined.mp4"
        with encoding_video(pictures, facts.fps, crf=crf, gop=_GOP, b_frames=0) as sink:
            for frame in frames:
                sink.append_data(cv2.resize(frame, size_px, interpolation=cv2.INTER_AREA))
        join_segments([pictures], joined, facts.fps, audio_from=video)
        return joined.read_bytes()
