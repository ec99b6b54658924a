"""Jobs run the command of the environment whose Snakemake was called, whatever is activated."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from nlf_pipeline.workflow.settings import put_commands_on_path

OWN = Path(sys.executable).with_name("nlf-pipeline")


def make_command(folder, in_environment):
    folder.mkdir()
    for name in ["nlf-pipeline", *(["python"] if in_environment else [])]:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder / "nlf-pipeline"


@pytest.fixture
def on_path(monkeypatch):
    def found(*folders):
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
        put_commands_on_path("nlf-pipeline")
        return Path(shutil.which("nlf-pipeline"))

    return found


@pytest.mark.skipif(not OWN.exists(), reason="this environment has no nlf-pipeline command")
def test_the_own_environment_comes_before_an_activated_one(tmp_path, on_path):
    other = make_command(tmp_path / "other", in_environment=True)
    assert on_path(other.parent, "/usr/bin") == OWN
    assert on_path("/usr/bin", "/bin") == OWN
    assert on_path(OWN.parent, other.parent) == OWN


def test_a_command_outside_of_environments_is_kept(tmp_path, on_path):
    wrapper = make_command(tmp_path / "wrappers", in_environment=False)
    assert on_path(wrapper.parent, "/usr/bin") == wrapper
