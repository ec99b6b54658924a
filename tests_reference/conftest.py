"""Tests of the real models' code on random weights; they run in the environment of `make install-reference`."""

import contextlib
from pathlib import Path

import pytest
from pasted_people import Cutouts

with contextlib.suppress(ImportError):  # torch without CUDA has none
    import triton  # noqa: F401  (torch's optimisers do so, which crashes once Mesa has loaded another LLVM to draw)

pytest_plugins = ["shared_fixtures"]


@pytest.fixture(scope="session")
def cutouts(body_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Cutouts:
    """Rendered people to make clips of."""
    return Cutouts.render(body_dir, tmp_path_factory.mktemp("cutouts"))
