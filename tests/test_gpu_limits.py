"""What a GPU may lack, by torch's words and the GPU's name."""

import pytest
import torch

from nlf_pipeline.errors import UserError
from nlf_pipeline.gpu_limits import enough_memory, half_works, lacks_memory


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError(
            "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent "
            "call last):\nRuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB."
        ),
    ],
)
def test_lack_of_memory_is_known_by_any_of_its_names(error):
    assert lacks_memory(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error: device-side assert triggered"), RuntimeError("sizes do not match"), MemoryError()],
)
def test_other_errors_are_not_taken_for_it(error):
    assert not lacks_memory(error)


@pytest.mark.parametrize(
    ("name", "works"),
    [
        ("NVIDIA GeForce GTX 1660 Ti", False),
        ("NVIDIA GeForce GTX 1650 with Max-Q Design", False),
        ("NVIDIA GeForce MX450", False),
        ("Quadro T1000", False),
        ("NVIDIA T600 Laptop GPU", False),
        ("NVIDIA GeForce GTX 1080 Ti", True),
        ("NVIDIA GeForce RTX 2060", True),
        ("NVIDIA RTX 2000 Ada Generation", True),
        ("Tesla T4", True),
        ("NVIDIA H200", True),
    ],
)
def test_gpus_whose_half_precision_gives_nan_are_known(name, works, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert half_works(torch.device("cuda")) is works


def test_a_cpu_does_without_half_precision():
    assert not half_works(torch.device("cpu"))


def test_a_lack_of_memory_is_told_in_one_line():
    told = pytest.raises(UserError, match=r"memory does not suffice for RIFE\..* or take another\.")
    with told, enough_memory("RIFE", "take another."):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="something else"), enough_memory("RIFE", "take another."):
        raise RuntimeError("something else")
