"""Which videos can be read and written here, on the CPU and on the GPU: tried, not looked up."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.diagnosis.findings import Finding

_TOPIC = "Video"
_ENCODER, _GPU_ENCODER = "libx264", "h264_nvenc"
_DECODERS = {"H.264": ("h264",), "HEVC": ("hevc",), "AV1": ("libdav1d", "libaom-av1"), "VP9": ("vp9", "libvpx-vp9")}
"""The decoder that is called av1 works on a GPU only."""
_CURE = "make install"
_SIDE_PX = 256


@dataclass(frozen=True)
class CodecFacts:
    """What FFmpeg's libraries in PyAV can do here."""

    ffmpeg: str
    """PyAV's version, and that of libavcodec."""
    missing: tuple[str, ...]
    """Kinds of video that cannot be read."""
    encoder_error: str | None
    """Why H.264 cannot be written."""
    nvenc_error: str | None
    """Why it cannot be written on the GPU."""
    nvdec_error: str | None
    """Why it cannot be read on the GPU."""


def codec_facts(has_gpu: bool) -> CodecFacts:
    """Encode and decode a few small frames.

    Args:
        has_gpu: whether to try that on the GPU too.
    """
    import av

    version = ".".join(map(str, av.library_versions.get("libavcodec", ())))
    with _quiet():
        video, encoder_error = _encoded(_ENCODER)
        nvenc_error = _encoded(_GPU_ENCODER)[1] if has_gpu else "no GPU"
        nvdec_error = _gpu_decoding_error(video) if has_gpu else "no GPU"
    return CodecFacts(
        ffmpeg=f"PyAV {av.__version__}, libavcodec {version}",
        missing=tuple(kind for kind, names in _DECODERS.items() if not set(names) & av.codecs_available),
        encoder_error=encoder_error,
        nvenc_error=nvenc_error,
        nvdec_error=nvdec_error,
    )


def codec_findings(facts: CodecFacts, has_gpu: bool) -> list[Finding]:
    """Judge them.

    Args:
        facts: of the codecs.
        has_gpu: whether there is a GPU that could read and write video.
    """
    readable = ", ".join(kind for kind in _DECODERS if kind not in facts.missing)
    read = Finding(_TOPIC, "reading", "ok", f"{readable} ({facts.ffmpeg})")
    if facts.missing:
        found = f"{', '.join(facts.missing)} cannot be read ({facts.ffmpeg})"
        read = Finding(_TOPIC, "reading", "missing" if "H.264" in facts.missing else "warning", found, _CURE)
    write = Finding(_TOPIC, "writing", "ok", f"H.264 ({_ENCODER})")
    if facts.encoder_error:
        write = Finding(_TOPIC, "writing", "missing", f"H.264 cannot be written ({facts.encoder_error})", _CURE)
    return [read, write, *(_gpu_findings(facts) if has_gpu else [])]


def _gpu_findings(facts: CodecFacts) -> Iterator[Finding]:
    for name, error in (("NVENC", facts.nvenc_error), ("NVDEC", facts.nvdec_error)):
        if error is None:
            yield Finding(_TOPIC, name, "ok", "works")
        else:
            cure = "not needed: video is read and written on the CPU; in a container: NVIDIA_DRIVER_CAPABILITIES=all"
            yield Finding(_TOPIC, name, "absent", f"does not work ({error})", cure)


def _encoded(codec: str) -> tuple[bytes, str | None]:
    import av

    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="mp4") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width = stream.height = _SIDE_PX  # pyright: ignore[reportAttributeAccessIssue]
            stream.pix_fmt = "yuv420p"  # pyright: ignore[reportAttributeAccessIssue]
            frame = av.VideoFrame.from_ndarray(np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))  # pyright: ignore[reportCallIssue, reportArgumentType, reportAttributeAccessIssue]
            container.mux(stream.encode(None))  # pyright: ignore[reportCallIssue, reportArgumentType, reportAttributeAccessIssue]
    except Exception as error:  # PyAV passes on whatever FFmpeg and the driver say
        return b"", _reason(error)
    return buffer.getvalue(), None


def _gpu_decoding_error(video: bytes) -> str | None:
    import av
    from av.codec.hwaccel import HWAccel

    try:
        with av.open(io.BytesIO(video), "r", hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
            next(container.decode(video=0))
    except Exception as error:  # PyAV passes on whatever FFmpeg and the driver say
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    """The last thing that FFmpeg said, where it said something."""
    return str(error).partition("\n")[0].rpartition("last error log: ")[2] or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep FFmpeg's own complaints off the terminal."""
    import av.logging

    before = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)
    try:
        yield
    finally:
        av.logging.set_level(before)
