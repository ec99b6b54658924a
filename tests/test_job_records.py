"""The record of a job says what became of it, however it ended, and never gets in its way."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from nlf_pipeline.errors import UserError
from nlf_pipeline.file_locks import is_locked, try_lock
from nlf_pipeline.workflow.job_records import lives, read_record, record_path, recording

JOB = """
import sys, time
from pathlib import Path
from nlf_pipeline.workflow.job_records import recording
with recording(Path(sys.argv[1])):
    print("begun", flush=True)
    time.sleep(60)
"""


def record_of(log):
    record = read_record(record_path(log))
    assert record is not None
    return record


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs/walk/render_side.log"


def fail(log, error):
    with pytest.raises(type(error)), recording(log):
        raise error


def test_a_job_that_runs_and_ends_well(log, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    before = time.time()
    with recording(log):
        running = record_of(log)
        assert running.state == "running" and running.ended is None and lives(running, record_path(log))
        assert is_locked(record_path(log))
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # as a lease does
    done = record_of(log)
    assert (done.job, done.state, done.error, done.attempt) == ("render_side", "done", None, 1)
    assert done.ended is not None and before <= done.started <= done.ended <= time.time()
    assert (done.host, done.pid, done.slurm_job) == (os.uname().nodename, os.getpid(), "42")
    assert (running.gpus, done.gpus) == ("0,1", "1")
    assert done.peak_mb is not None and 1 < done.peak_mb < 1e6 and not is_locked(record_path(log))


@pytest.mark.parametrize(
    ("error", "state", "told"),
    [
        (UserError("clip.mp4: is broken\n  - badly"), "failed", "clip.mp4: is broken"),
        (KeyError(), "failed", "KeyError"),
        (OSError(errno.ENOSPC, "No space left on device", "a.npz"), "failed", "a.npz: No space left on device"),
        (OSError("moov atom not found"), "failed", "moov atom not found"),
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
        (SystemExit(2), "failed", "wrong options; see the log"),
        (SystemExit(0), "done", None),
    ],
)
def test_a_job_that_ends_otherwise(log, error, state, told):
    fail(log, error)
    record = record_of(log)
    assert (record.state, record.error) == (state, told)


def test_attempts_are_counted_since_the_last_success(log):
    def run():
        with recording(log):
            pass
        return record_of(log).attempt

    assert [run(), run()] == [1, 1]
    fail(log, ValueError("x"))
    fail(log, ValueError("x"))
    assert record_of(log).attempt == 2
    assert [run(), run()] == [3, 1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_job_is_known_to_be_dead(log, how):
    job = subprocess.Popen([sys.executable, "-c", JOB, str(log)], stdout=subprocess.PIPE)
    assert job.stdout
    try:
        assert job.stdout.readline() == b"begun\n"
        record = record_of(log)
        assert record.state == "running" and record.pid == job.pid and lives(record, record_path(log))
    finally:
        job.send_signal(how)
        job.wait()
    job.stdout.close()
    assert record_of(log) == record and lives(record, record_path(log)) is False


def test_of_another_host_nothing_is_claimed(log, monkeypatch):
    with recording(log):
        record = record_of(log)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(["Linux", "elsewhere", "", "", ""]))
    assert lives(record, record_path(log)) is None


def test_no_record_is_no_reason_to_fail(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    ran = []
    with recording(tmp_path / "logs/walk/fit.log"):
        ran.append(True)
    assert ran
    fail(tmp_path / "logs/walk/fit.log", ValueError("its own"))


def test_a_record_is_written_over_in_its_place(log):
    """So there is room for it on a full disk."""
    with pytest.raises(ValueError), recording(log):
        before = record_path(log).stat()
        raise ValueError("\N{DANCER}\ud800" * 1000)
    after = record_path(log).stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert str(record_of(log).error).startswith("\N{DANCER}?\N{DANCER}?") and list(log.parent.iterdir()) == [
        record_path(log)
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format_version": 1}', '{"format_version": 99}', "\xff"])
def test_a_damaged_record_is_none(log, text):
    with recording(log):
        pass
    record_path(log).write_text(text, encoding="latin-1")
    assert read_record(record_path(log)) is None
    with recording(log):
        pass
    assert record_of(log).state == "done"


def test_asking_does_not_get_in_the_way_of_locking(tmp_path):
    file = tmp_path / "lock"
    file.touch()
    asker = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path; from nlf_pipeline.file_locks import is_locked\n"
         "print(flush=True)\nwhile True: is_locked(Path(sys.argv[1]))", str(file)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert asker.stdout
    try:
        asker.stdout.readline()
        for _ in range(300):
            with file.open("r+") as opened:
                assert try_lock(opened.fileno())
    finally:
        asker.kill()
        asker.wait()
        asker.stdout.close()
    with file.open("r+") as first, file.open("r+") as second:
        assert try_lock(first.fileno()) and not try_lock(second.fileno())


def test_the_command_keeps_the_record_of_what_it_runs(tmp_path):
    def run(*arguments):
        log = tmp_path / "logs/walk/fetch.log"
        command = [sys.executable, "-m", "nlf_pipeline.cli", "--log", str(log), *arguments]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        record = record_of(log)
        return record.state, record.attempt, record.error

    assert run("status") == ("done", 1, None)
    assert run("status", "--nonsense") == ("failed", 1, "wrong options; see the log")
    state, attempt, error = run("status", "--videos", "none.txt")
    assert (state, attempt) == ("failed", 2) and str(error).startswith("none.txt: not found, expected")
