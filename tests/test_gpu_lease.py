"""Leases of GPUs among real processes, on devices that only NLF_PIPELINE_GPUS knows."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.gpus.lease import leasing_gpus, living_leases

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the leases are Linux's")
JOB = """
import json, os, pathlib, subprocess, sys, time
from nlf_pipeline.workflow.gpus.lease import leasing_gpus
folder, name, n, vram_mb, seconds, child = json.loads(sys.argv[1])
os.environ["WAS"] = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
with leasing_gpus(n, vram_mb, name):
    start = time.monotonic()
    pathlib.Path(folder, name + ".holds").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
    if child:  # a program that outlives the job
        process = subprocess.Popen(["sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL)
        pathlib.Path(folder, name + ".child").write_text(str(process.pid))
    time.sleep(seconds)
    line = json.dumps([os.environ["CUDA_VISIBLE_DEVICES"], start, time.monotonic()])
pathlib.Path(folder, name + ".done").write_text(line)
assert os.environ.get("CUDA_VISIBLE_DEVICES", "unset") == os.environ["WAS"]
"""


class Host:
    """A host with fake GPUs on which jobs are started."""

    def __init__(self, folder: Path, gpus: str) -> None:
        self.folder, self.jobs = folder, []
        kept = {name: value for name, value in os.environ.items() if name not in ("CUDA_VISIBLE_DEVICES",)}
        self.environment = {**kept, "TMPDIR": str(folder), "NLF_PIPELINE_GPUS": gpus}

    def start(self, name, n=1, vram_mb=None, seconds=0.3, child=False, **environment):
        options = json.dumps([str(self.folder), name, n, vram_mb, seconds, child])
        command = [sys.executable, "-c", JOB, options]
        self.jobs.append(subprocess.Popen(command, env={**self.environment, **environment}))
        return self.jobs[-1]

    def wait_for(self, name):
        self.wait_until((self.folder / f"{name}.holds").exists)

    def wait_until(self, condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.02)

    def holds(self, name):
        return (self.folder / f"{name}.holds").exists()

    def waiting(self):
        return [lease.job for lease in living_leases({}) if not lease.holds]

    def intervals(self):
        """(devices, start, end) of every job, once all have ended well."""
        assert [job.wait(timeout=60) for job in self.jobs] == [0] * len(self.jobs)
        return sorted((json.loads(path.read_text()) for path in self.folder.glob("*.done")), key=lambda row: row[1])


@pytest.fixture
def make_host(tmp_path, monkeypatch):
    hosts = []

    def make(gpus):
        hosts.append(Host(tmp_path, gpus))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        return hosts[-1]

    yield make
    for host in hosts:
        for job in host.jobs:
            job.kill()
            job.wait()


def overlapping(rows):
    """Pairs of jobs that held one device at the same time."""
    return [
        (a, b)
        for i, a in enumerate(rows)
        for b in rows[:i]
        if set(a[0].split(",")) & set(b[0].split(",")) and a[1] < b[2] and b[1] < a[2]
    ]


def most_at_a_time(rows):
    return max(sum(other[1] <= row[1] < other[2] for other in rows) for row in rows)


def test_jobs_on_two_gpus_have_each_its_own(make_host):
    host = make_host("0,1")
    for i in range(6):
        host.start(f"job{i}")
    rows = host.intervals()
    assert len(rows) == 6 and {row[0] for row in rows} == {"0", "1"}
    assert not overlapping(rows) and most_at_a_time(rows) == 2
    assert list(host.folder.glob("nlf_pipeline-gpus-*/*")) == []


def test_memory_is_shared_out_and_no_more(make_host):
    host = make_host("0:24000")
    for i in range(3):
        host.start(f"job{i}", vram_mb=8000, seconds=60)
    for i in range(3):
        host.wait_for(f"job{i}")
    last = host.start("last", vram_mb=8000, seconds=0)
    host.wait_until(lambda: host.waiting() == ["last"])
    time.sleep(0.5)
    assert not host.holds("last")
    host.jobs[1].kill()
    host.wait_for("last")
    assert last.wait(timeout=30) == 0


def test_job_without_known_need_has_the_gpu_to_itself(make_host):
    host = make_host("0:24000")
    host.start("small", vram_mb=1000)
    host.start("whole")
    host.start("other", vram_mb=1000)
    rows = host.intervals()
    whole = json.loads((host.folder / "whole.done").read_text())
    assert not [row for row in rows if row != whole and row[1] < whole[2] and whole[1] < row[2]]


def test_need_beyond_every_gpu_takes_a_whole_one(make_host):
    host = make_host("0:8000,1:16000")
    for name in ("a", "b", "c"):
        host.start(name, vram_mb=20000)
    assert not overlapping(host.intervals())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_death_frees_at_once_whatever_the_job_had_started(make_host, how):
    host = make_host("0")
    holder = host.start("holder", seconds=60, child=True)
    host.wait_until((host.folder / "holder.child").exists)
    host.start("next")
    host.wait_until(lambda: host.waiting() == ["next"])
    holder.send_signal(how)
    host.wait_for("next")
    os.kill(int((host.folder / "holder.child").read_text()), signal.SIGKILL)  # which would fail, had it ended


def test_first_come_first_served_so_that_large_jobs_do_not_starve(make_host):
    host = make_host("0:24000,1:24000")
    for i in range(2):
        host.start(f"holder{i}", vram_mb=12000, seconds=60)
        host.wait_for(f"holder{i}")
    host.start("large", n=2, vram_mb=24000, seconds=0)
    host.wait_until(lambda: host.waiting() == ["large"])
    host.start("small", vram_mb=1000, seconds=0)  # there is room for it, but it came later
    host.wait_until(lambda: host.waiting() == ["large", "small"])
    host.jobs[0].kill()
    time.sleep(1.5)
    assert not host.holds("small")
    host.jobs[1].kill()
    host.wait_for("large")
    host.wait_for("small")
    assert (host.folder / "large.holds").read_text() == "0,1"


def test_who_waits_for_one_gpu_keeps_nobody_from_another(make_host):
    host = make_host("0,1")
    host.start("holder", seconds=60, CUDA_VISIBLE_DEVICES="0")
    host.wait_for("holder")
    host.start("first", seconds=60, CUDA_VISIBLE_DEVICES="0")
    host.wait_until(lambda: host.waiting() == ["first"])
    assert host.start("second").wait(timeout=30) == 0
    assert (host.folder / "second.holds").read_text() == "1"
    assert not host.holds("first")


def test_suspended_waiter_keeps_nobody_waiting(make_host, monkeypatch):
    monkeypatch.setattr("nlf_pipeline.workflow.gpus.lease._STOPPED_AFTER_S", 1.0)
    host = make_host("0")
    holder = host.start("holder", seconds=60)
    host.wait_for("holder")
    suspended = host.start("suspended")
    host.wait_until(lambda: host.waiting() == ["suspended"])
    suspended.send_signal(signal.SIGSTOP)
    holder.kill()
    time.sleep(1.5)
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with leasing_gpus(1, None, "next"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
        suspended.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        assert not host.holds("suspended")
    host.wait_for("suspended")


def test_waiting_is_told_with_who_is_in_the_way(make_host, monkeypatch, caplog):
    monkeypatch.setattr("nlf_pipeline.workflow.gpus.lease._TOLD_AFTER_S", 0.0)
    host = make_host("0")
    holder = host.start("dance: estimate", seconds=60)
    host.wait_for("dance: estimate")
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0")
    host.start("early", seconds=0)
    host.wait_until(lambda: host.waiting() == ["early"])
    caplog.set_level("INFO")
    monkeypatch.setattr("time.sleep", lambda seconds, sleep=time.sleep: (holder.kill(), sleep(seconds)))
    with leasing_gpus(1, None, "mine"):
        pass
    assert f"waits for a GPU: GPU 0 is held by dance: estimate (process {holder.pid}); before it: early" in caplog.text


@pytest.mark.parametrize(("visible", "devices"), [("1", {"1"}), ("GPU-aa,0,GPU-bb", {"GPU-aa", "0", "GPU-bb"})])
def test_what_the_user_set_is_all_that_is_shared_out(make_host, visible, devices):
    host = make_host("0,1,GPU-aa,GPU-bb,GPU-cc")
    for i in range(5):
        host.start(f"job{i}", CUDA_VISIBLE_DEVICES=visible)
    rows = host.intervals()
    assert {row[0] for row in rows} == devices and not overlapping(rows)


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles"])
def test_without_gpus_there_is_no_lease(tmp_path, monkeypatch, visible):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with leasing_gpus(1, 1000, "job") as devices:
        assert devices == [] and os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert list(tmp_path.iterdir()) == [] == living_leases({})


def test_more_gpus_than_there_are_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0,1")
    with pytest.raises(UserError, match="needs 3 GPUs, found 2"), leasing_gpus(3, None, "job"):
        pass


def test_jobs_of_slurm_do_not_see_those_of_others(make_host):
    host = make_host("0")
    host.start("holder", seconds=60, SLURM_JOB_ID="1")
    host.wait_for("holder")
    assert host.start("other", SLURM_JOB_ID="2").wait(timeout=30) == 0  # in its cgroup it may be another GPU
    host.start("same", SLURM_JOB_ID="1")
    host.wait_until(lambda: [lease.job for lease in living_leases({"SLURM_JOB_ID": "1"})] == ["holder", "same"])
    assert not host.holds("same")


@pytest.mark.parametrize("planted", ["link", "open folder", "file"])
def test_folder_that_others_could_have_prepared_is_refused(tmp_path, monkeypatch, planted):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    folder, elsewhere = tmp_path / f"nlf_pipeline-gpus-{os.getuid()}", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / "precious.json").write_text("")
    if planted == "link":
        folder.symlink_to(elsewhere)
    elif planted == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(UserError, match="TMPDIR"), leasing_gpus(1, None, "job"):
        pass
    assert (elsewhere / "precious.json").exists() and list(elsewhere.iterdir()) == [elsewhere / "precious.json"]


def test_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    me = os.getuid()
    (tmp_path / f"nlf_pipeline-gpus-{me + 1}").mkdir(mode=0o700)
    monkeypatch.setattr("os.getuid", lambda: me + 1)
    with pytest.raises(UserError, match="others own"), leasing_gpus(1, None, "job"):
        pass
