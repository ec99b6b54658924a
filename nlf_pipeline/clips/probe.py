"""What is in a video file, found without decoding more than its first frame."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable

_MP4_ATOMS = {b"ftyp", b"mdat", b"moov", b"free", b"wide", b"skip", b"uuid"}
_FILM_WIDTH_MM = 36.0
_FOCAL_35MM_KEY = re.compile(r"(focal.?length.*35.?mm|35.?mm.*focal.?length)", re.IGNORECASE)
_STANDARD_RATES = tuple(
    Fraction(*rate) for rate in [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1)]
    + [(60000, 1001), (60, 1), (90, 1), (100, 1), (120000, 1001), (120, 1), (240, 1)]
)  # fmt: skip
_STANDARD_RATE_TOLERANCE = 2e-3
_SHORTEST_INTERVAL = 1e-4
_LONGEST_TEXT_SAMPLE = 4096


@dataclass(frozen=True)
class VideoProbe:
    """The moving picture in a file, and whether there is sound."""

    path: Path
    stream_index: int
    codec: str
    pixel_format: str
    container: str
    size_px: tuple[int, int]
    """(width, height) as stored, before rotation."""
    pixel_aspect: Fraction
    """Width of a pixel over its height."""
    rotation_deg: int
    """Clockwise rotation that makes the picture upright: 0, 90, 180 or 270."""
    interlaced: bool
    times: np.ndarray
    """(frames,) seconds, ascending: when each frame is shown, on the file's clock."""
    ranks: np.ndarray
    """(frames,) int: place in `times` of each frame, in the order in which the file stores them."""
    rate: Fraction
    """Frames per second that fits `times` best."""
    has_audio: bool
    promised_frames: int
    """Frames the file's header promises; 0 if it does not say."""
    promised_s: float
    """Duration that the file's header promises, of the longest stream; 0 if it does not say."""
    hidden_frames: bool
    """True if the file asks to decode frames without showing them."""
    damaged: bool
    """True if the file ends before its header says, or a packet is marked as damaged."""
    focal_35mm: float | None
    """35-mm equivalent focal length in the metadata, millimetres."""

    @property
    def variable_frame_rate(self) -> bool:
        """True if the frames lie off an even grid of `rate` by half a frame or more."""
        return not _is_even(self.times, float(self.rate))

    @property
    def n_steps(self) -> int:
        """Steps of an even grid of `rate` from the first frame to the last."""
        if not self.variable_frame_rate:
            return len(self.times)
        return round((self.times[-1] - self.times[0]) * float(self.rate)) + 1

    @property
    def mean_rate(self) -> float:
        """Frames per second on average."""
        if len(self.times) < 2:
            return float(self.rate)
        return float((len(self.times) - 1) / (self.times[-1] - self.times[0]))

    def focal_px(self, width_px: int, height_px: int) -> float | None:
        """Focal length in pixels of a picture of that size: f35 / 36 mm x its longer side."""
        return None if self.focal_35mm is None else self.focal_35mm / _FILM_WIDTH_MM * max(width_px, height_px)


def probe_video(path: Path) -> VideoProbe:
    """Read the structure of the video at `path`.

    Raises:
        UserError: if the file is missing, unreadable, no video, or has no picture.
    """
    check_readable(path, "a video file")
    try:
        with av.open(str(path)) as container:
            return _probe_container(container, path)
    except FFmpegError as error:
        raise unreadable(path) from error


def unreadable(path: Path) -> UserError:
    """The error for a file in which no video can be decoded, saying what it seems to be."""
    return UserError(
        f"{path}: no video could be read; found {describe_content(path)}. "
        "Expected a video file such as H.264 in mp4. Copy or export it again, then run again."
    )


def describe_content(path: Path) -> str:
    """A guess, in words, at what a file that does not open as a video is."""
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        return "an empty file"
    with path.open("rb") as file:
        head = file.read(_LONGEST_TEXT_SAMPLE)
    atoms = _top_level_atoms(path)
    if atoms and "moov" not in atoms:
        return f"an mp4 of {n_bytes} bytes without its index (no 'moov' atom): it was cut off before the end"
    if b"\0" not in head:
        try:
            head.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.end < len(head) - 3:  # not merely a character cut in half by the end of the sample
                return f"{n_bytes} bytes of unknown or damaged data"
        return f"a text file of {n_bytes} bytes"
    return f"{n_bytes} bytes of unknown or damaged data"


def _top_level_atoms(path: Path) -> list[str]:
    """Names of the top-level boxes of an mp4 or mov file (ISO/IEC 14496-12); empty for anything else."""
    atoms, offset, n_bytes = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while offset + 8 <= n_bytes:
            file.seek(offset)
            header = file.read(16)
            size, name = int.from_bytes(header[:4], "big"), header[4:8]
            if name not in _MP4_ATOMS:
                break
            atoms.append(name.decode())
            size = int.from_bytes(header[8:16], "big") if size == 1 else size
            if size < 8:
                break
            offset += size
    return atoms


def _probe_container(container: InputContainer, path: Path) -> VideoProbe:
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not pictures:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise UserError(f"{path}: there is no picture in it; found only {', '.join(kinds)}. Expected a video.")
    stream = pictures[0]
    first_frame = _first_frame(container, stream)
    if first_frame is None:
        raise unreadable(path)
    container.seek(0)
    packets = [packet for packet in container.demux(stream) if packet.size]
    shown = [packet for packet in packets if not packet.is_discard]
    stored_times = np.array([stamp(packet) for packet in shown], np.float64) * float(stream.time_base or 0)
    times = np.sort(stored_times)
    # The demuxer drops or marks what lies beyond the end of a file that was cut off.
    damaged = any(packet.is_corrupt for packet in packets) or len(packets) < stream.frames
    return VideoProbe(
        path=path,
        stream_index=stream.index,
        codec=stream.codec_context.name,
        pixel_format=stream.codec_context.pix_fmt or "unknown",
        container=container.format.name,
        size_px=(first_frame.width, first_frame.height),
        pixel_aspect=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
        rotation_deg=-round(first_frame.rotation / 90) * 90 % 360,
        interlaced=bool(first_frame.interlaced_frame),
        times=times,
        ranks=np.argsort(np.argsort(stored_times, kind="stable")),
        rate=nearest_rate(times, stream.average_rate or stream.guessed_rate),
        has_audio=bool(container.streams.audio),
        promised_frames=stream.frames,
        promised_s=(container.duration or 0) / av.time_base,
        hidden_frames=any(packet.is_discard for packet in packets),
        damaged=damaged,
        focal_35mm=_focal_35mm({**container.metadata, **stream.metadata}),
    )


def stamp(packet: av.Packet) -> int:
    """When a packet is shown, in units of its time base; containers such as avi know only the decoding time."""
    if packet.pts is not None:
        return packet.pts
    return packet.dts if packet.dts is not None else 0


def _first_frame(container: InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    try:
        return next(container.decode(stream), None)
    except FFmpegError:
        return None


def nearest_rate(times: np.ndarray, promised: Fraction | None) -> Fraction:
    """Frames per second of frames shown at `times`.

    The mean rate if the frames lie evenly; else the usual (median) interval counts, as a phone that drops frames
    has a steady clock. Rates near a standard one become that one.

    Args:
        times: (frames,) seconds, ascending.
        promised: the container's claim, for clips of a single frame.
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return promised or Fraction(25)
    mean_rate = (len(times) - 1) / (times[-1] - times[0])
    median_rate = 1 / max(np.median(np.diff(times)), _SHORTEST_INTERVAL)
    steady = _is_even(times, mean_rate)
    # Where pictures come in bursts (screen recordings) the median says little.
    rate = mean_rate if steady or median_rate > 2 * mean_rate else median_rate
    standard = min(_STANDARD_RATES, key=lambda candidate: abs(float(candidate) - rate))
    near = abs(float(standard) - rate) < _STANDARD_RATE_TOLERANCE * rate
    if near and (not steady or _is_even(times, float(standard))):
        return standard
    return Fraction(float(rate)).limit_denominator(100_000)


def _is_even(times: np.ndarray, rate: float) -> bool:
    """Whether each frame lies nearer to its own place on some grid of `rate` than to its neighbours'."""
    offsets = (times - times[0]) * rate - np.arange(len(times))
    return bool(np.ptp(offsets) < 1.0)


def _focal_35mm(metadata: dict[str, str]) -> float | None:
    """35-mm equivalent focal length, millimetres, from tags such as Apple's camera.focal_length.35mm_equivalent."""
    for key, value in metadata.items():
        number = re.search(r"\d+(\.\d+)?", value)
        if _FOCAL_35MM_KEY.search(key) and number and float(number[0]) > 0:
            return float(number[0])
    return None
