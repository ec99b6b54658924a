"""Long videos encoded in segments: a run that was killed goes on with the first segment that is missing.

Every segment is encoded for itself and is a file of its own until all are there. Then their packets are put one after
the other, untouched: what is made does not depend on how often the work was interrupted.
"""

import contextlib
import errno
import heapq
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.files import atomic_path
from nlf_pipeline.person_cache import Part
from nlf_pipeline.progress import progress
from nlf_pipeline.video import Encoder, encoding_video

_NAME, _SUFFIX = "segment", ".mp4"
_FINEST_RATE = 100_000
_MUXER_OPTIONS = {"movflags": "+faststart", "write_btrt": "0"}
"""Without the box of bit rates, which are guessed from what was read so far, now this way, now that."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoding:
    """What is to be written, and how."""

    fps: float
    n_frames: int
    segment_frames: int
    """Frames in each segment, best a multiple of the distance between key frames; the last may have fewer."""
    crf: int = 20
    """Constant rate factor, 0-51, lower is better."""
    encoder: Encoder = "cpu"

    @property
    def segments(self) -> list[range]:
        """The frames of each segment."""
        starts = range(0, self.n_frames, self.segment_frames)
        return [range(start, min(start + self.segment_frames, self.n_frames)) for start in starts]

    @property
    def depends_on(self) -> list[Part]:
        """What tells segments of one encoding from those of another, encoders included."""
        packages = [f"{name} {version(name)}" for name in ("av", "framepump")]
        return [self.fps, self.n_frames, self.segment_frames, self.crf, self.encoder, packages]


@contextlib.contextmanager
def keeping_segments(checkpoints: Path | None, out: Path, *context: Part) -> Iterator[ChunkStore]:
    """A store for the segments of `out`, cleared when the block ends well.

    Args:
        checkpoints: folder for them, which stays if the block fails, so that the next run goes on from there; None for
            a hidden one beside `out`, which stays only if the process is killed.
        out: the video.
        context: what the pictures depend on.
    """
    store = ChunkStore(checkpoints or out.with_name(f".{out.name}.segments"), *context)
    try:
        yield store
    except BaseException:
        if checkpoints is None:
            store.clear()
        raise
    store.clear()


def write_in_segments(
    out: Path,
    encoding: Encoding,
    draw: Callable[[int, int], Iterable[np.ndarray]],
    store: ChunkStore,
    audio_from: Path | None = None,
    what: str = "encode",
) -> None:
    """Write an H.264 mp4 at `out`, drawing only the segments that `store` does not have.

    Args:
        out: where the video appears once all is drawn.
        encoding: what to write.
        draw: gives the frames [start, stop), (height, width, 3) uint8 RGB each; asked in ascending order. They must not
            depend on what was drawn before.
        store: of segments, whose context tells what the pictures depend on.
        audio_from: a video whose audio is copied, if it has any.
        what: the stage's name, for the progress shown.
    """
    chunks = store.within(encoding.depends_on)
    found = [chunks.find_file(_NAME, number, _SUFFIX) for number in range(len(encoding.segments))]
    missing = [(number, frames) for number, frames in enumerate(encoding.segments) if found[number] is None]
    if 0 < len(missing) < len(found):
        log.info("%s: %d of %d segments are there already", what, len(found) - len(missing), len(found))
    drawn = (
        picture for _, frames in missing for _, picture in zip(frames, draw(frames.start, frames.stop), strict=True)
    )
    pictures = progress(drawn, sum(len(frames) for _, frames in missing), what)
    for number, frames in missing:
        with (
            chunks.writing_file(_NAME, number, _SUFFIX) as path,
            encoding_video(path, encoding.fps, crf=encoding.crf, encoder=encoding.encoder) as sink,
        ):
            for picture in itertools.islice(pictures, len(frames)):
                sink.append_data(picture)
        found[number] = chunks.find_file(_NAME, number, _SUFFIX)
    next(pictures, None)  # so that whoever draws finishes
    join_segments([_there(path) for path in found], out, encoding.fps, audio_from)


def _there(segment: Path | None) -> Path:
    if segment is None:
        raise OSError(errno.EIO, "a segment cannot be read back as it was written")
    return segment


def join_segments(segments: Sequence[Path], out: Path, fps: float, audio_from: Path | None = None) -> None:
    """Put videos of the same encoder one after the other without decoding them.

    Args:
        segments: mp4 files, each beginning with a key frame and referring to no frame of another.
        out: where the video appears, its table of contents first, so that it plays while it loads.
        fps: frames per second, of all.
        audio_from: a video whose audio is copied, if it has any.
    """
    rate = Fraction(fps).limit_denominator(_FINEST_RATE)
    with (
        atomic_path(out) as temporary,
        av.open(str(temporary), "w", options=_MUXER_OPTIONS) as video,
        contextlib.ExitStack() as opened,
    ):
        first = opened.enter_context(av.open(str(segments[0])))
        streams = [_picture_packets(segments, rate, video.add_stream_from_template(first.streams.video[0]))]
        sound = opened.enter_context(av.open(str(audio_from))) if audio_from else None
        if sound is not None and sound.streams.audio:
            streams.append(_sound_packets(sound, video.add_stream_from_template(sound.streams.audio[0])))
        for packet in heapq.merge(*streams, key=_decoded_at):
            video.mux(packet)


def _picture_packets(segments: Sequence[Path], rate: Fraction, stream: VideoStream) -> Iterator[av.Packet]:
    """The packets of all segments on one even grid of times, as late as the encoder wants them decoded."""
    first = next(_coded_pictures(segments[0]))
    delay = -_steps(first.dts, first.time_base * rate)
    n_written = 0
    for path in segments:
        start = n_written
        for packet in _coded_pictures(path):
            packet.pts = start + _steps(packet.pts, packet.time_base * rate)
            packet.dts, packet.duration, packet.time_base = n_written - delay, 1, 1 / rate
            packet.stream = stream
            n_written += 1
            yield packet


def _sound_packets(source: InputContainer, stream: AudioStream) -> Iterator[av.Packet]:
    for packet in source.demux(source.streams.audio[0]):
        if packet.dts is not None:
            packet.stream = stream
            yield packet


def _coded_pictures(path: Path) -> Iterator[av.Packet]:
    with av.open(str(path)) as video:
        yield from (packet for packet in video.demux(video.streams.video[0]) if packet.size)


def _steps(stamp: int | None, per_unit: Fraction) -> int:
    """A time stamp on the grid of frames."""
    assert stamp is not None
    return round(stamp * per_unit)


def _decoded_at(packet: av.Packet) -> Fraction:
    assert packet.dts is not None
    return packet.dts * packet.time_base
