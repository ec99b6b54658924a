"""Fixtures of both suites of tests."""

from pathlib import Path

import hypothesis
import pytest
import torch

from nlf_pipeline.build_body import build_body

# How long an example takes says nothing: other tests share the cores.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


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
