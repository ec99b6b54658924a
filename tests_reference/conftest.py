"""Tests of the real models' code on random weights; they run in the environment of `make install-reference`."""

import contextlib
from pathlib import Path

import pytest
import torch
from pasted_people import Cutouts

from nlf_pipeline.build_body import build_body

with contextlib.suppress(ImportError):  # torch without CUDA has none
    import triton  # noqa: F401  (torch's optimisers do so, which crashes once Mesa has loaded another LLVM to draw)


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Threads that wait for one another cost more than they bring on tensors this small."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def body_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The open body, built once for all tests."""
    folder = tmp_path_factory.mktemp("body_models") / "open"
    build_body(out=folder)
    return folder


@pytest.fixture(scope="session")
def cutouts(body_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Cutouts:
    """Rendered people to make clips of."""
    return Cutouts.render(body_dir, tmp_path_factory.mktemp("cutouts"))
