"""A Slurm for all tests here, if one can be made on this machine."""

import importlib.util
from collections.abc import Iterator

import pytest
from slurm_cluster import SlurmCluster, reason_against, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """One node, two GPUs."""
    reason = reason_against()
    if reason is None and importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        reason = "Snakemake's plugin for Slurm is not installed (make test-slurm installs it)"
    if reason:
        pytest.skip(reason)
    with running_cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running
