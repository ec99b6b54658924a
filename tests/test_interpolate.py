from pathlib import Path

import cv2
import numpy as np
import pytest
from grey_clips import grey_of, make_clip
from hypothesis import given
from hypothesis import strategies as st
from synthetic_videos import read_samples

from nlf_pipeline.errors import UserError
from nlf_pipeline.interpolate import inbetweened, interpolate
from nlf_pipeline.interpolators import make_interpolator
from nlf_pipeline.renderers.retiming import retiming
from nlf_pipeline.video import read_frames


class Mean:
    """Blends, and notes between which frames."""

    def __init__(self):
        self.asked = []

    def between(self, first, second, count):
        self.asked.append((int(first[0, 0, 0]), int(second[0, 0, 0])))
        for step in range(1, count + 1):
            yield (first + (second.astype(float) - first) * step / (count + 1)).astype(np.uint8)


def texture(height, width, seed):
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((height // k + 2, width // k + 2, 3), np.float32), (width, height)) for k in (6, 14, 40)
    ]
    return sum(layers) / 3 * 255


def shifted(image, x, y=0.0):
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
    size_px = image.shape[1::-1]
    return cv2.warpAffine(image, matrix, size_px, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def moving_square(fraction):
    """A textured square that moves over a background that moves the other way."""
    picture = shifted(texture(240, 320, 1), -6 * fraction)
    square = np.zeros((240, 320), np.float32)
    square[70:170, 80:180] = 1
    square, inside = shifted(square, 16 * fraction)[..., None], shifted(texture(240, 320, 2), 16 * fraction)
    return np.clip(picture * (1 - square) + inside * square, 0, 255).astype(np.uint8)


@given(st.integers(1, 12), st.integers(1, 5), st.sets(st.integers(1, 11)))
def test_source_frames_stay_and_nothing_crosses_a_cut(n_frames, factor, cuts):
    cuts = sorted(c for c in cuts if c < n_frames)
    shot = np.searchsorted(cuts, np.arange(n_frames), side="right")
    frames = [np.full((2, 2, 3), 20 * i, np.uint8) for i in range(n_frames)]
    mean = Mean()
    result = list(inbetweened(frames, cuts, factor, mean))
    assert len(result) == n_frames * factor
    assert all(np.array_equal(result[factor * i], frames[i]) for i in range(n_frames))
    assert all(shot[a // 20] == shot[b // 20] for a, b in mean.asked)
    timing = retiming(n_frames, factor, cuts)
    expected = [20 * (a + (b - a) * f) for a, b, f in zip(timing.left, timing.right, timing.fraction, strict=True)]
    assert np.allclose([frame[0, 0, 0] for frame in result], expected, atol=1)


@given(st.integers(1, 12), st.integers(1, 5), st.sets(st.integers(1, 11)))
def test_retiming_keeps_old_frames_and_stays_within_shots(n_frames, factor, cuts):
    cuts = sorted(c for c in cuts if c < n_frames)
    timing = retiming(n_frames, factor, cuts)
    shot = np.searchsorted(cuts, np.arange(n_frames), side="right")
    assert len(timing.left) == n_frames * factor
    assert np.array_equal(timing.left[::factor], np.arange(n_frames))
    assert not timing.fraction[::factor].any()
    assert np.array_equal(shot[timing.left], shot[timing.right])
    position = timing.left + (timing.right - timing.left) * timing.fraction
    assert np.abs(position - np.arange(n_frames * factor) / factor).max() < 1


def test_flow_beats_blending_by_far_where_the_picture_moves():
    pan = [shifted(texture(240, 320, 3), 14 * f, 5 * f).clip(0, 255).astype(np.uint8) for f in (0, 0.5, 1)]
    middle = next(make_interpolator("flow").between(pan[0], pan[2], 1))
    inner = np.s_[20:-20, 30:-30]
    assert psnr(middle[inner], pan[1][inner]) > psnr((pan[0][inner] / 2 + pan[2][inner] / 2), pan[1][inner]) + 10


def test_flow_puts_a_moving_object_where_it_belongs():
    first, second = moving_square(0), moving_square(1)
    for fraction, frame in zip((0.25, 0.5, 0.75), make_interpolator("flow").between(first, second, 3), strict=True):
        truth, blend = moving_square(fraction), first * (1 - fraction) + second * fraction
        x = round(80 + 16 * fraction)
        inside = np.s_[78:162, x + 8 : x + 92]
        assert psnr(frame[inside], truth[inside]) > 30
        assert psnr(frame, truth) > psnr(blend, truth) + 4


def test_flow_leaves_a_still_picture_as_it_is():
    still = texture(120, 160, 4).astype(np.uint8)
    for frame in make_interpolator("flow").between(still, still, 2):
        assert np.abs(frame.astype(int) - still).max() <= 1


def test_the_stage_keeps_duration_and_sound(tmp_path: Path):
    n_frames, factor, cut = 10, 3, 6
    clip, facts = make_clip(tmp_path, n_frames, (64, 48), cuts=(cut,))
    out = tmp_path / "clip_x3.mp4"
    interpolate(video=clip, video_facts=facts, out=out, fps_factor=factor)
    frames = read_frames(out)
    assert frames.fps == pytest.approx(75)
    levels = [float(frame.mean()) for frame in frames]
    assert len(levels) == n_frames * factor
    assert np.allclose(levels[::factor], [grey_of(i, n_frames) for i in range(n_frames)], atol=3)
    assert levels[(cut - 1) * factor + 1] == pytest.approx(grey_of(cut - 1, n_frames), abs=3)
    assert levels[cut * factor - 1] == pytest.approx(grey_of(cut, n_frames), abs=3)
    np.testing.assert_array_equal(read_samples(out), read_samples(clip))


def test_a_senseless_factor_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="fps_factor is 0"):
        interpolate(video=tmp_path / "a", video_facts=tmp_path / "b", out=tmp_path / "c", fps_factor=0)
