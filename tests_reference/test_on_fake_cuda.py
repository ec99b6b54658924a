"""The networks on torch's make-believe GPU: tensors without values that know their device and precision.

It tells tensors of the CPU that meet those of the GPU, results that are read without being fetched, and precisions;
not what a real GPU computes, nor how fast or in how much memory.
"""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from standins import zoedepth as zoedepth_standin
from standins.rife import published_layout
from torch._subclasses import FakeTensor, FakeTensorMode
from torchvision.models import segmentation

from nlf_pipeline.estimators.nlf_release import as_images
from nlf_pipeline.interpolators import rife
from nlf_pipeline.interpolators.ifnet import IFNet, IFNetLayout
from nlf_pipeline.scaling.zoedepth import ZoeDepthEstimator
from nlf_pipeline.segmenters.propagation.network import StcnPropagator, build_network
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.semantics import deeplabv3
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions

CUDA = torch.device("cuda")
WIDTH_PX, HEIGHT_PX = SIZE_PX = (112, 72)
IMAGE = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
GPUS = pytest.mark.parametrize(
    ("gpu", "precision"), [("NVIDIA H200", torch.half), ("NVIDIA GeForce GTX 1660", torch.float32)], indirect=["gpu"]
)


def fetched(tensor):
    """Instead of Tensor.numpy: zeros of a tensor that was fetched from the GPU."""
    assert tensor.device.type == "cpu", f"numpy cannot read a tensor on {tensor.device}"
    dtype = str(tensor.dtype).removeprefix("torch.")
    return np.zeros(tuple(tensor.shape), dtype)


def moved(module, device, dtype=None):
    """Instead of Module.to, which exchanges parameters in a way that tensors without values do not bear."""
    for part in module.modules():
        for name, value in [*part._parameters.items(), *part._buffers.items()]:
            if value is not None:
                kept = dtype if dtype and value.is_floating_point() else value.dtype
                there = torch.empty(value.shape, dtype=kept, device=device)
                is_parameter = name in part._parameters
                own = part._parameters if is_parameter else part._buffers
                own[name] = torch.nn.Parameter(there, requires_grad=False) if is_parameter else there
    return module


@pytest.fixture
def gpu(request, monkeypatch):
    """Within the test all tensors are without values."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: getattr(request, "param", "NVIDIA H200"))
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.Tensor, "numpy", fetched)
    monkeypatch.setattr(FakeTensor, "__bool__", lambda tensor: False, raising=False)
    monkeypatch.setattr(torch.nn.Module, "to", moved)
    with FakeTensorMode(allow_non_fake_inputs=False):
        yield


@pytest.mark.usefixtures("gpu")
def test_the_make_believe_gpu_notices_what_a_real_one_would():
    there = torch.zeros(3, device=CUDA)
    with pytest.raises(RuntimeError, match="devices cuda:0, cpu"):
        there + torch.ones(3)
    with pytest.raises(AssertionError, match="cannot read a tensor on cuda"):
        there.numpy()
    with torch.autocast("cuda"):
        assert (there[None] @ there[:, None]).dtype == torch.half


@GPUS
@pytest.mark.usefixtures("gpu")
def test_stcn(precision, monkeypatch):
    options = StcnOptions(memory_frames=2, recent_frames=1, batch_size=3)
    propagator = StcnPropagator(build_network().to(CUDA).requires_grad_(False), options, SIZE_PX, CUDA)
    shares = []
    label = propagator._labels
    monkeypatch.setattr(propagator, "_labels", lambda owners: shares.append(owners) or label(owners))
    two, one = np.zeros((2, HEIGHT_PX, WIDTH_PX), bool), np.zeros((1, HEIGHT_PX, WIDTH_PX), bool)
    propagator.start(IMAGE, two, one)
    propagator.burn_in([IMAGE] * 4)
    propagator.start(IMAGE, one, two)
    assert propagator.follow([IMAGE] * 4).shape == (4, HEIGHT_PX, WIDTH_PX)
    assert propagator.follow([IMAGE] * 2, two).shape == (2, HEIGHT_PX, WIDTH_PX)
    for bank in propagator.banks:
        remembered = [t for t in (bank.mem_k, bank.mem_v, bank.temp_k, bank.temp_v) if t.numel() > 0]
        assert {tensor.device.type for tensor in remembered} == {"cuda"}
        assert {tensor.dtype for tensor in remembered} == {precision}
    # Shares near 0 and 1 tell people apart, of which half precision has too few.
    assert len(shares) == 6 and all(tensor.dtype == torch.float32 for tensor in shares)


@GPUS
@pytest.mark.usefixtures("gpu")
def test_rife(precision, monkeypatch):
    layout = IFNetLayout.of({name: torch.zeros(shape) for name, shape in published_layout().items()})
    monkeypatch.setattr(rife, "load_ifnet", lambda path: IFNet(layout).eval())
    interpolator = rife.RifeInterpolator(Path("flownet.pkl"), CUDA)
    assert {parameter.dtype for parameter in interpolator._network.parameters()} == {precision}
    assert [frame.shape for frame in interpolator.between(IMAGE, IMAGE, 2)] == [IMAGE.shape] * 2


@GPUS
@pytest.mark.usefixtures("gpu")
def test_deeplabv3(precision, monkeypatch):
    network = segmentation.deeplabv3_resnet101(weights=None, weights_backbone=None).eval()
    monkeypatch.setattr(deeplabv3, "load_deeplab", lambda path: network)
    masker = deeplabv3.DeepLabPeopleMasker(Path("deeplabv3.pth"), CUDA, 0.01, DeepLabOptions(input_size=64))
    assert {parameter.dtype for parameter in masker._network.parameters()} == {precision}
    assert masker._masks(np.stack([IMAGE] * 2), SIZE_PX).shape == (2, HEIGHT_PX, WIDTH_PX)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("is_half", [True, False])
def test_pictures_for_nlf(is_half):
    images = as_images(torch.zeros((2, HEIGHT_PX, WIDTH_PX, 3), dtype=torch.uint16), CUDA, is_half)
    assert images.device.type == "cuda" and images.shape == (2, 3, HEIGHT_PX, WIDTH_PX)
    assert images.dtype == (torch.half if is_half else torch.float32)


def test_zoedepth(tmp_path, request):
    pytest.importorskip("transformers", reason="transformers is not installed")
    zoedepth_standin.write_weights(tmp_path / "model.safetensors")
    estimator = ZoeDepthEstimator(tmp_path / "model.safetensors", "cpu", zoedepth_standin.small_config())
    processor = estimator._processor
    pixels = processor(images=IMAGE, return_tensors="pt")["pixel_values"].shape
    request.getfixturevalue("gpu")
    estimator._network.to(CUDA)
    estimator._device = CUDA
    estimator._processor = Mock(return_value={"pixel_values": torch.zeros(pixels)})
    estimator._processor.post_process_depth_estimation = processor.post_process_depth_estimation
    assert estimator.estimate(IMAGE).shape == (HEIGHT_PX, WIDTH_PX)
