"""transformers' real ZoeDepth on random weights: what goes in and comes out, and what is wrong with a file."""

import numpy as np
import pytest
import torch
from standins.zoedepth import small_config, write_weights

from nlf_pipeline.errors import UserError
from nlf_pipeline.scaling.zoedepth import ZoeDepthEstimator

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
PUBLISHED_GB = 1.38
"""Size of the published file; positions that can be computed may have been in it too."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoedepth") / "model.safetensors"
    write_weights(path)
    return path


def picture(seed=0, size_px=(160, 96)):
    return np.random.default_rng(seed).integers(0, 255, (size_px[1], size_px[0], 3), dtype=np.uint8)


@pytest.mark.parametrize("size_px", [(160, 96), (96, 160), (133, 71)])
def test_depth_is_metric_and_of_the_pictures_size(weights, size_px):
    depth = ZoeDepthEstimator(weights, "cpu", small_config()).estimate(picture(size_px=size_px))
    assert depth.shape == (size_px[1], size_px[0]) and np.isfinite(depth).all() and (depth > 0).all()


def test_the_mirror_image_has_the_mirrored_depth(weights):
    estimator = ZoeDepthEstimator(weights, "cpu", small_config())
    depth, mirrored = estimator.estimate(picture()), estimator.estimate(picture()[:, ::-1].copy())
    np.testing.assert_allclose(mirrored[:, ::-1], depth, atol=1e-4)
    assert np.ptp(depth) > 10 * np.abs(mirrored[:, ::-1] - depth).max()


def test_default_network_is_as_large_as_the_published_file():
    with torch.device("meta"):
        network = transformers.ZoeDepthForDepthEstimation(transformers.ZoeDepthConfig())
    size_gb = sum(value.numel() * 4 for value in network.state_dict().values()) / 1e9
    assert size_gb == pytest.approx(PUBLISHED_GB, rel=0.05)
    (bins,) = transformers.ZoeDepthConfig().bin_configurations
    assert (bins["n_bins"], bins["max_depth"]) == (64, 10.0)


def test_weights_of_another_network(weights, tmp_path):
    from safetensors.torch import load_file, save_file

    values = load_file(weights)
    less = dict(list(values.items())[3:])
    save_file(less, tmp_path / "less.safetensors")
    with pytest.raises(UserError, match="3 tensors missing"):
        ZoeDepthEstimator(tmp_path / "less.safetensors", "cpu", small_config())
    with pytest.raises(UserError, match="not the weights of ZoeDepth"):
        ZoeDepthEstimator(weights, "cpu", transformers.ZoeDepthConfig(backbone_config=small_config().backbone_config))


@pytest.mark.parametrize("content", [b"", b"<html>sign in</html>", b"\x00" * 64])
def test_damaged_weights(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors.*ZoeDepth"):
        ZoeDepthEstimator(tmp_path / "model.safetensors", "cpu", small_config())
    with pytest.raises(UserError, match="not found"):
        ZoeDepthEstimator(tmp_path / "none.safetensors", "cpu", small_config())
