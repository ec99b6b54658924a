"""Mask R-CNN's real network on weights of the published layout."""

import urllib.request

import numpy as np
import pytest
import torch
from standins.maskrcnn import LAYOUT, maskrcnn_tensors, write_weights
from standins.stcn import read_layout
from torchvision.models.detection import maskrcnn_resnet50_fpn

from nlf_pipeline.errors import UserError
from nlf_pipeline.segmenters.maskrcnn import MaskRcnnDetector, build_network, current_names, resolve_people

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "maskrcnn.pth"
    write_weights(path)
    return path


def picture(kind, size_px):
    width_px, height_px = size_px
    shape = (height_px, width_px, 3)
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    if kind == "flat":
        return np.full(shape, 90, np.uint8)
    return np.broadcast_to(np.linspace(0, 255, width_px)[:, None], shape).astype(np.uint8)


def test_the_network_has_the_published_layout():
    published = read_layout(LAYOUT)
    layout = {name: tuple(tensor.shape) for name, tensor in build_network(0.5, 64).state_dict().items()}
    renamed = current_names({name: torch.empty(shape, device="meta") for name, shape in published.items()})
    assert {name: tuple(tensor.shape) for name, tensor in renamed.items()} == layout
    assert sum(name not in layout for name in published) == 2 * 8 + 2 + 2 * 4  # of the pyramid, the regions, the masks


def test_old_names_become_what_torchvision_makes_of_them():
    tensors = maskrcnn_tensors()
    theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    counters = {name: t for name, t in theirs.state_dict().items() if name.endswith("num_batches_tracked")}
    theirs.load_state_dict({**tensors, **counters})
    ours = current_names(tensors)
    assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in ours.items())
    assert current_names(ours).keys() == ours.keys()


def test_building_downloads_nothing(monkeypatch, path):
    def refuse(*args, **kwargs):
        raise AssertionError(f"opened {args}")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    MaskRcnnDetector(path, 0.5, 64, CPU)


def test_detects_what_torchvisions_own_model_detects(path):
    """Its own has ordinary normalisation layers if it is built without weights; as published, they add no epsilon."""
    theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, min_size=64, max_size=107).eval()
    theirs.load_state_dict(current_names(torch.load(path, weights_only=True)), strict=False)
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0
    image = picture("noise", (96, 64))
    with torch.inference_mode():
        expected = theirs([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
        ours = build_network(0.5, 64)
        ours.load_state_dict(current_names(torch.load(path, weights_only=True)))
        got = ours([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
    sure = expected["scores"] > 0.5
    assert sure.any()
    torch.testing.assert_close(got["boxes"], expected["boxes"][sure], rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(got["masks"], expected["masks"][sure], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size_px", [(160, 96), (64, 64), (90, 160)])
@pytest.mark.parametrize("kind", ["noise", "flat", "ramp"])
def test_people_are_found_best_first_and_share_no_pixel(path, kind, size_px):
    found = MaskRcnnDetector(path, 0.5, 64, CPU).detect(picture(kind, size_px))
    scores = [detection.score for detection in found]
    assert found and scores == sorted(scores, reverse=True) and min(scores) > 0.8
    assert all(detection.mask.shape == size_px[::-1] and detection.mask.any() for detection in found)
    assert sum(detection.mask.to_array().astype(int) for detection in found).max() == 1


def test_the_threshold_holds(path):
    assert MaskRcnnDetector(path, 0.99999999, 64, CPU).detect(picture("noise", (64, 64))) == []


def test_only_people_are_found(tmp_path):
    tensors = maskrcnn_tensors()
    for name in ("roi_heads.box_predictor.cls_score.bias", "roi_heads.box_predictor.cls_score.weight"):
        tensors[name][[1, 3]] = tensors[name][[3, 1]]
    torch.save(tensors, tmp_path / "cars.pth")
    assert MaskRcnnDetector(tmp_path / "cars.pth", 0.5, 64, CPU).detect(picture("noise", (64, 64))) == []


def test_wrong_weights_are_refused(path, tmp_path):
    tensors = maskrcnn_tensors()
    del tensors["rpn.head.conv.weight"]
    torch.save(tensors, tmp_path / "wrong.pth")
    with pytest.raises(UserError, match="not the weights of Mask R-CNN: 1 missing"):
        MaskRcnnDetector(tmp_path / "wrong.pth", 0.5, 64, CPU)
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(UserError, match="web page"):
        MaskRcnnDetector(tmp_path / "page.pth", 0.5, 64, CPU)


def test_a_pixel_is_his_of_whom_it_is_surer():
    soft = np.zeros((3, 40, 60), np.float32)
    soft[0, 5:35, 5:30], soft[1, 5:35, 20:50], soft[2, 5:35, 22:28] = 0.7, 0.9, 0.6
    first, second = resolve_people(soft, np.array([0.9, 0.8, 0.7]), (60, 40))
    assert first.score == pytest.approx(0.9) and second.score == pytest.approx(0.8)
    assert tuple(first.mask.bbox()) == (5, 5, 15, 30) and tuple(second.mask.bbox()) == (20, 5, 30, 30)
