"""Which device is chosen, on machines with GPUs of all kinds."""

import warnings

import pytest
import torch

from nlf_pipeline.errors import UserError
from nlf_pipeline.torch_devices import choose_device

TOO_OLD = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be ..."
FULL = "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"


@pytest.fixture
def gpu(request, monkeypatch):
    """A machine with a GPU on which a computation succeeds, or fails as the parameter says."""
    trouble = getattr(request, "param", None)

    def computes(*size, device):
        if trouble:
            raise RuntimeError(trouble)
        return torch.tensor([1.0])

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "ones", computes)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("name", ["auto", "cuda", "cpu"])
def test_a_gpu_that_works_is_taken_unless_the_cpu_is_asked_for(name):
    assert choose_device(name).type == ("cpu" if name == "cpu" else "cuda")


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_cpu_is_taken_quietly(caplog):
    assert choose_device("auto").type == "cpu" and not caplog.records
    with pytest.raises(UserError, match=r"found cuda, but .*no CUDA device was found"):
        choose_device("cuda")


def test_torchs_own_reason_is_told(monkeypatch):
    def available():
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old\nsee ...", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", available)
    with pytest.raises(UserError, match=r"\(CUDA initialization: The NVIDIA driver on your system is too old\)"):
        choose_device("cuda")


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("gpu", [TOO_OLD], indirect=True)
def test_a_gpu_too_old_for_torch_is_passed_over_aloud(caplog):
    assert choose_device("auto").type == "cpu"
    assert "no kernel image" in caplog.text and "might be" not in caplog.text
    with pytest.raises(UserError, match="no kernel image"):
        choose_device("cuda")


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("gpu", [FULL], indirect=True)
@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_a_full_gpu_is_not_passed_over(name):
    with pytest.raises(UserError, match=rf"found {name}, but .*out of memory"):
        choose_device(name)
