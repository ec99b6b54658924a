"""Stage `download`: a YouTube video to an mp4 file."""

import heapq
import logging
import math
import tempfile
from pathlib import Path

import av

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path

_PICTURE = "bv*[vcodec^=avc1][height<=1080]/bv*[height<=1080]/b"
_SOUND = "ba[ext=m4a]/ba"
log = logging.getLogger(__name__)


def download(*, video_id: str, out: Path) -> None:
    """Download a video with yt-dlp: at most 1080 lines, H.264 where there is a choice.

    Picture and sound come as two files and are joined without the ffmpeg program.

    Args:
        video_id: the 11 characters that YouTube calls the video by.
        out: mp4 file to write.

    Raises:
        UserError: if it cannot be downloaded.
    """
    from yt_dlp.utils import DownloadError

    url = f"https://www.youtube.com/watch?v={video_id}"
    with tempfile.TemporaryDirectory(prefix="nlf-pipeline-") as folder:
        try:
            picture = _download_one(url, _PICTURE, Path(folder) / "picture")
        except DownloadError as error:
            raise UserError(
                f"{url} could not be downloaded ({_reason(error)}). Check the id and the network connection, or put "
                f"the video into videos_in/{video_id}.mp4."
            ) from error
        try:
            sound = _download_one(url, _SOUND, Path(folder) / "sound")
        except DownloadError as error:
            log.info("no separate sound (%s)", _reason(error))
            sound = picture
        with atomic_path(out) as temporary:
            _join(picture, sound, temporary)


def _download_one(url: str, formats: str, path_without_suffix: Path) -> Path:
    import yt_dlp

    options = {
        "format": formats,
        "outtmpl": f"{path_without_suffix}.%(ext)s",
        "quiet": True,
        "noprogress": True,
        "no_color": True,
        "logger": logging.getLogger("yt_dlp"),
        "noplaylist": True,
    }
    with yt_dlp.YoutubeDL(options) as downloader:  # type: ignore[arg-type]
        downloader.download([url])
    return next(path_without_suffix.parent.glob(f"{path_without_suffix.name}.*"))


def _join(picture: Path, sound: Path, out: Path) -> None:
    """Copy the packets of one file's picture and another's sound, if there is any, into one mp4."""
    with av.open(str(picture)) as pictures, av.open(str(sound)) as sounds, av.open(str(out), "w") as joined:
        sources = [(pictures, pictures.streams.video[0]), *((sounds, s) for s in sounds.streams.audio[:1])]
        targets = {stream: joined.add_stream_from_template(stream) for _, stream in sources}
        packets = (container.demux(stream) for container, stream in sources)
        for packet in heapq.merge(*packets, key=_decoding_time):
            if packet.size:
                packet.stream = targets[packet.stream]
                joined.mux(packet)


def _decoding_time(packet: av.Packet) -> float:
    """Seconds; the empty packets that end a stream come last."""
    return float(packet.dts * packet.time_base) if packet.dts is not None else math.inf


def _reason(error: Exception) -> str:
    return str(error).partition(" (caused by")[0].removeprefix("ERROR: ")
