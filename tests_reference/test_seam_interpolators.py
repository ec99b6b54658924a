"""What everybody who asks for frames between frames may rely on, whichever backend makes them."""

import numpy as np
import pytest
from standins.rife import write_weights

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.interpolate import inbetweened, interpolate
from nlf_pipeline.interpolators import make_interpolator
from nlf_pipeline.video import read_frames, writing_video

BACKENDS = ("flow", "rife")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The folder of the weights."""
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder / "flownet.pkl")
    return folder


@pytest.fixture(params=BACKENDS)
def interpolator(request, weights):
    return make_interpolator(request.param, weights, "cpu")


def picture(height, width, seed):
    """(height, width, 3) uint8: smooth, and unlike any with another seed."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x + 3 * seed) / (7 + c)) + np.cos((y - 2 * seed) / (9 - c)) for c in range(3)]
    return (128 + 50 * np.stack(waves, axis=-1)).astype(np.uint8)


def flat(level, size=(48, 64)):
    return np.full((*size, 3), level, np.uint8)


@pytest.mark.parametrize("size", [(37, 53), (64, 96), (18, 200), (1, 1)])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_count_shape_and_type(interpolator, size, count):
    first, second = picture(*size, 1), picture(*size, 2)
    before = first.copy(), second.copy()
    frames = list(interpolator.between(first, second, count))
    assert [frame.shape for frame in frames] == [(*size, 3)] * count
    assert all(frame.dtype == np.uint8 for frame in frames)
    assert np.array_equal(first, before[0]) and np.array_equal(second, before[1])


def test_frames_come_in_order_of_time_and_evenly(interpolator):
    levels = [float(frame.mean()) for frame in interpolator.between(flat(40), flat(200), 3)]
    np.testing.assert_allclose(levels, [80, 120, 160], atol=12)
    levels = [float(frame.mean()) for frame in interpolator.between(flat(200), flat(40), 3)]
    np.testing.assert_allclose(levels, [160, 120, 80], atol=12)


def test_what_was_asked_before_does_not_matter(interpolator):
    first, second = picture(48, 64, 1), picture(48, 64, 2)
    alone = list(interpolator.between(first, second, 2))
    list(interpolator.between(picture(37, 53, 5), picture(37, 53, 6), 1))
    interleaved = interpolator.between(second, first, 2), interpolator.between(first, second, 2)
    again = [pair[1] for pair in zip(*interleaved, strict=True)]
    np.testing.assert_array_equal(alone, again)


def test_pictures_that_are_not_contiguous_are_taken(interpolator):
    first, second = picture(48, 64, 1), picture(48, 64, 2)
    turned = [np.ascontiguousarray(image[:, ::-1])[:, ::-1] for image in (first, second)]
    np.testing.assert_array_equal(next(interpolator.between(*turned, 1)), next(interpolator.between(first, second, 1)))


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_source_frames_stay_and_nothing_crosses_a_cut(interpolator, factor):
    clip = [flat(level) for level in (30, 60, 200, 230)]
    result = list(inbetweened(clip, [2], factor, interpolator))
    assert len(result) == factor * len(clip)
    for source, frame in zip(clip, result[::factor], strict=True):
        np.testing.assert_array_equal(frame, source)
    assert all(frame.max() <= 60 + 5 or frame.min() >= 200 - 5 for frame in result)


def test_a_single_frame_is_repeated(interpolator):
    result = list(inbetweened([picture(37, 53, 1)], [], 4, interpolator))
    np.testing.assert_array_equal(result, [picture(37, 53, 1)] * 4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n_frames", [1, 3])
def test_the_stage_writes_as_many_frames_as_it_should(backend, n_frames, weights, tmp_path):
    clip, facts, out = tmp_path / "clip.mp4", tmp_path / "video.json", tmp_path / "clip_x2.mp4"
    with writing_video(clip, 25.0) as sink:
        for t in range(n_frames):
            sink.append_data(flat(60 + 50 * t))
    VideoFacts("clip", 64, 48, 25.0, n_frames).save(facts)
    interpolate(video=clip, video_facts=facts, out=out, interpolator=backend, weights=weights, device="cpu")
    frames = read_frames(out)
    assert frames.fps == pytest.approx(50)
    levels = [float(frame.mean()) for frame in frames]
    expected = [60 + 25 * min(i, 2 * n_frames - 2) for i in range(2 * n_frames)]
    np.testing.assert_allclose(levels, expected, atol=8)
