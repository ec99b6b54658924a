"""Sizes, lens and masks of what DROID-SLAM is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlemasklib import RLEMask
from synthetic_videos import write_video

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.cameras.slam.pictures import DroidPictures, shown_lens, shown_size
from nlf_pipeline.cameras.slam.shots import search_samples
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.video import read_frames


@settings(max_examples=60, deadline=None)
@given(width=st.integers(32, 4096), height=st.integers(32, 4096))
def test_shown_pictures_have_the_usual_area_in_whole_cells(width, height):
    shown = shown_size((width, height))
    assert all(side % 8 == 0 and side > 0 for side in shown)
    exact = np.sqrt(384 * 512 / (width * height)) * np.array([width, height])
    assert np.all(np.array(shown) <= np.maximum(exact, 8) + 1e-9) and np.all(exact - shown < 8 + 1e-9)


@pytest.mark.parametrize(
    ("size", "shown"), [((1280, 720), (584, 328)), ((720, 1280), (328, 584)), ((1920, 1080), (584, 328))]
)
def test_usual_sizes(size, shown):
    assert shown_size(size) == shown


def test_lens_maps_the_same_ray_to_the_same_place():
    """A ray's pixel, as a share of the picture's sides counted from its corner, is the same in both pictures."""
    intrinsics = Intrinsics((1280, 720), (900.0, 880.0), (600.0, 380.0), [], "user")
    shown_px = shown_size((1280, 720))
    fx, fy, cx, cy = shown_lens(intrinsics.focal_px[0], intrinsics, shown_px)
    rays = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    pixels = rays * intrinsics.focal_px + intrinsics.principal_point_px
    shown = rays * (fx, fy) + (cx, cy)
    np.testing.assert_allclose((pixels + 0.5) / (1280, 720), (shown + 0.5) / shown_px, rtol=1e-12)


def test_another_focal_length_keeps_the_pixels_shape():
    intrinsics = Intrinsics((640, 480), (500.0, 510.0), (319.5, 239.5), [], "assumed")
    fx, fy, _, _ = shown_lens(250.0, intrinsics, (640, 480))
    assert (fx, fy) == pytest.approx((250, 255))


def people(*rows):
    return MaskTracks((64, 48), 30, 2, tuple(range(len(rows))), rows)


def test_everybodys_pixels_are_joined(tmp_path):
    left, right = np.zeros((48, 64), np.uint8), np.zeros((48, 64), np.uint8)
    left[:, :16], right[:, 56:] = 1, 1
    tracks = people((RLEMask.from_array(left), None), (RLEMask.from_array(right), None))
    np.testing.assert_array_equal(np.asarray(tracks.union_at(0).to_array()) > 0, (left + right) > 0)
    for nobody in (tracks.union_at(1), people().union_at(0)):
        assert nobody.shape == (48, 64) and not nobody.any()
    clip = write_video(tmp_path / "clip.mp4", [0, 1 / 30], [np.full((48, 64, 3), 90, np.uint8)] * 2)
    pictures = DroidPictures(read_frames(clip), tracks, shown_size((64, 48)))
    assert pictures.background_share(0) == pytest.approx(1 - 24 / 64) and pictures.background_share(1) == 1
    cells = pictures.people_cells(0)
    assert cells.shape == (48, 64) and cells.dtype == np.uint8
    np.testing.assert_array_equal(cells, np.where((left + right) > 0, 255, 0))
    first, second = pictures.masked(range(0, 2))
    assert first.pixels.shape == (384, 512, 3) and first.pixels.dtype == np.uint8
    assert not first.pixels[:, :128].any() and first.pixels[:, 128:448].all() and second.pixels.all()


@pytest.mark.parametrize("n", [4, 39, 40, 200, 1000, 1003, 2500])
def test_samples_span_the_shot_and_stay_small(n):
    samples = search_samples(slice(100, 100 + n), DroidOptions())
    frames = np.concatenate([np.array(sample) for sample in samples])
    assert frames[0] == 100 and frames[-1] < 100 + n and np.all(np.diff(frames) > 0)
    assert 100 + n - frames[-1] <= 5 * 5 and all(len(sample) <= 200 for sample in samples)
    assert len(samples[0]) >= min(n, 40)
    assert {sample.step for sample in samples} == {5 if n >= 200 else max(1, n // 40)}
