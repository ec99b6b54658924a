"""Reading and writing video, in one place: framepump does the work."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import framepump
import numpy as np

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path

Encoder = Literal["cpu", "nvenc"]


class FrameSink(Protocol):
    """Takes frames in order."""

    def append_data(self, data: np.ndarray) -> None:
        """Append one (height, width, 3) uint8 RGB frame."""
        ...


def read_frames(path: Path) -> framepump.VideoFrames:
    """The frames of the video at `path`: lazy, sliceable, (height, width, 3) uint8 RGB arrays."""
    return framepump.VideoFrames(str(path))


def exactly(frames: Iterable[np.ndarray], n_frames: int, video: Path, first: int = 0) -> Iterator[np.ndarray]:
    """Yield from `frames`, those of `video` from `first` on; raises UserError unless it has `n_frames`."""
    found = first
    for found, frame in enumerate(frames, start=first + 1):
        if found > n_frames:
            break
        yield frame
    if found != n_frames:
        raise UserError(
            f"{video} has {'more' if found > n_frames else 'fewer'} frames than the {n_frames} expected "
            "(fps_factor times those of the clip). Run the workflow again."
        )


class FrameRanges:
    """The frames of ranges that are asked for one after the other; where one goes on from the last, so does reading."""

    def __init__(self, video: Path, n_frames: int) -> None:
        """Read `video`, which should have `n_frames`."""
        self._video, self._n_frames = video, n_frames
        self._next = 0
        self._remaining: Iterator[np.ndarray] = iter(())
        self._last: np.ndarray | None = None

    def read(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """The frames [start, stop), each (height, width, 3) uint8 RGB; the last one read is kept, and may be the first.

        Raises:
            UserError: if the video has fewer or more frames than it should.
        """
        if start == self._next - 1 and self._last is not None and start < stop:
            yield self._last
            start += 1
        if start != self._next or self._last is None:
            frames = read_frames(self._video)[start:]
            self._remaining, self._next = exactly(frames, self._n_frames, self._video, start), start
        while self._next < stop:
            self._last = next(self._remaining)
            self._next += 1
            yield self._last
        if self._next == self._n_frames:
            next(self._remaining, None)


class _RepeatableEncoding(framepump.EncoderConfig):
    """Same pictures, same bytes, on every machine, with x264.

    With several threads x264's decisions depend on timing. Its lookahead by macroblock trees reads memory it has not
    written where it runs on AVX-512 and the picture is not a multiple of 128 pixels wide.
    """

    def build_options(self, gpu: bool | int) -> dict[str, str]:
        """Options for the encoder."""
        return super().build_options(gpu) | ({} if gpu else {"threads": "1", "mbtree": "0"})


@contextlib.contextmanager
def encoding_video(
    path: Path,
    fps: float,
    audio_from: Path | None = None,
    crf: int = 20,
    encoder: Encoder = "cpu",
    gop: int = 60,
    b_frames: int = 2,
) -> Iterator[FrameSink]:
    """Encode H.264 into the mp4 at `path` itself, in a thread; otherwise as `writing_video`.

    Args:
        path: to write.
        fps: frames per second.
        audio_from: a video whose audio is copied, if it has any.
        crf: constant rate factor, 0-51; NVENC takes it for its own measure of quality.
        encoder: 'cpu' for x264, 'nvenc' for NVIDIA's on the GPU.
        gop: frames from one key frame to the next, at most.
        b_frames: frames in a row that refer to later ones, at most; without them a player finds a frame sooner.

    Raises:
        UserError: if NVENC fails.
    """
    on_gpu = encoder == "nvenc"
    # Without B-frames packets come in the order of their pictures, so that segments join whatever NVENC's delay is.
    config = _RepeatableEncoding(crf=crf, preset="veryfast", gop=gop, bframes=0 if on_gpu else b_frames)
    try:
        with framepump.VideoWriter(
            str(path),
            fps=fps,
            audio_source_path=str(audio_from) if audio_from else None,
            gpu=on_gpu,
            encoder_config=config,
        ) as writer:
            yield writer
            writer.close()
    except framepump.VideoEncodeError as error:
        if not on_gpu:
            raise
        raise UserError(f"NVENC failed ({error}). Run again with: --config encoder=cpu") from error


@contextlib.contextmanager
def writing_video(path: Path, fps: float, audio_from: Path | None = None, crf: int = 20) -> Iterator[FrameSink]:
    """Write an H.264 mp4 at `path`, encoded on the CPU in a thread and renamed to `path` when complete.

    Args:
        path: where the video appears once the block has ended without an error.
        fps: frames per second.
        audio_from: a video whose audio is copied, if it has any.
        crf: constant rate factor, 0-51, lower is better; 20 is near visually lossless.
    """
    with atomic_path(path) as temporary, encoding_video(temporary, fps, audio_from, crf) as writer:
        yield writer
