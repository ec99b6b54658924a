"""Tests of the real models' code on random weights; they run in the environment of `make install-reference`."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Threads that wait for one another cost more than they bring on tensors this small."""
    torch.set_num_threads(1)
