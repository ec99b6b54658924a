"""Any video becomes an upright clip of constant frame rate whose frame i is the source's frame i."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_videos import SAMPLE_RATE, numbered_frame, packet_bytes, read_number, read_samples, write_video

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.clips.encoding import FrameSpan, nearest_on_grid
from nlf_pipeline.errors import UserError
from nlf_pipeline.fetch import fetch
from nlf_pipeline.video import read_frames

EVEN_TIMES = [i / 30 for i in range(45)]


def run_fetch(source, **options):
    clip, facts_path = source.parent / "out" / "clip.mp4", source.parent / "out" / "video.json"
    fetch(video_id="v", source=source, out=clip, facts_out=facts_path, **options)
    return clip, VideoFacts.load(facts_path)


def numbers(clip):
    return [read_number(frame) for frame in read_frames(clip)]


def presentation_times(path):
    with av.open(str(path)) as container:
        return sorted(float(p.pts * p.time_base) for p in container.demux(video=0) if p.size)


def test_even_h264_mp4_is_copied_bit_for_bit(tmp_path):
    source = write_video(tmp_path / "a.mp4", EVEN_TIMES, tone_hz=440)
    clip, facts = run_fetch(source)
    assert packet_bytes(clip) == packet_bytes(source)
    assert (facts.fps, facts.n_frames, facts.width_px, facts.height_px) == (30, 45, 160, 96)
    assert facts.has_audio and not facts.variable_frame_rate and facts.warnings == []
    assert facts.shots() == [slice(0, 45)]
    assert numbers(clip) == list(range(45))


def test_jittered_time_stamps_are_put_on_the_even_grid(tmp_path):
    jitter = np.random.default_rng(0).uniform(-0.004, 0.004, len(EVEN_TIMES))
    source = write_video(tmp_path / "a.mp4", list(np.maximum(np.array(EVEN_TIMES) + jitter, 0)))
    clip, facts = run_fetch(source)
    assert packet_bytes(clip) == packet_bytes(source)
    assert not facts.variable_frame_rate
    times = presentation_times(clip)
    np.testing.assert_allclose(np.diff(times), 1 / facts.fps, atol=1e-4)


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".webm", ".avi"])
def test_every_container_keeps_every_frame_in_order(tmp_path, suffix):
    codec = {".webm": "libvpx", ".avi": "mpeg4"}.get(suffix, "libx264")
    clip, facts = run_fetch(write_video(tmp_path / f"a{suffix}", EVEN_TIMES, codec=codec))
    assert numbers(clip) == list(range(45))
    assert facts.fps == 30 and not facts.variable_frame_rate


def test_ntsc_rate_is_kept_exactly(tmp_path):
    source = write_video(tmp_path / "a.mp4", [i * 1001 / 30000 for i in range(60)])
    clip, facts = run_fetch(source)
    assert facts.fps == pytest.approx(30000 / 1001, rel=1e-9)
    with av.open(str(clip)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_rotation_metadata_is_applied(tmp_path, rotation_deg):
    upright = numbered_frame(5)
    stored = np.ascontiguousarray(np.rot90(upright, rotation_deg // 90))  # counter-clockwise: undone by the metadata
    source = write_video(tmp_path / "a.mp4", EVEN_TIMES[:10], frames=[stored] * 10, rotation_deg=rotation_deg)
    clip, facts = run_fetch(source)
    frame = read_frames(clip)[0]
    assert facts.source_rotation_deg == rotation_deg
    assert (facts.width_px, facts.height_px) == (160, 96) == frame.shape[1::-1]
    assert np.abs(frame.astype(int) - upright).mean() < 4
    with av.open(str(clip)) as container:
        assert next(container.decode(video=0)).rotation == 0


def test_variable_frame_rate_is_resampled_in_time(tmp_path):
    times = [i / 30 for i in range(60) if i not in (10, 11, 12, 40)]
    clip, facts = run_fetch(write_video(tmp_path / "a.mp4", times))
    assert facts.variable_frame_rate and facts.fps == 30 and facts.n_frames == 60
    assert any("unevenly" in warning for warning in facts.warnings)
    nearest = [int(np.argmin(np.abs(np.array(times) - i / 30))) for i in range(60)]
    found = np.array(numbers(clip))
    midway = 11  # as near to the frame before the gap as to the one after
    assert np.array_equal(np.delete(found, midway), np.delete(nearest, midway))


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.integers(0, 20),
    st.integers(1, 60),
)
def test_grid_frames_are_the_nearest(gaps, first, n_steps):
    positions = np.cumsum([0, *gaps]) / 10
    chosen = list(nearest_on_grid(((p, i) for i, p in enumerate(positions)), FrameSpan(first, first + n_steps)))
    last_step = int(np.ceil(positions[-1] + 0.5)) - 1
    assert [step for step, _ in chosen] == list(range(first, min(first + n_steps, last_step + 1)))
    for step, index in chosen:
        assert abs(positions[index] - step) <= np.abs(positions - step).min() + 1e-9


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(0.5, 1.0, range(15, 30)), (0, 0.1, range(3)), (1.3, 9, range(39, 45))]
)
def test_time_range_cuts_exactly(tmp_path, start, end, expected):
    source = write_video(tmp_path / "a.mp4", EVEN_TIMES)
    clip, facts = run_fetch(source, time_range=(start, end))
    assert numbers(clip) == list(expected)
    assert facts.time_range == pytest.approx([expected.start / 30, expected.stop / 30])
    assert bool(facts.warnings) == (end > 1.5)


def test_time_range_of_a_long_gop_far_into_the_clip(tmp_path):
    source = write_video(tmp_path / "a.mp4", [i / 30 for i in range(200)])
    clip, _ = run_fetch(source, time_range=(5.0, 5.5))
    assert numbers(clip) == list(range(150, 165))


def test_time_range_outside_the_video_is_refused(tmp_path):
    source = write_video(tmp_path / "a.mp4", EVEN_TIMES)
    with pytest.raises(UserError, match=r"1\.50 s"):
        run_fetch(source, time_range=(2, 3))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("time_range", [None, (0.25, 1.25)])
def test_sound_stays_with_the_picture(tmp_path, time_range):
    source = write_video(tmp_path / "a.mp4", EVEN_TIMES, tone_hz=440)
    clip, facts = run_fetch(source, time_range=time_range)
    samples = read_samples(clip)
    onset = np.flatnonzero(np.abs(samples) > 0.1)[0] / SAMPLE_RATE
    start, end = time_range or (0, EVEN_TIMES[-1])
    assert facts.has_audio
    assert onset == pytest.approx(0.5 - start, abs=0.03)
    assert len(samples) / SAMPLE_RATE == pytest.approx(end - start, abs=0.06)


def test_odd_sizes_and_oblong_pixels_become_even_and_square(tmp_path):
    frames = [numbered_frame(i, 160, 96)[:95] for i in range(10)]
    source = write_video(
        tmp_path / "a.mkv", EVEN_TIMES[:10], frames=frames, pixel_format="yuv444p", pixel_aspect=Fraction(4, 3)
    )
    clip, facts = run_fetch(source)
    assert (facts.width_px, facts.height_px) == (212, 94)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio in (None, 0, 1) and stream.codec_context.pix_fmt == "yuv420p"
    assert numbers(clip) == list(range(10))


def test_focal_length_in_the_metadata_is_used(tmp_path):
    tags = {"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26"}
    _, facts = run_fetch(write_video(tmp_path / "a.mov", EVEN_TIMES[:10], metadata=tags))
    assert facts.focal_px == pytest.approx(26 / 36 * 160)
    _, plain = run_fetch(write_video(tmp_path / "b.mov", EVEN_TIMES[:10]))
    assert plain.focal_px is None


def test_hard_cuts_are_found_and_flashes_are_not(tmp_path):
    rng = np.random.default_rng(1)
    scenes = [np.kron(rng.integers(0, 255, (6, 10, 3)), np.ones((16, 16, 1))).astype(np.uint8) for _ in range(3)]
    frames = [np.roll(scenes[i // 20], i % 20, axis=1) for i in range(60)]
    frames[30] = np.full_like(frames[0], 255)
    _, facts = run_fetch(write_video(tmp_path / "a.mp4", [i / 30 for i in range(60)], frames=frames))
    assert facts.cuts == [20, 40]


def test_truncated_file_gives_the_frames_that_decode(tmp_path):
    rng = np.random.default_rng(0)
    frames = [np.clip(numbered_frame(i) + rng.normal(0, 6, (96, 160, 3)), 0, 255).astype(np.uint8) for i in range(90)]
    whole = write_video(tmp_path / "a.mp4", [i / 30 for i in range(90)], frames=frames, moov_first=True)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 6 // 10])
    clip, facts = run_fetch(cut)
    found = numbers(clip)
    assert 20 < facts.n_frames == len(found) < 80
    # Near the end some frames refer to later ones that are lost; their neighbours take their places.
    assert found[:40] == list(range(40))
    assert np.abs(np.array(found) - np.arange(len(found))).max() <= 2
    assert any(f"{len(set(found))} of 90 frames" in warning for warning in facts.warnings)


def test_truncated_matroska_gives_what_is_there_and_says_so(tmp_path):
    times = [i / 30 for i in range(150)]
    data = write_video(tmp_path / "a.mkv", times).read_bytes()
    whole_facts = run_fetch(tmp_path / "a.mkv")[1]
    assert whole_facts.warnings == []
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    clip, facts = run_fetch(cut)
    assert numbers(clip)[:50] == list(range(50))
    assert len(numbers(clip)) == facts.n_frames < 120
    assert any("promises 5.0 s" in warning for warning in facts.warnings)


def test_damage_in_the_middle_keeps_the_later_frames_in_time(tmp_path):
    whole = write_video(tmp_path / "a.mp4", [i / 30 for i in range(90)])
    with av.open(str(whole)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        place, size = packets[36].pos, packets[36].size
    data = bytearray(whole.read_bytes())
    data[place : place + size] = b"\xff" * size
    whole.write_bytes(data)
    clip, facts = run_fetch(whole)
    found = numbers(clip)
    assert len(found) == facts.n_frames == 90
    assert found[:30] == list(range(30)) and found[60:] == list(range(60, 90))


def bad_files(folder):
    text = folder / "text.mp4"
    text.write_text("this is no video\n" * 20)
    empty = folder / "empty.mp4"
    empty.touch()
    noise = folder / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    whole = write_video(folder / "whole.mp4", EVEN_TIMES)
    no_index = folder / "no_index.mp4"
    no_index.write_bytes(whole.read_bytes()[:-2000])
    sound = folder / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (folder / "folder.mp4").mkdir()
    (folder / "link.mp4").symlink_to(folder / "gone.mp4")
    return {
        folder / "missing.mp4": "not found",
        folder / "folder.mp4": "a folder",
        folder / "link.mp4": "gone.mp4",
        text: "a text file",
        empty: "an empty file",
        noise: "unknown or damaged",
        no_index: "moov",
        sound: "found only audio",
    }


def test_bad_input_is_refused_by_name_and_leaves_nothing(tmp_path):
    for path, found in bad_files(tmp_path).items():
        with pytest.raises(UserError) as caught:
            run_fetch(path)
        assert str(path) in str(caught.value) and found in str(caught.value), path
        assert not list(tmp_path.glob("out/*")) and not list(tmp_path.glob("out/.*"))
