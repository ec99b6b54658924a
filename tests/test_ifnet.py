"""RIFE's network and its adapter, on weights set by hand so that the truth is known."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from nlf_pipeline.errors import UserError
from nlf_pipeline.interpolate import inbetweened
from nlf_pipeline.interpolators.ifnet import IFNet, IFNetLayout, warp
from nlf_pipeline.interpolators.rife import RifeInterpolator, load_ifnet

SMALL = IFNetLayout((8, 8, 8, 8), encoder_width=4, feature_channels=2, carried_channels=0, output_channels=6)
PUBLISHED = {
    "4.18": IFNetLayout((192, 128, 96, 64), 32, 8, 0, 6),
    "4.14 lite": IFNetLayout((192, 128, 96, 64), 32, 8, 0, 6, groups=2),
    "4.17 lite": IFNetLayout((128, 96, 64, 48), 16, 4, 0, 6),
    "4.22": IFNetLayout((256, 192, 96, 48), 32, 8, 8, 13),
    "4.25": IFNetLayout((192, 128, 96, 64, 32), 16, 4, 8, 13),
    "4.25 lite": IFNetLayout((192, 128, 96, 64, 24), 16, 4, 8, 13),
    "4.26 heavy": IFNetLayout((192, 128, 96, 64, 32), 16, 16, 8, 13),
}
MOTION_PX = (8, -4)
CPU = torch.device("cpu")


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def still_network(layout=SMALL):
    """Finds no motion and prefers neither frame, whatever it sees."""
    torch.manual_seed(0)
    network = IFNet(layout)
    with torch.no_grad():
        for name, values in network.named_parameters():
            if "lastconv" in name:
                values.zero_()
    return network


def panning_network(motion_px):
    """Finds that everything moves by `motion_px` (x, y) from the first frame to the second.

    The time passes through the first channel of the coarsest block; its output is linear in it.
    """
    network = still_network()
    block = network.block0
    time_channel = 2 * (3 + SMALL.feature_channels)
    with torch.no_grad():
        for values in block.parameters():
            values.zero_()
        block.conv0[0][0].weight[0, time_channel, 1, 1] = 1
        block.conv0[1][0].weight[0, 0, 1, 1] = 1
        last = block.lastconv[0]
        for i, pixels in enumerate(2 * motion_px):
            unfolded = slice(4 * i, 4 * i + 4)
            change = -pixels / SMALL.scales[0]
            # The middle taps alone repeat every value, so that the border is no different.
            last.weight[0, unfolded, 1:3, 1:3] = change
            last.bias[unfolded] = 0.0 if i < 2 else -change
    return network


def save(network, path: Path, prefix="module.", **extra):
    values = {prefix + key: value for key, value in network.state_dict().items()}
    torch.save(values | extra, path)
    return path


def interpolator(network, folder):
    return RifeInterpolator(save(network, folder / "flownet.pkl"), CPU)


def pan(height, width, fraction, motion_px=MOTION_PX, margin=40):
    """A crop of a picture whose content moves by `fraction` of `motion_px`; whole pixels only."""
    x, y = (round(fraction * pixels) for pixels in motion_px)
    whole = picture(height + 2 * margin, width + 2 * margin)
    return whole[margin - y : margin - y + height, margin - x : margin - x + width]


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_warping_looks_up_where_the_flow_leads(height, width, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((3, height, width), np.float32)
    flow = (rng.random((2, height, width), np.float32) - 0.5) * 8
    y, x = np.mgrid[:height, :width]
    expected = [map_coordinates(v, [y + flow[1], x + flow[0]], order=1, mode="nearest") for v in values]
    found = warp(torch.from_numpy(values)[None], torch.from_numpy(flow)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_without_motion_and_preference_both_frames_count_alike(tmp_path):
    first, second = picture(64, 96, 1), picture(64, 96, 2)
    for frame in interpolator(still_network(), tmp_path).between(first, second, 2):
        assert np.abs(frame - (first.astype(float) + second) / 2).max() <= 0.51


def test_a_still_picture_stays_as_it_is(tmp_path):
    still = picture(48, 80)
    frames = list(interpolator(still_network(), tmp_path).between(still, still, 3))
    assert len(frames) == 3
    assert all(np.array_equal(frame, still) for frame in frames)


def test_everything_moves_by_its_share_of_the_way(tmp_path):
    height, width = 61, 93
    rife = interpolator(panning_network(MOTION_PX), tmp_path)
    frames = list(rife.between(pan(height, width, 0), pan(height, width, 1), 3))
    inner = np.s_[12:-12, 12:-12]
    for fraction, frame in zip((0.25, 0.5, 0.75), frames, strict=True):
        assert frame.shape == (height, width, 3) and frame.dtype == np.uint8
        difference = np.abs(frame.astype(int) - pan(height, width, fraction))
        assert difference[inner].max() <= 1


def test_in_tall_pictures_motion_is_found_at_half_their_size(tmp_path):
    height, width = 1600, 60
    twice = tuple(2 * pixels for pixels in MOTION_PX)
    rife = interpolator(panning_network(MOTION_PX), tmp_path)
    first, second = (pan(height, width, fraction, twice) for fraction in (0, 1))
    middle = next(rife.between(first, second, 1))
    difference = np.abs(middle.astype(int) - pan(height, width, 0.5, twice))
    assert difference[20:-20, 20:-20].max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (32, 64), (33, 65)])
def test_any_size_and_count(size, tmp_path):
    first, second = picture(*size, 1), picture(*size, 2)
    rife = interpolator(IFNet(SMALL), tmp_path)
    for count in (0, 1, 4):
        frames = list(rife.between(first, second, count))
        assert len(frames) == count
        assert all(frame.shape == first.shape and frame.dtype == np.uint8 for frame in frames)


def test_frames_are_encoded_once_for_all_times(tmp_path):
    rife = interpolator(IFNet(SMALL), tmp_path)
    encoded = []
    rife._network.encode.register_forward_hook(lambda *_: encoded.append(1))
    list(rife.between(picture(32, 32, 1), picture(32, 32, 2), 5))
    assert len(encoded) == 2


def test_frames_in_a_row_are_encoded_once(tmp_path):
    torch.manual_seed(1)
    rife, encoded = interpolator(IFNet(SMALL), tmp_path), []
    rife._network.encode.register_forward_hook(lambda *_: encoded.append(1))
    frames = [picture(32, 32, seed) for seed in range(4)]
    made = list(inbetweened(frames, (), 2, rife))
    assert len(encoded) == len(frames)
    fresh = [next(interpolator(rife._network, tmp_path).between(*pair, 1)) for pair in itertools.pairwise(frames)]
    assert all(np.array_equal(a, b) for a, b in zip(made[1:-1:2], fresh, strict=True))


def test_nothing_is_blended_across_a_cut(tmp_path):
    frames = [np.full((32, 32, 3), level, np.uint8) for level in (10, 20, 200, 220)]
    result = list(inbetweened(frames, [2], 3, interpolator(still_network(), tmp_path)))
    levels = [int(frame.mean()) for frame in result]
    assert levels == [10, 15, 15, 20, 20, 200, 200, 210, 210, 220, 220, 220]
    assert all(np.ptp(frame) == 0 for frame in result)


@pytest.mark.parametrize("version", PUBLISHED)
def test_the_shapes_of_the_weights_tell_the_version(version):
    with torch.device("meta"):
        values = IFNet(PUBLISHED[version]).state_dict()
    assert IFNetLayout.of(values) == PUBLISHED[version]


def test_every_block_looks_twice_as_closely_as_the_one_before():
    assert PUBLISHED["4.18"].scales == (8, 4, 2, 1) and PUBLISHED["4.18"].stride_px == 32
    assert PUBLISHED["4.25"].scales == (16, 8, 4, 2, 1) and PUBLISHED["4.25"].stride_px == 64
    assert PUBLISHED["4.25 lite"].scales == (32, 16, 8, 4, 1)


def test_what_only_training_needed_is_passed_over(tmp_path):
    network = IFNet(SMALL)
    extra = {"module.teacher.conv0.0.0.weight": torch.zeros(3), "module.caltime.0.bias": torch.zeros(2)}
    loaded = load_ifnet(save(network, tmp_path / "flownet.pkl", **extra))
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)


def test_older_names_of_the_encoder_are_known(tmp_path):
    values = IFNet(SMALL).state_dict()
    old = {key: key for key in values}
    old |= {f"encode.cnn{i}.{kind}": f"encode.{2 * i}.{kind}" for i in range(4) for kind in ("weight", "bias")}
    torch.save({f"module.{old[key]}": value for key, value in values.items()}, tmp_path / "flownet.pkl")
    loaded = load_ifnet(tmp_path / "flownet.pkl").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in values.items())


def without(values, part):
    return {key: value for key, value in values.items() if part not in key}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda values: without(values, "encode"), "encode.cnn3.weight is missing"),
        (lambda values: without(values, "block1"), r"block\d.*missing"),
        (lambda values: without(values, "block2.convblock.3"), "3 missing"),
        (lambda values: {}, "missing"),
        (lambda values: values | {"block0.lastconv.0.weight": torch.zeros(3)}, "do not fit"),
        (lambda values: values | {"block0.conv0.0.0.weight": torch.zeros(3)}, "1 of another shape"),
        (lambda values: values | {"block1.extra": torch.zeros(3)}, "1 unexpected"),
    ],
)
def test_weights_of_something_else_are_refused_in_one_line(spoil, message, tmp_path):
    path = tmp_path / "flownet.pkl"
    torch.save(spoil(IFNet(SMALL).state_dict()), path)
    with pytest.raises(UserError, match=message) as caught:
        load_ifnet(path)
    assert str(path) in str(caught.value) and "RIFE 4.10 to 4.26" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(UserError, match=r"flownet\.pkl: not found"):
        load_ifnet(tmp_path / "flownet.pkl")


def test_a_gpu_without_room_is_told_in_one_line(tmp_path, monkeypatch):
    rife = interpolator(IFNet(SMALL), tmp_path)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(rife._network, "forward", full)
    with pytest.raises(UserError, match=r"53 x 37.*interpolator=flow"):
        list(rife.between(picture(37, 53), picture(37, 53), 1))


def test_half_precision_of_the_weights_leaves_positions_exact():
    network = panning_network(MOTION_PX)
    first, second = (
        torch.from_numpy(pan(64, 512, fraction)).permute(2, 0, 1)[None].float() / 255 for fraction in (0, 1)
    )
    with torch.inference_mode():
        exact = network(network.with_features(first), network.with_features(second), 0.5)
        network.half()
        rough = network(network.with_features(first), network.with_features(second), 0.5)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.01
