"""Reading and writing video, in one place: framepump does the work."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import framepump
import numpy as np

from nlf_pipeline.files import atomic_path


class FrameSink(Protocol):
    """Takes frames in order."""

    def append_data(self, data: np.ndarray) -> None:
        """Append one (height, width, 3) uint8 RGB frame."""
        ...


def read_frames(path: Path) -> framepump.VideoFrames:
    """The frames of the video at `path`: lazy, sliceable, (height, width, 3) uint8 RGB arrays."""
    return framepump.VideoFrames(str(path))


@contextlib.contextmanager
def writing_video(path: Path, fps: float, audio_from: Path | None = None, crf: int = 20) -> Iterator[FrameSink]:
    """Write an H.264 mp4 at `path`, encoded in a thread and renamed to `path` when complete.

    Args:
        path: where the video appears once the block has ended without an error.
        fps: frames per second.
        audio_from: a video whose audio is copied, if it has any.
        crf: constant rate factor, 0-51, lower is better; 20 is near visually lossless.
    """
    config = framepump.EncoderConfig(crf=crf, preset="veryfast", gop=60)
    with (
        atomic_path(path) as temporary,
        framepump.VideoWriter(
            str(temporary), fps=fps, audio_source_path=str(audio_from) if audio_from else None, encoder_config=config
        ) as writer,
    ):
        yield writer
        writer.close()
