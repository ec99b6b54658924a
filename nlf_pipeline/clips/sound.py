"""The sound of clip.mp4: the source's packets where they fit, else decoded, trimmed and encoded as AAC."""

import contextlib
from typing import Protocol

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import BlockingIOError as NothingReadyError
from av.error import EOFError as StreamEndError
from av.error import FFmpegError
from av.filter import Graph

_COPYABLE = {"aac", "mp3", "ac3", "alac"}
_BIT_RATE = 160_000


class SoundWriter(Protocol):
    """Takes the packets of one sound stream, in order."""

    def write(self, packet: av.Packet) -> None:
        """Write the sound of one packet to the clip."""
        ...

    def finish(self) -> None:
        """Write what is still buffered."""
        ...


def make_sound_writer(
    sound: AudioStream | None, clip: OutputContainer, start: float, stop: float | None
) -> SoundWriter:
    """A writer of a source's sound.

    Args:
        sound: the source's stream; None if it has none.
        clip: where to write.
        start: time on the source's clock at which the clip starts, seconds.
        stop: where it stops; None to keep all that follows, which allows copying.
    """
    if sound is None:
        return _NoSound()
    if stop is None and sound.codec_context.name in _COPYABLE:
        return _SoundCopier(sound, clip, start)
    return _SoundEncoder(sound, clip, start, stop)


class _NoSound:
    def write(self, packet: av.Packet) -> None:
        """Without a stream there are no packets."""

    def finish(self) -> None:
        """Nothing is buffered."""


class _SoundCopier:
    def __init__(self, sound: AudioStream, clip: OutputContainer, start: float) -> None:
        self._clip, self._start = clip, start
        self._stream = clip.add_stream_from_template(sound)

    def write(self, packet: av.Packet) -> None:
        shift = round(self._start / packet.time_base)
        if packet.pts is None or packet.dts is None:
            return
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._stream
        self._clip.mux(packet)

    def finish(self) -> None:
        """Nothing is buffered."""


class _SoundEncoder:
    def __init__(self, sound: AudioStream, clip: OutputContainer, start: float, stop: float | None) -> None:
        self._clip = clip
        self._stream = clip.add_stream("aac", rate=sound.codec_context.sample_rate or 48_000)
        self._stream.bit_rate = _BIT_RATE
        self._graph = Graph()
        end = "" if stop is None else f":end={stop:.6f}"
        # Silence fills up to the first sound, so that it stays with the picture.
        self._graph.link_nodes(
            self._graph.add_abuffer(template=sound),
            self._graph.add("atrim", f"start={start:.6f}{end}"),
            self._graph.add("asetpts", f"PTS-({start:.6f}/TB)"),
            self._graph.add("aresample", "async=1:first_pts=0"),
            self._graph.add("aformat", "sample_fmts=fltp:channel_layouts=mono|stereo"),
            self._graph.add("abuffersink"),
        ).configure()

    def write(self, packet: av.Packet) -> None:
        try:
            frames = packet.decode()
        except FFmpegError:  # a damaged packet; the filter fills the hole
            return
        for frame in frames:
            self._push(frame)
            self._encode_what_is_ready()

    def finish(self) -> None:
        self._push(None)
        self._encode_what_is_ready()
        self._clip.mux(self._stream.encode(None))

    def _push(self, frame: av.AudioFrame | None) -> None:
        with contextlib.suppress(StreamEndError):  # behind the end of the clip
            self._graph.push(frame)

    def _encode_what_is_ready(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (NothingReadyError, StreamEndError):
                return
            assert isinstance(frame, av.AudioFrame)
            self._clip.mux(self._stream.encode(frame))
