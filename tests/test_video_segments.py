"""A video made in segments is the same however often the work was interrupted, and plays as one."""

import itertools
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic_videos import numbered_frame, read_number, read_samples, write_video

from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.errors import UserError
from nlf_pipeline.video import FrameRanges, read_frames
from nlf_pipeline.video_segments import Encoding, join_segments, keeping_segments, write_in_segments

FPS = 25.0
N_CODED = 61


class BrokenOffError(Exception):
    """Somebody stopped the work."""


class Artist:
    """Draws numbered frames, and remembers which."""

    def __init__(self, breaks_at=None):
        self.drawn, self.breaks_at = [], breaks_at

    def __call__(self, start, stop):
        for number in range(start, stop):
            if number == self.breaks_at:
                raise BrokenOffError
            self.drawn.append(number)
            yield numbered_frame(number)


def packets(path):
    """(pts, dts, duration) in steps of the frame rate, and whether they are key frames."""
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        assert stream.average_rate is not None
        unit = stream.time_base * stream.average_rate
        found = [p for p in video.demux(stream) if p.size]
        return [(p.pts * unit, p.dts * unit, p.duration * unit, p.is_keyframe) for p in found]


def header(path):
    with av.open(str(path)) as video:
        return video.streams.video[0].codec_context.extradata


@pytest.fixture(scope="module")
def sounding_clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", np.arange(N_CODED) / FPS, tone_hz=440.0)


@pytest.fixture(scope="module")
def frames_of_clip(sounding_clip):
    return [frame.copy() for frame in read_frames(sounding_clip)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, N_CODED - 1), st.integers(1, N_CODED)), min_size=1, max_size=4))
def test_any_ranges_of_a_clip_with_b_frames_are_what_reading_it_through_gives(sounding_clip, frames_of_clip, ranges):
    reader = FrameRanges(sounding_clip, N_CODED)
    for start, length in ranges:
        stop = min(start + length, N_CODED)
        found = list(reader.read(start, stop))
        assert len(found) == stop - start
        assert all(np.array_equal(a, b) for a, b in zip(found, frames_of_clip[start:stop], strict=True))


@pytest.mark.parametrize("size", [7, 20])
def test_ranges_that_meet_or_share_a_frame_are_read_in_one_go(sounding_clip, frames_of_clip, size, monkeypatch):
    opened = []
    monkeypatch.setattr("nlf_pipeline.video.read_frames", lambda path: opened.append(path) or read_frames(path))
    reader = FrameRanges(sounding_clip, N_CODED)
    for start in range(0, N_CODED, size):
        first = max(start - 1, 0)
        found = list(reader.read(first, min(start + size, N_CODED)))
        assert all(np.array_equal(a, b) for a, b in zip(found, frames_of_clip[first:], strict=False))
    assert len(opened) == 1


@pytest.mark.parametrize(("claimed", "word"), [(N_CODED + 1, "fewer"), (N_CODED - 1, "more")])
def test_a_clip_of_another_length_is_refused_wherever_reading_starts(sounding_clip, claimed, word):
    for start in (0, 40):
        with pytest.raises(UserError, match=f"{word} frames than the {claimed}"):
            list(FrameRanges(sounding_clip, claimed).read(start, claimed))


@pytest.mark.parametrize("fps", [25.0, 30000 / 1001])
@pytest.mark.parametrize("n_frames", [1, 2, 30, 31, 32, 33, 90])
def test_a_joined_video_has_every_frame_on_an_even_grid_and_the_sound(tmp_path, sounding_clip, n_frames, fps):
    out, encoding = tmp_path / "out.mp4", Encoding(fps, n_frames, segment_frames=30)
    write_in_segments(out, encoding, Artist(), ChunkStore(tmp_path / "kept"), audio_from=sounding_clip)
    shown, decoded, durations, keys = zip(*packets(out), strict=True)
    assert sorted(shown) == list(range(n_frames))
    assert set(np.diff(decoded)) <= {1} and set(durations) == {1}
    assert all(d <= s for d, s in zip(decoded, shown, strict=True))
    assert all(keys[start] and shown[start] == start for start in range(0, n_frames, 30))
    frames = list(read_frames(out))
    assert [read_number(frame) for frame in frames] == list(range(n_frames))
    assert read_frames(out).fps == pytest.approx(fps, rel=1e-6)
    with av.open(str(out)) as video:
        rate = Fraction(fps).limit_denominator(100_000)
        assert abs(video.streams.video[0].duration * video.streams.video[0].time_base - n_frames / rate) < 1e-3
        assert video.streams.video[0].start_time == 0
    np.testing.assert_array_equal(read_samples(out), read_samples(sounding_clip))


def test_joining_touches_no_picture_and_reaches_over_no_joint(tmp_path):
    encoding = Encoding(FPS, 70, segment_frames=30)
    with pytest.raises(RuntimeError), keeping_segments(tmp_path / "kept", tmp_path / "out.mp4") as store:
        write_in_segments(tmp_path / "out.mp4", encoding, Artist(), store)
        raise RuntimeError
    segments = sorted((tmp_path / "kept").rglob("*.mp4"))
    assert len(segments) == 3
    alone = list(itertools.chain.from_iterable(read_frames(path) for path in segments))
    joined = list(read_frames(tmp_path / "out.mp4"))
    assert all(np.array_equal(a, b) for a, b in zip(alone, joined, strict=True))
    for start in (29, 30, 31, 59, 60, 61):  # where a player jumps to
        assert np.array_equal(next(iter(read_frames(tmp_path / "out.mp4")[start:])), joined[start])


def test_segments_of_whatever_content_share_their_header(tmp_path):
    rng = np.random.default_rng(0)
    busy = [rng.integers(0, 256, (90, 160, 3), dtype=np.uint8) for _ in range(40)]
    plain = [np.full((90, 160, 3), 90, np.uint8)] * 3
    headers = set()
    for name, pictures in (("busy", busy), ("plain", plain)):
        with pytest.raises(RuntimeError), keeping_segments(tmp_path / name, tmp_path / "out.mp4") as store:
            encoding = Encoding(FPS, len(pictures), segment_frames=30)
            write_in_segments(tmp_path / "out.mp4", encoding, lambda a, b, all=pictures: all[a:b], store)
            raise RuntimeError
        headers |= {header(path) for path in (tmp_path / name).rglob("*.mp4")}
    assert len(headers) == 1


def test_only_what_is_missing_or_damaged_is_drawn(tmp_path):
    out, kept, encoding = tmp_path / "out.mp4", tmp_path / "kept", Encoding(FPS, 50, segment_frames=10)
    whole = Artist()
    with keeping_segments(kept, out, "pictures") as store:
        write_in_segments(out, encoding, whole, store)
    undisturbed = out.read_bytes()
    assert whole.drawn == list(range(50)) and not kept.exists()
    with pytest.raises(BrokenOffError), keeping_segments(kept, out, "pictures") as store:
        write_in_segments(out, encoding, Artist(breaks_at=37), store)
    first = sorted(kept.rglob("*.mp4"))[1]
    first.write_bytes(first.read_bytes()[:-1] + b"\0")
    resumed = Artist()
    with keeping_segments(kept, out, "pictures") as store:
        write_in_segments(out, encoding, resumed, store)
    assert resumed.drawn == [*range(10, 20), *range(30, 50)]
    assert out.read_bytes() == undisturbed and not kept.exists()


@pytest.mark.parametrize(
    ("context", "encoding"),
    [
        ("other", Encoding(FPS, 50, 10)),
        ("pictures", Encoding(FPS, 50, 10, crf=21)),
        ("pictures", Encoding(FPS, 50, 20)),
        ("pictures", Encoding(30.0, 50, 10)),
        ("pictures", Encoding(FPS, 51, 10)),
    ],
)
def test_segments_of_another_video_are_not_used(tmp_path, context, encoding):
    out, kept = tmp_path / "out.mp4", tmp_path / "kept"
    with pytest.raises(BrokenOffError), keeping_segments(kept, out, "pictures") as store:
        write_in_segments(out, Encoding(FPS, 50, segment_frames=10), Artist(breaks_at=37), store)
    artist = Artist()
    with keeping_segments(kept, out, context) as store:
        write_in_segments(out, encoding, artist, store)
    assert artist.drawn == list(range(encoding.n_frames))


def test_without_a_folder_nothing_stays_beside_the_video(tmp_path):
    out, encoding = tmp_path / "out.mp4", Encoding(FPS, 25, segment_frames=10)
    with pytest.raises(BrokenOffError), keeping_segments(None, out) as store:
        write_in_segments(out, encoding, Artist(breaks_at=17), store)
    assert not [*tmp_path.iterdir()]
    with keeping_segments(None, out) as store:
        write_in_segments(out, encoding, Artist(), store)
    assert [*tmp_path.iterdir()] == [out]


def test_whoever_draws_too_few_is_caught(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        write_in_segments(
            tmp_path / "o.mp4", Encoding(FPS, 9, 5), lambda a, b: Artist()(a, b - 1), ChunkStore(tmp_path)
        )
    assert not (tmp_path / "o.mp4").exists()


def test_finished_segments_are_joined_by_name(tmp_path):
    for number, start in enumerate((0, 4)):
        with keeping_segments(None, tmp_path / f"{number}.mp4") as store:
            encoding = Encoding(FPS, 4, segment_frames=60)
            write_in_segments(tmp_path / f"{number}.mp4", encoding, lambda a, b, s=start: Artist()(a + s, b + s), store)
    join_segments([tmp_path / "0.mp4", tmp_path / "1.mp4"], tmp_path / "both.mp4", FPS)
    assert [read_number(frame) for frame in read_frames(tmp_path / "both.mp4")] == list(range(8))


ENCODE = """
import sys
from synthetic_videos import numbered_frame
from nlf_pipeline.video import writing_video
with writing_video(sys.argv[1], 25.0) as sink:
    for number in range(20):
        sink.append_data(numbered_frame(number))
"""


def test_what_lies_in_memory_does_not_reach_the_file(tmp_path):
    made = [tmp_path / "zeros.mp4", tmp_path / "ones.mp4"]
    for path, filled_with in zip(made, ("0", "165"), strict=True):
        environment = {**os.environ, "MALLOC_PERTURB_": filled_with, "PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run([sys.executable, "-c", ENCODE, str(path)], check=True, env=environment)
    assert made[0].read_bytes() == made[1].read_bytes()
