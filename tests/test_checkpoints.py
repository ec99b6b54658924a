"""Files that are not the weights they should be: each gets one message of its own, and none runs code."""

import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from nlf_pipeline.checkpoints import load_torchscript, load_weights, read_state_dict
from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.registry import weights_path

CPU = torch.device("cpu")


class RunsCode:
    """Makes the folder `path` when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def saved(values: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(values, buffer, **options)
    return buffer.getvalue()


def scripted() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "anything")
    return buffer.getvalue()


TENSORS = {"weight": torch.ones(40, 30), "bias": torch.zeros(40)}
NO_TENSORS = {
    "cut off": (saved(TENSORS)[:-200], "is cut off"),
    "cut off, old": (saved(TENSORS, _use_new_zipfile_serialization=False)[:-200], "cannot be read"),
    "text": (b"404: Not Found", "no file of torch's"),
    "archive": (zipped("train_log/flownet.pkl"), "unpack"),
    "script": (scripted(), "is a TorchScript module"),
    "newer pickle": (pickle.dumps({"a": 1}, protocol=4), "no file of torch's"),
    "nested": (saved({"state_dict": TENSORS}), "no tensors by name"),
    "list": (saved([1, 2]), "no tensors by name"),
}
NO_SCRIPT = {
    "cut off": (scripted()[:-200], "is cut off"),
    "text": (b"404: Not Found", "no file of torch's"),
    "archive": (zipped("nlf/model.onnx"), "unpack"),
    "tensors": (saved(TENSORS), "no TorchScript module"),
}


@pytest.mark.parametrize(("content", "said"), NO_TENSORS.values(), ids=NO_TENSORS)
def test_no_state_dict(tmp_path, content, said):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        read_state_dict(path, "Model")
    assert "weights_only" not in str(caught.value) and "miniz" not in str(caught.value)


@pytest.mark.parametrize(("content", "said"), NO_SCRIPT.values(), ids=NO_SCRIPT)
@pytest.mark.parametrize("edit", [None, str.strip])
def test_no_torchscript(tmp_path, content, said, edit):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        load_torchscript(path, CPU, "Model", edit)
    assert "miniz" not in str(caught.value)


@pytest.mark.parametrize("new", [True, False])
def test_code_in_a_file_does_not_run(tmp_path, new):
    made = tmp_path / "made"
    (tmp_path / "model.pth").write_bytes(saved({"a": RunsCode(made)}, _use_new_zipfile_serialization=new))
    with pytest.raises(UserError, match="holds more than tensors"):
        read_state_dict(tmp_path / "model.pth", "Model")
    assert not made.exists()


@pytest.mark.parametrize("new", [True, False])
def test_both_of_torchs_formats_are_read(tmp_path, new):
    (tmp_path / "model.pth").write_bytes(saved(TENSORS, _use_new_zipfile_serialization=new))
    values = read_state_dict(tmp_path / "model.pth", "Model")
    assert values.keys() == TENSORS.keys() and all(torch.equal(values[key], TENSORS[key]) for key in values)


def test_wrong_layouts_are_named_and_the_cure_is_for_this_file(tmp_path):
    path = weights_path(tmp_path, "rife")
    layer = torch.nn.Linear(30, 40)
    for values, said in (
        ({"weight": TENSORS["weight"]}, r"1 missing \(bias\)"),
        ({**TENSORS, "extra": torch.ones(1)}, r"1 unexpected \(extra\)"),
        ({**TENSORS, "bias": torch.zeros(3)}, r"1 of another shape \(bias \(3,\) instead of \(40,\)\)"),
        ({**TENSORS, "bias": torch.full((40,), torch.nan)}, r"1 not finite \(bias\)"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            load_weights(layer, values, path, "RIFE")
        assert f"nlf-pipeline weights fetch rife --folder {tmp_path}" in str(caught.value)
    load_weights(layer, TENSORS, path, "RIFE")
    assert torch.equal(layer.weight, TENSORS["weight"])
