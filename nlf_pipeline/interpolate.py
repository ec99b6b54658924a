"""Stage: a clip with more frames per second."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.interpolators import FrameInterpolator, InterpolatorName, make_interpolator
from nlf_pipeline.person_cache import file_digest
from nlf_pipeline.torch_devices import DeviceName
from nlf_pipeline.video import FrameRanges
from nlf_pipeline.video_segments import Encoding, keeping_segments, write_in_segments
from nlf_pipeline.weights.registry import WEIGHTS_DIR, weights_path
from nlf_pipeline.workflow.versions import code_version

CRF = 16
"""Nearly lossless, because the result is encoded once more after the bodies are drawn over it."""
SEGMENT_FRAMES = 240
"""Frames of the clip of which a run that was killed loses as many as it had done."""


def interpolate(
    *,
    video: Path,
    video_facts: Path,
    out: Path,
    fps_factor: int = 2,
    interpolator: InterpolatorName = "flow",
    weights: Path = WEIGHTS_DIR,
    device: DeviceName = "auto",
    checkpoints: Path | None = None,
) -> None:
    """Write the clip with `fps_factor` times as many frames per second.

    Frame `fps_factor * i` of the result is frame i of the clip. Nothing is blended across a cut,
    and the last frame is repeated, so that the duration stays the same.

    Args:
        video: clip.mp4.
        video_facts: video.json, for the frame rate and the cuts.
        out: the new clip (mp4), with the clip's audio.
        fps_factor: frames per frame of the clip, at least 1.
        interpolator: makes the frames between: flow, or rife, a network that needs its weights.
        weights: folder of the models' weights.
        device: where rife runs; auto takes a GPU where there is one.
        checkpoints: folder for what is made already, from which a run that was killed goes on; removed at the end.
    """
    if fps_factor < 1:
        raise UserError(f"fps_factor is {fps_factor}, expected a whole number of at least 1.")
    facts = VideoFacts.load(video_facts)
    backend = make_interpolator(interpolator, weights, device)
    images = FrameRanges(video, facts.n_frames)

    def pictures(start: int, stop: int) -> Iterator[np.ndarray]:
        first, last = start // fps_factor, min(stop // fps_factor, facts.n_frames - 1)
        cuts = [cut - first for cut in facts.cuts]
        frames = inbetweened(images.read(first, last + 1), cuts, fps_factor, backend)
        return itertools.islice(frames, stop - start)

    network = file_digest(weights_path(weights, "rife")) if interpolator == "rife" else None
    settings = [fps_factor, interpolator, network, repr(facts)]
    encoding = Encoding(facts.fps * fps_factor, facts.n_frames * fps_factor, SEGMENT_FRAMES * fps_factor, CRF)
    with keeping_segments(checkpoints, out, code_version("interpolate"), file_digest(video), settings) as segments:
        write_in_segments(out, encoding, pictures, segments, audio_from=video, what="interpolate")


def inbetweened(
    frames: Iterable[np.ndarray], cuts: Sequence[int], factor: int, interpolator: FrameInterpolator
) -> Iterator[np.ndarray]:
    """`factor` frames for every frame of `frames`.

    Args:
        frames: (height, width, 3) uint8 RGB each.
        cuts: first frame of every shot but the first; across these the nearer frame is repeated.
        factor: at least 1.
        interpolator: makes the frames between.

    Yields:
        (height, width, 3) uint8 RGB; frame `factor * i` is frame i, untouched.
    """
    previous: np.ndarray | None = None
    for index, frame in enumerate(frames):
        if previous is not None:
            if index in cuts:
                n_before = factor // 2
                yield from [previous] * n_before + [frame] * (factor - 1 - n_before)
            else:
                yield from interpolator.between(previous, frame, factor - 1)
        yield frame
        previous = frame
    if previous is not None:
        yield from [previous] * (factor - 1)
