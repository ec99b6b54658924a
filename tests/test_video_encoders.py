"""NVENC is chosen where it works. No GPU is needed: what tries it is a stand-in."""

import logging

import framepump
import numpy as np
import pytest

from nlf_pipeline import video_encoders
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.video import encoding_video, read_frames
from nlf_pipeline.video_encoders import choose_encoder, nvenc_failure
from nlf_pipeline.video_segments import Encoding, write_in_segments

SIZE_PX = (160, 96)


def works(size_px):
    assert size_px == SIZE_PX


def fails(_):
    return "no driver"


def never(_):
    raise AssertionError("it is not to be tried")


@pytest.fixture
def on_cpu(monkeypatch):
    """framepump's writer with x264 in NVENC's place; what it was asked for."""
    asked = []

    class Writer(framepump.VideoWriter):
        def __init__(self, *arguments, gpu=False, encoder_config=None, **more):
            assert encoder_config is not None
            asked.append((gpu, encoder_config.build_options(gpu)))
            super().__init__(*arguments, gpu=False, encoder_config=encoder_config, **more)

    monkeypatch.setattr(framepump, "VideoWriter", Writer)
    return asked


def test_auto_takes_nvenc_where_it_works_and_says_so(caplog):
    caplog.set_level(logging.INFO)
    assert choose_encoder("auto", SIZE_PX, works) == "nvenc"
    assert "NVENC" in caplog.text
    assert choose_encoder("auto", SIZE_PX, fails) == "cpu"
    assert choose_encoder("nvenc", SIZE_PX, works) == "nvenc"
    assert choose_encoder("cpu", SIZE_PX, never) == "cpu"


def test_nvenc_that_does_not_work_is_refused_where_it_is_asked_for():
    with pytest.raises(UserError, match=r"160x96 \(no driver\).*encoder=auto"):
        choose_encoder("nvenc", SIZE_PX, fails)


def test_trying_writes_pictures_with_the_options_of_nvenc(on_cpu):
    assert nvenc_failure(SIZE_PX) is None
    ((gpu, options),) = on_cpu
    assert gpu is True and options["bf"] == "0"
    assert not {"mbtree", "threads", "crf"} & set(options), "those are x264's"


def test_trying_tells_what_the_driver_says(monkeypatch):
    def failing(*_, **__):
        raise framepump.VideoEncodeError("x.mp4", 0, OSError("OpenEncodeSessionEx failed")) from OSError(
            "out of memory"
        )

    monkeypatch.setattr(video_encoders, "encoding_video", failing)
    assert nvenc_failure(SIZE_PX) == "out of memory"


def test_a_failure_of_nvenc_while_drawing_is_cured_in_one_line(tmp_path, monkeypatch):
    class Writer:
        def __init__(self, *_, **__):
            raise framepump.VideoEncodeError("x.mp4", 0, OSError("too many sessions"))

    monkeypatch.setattr(framepump, "VideoWriter", Writer)
    with pytest.raises(UserError, match="encoder=cpu"), encoding_video(tmp_path / "a.mp4", 25, encoder="nvenc"):
        pass
    with pytest.raises(framepump.VideoEncodeError), encoding_video(tmp_path / "a.mp4", 25):
        pass


@pytest.mark.filterwarnings("ignore:shutdown:RuntimeWarning")
def test_segments_of_another_encoder_are_not_joined(tmp_path, on_cpu):
    def draw(start, stop):
        return (np.full((*SIZE_PX[::-1], 3), 20 * i, np.uint8) for i in range(start, stop))

    def breaking(start, stop):
        if start:
            raise KeyboardInterrupt
        return draw(start, stop)

    store = ChunkStore(tmp_path / "kept", "same")
    with pytest.raises(KeyboardInterrupt):
        write_in_segments(tmp_path / "a.mp4", Encoding(25.0, 6, 3, encoder="nvenc"), breaking, store)
    drawn = []

    def counting(start, stop):
        drawn.extend(range(start, stop))
        return draw(start, stop)

    write_in_segments(tmp_path / "a.mp4", Encoding(25.0, 6, 3, encoder="cpu"), counting, store)
    assert drawn == [*range(6)]
    found = [frame.mean() for frame in read_frames(tmp_path / "a.mp4")]
    assert found == pytest.approx([20 * i for i in range(6)], abs=2)
    write_in_segments(tmp_path / "b.mp4", Encoding(25.0, 6, 3, encoder="nvenc"), draw, store)
    assert [frame.mean() for frame in read_frames(tmp_path / "b.mp4")] == pytest.approx(found, abs=2)
