"""Writing clip.mp4: the source's own packets where they will do, else decoded, made upright and encoded again."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import BlockingIOError as NothingReadyError
from av.error import EOFError as StreamEndError
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import PictureType
from av.video.stream import VideoStream

from nlf_pipeline.clips.probe import VideoProbe, stamp
from nlf_pipeline.clips.sound import SoundWriter, make_sound_writer

T = TypeVar("T")
_COPYABLE_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_ENCODER_OPTIONS = {"crf": "17", "preset": "veryfast", "g": "60", "threads": "4", "mbtree": "0"}
"""The bytes depend on the number of threads, which is the same everywhere."""
_UPRIGHT_FILTERS = {
    0: (),
    90: (("transpose", "clock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "cclock"),),
}
_DECODER_THREADS = 2
_SEEK_MARGIN_S = 1.0


@dataclass(frozen=True)
class FrameSpan:
    """Frames [first, stop) of the source's even grid: frame k is shown k / rate after the first frame."""

    first: int
    stop: int


@dataclass
class DecodingTally:
    """What happened to the source's frames."""

    decoded: int = 0
    """Frames decoded; before a span's start only those that the codec needs."""
    undecodable: int = 0
    """Packets that could not be decoded, and frames that came out damaged."""
    written: int = 0
    repeated: int = 0
    """Frames written again where the source has none."""


def can_copy(probe: VideoProbe) -> bool:
    """Whether the packets themselves make a clip: H.264, upright, even, whole, square pixels of an even size."""
    width_px, height_px = probe.size_px
    return (
        probe.codec == "h264"
        and probe.pixel_format in ("yuv420p", "yuvj420p")
        and probe.container in _COPYABLE_CONTAINERS
        and probe.pixel_aspect == 1
        and probe.rotation_deg == 0
        and width_px % 2 == height_px % 2 == 0
        and not (probe.interlaced or probe.variable_frame_rate or probe.hidden_frames or probe.damaged)
    )


def upright_size(probe: VideoProbe) -> tuple[int, int]:
    """(width, height) in square pixels, turned upright, each rounded down to an even number."""
    width_px, height_px = round(probe.size_px[0] * probe.pixel_aspect), probe.size_px[1]
    if probe.rotation_deg % 180:
        width_px, height_px = height_px, width_px
    return width_px // 2 * 2, height_px // 2 * 2


def copy_clip(probe: VideoProbe, out: Path) -> None:
    """Write the packets of `probe` to `out`, put on the even grid exactly; the coded pixels are untouched."""
    delay = max(0, int(np.max(np.arange(len(probe.ranks)) - probe.ranks)))
    n_read = 0
    with _opened(probe, out) as (source, picture, clip):
        clip_picture = clip.add_stream_from_template(picture)
        sound_writer = _sound_writer(source, clip, probe.times[0], None)
        for packet in _packets(source, picture):
            if not packet.size:
                continue
            if packet.stream != picture:
                sound_writer.write(packet)
                continue
            packet.time_base = 1 / probe.rate
            packet.pts, packet.dts, packet.duration = int(probe.ranks[n_read]), n_read - delay, 1
            packet.stream = clip_picture
            n_read += 1
            clip.mux(packet)
        sound_writer.finish()


def encode_clip(probe: VideoProbe, span: FrameSpan, out: Path) -> DecodingTally:
    """Decode what can be decoded of `span` and write it to `out`, upright, one frame per step of the grid.

    A step that has no frame of its own gets the nearest one. After the last frame that decodes, the clip ends.
    """
    tally = DecodingTally()
    start, stop = (probe.times[0] + step / float(probe.rate) for step in (span.first, span.stop))
    with _opened(probe, out) as (source, picture, clip):
        clip_picture = _h264_stream(clip, probe, picture)
        sound_writer = _sound_writer(source, clip, start, stop)
        if span.first:
            source.seek(int((start - _SEEK_MARGIN_S) / picture.time_base), stream=picture)
        packets = _packets(source, picture)
        upright = _upright_frames(_decoded(packets, picture, sound_writer, tally), probe, picture)
        last_frame = None
        for step, frame in nearest_on_grid(((_grid_position(probe, f), f) for f in upright), span):
            tally.repeated += frame is last_frame
            last_frame = frame
            frame.pts, frame.time_base = step - span.first, 1 / probe.rate
            clip.mux(clip_picture.encode(frame))
            tally.written += 1
        clip.mux(clip_picture.encode(None))
        for packet in packets:  # sound is stored some way behind the picture it belongs to
            if packet.stream != picture:
                sound_writer.write(packet)
            elif packet.size and float(stamp(packet) * packet.time_base) > stop + _SEEK_MARGIN_S:
                break
        sound_writer.finish()
    return tally


def nearest_on_grid(frames: Iterable[tuple[float, T]], span: FrameSpan) -> Iterator[tuple[int, T]]:
    """The frame nearest to each step of a grid, as far as there are frames.

    Args:
        frames: position on the grid (in steps, ascending) and the frame.
        span: which steps.

    Yields:
        (step, frame); a frame comes several times where it fills a gap, and never where another is nearer.
    """
    step = span.first
    previous: tuple[float, T] | None = None
    for position, frame in frames:
        if previous is not None:
            while step < span.stop and step <= (previous[0] + position) / 2:
                yield step, previous[1]
                step += 1
        if step >= span.stop:
            return
        previous = position, frame
    while previous is not None and step < span.stop and step < previous[0] + 0.5:
        yield step, previous[1]
        step += 1


@contextlib.contextmanager
def _opened(probe: VideoProbe, out: Path) -> Iterator[tuple[InputContainer, VideoStream, OutputContainer]]:
    with av.open(str(probe.path)) as source, av.open(str(out), "w", options={"movflags": "+faststart"}) as clip:
        picture = source.streams[probe.stream_index]
        assert isinstance(picture, VideoStream)
        picture.codec_context.thread_count = _DECODER_THREADS
        yield source, picture, clip


def _h264_stream(clip: OutputContainer, probe: VideoProbe, picture: VideoStream) -> VideoStream:
    stream = clip.add_stream("libx264", rate=probe.rate, options=_ENCODER_OPTIONS)
    stream.width, stream.height = upright_size(probe)
    stream.pix_fmt = "yuv420p"
    context, source_context = stream.codec_context, picture.codec_context
    context.time_base = 1 / probe.rate
    # Without these, readers guess how to turn the clip back into RGB, and colours shift.
    context.colorspace = source_context.colorspace
    context.color_primaries = source_context.color_primaries
    context.color_trc = source_context.color_trc
    return stream


def _sound_writer(source: InputContainer, clip: OutputContainer, start: float, stop: float | None) -> SoundWriter:
    return make_sound_writer(next(iter(source.streams.audio), None), clip, start, stop)


def _packets(source: InputContainer, picture: VideoStream) -> Iterator[av.Packet]:
    """Packets of the picture and the first sound stream, as far as the file can be read."""
    with contextlib.suppress(FFmpegError):  # a file that was cut off ends here
        yield from source.demux(picture, *source.streams.audio[:1])


def _decoded(
    packets: Iterable[av.Packet], picture: VideoStream, sound_writer: SoundWriter, tally: DecodingTally
) -> Iterator[av.VideoFrame]:
    """Undamaged frames in the order in which they are shown; sound packets go to `sound_writer` on the way."""
    for packet in itertools.chain(packets, [None]):
        if packet is not None and packet.stream != picture:
            sound_writer.write(packet)
            continue
        try:
            frames = picture.codec_context.decode(packet)
        except StreamEndError:  # flushed before
            continue
        except FFmpegError:
            tally.undecodable += 1
            continue
        for frame in frames:
            if frame.is_corrupt:
                tally.undecodable += 1
                continue
            if frame.pts is None:
                frame.pts = frame.dts if frame.dts is not None else tally.decoded
            tally.decoded += 1
            yield frame


def _upright_frames(
    frames: Iterable[av.VideoFrame], probe: VideoProbe, picture: VideoStream
) -> Iterator[av.VideoFrame]:
    """Frames turned upright, with square pixels and an even size, as yuv420p."""
    width_px, height_px = upright_size(probe)
    square_width_px = round(probe.size_px[0] * probe.pixel_aspect)
    filters = (
        *((("yadif", ""),) if probe.interlaced else ()),
        ("scale", f"{square_width_px}:{probe.size_px[1]}:out_range=limited"),
        ("setsar", "1"),
        *_UPRIGHT_FILTERS[probe.rotation_deg],
        ("crop", f"{width_px}:{height_px}:0:0"),
        ("format", "yuv420p"),
    )
    graph = Graph()
    nodes = [graph.add_buffer(template=picture), *(graph.add(*f) for f in filters), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    for frame in itertools.chain(frames, [None]):
        graph.push(frame)
        while True:
            try:
                upright = graph.pull()
            except (NothingReadyError, StreamEndError):
                break
            assert isinstance(upright, av.VideoFrame)
            upright.pict_type = PictureType.NONE  # the encoder chooses, not the source
            yield upright


def _grid_position(probe: VideoProbe, frame: av.VideoFrame) -> float:
    """Where on the even grid a source frame is shown, in steps; whole numbers if the source is evenly spaced."""
    shown = frame.time
    assert shown is not None
    if probe.variable_frame_rate:
        return (shown - probe.times[0]) * float(probe.rate)
    after = min(int(np.searchsorted(probe.times, shown)), len(probe.times) - 1)
    before = max(after - 1, 0)
    return float(after if abs(probe.times[after] - shown) <= abs(probe.times[before] - shown) else before)
