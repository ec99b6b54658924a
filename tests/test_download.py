"""Downloads become one mp4; what goes wrong is told with the cure. The network is replaced by a stand-in."""

import shutil
from pathlib import Path

import av
import pytest
import yt_dlp
from synthetic_videos import packet_bytes, write_video

from nlf_pipeline.download import download
from nlf_pipeline.errors import UserError

TIMES = [i / 30 for i in range(30)]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site that offers the files that it is given, by what is asked for first: 'bv*' or 'ba'."""
    offered: dict[str, Path] = {}

    class StandIn:
        def __init__(self, options):
            self.options = options

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def download(self, urls):
            assert urls == ["https://www.youtube.com/watch?v=-abcdefgh_1"]
            kind = self.options["format"][:2]
            if kind not in offered:
                raise yt_dlp.utils.DownloadError("ERROR: Requested format is not available (caused by x)")
            target = self.options["outtmpl"].replace("%(ext)s", offered[kind].suffix[1:])
            shutil.copyfile(offered[kind], target)

    monkeypatch.setattr(yt_dlp, "YoutubeDL", StandIn)
    return offered


def test_picture_and_sound_are_joined_untouched(tmp_path, site):
    site["bv"] = write_video(tmp_path / "picture.mp4", TIMES)
    site["ba"] = write_video(tmp_path / "sound.mp4", TIMES, tone_hz=440)
    out = tmp_path / "out" / "x.mp4"
    download(video_id="-abcdefgh_1", out=out)
    assert packet_bytes(out) == packet_bytes(site["bv"])
    with av.open(str(out)) as joined, av.open(str(site["ba"])) as source:
        sounds = [[bytes(p) for p in c.demux(audio=0) if p.size] for c in (joined, source)]
    assert sounds[0] == sounds[1]


def test_without_separate_sound_the_pictures_own_is_used(tmp_path, site):
    site["bv"] = write_video(tmp_path / "both.mp4", TIMES, tone_hz=440)
    download(video_id="-abcdefgh_1", out=tmp_path / "x.mp4")
    with av.open(str(tmp_path / "x.mp4")) as joined:
        assert len(joined.streams.audio) == 1


def test_failure_names_the_address_and_the_cure_and_leaves_nothing(tmp_path, site):
    out = tmp_path / "out" / "x.mp4"
    with pytest.raises(UserError, match=r"v=-abcdefgh_1.*not available.*videos_in/-abcdefgh_1\.mp4"):
        download(video_id="-abcdefgh_1", out=out)
    assert not out.parent.exists()
