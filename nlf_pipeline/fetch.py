"""Stage `fetch`: any video file to clip.mp4 (H.264, constant frame rate, upright) and what was found in it."""

import contextlib
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import framepump
import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.clips.encoding import DecodingTally, FrameSpan, can_copy, copy_clip, encode_clip, upright_size
from nlf_pipeline.clips.probe import VideoProbe, probe_video, unreadable
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path
from nlf_pipeline.progress import progress
from nlf_pipeline.video import read_frames

_CUT_DETECTION_WIDTH_PX = 160
_STEP_TOLERANCE = 1e-3
_SHORTFALL_S, _SHORTFALL = 1.0, 0.05  # sound that is a little longer than the picture is usual
log = logging.getLogger(__name__)


def fetch(
    *, video_id: str, source: Path, out: Path, facts_out: Path, time_range: tuple[float, float] | None = None
) -> None:
    """Make the clip that every other stage reads.

    An upright H.264 video of constant frame rate is copied without touching a pixel. Anything else is decoded and
    encoded again: turned upright, with square pixels of an even size, its frames put on an even grid of times.

    Args:
        video_id: name of the video, for the record.
        source: the video.
        out: clip.mp4 to write.
        facts_out: video.json to write: what was found and done.
        time_range: start and end of the clip in the source, seconds; the frame at the end is not included.

    Raises:
        UserError: if there is no readable picture in the source, or nothing in `time_range`.
    """
    probe = probe_video(source)
    span = _span(probe, time_range)
    with atomic_path(out) as temporary:
        clip = _make_clip(probe, span, temporary, whole=time_range is None)
    width_px, height_px = upright_size(probe)
    warnings = _warnings(probe, span, clip, time_range)
    for warning in warnings:
        log.warning("%s: %s", source, warning)
    rate = float(probe.rate)
    VideoFacts(
        video_id=video_id,
        width_px=width_px,
        height_px=height_px,
        fps=rate,
        n_frames=clip.n_frames,
        cuts=clip.cuts,
        has_audio=probe.has_audio,
        focal_px=probe.focal_px(width_px, height_px),
        source=source.name,
        source_fps=probe.mean_rate,
        source_rotation_deg=probe.rotation_deg,
        variable_frame_rate=probe.variable_frame_rate,
        time_range=[span.first / rate, (span.first + clip.n_frames) / rate],
        warnings=warnings,
    ).save(facts_out)
    log.info("%d frames of %dx%d at %.2f frames/s, cuts: %d", clip.n_frames, width_px, height_px, rate, len(clip.cuts))


@dataclass(frozen=True)
class _Clip:
    n_frames: int
    cuts: list[int]
    tally: DecodingTally | None
    """None if the packets were copied."""


def _span(probe: VideoProbe, time_range: tuple[float, float] | None) -> FrameSpan:
    """The steps of the even grid that lie in `time_range`."""
    rate, n_steps = float(probe.rate), probe.n_steps
    if time_range is None:
        return FrameSpan(0, n_steps)
    start, end = time_range
    first = max(0, math.ceil(start * rate - _STEP_TOLERANCE))
    stop = min(n_steps, math.ceil(end * rate - _STEP_TOLERANCE))
    if start < 0 or first >= stop:
        raise UserError(
            f"{probe.path}: time_range [{start:g}, {end:g}] holds no frame of the {n_steps / rate:.2f} s that the "
            "video lasts. Expected 0 <= start < end, in seconds."
        )
    return FrameSpan(first, stop)


def _make_clip(probe: VideoProbe, span: FrameSpan, out: Path, whole: bool) -> _Clip:
    if whole and can_copy(probe):
        copy_clip(probe, out)
        with contextlib.suppress(framepump.VideoDecodeError):
            cuts, n_frames = _cuts_and_count(out, span.stop)
            if n_frames == span.stop:
                return _Clip(n_frames, cuts, tally=None)
        log.info("not every frame decodes: encoding those that do")
    tally = encode_clip(probe, span, out)
    if not tally.written:
        raise unreadable(probe.path)
    cuts, n_frames = _cuts_and_count(out, tally.written)
    return _Clip(n_frames, cuts, tally)


def _cuts_and_count(clip: Path, n_frames: int) -> tuple[list[int], int]:
    from nlf_pipeline.clips.shot_cuts import find_cuts

    frames = read_frames(clip)
    height_px, width_px = frames.original_imshape
    small = frames.resized((round(_CUT_DETECTION_WIDTH_PX * height_px / width_px), _CUT_DETECTION_WIDTH_PX))
    return find_cuts(progress(small, n_frames, "fetch"), frames.original_fps)


def _warnings(probe: VideoProbe, span: FrameSpan, clip: _Clip, time_range: tuple[float, float] | None) -> list[str]:
    """What a user should know about how the clip differs from the source."""
    warnings, rate, tally = [], float(probe.rate), clip.tally
    n_expected = span.stop - span.first
    if probe.damaged or clip.n_frames < n_expected or (tally and tally.undecodable):
        n_whole = max(probe.promised_frames, n_expected) if time_range is None else n_expected
        n_read = clip.n_frames - (tally.repeated if tally else 0)
        warnings.append(f"the file is cut off or damaged: {n_read} of {n_whole} frames could be read, and are used")
    elif probe.promised_s - probe.n_steps / rate > max(_SHORTFALL_S, _SHORTFALL * probe.promised_s):
        warnings.append(
            f"the picture ends after {probe.n_steps / rate:.1f} s, the file promises {probe.promised_s:.1f} s: it may "
            "have been cut off"
        )
    if probe.variable_frame_rate:
        shortest, longest = (1e3 * f(np.diff(probe.times)) for f in (np.min, np.max))
        repeated = tally.repeated if tally else 0
        warnings.append(
            f"frames are unevenly spaced ({shortest:.0f} to {longest:.0f} ms): put on an even grid of {rate:.5g} "
            f"frames/s, {repeated} of {clip.n_frames} repeated"
        )
    if probe.interlaced:
        warnings.append("the video is interlaced: every frame was made from one of its two fields")
    if time_range is not None and time_range[1] > probe.n_steps / rate + 1 / rate:
        warnings.append(f"time_range ends at {time_range[1]:g} s, the video already at {probe.n_steps / rate:.2f} s")
    return warnings
