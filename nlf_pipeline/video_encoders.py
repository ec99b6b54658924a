"""Which encoder writes a video: tried, not looked up."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import av
import av.logging
import numpy as np

from nlf_pipeline.errors import UserError
from nlf_pipeline.video import Encoder, encoding_video

EncoderChoice = Literal["auto", "cpu", "nvenc"]
TRIED_FRAMES = 3
log = logging.getLogger(__name__)


def choose_encoder(
    choice: EncoderChoice, size_px: tuple[int, int], failure: Callable[[tuple[int, int]], str | None] | None = None
) -> Encoder:
    """The encoder for pictures of a size.

    Args:
        choice: 'auto' for NVENC where it works.
        size_px: (width, height); NVENC takes neither small nor very large ones.
        failure: tells why NVENC does not work for such pictures, None if it does; `nvenc_failure` if not given.

    Raises:
        UserError: if NVENC is asked for and does not work.
    """
    if choice == "cpu":
        return "cpu"
    reason = (failure or nvenc_failure)(size_px)
    if reason is None:
        log.info("encoding with NVENC")
        return "nvenc"
    if choice == "nvenc":
        raise UserError(
            f"encoder: found nvenc, which does not work here for pictures of {size_px[0]}x{size_px[1]} ({reason}). "
            "See what is missing with: nlf-pipeline doctor. Or run with: --config encoder=auto"
        )
    return "cpu"


def nvenc_failure(size_px: tuple[int, int]) -> str | None:
    """Why NVENC cannot write pictures of a size (width, height) here, by writing some; None if it can."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "tried.mp4")
            with encoding_video(path, fps=25, encoder="nvenc") as sink:
                for grey in range(TRIED_FRAMES):
                    sink.append_data(np.full((*size_px[::-1], 3), 80 * grey, np.uint8))
            with av.open(str(path)) as video:
                found = sum(1 for _ in video.decode(video=0))
    except Exception as error:  # PyAV and framepump pass on whatever FFmpeg and the driver say
        return str(_root_of(error))
    finally:
        av.logging.set_level(before)
    return None if found == TRIED_FRAMES else f"{found} of {TRIED_FRAMES} pictures were written"


def _root_of(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _root_of(error.__cause__)
