"""Snakemake, the default profile, the real command line and leases together; GPUs and the stage are made up."""

import json
import os
import stat
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from nlf_pipeline.workflow.gpus.lease import leasing_gpus, living_leases

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the leases are Linux's")
SNAKEFILE = """
rule all:
    input: expand("{i}.json", i=range(6))
rule job:
    output: "{i}.json"
    resources: gpu=1, vram_mb=9000
    log: "logs/v{i}/network.log"
    shell: "exec nlf-pipeline --log {log} --gpus {resources.gpu} --vram-mb {resources.vram_mb} network --out {output}"
"""
TOOL = """#!{python}
import json, os, sys, time
from pathlib import Path
from nlf_pipeline import cli

def network(*, out: Path) -> None:
    start = time.monotonic()
    Path(out.stem + ".holds").touch()
    time.sleep(float(os.environ["SECONDS"]))
    out.write_text(json.dumps([os.environ["CUDA_VISIBLE_DEVICES"], start, time.monotonic()]))

cli.STAGES["network"] = "network"
cli.load_stage = lambda name: network
cli.main()
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start the workflow on two fake GPUs with jobs that take some seconds; what still runs ends with the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    tool = tmp_path / "nlf-pipeline"
    tool.write_text(TOOL.format(python=sys.executable))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    environment = {
        **os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(tmp_path), "NLF_PIPELINE_GPUS": "0:20000,1:10000",
    }  # fmt: skip
    started = []

    def start(seconds, *arguments):
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", str(REPOSITORY / "profiles/default")]
        process = subprocess.Popen(
            [*command, "--cores", "6", *arguments],
            cwd=tmp_path,
            env={**environment, "SECONDS": str(seconds)},
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def intervals(folder):
    return sorted((json.loads(path.read_text()) for path in folder.glob("?.json")), key=lambda row: row[1])


def running_at(moment, rows):
    return [row[0] for row in rows if row[1] <= moment < row[2]]


@pytest.mark.parametrize(("arguments", "most"), [((), 3), (("--resources", "gpu=2"), 2)])
def test_jobs_that_run_together_have_room_on_their_gpus(start, tmp_path, arguments, most):
    assert start(1, *arguments).wait(timeout=90) == 0
    rows = intervals(tmp_path)
    together = [running_at(row[1], rows) for row in rows]
    assert len(rows) == 6 and max(map(len, together)) == most
    assert all(gpus.count("0") <= 2 and gpus.count("1") <= 1 for gpus in together)
    logs = [path.read_text() for path in tmp_path.glob("logs/*/network.log")]
    assert len(logs) == 6 and all("9000 MB" in log for log in logs)


def test_killed_workflow_frees_all_gpus(start, tmp_path):
    process = start(60)
    end = time.monotonic() + 60
    while len(list(tmp_path.glob("?.holds"))) < 3:
        assert time.monotonic() < end, "the jobs never ran"
        time.sleep(0.05)
    assert sorted(lease.job[-9:] for lease in living_leases({}) if lease.holds) == [": network"] * 3
    process.kill()
    process.wait()
    while living_leases({}):
        assert time.monotonic() < end, "a GPU is still held"
        time.sleep(0.05)


def test_job_that_goes_on_as_another_environments_python_has_its_gpu_there(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0:9000")
    environment = tmp_path / "droid"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/python").symlink_to(sys.executable)
    (environment / "bin/nlf-pipeline").touch()
    base = Path(sys.base_prefix, "bin")
    (environment / "pyvenv.cfg").write_text(f"home = {base}\n")
    key = json.dumps({"stage": "track_camera", "settings": {"camera": "droid"}, "code": "0"})
    options = ["--log", "logs/clip/track_camera.log", "--key", key, "--gpus", "1", "--vram-mb", "5000"]
    with leasing_gpus(1, 5000, "other"):
        job = subprocess.Popen(
            [sys.executable, "-m", "nlf_pipeline.cli", *options, "track-camera", "--video", "none.mp4"],
            cwd=tmp_path,
            env={
                **os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": f"{REPOSITORY}:{sysconfig.get_path('purelib')}",
                "NLF_PIPELINE_EXECUTION": json.dumps({"droid_env": str(environment)}),
            },
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 60
        while len(living_leases({})) < 2:
            assert time.monotonic() < end and job.poll() is None, "it never asked for a GPU"
            time.sleep(0.05)
        waiting = living_leases({})[1]
        assert (waiting.pid, waiting.job) == (job.pid, "clip: track_camera")
        assert Path("/proc", str(job.pid), "cmdline").read_text().startswith(str(environment / "bin/python"))
    assert job.wait(timeout=60) in (1, 2)  # the video is not there
    assert "GPU 0, 5000 MB" in (tmp_path / "logs/clip/track_camera.log").read_text()
    assert living_leases({}) == []
