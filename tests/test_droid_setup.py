"""What is missing for DROID-SLAM is told in one line before anything is read."""

import sys
import types

import pytest
import torch

from nlf_pipeline.cameras import make_camera_tracker
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.cameras.slam.runs import DroidSetup
from nlf_pipeline.errors import UserError

PARTS = {
    "module.fnet.conv1.weight": (32, 3, 7, 7),
    "module.cnet.conv2.weight": (256, 128, 1, 1),
    "module.update.gru.convz.weight": (128, 448, 3, 3),
    "module.update.agg.upmask.0.weight": (576, 128, 1, 1),
}


@pytest.fixture
def package(monkeypatch):
    module = types.ModuleType("masked_droid_slam.droid")
    module.Droid = object
    monkeypatch.setitem(sys.modules, "masked_droid_slam", types.ModuleType("masked_droid_slam"))
    monkeypatch.setitem(sys.modules, "masked_droid_slam.droid", module)
    return module


def setup(path):
    return DroidSetup(path, "cpu", DroidOptions())


def save(path, **changes):
    torch.save({name: torch.zeros(changes.get(name, shape)) for name, shape in PARTS.items()}, path)
    return path


def test_missing_package_names_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "masked_droid_slam", None)
    with pytest.raises(UserError, match=r"not installed.*droid_env.*docs/cameras\.md.*camera=klt"):
        setup(save(tmp_path / "droid.pth"))


@pytest.mark.parametrize(
    "error",
    [ImportError("undefined symbol: _ZN3c10"), ModuleNotFoundError("No module named 'lietorch'", name="lietorch")],
)
def test_broken_package_tells_its_reason(tmp_path, monkeypatch, error):
    import importlib

    def broken(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(UserError, match=f"cannot be used.*{str(error)[-8:]}"):
        setup(save(tmp_path / "droid.pth"))


def test_weights_of_the_published_layout_are_taken(tmp_path, package):
    setup(save(tmp_path / "droid.pth"))
    torch.save({n.removeprefix("module."): torch.zeros(s) for n, s in PARTS.items()}, tmp_path / "bare.pth")
    setup(tmp_path / "bare.pth")


def test_missing_weights(tmp_path, package):
    with pytest.raises(UserError, match=r"not found.*DROID-SLAM"):
        setup(tmp_path / "droid.pth")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>Google Drive", b"PK\x03\x04 cut off"])
def test_damaged_weights(tmp_path, package, content):
    (tmp_path / "droid.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"droid\.pth: .*DROID-SLAM"):
        setup(tmp_path / "droid.pth")


def test_weights_of_another_network(tmp_path, package):
    changed = "module.update.gru.convz.weight"
    with pytest.raises(UserError, match=r"not the weights of DROID-SLAM.*convz"):
        setup(save(tmp_path / "droid.pth", **{changed: (128, 384, 3, 3)}))


def test_factory_finds_the_file_in_the_folder(tmp_path, package):
    tracker = make_camera_tracker("droid", None, 0, tmp_path, "cpu", DroidOptions())
    with pytest.raises(UserError, match=str(tmp_path / "droid.pth")):
        tracker.track(None, types.SimpleNamespace(size_px=(64, 48)), None, None)
