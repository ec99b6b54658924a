"""Small videos whose frames can be told apart after compression, and tell how they are turned."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH_PX, HEIGHT_PX = 160, 96
N_BITS = 8
TIME_BASE = Fraction(1, 90_000)
SAMPLE_RATE = 48_000


def numbered_frame(number: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> np.ndarray:
    """(height, width, 3) uint8: the number as white bars in the lower half, the top left quarter red."""
    frame = np.full((height_px, width_px, 3), 96, np.uint8)
    frame[: height_px // 2, : width_px // 2] = (220, 30, 30)
    for bit in range(N_BITS):
        bar = slice(bit * width_px // N_BITS, (bit + 1) * width_px // N_BITS)
        frame[height_px // 2 :, bar] = 230 if number >> bit & 1 else 20
    return frame


def read_number(frame: np.ndarray) -> int:
    """The number in a numbered_frame."""
    height_px, width_px = frame.shape[:2]
    row = frame[height_px * 3 // 4].mean(axis=-1)
    centres = (np.arange(N_BITS) + 0.5) * width_px / N_BITS
    return sum(1 << bit for bit, centre in enumerate(centres) if row[int(centre)] > 125)


def write_video(
    path: Path,
    times: Sequence[float],
    frames: Sequence[np.ndarray] | None = None,
    rotation_deg: int = 0,
    tone_hz: float | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    pixel_aspect: Fraction | None = None,
    metadata: dict[str, str] | None = None,
    moov_first: bool = False,
) -> Path:
    """Encode frames shown at `times` (seconds), numbered unless given.

    Args:
        path: the suffix chooses the container.
        times: seconds, ascending.
        frames: (height, width, 3) uint8 each.
        rotation_deg: clockwise rotation that players are asked to apply.
        tone_hz: a sine as sound; silent in its first half second.
        codec: of the pictures.
        pixel_format: of the pictures.
        pixel_aspect: width of a pixel over its height.
        metadata: tags of the container.
        moov_first: put the index before the data.
    """
    frames = frames if frames is not None else [numbered_frame(i) for i in range(len(times))]
    flags = "use_metadata_tags" + ("+faststart" if moov_first else "")
    options = {"movflags": flags} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=30, options={"g": "12"} if codec == "libx264" else {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        # Containers without time stamps, such as avi, need the true frame rate here.
        even = len({round(b - a, 6) for a, b in itertools.pairwise(times)}) == 1
        time_base = (
            Fraction(times[1] - times[0]).limit_denominator(1000) if even and path.suffix == ".avi" else TIME_BASE
        )
        stream.codec_context.time_base = time_base
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg:
            stream.set_display_rotation(-rotation_deg)
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if tone_hz else None
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None and tone_hz:
            t = np.arange(int(times[-1] * SAMPLE_RATE)) / SAMPLE_RATE
            samples = np.where(t < 0.5, 0, 0.5 * np.sin(2 * np.pi * tone_hz * t)).astype(np.float32)
            tone = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            tone.sample_rate, tone.pts = SAMPLE_RATE, 0
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def read_samples(path: Path) -> np.ndarray:
    """(samples,) float mono sound on the clip's clock, starting at its time 0."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = frames[0]
    start = round(first.pts * first.time_base * first.sample_rate)
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return np.pad(samples, (start, 0)) if start > 0 else samples[-start:]


def packet_bytes(path: Path) -> list[bytes]:
    """The coded pictures."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]
