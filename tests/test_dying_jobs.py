"""A job does not outlive the process that started it, even if that one dies before the job can say so."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is told by Linux only")
PARENT = """
import os, subprocess, sys
from nlf_pipeline.workflow.joblog import name_parent
name_parent(os.environ)
job = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(job.pid, flush=True)
job.wait()
"""
JOB = """
import pathlib, sys, time
from nlf_pipeline.workflow.joblog import die_with_parent
time.sleep({before_s})
die_with_parent()
pathlib.Path({alive!r}).touch()
time.sleep(30)
"""


def is_running(pid):
    try:
        with Path(f"/proc/{pid}/stat").open() as facts:
            return facts.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def start(tmp_path, before_s):
    job = JOB.format(before_s=before_s, alive=str(tmp_path / "alive"))
    parent = subprocess.Popen([sys.executable, "-c", PARENT, job], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    return parent, int(parent.stdout.readline())


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("reaped", [True, False])
def test_job_whose_parent_died_while_it_started_ends_before_it_does_anything(tmp_path, reaped):
    parent, job = start(tmp_path, before_s=1.0)
    parent.kill()
    if reaped:
        parent.wait()
    wait_until(lambda: not is_running(job))
    assert not (tmp_path / "alive").exists()
    parent.communicate()


def test_job_runs_while_its_parent_does_and_no_longer(tmp_path):
    parent, job = start(tmp_path, before_s=0.0)
    wait_until((tmp_path / "alive").exists)
    assert is_running(job)
    parent.kill()
    wait_until(lambda: not is_running(job))
    parent.communicate()


@pytest.mark.parametrize("name", [None, "1 0", "999999999 0", "{pid} here", "no number"])
def test_job_of_another_namespace_or_of_nobody_goes_on(tmp_path, name):
    environment = {key: value for key, value in os.environ.items() if key != "NLF_PIPELINE_PARENT"}
    environment |= {"NLF_PIPELINE_PARENT": name.format(pid=os.getpid())} if name else {}
    code = "from nlf_pipeline.workflow.joblog import die_with_parent\ndie_with_parent()"
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
