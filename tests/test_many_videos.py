"""Runs over several videos: those that fail stop no others, and the status tells of all, while the run goes on too."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from checked_settings import DEFAULTS, SCHEMA
from workflow_runs import REPOSITORY, Run

from nlf_pipeline.workflow.settings import given_settings
from nlf_pipeline.workflow.videos.lists import videos_of_run

RECORDED_STAND_IN = """#!{python} -S
# The stand-in with the record that the real command keeps; it fails or waits where a file of the job's name says so.
import ctypes, pathlib, runpy, sys, time
from nlf_pipeline.workflow.job_records import recording
ctypes.CDLL(None).prctl(1, 9)
log = pathlib.Path(sys.argv[sys.argv.index("--log") + 1])
job = log.parent.name + "." + log.stem
try:
    with recording(log):
        while pathlib.Path("wait", job).exists():
            time.sleep(0.02)
        if pathlib.Path("fail", job).exists():
            log.write_text("2026-01-01 00:00:00,0 ERROR nlf_pipeline: " + job + " broke\\n")
            raise ValueError(job + " broke\\n  - badly")
        runpy.run_path({tool!r}, run_name="__main__")
except ValueError:
    sys.exit(1)
"""


class RecordedRun(Run):
    """A run whose stages keep records."""

    def __init__(self, folder):
        super().__init__(folder)
        tool = folder / "tools/nlf-pipeline"
        tool.rename(tool.with_name("stand-in"))
        tool.write_text(RECORDED_STAND_IN.format(python=sys.executable, tool=str(tool.with_name("stand-in"))))
        tool.chmod(0o755)
        for name in ("wait", "fail"):
            (self.folder / name).mkdir()

    def status(self):
        command = [sys.executable, "-m", "nlf_pipeline.cli", "status", "--json"]
        told = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, check=True)
        return {video["video_id"]: video for video in json.loads(told.stdout)["videos"]}

    def calls(self):
        """The stages that were called since the last time."""
        log = self.folder / "calls.log"
        calls = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return calls


@pytest.fixture
def run(tmp_path):
    run = RecordedRun(tmp_path)
    for name in ("a.mp4", "b c.mov", "d.mkv"):
        run.add_video(name)
    (run.folder / "videos.csv").write_text(
        "video_id;file;max_persons;opacity\n;videos_in/a.mp4;;\nsecond;videos_in/b c.mov;2;\nd;;;0.5\n"
    )
    return run


def until(what):
    """Wait until something is as it should be, and return it."""
    deadline = time.monotonic() + 60
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_one_that_fails_stops_no_other_and_goes_on_when_cured(run):
    (run.folder / "fail/second.fit").touch()
    failed = run.snakemake("--config", "videos=videos.csv")
    assert failed.returncode != 0
    table = [line.split() for line in failed.stderr.splitlines()]
    assert ["3", "videos:", "2", "done,", "1", "failed"] in table
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("second ")]
    assert " failed " in line and line.endswith("fit failed: second.fit broke")
    assert "logs/second/fit.log: second.fit broke" in failed.stderr  # what went wrong
    states = run.status()
    assert {name: video["state"] for name, video in states.items()} == {"a": "done", "d": "done", "second": "failed"}
    assert states["a"]["verdict"] == "check" and states["second"]["verdict"] is None
    assert {job["job"] for job in states["second"]["jobs"]} >= {"fetch", "segment", "estimate", "fit"}

    (run.folder / "fail/second.fit").unlink()
    run.calls()
    cured = run.snakemake("--config", "videos=videos.csv")
    assert cured.returncode == 0
    assert sorted(run.calls()) == [
        "fit",
        "ground",
        "plan-view",
        "player",
        "render",
        "render",
        "report",
        "world",
        *["write-export"] * 3,
    ]
    assert "3 videos: 3 done" in cured.stdout + cured.stderr
    (fit,) = [job for job in run.status()["second"]["jobs"] if job["job"] == "fit"]
    assert (fit["state"], fit["attempt"], fit["error"]) == ("done", 2, None)


def test_settings_of_a_row_are_those_of_its_jobs(run):
    assert run.snakemake("--config", "videos=videos.csv", "fov=50").returncode == 0

    def settings(log):
        return json.loads((run.folder / "logs" / log).read_text().splitlines()[0])["settings"]

    assert [settings(f"{video}/segment.log")["max_persons"] for video in ("a", "second", "d")] == [6, 2, 6]
    assert [settings(f"{video}/render_side.log")["opacity"] for video in ("a", "second", "d")] == [0.85, 0.85, 0.5]
    assert all(settings(f"{video}/track_camera.log")["fov"] == 50 for video in ("a", "second", "d"))

    run.calls()
    list_file = run.folder / "videos.csv"
    list_file.write_text(list_file.read_text().replace("0.5", "0.6").replace(";2;", ";3;"))
    assert run.snakemake("--config", "videos=videos.csv", "fov=50", "video_id=a,d", "shard=1/1").returncode == 0
    assert run.calls() == ["render", "render"]  # of one video; another one that changed was not chosen


def test_mistakes_in_a_list_stop_a_run_before_it_begins(run):
    (run.folder / "bad.csv").write_text("video_id,fov,file\na,600,\nx,,no.mp4\na,,\n")
    told = run.refuses("videos=bad.csv")
    assert "bad.csv, line 2, column fov: found 600" in told and "line 4: found the id 'a' again" in told
    (run.folder / "bad.csv").write_text("video_id,static_camera,camera,file\na,true,klt,\nx,,,no.mp4\n")
    told = run.refuses("videos=bad.csv")
    assert "bad.csv, line 2: static_camera: " in told and "bad.csv, line 3: no.mp4 is not there" in told


def test_a_folder_of_videos_and_a_share_without_any(run):
    planned = run.snakemake("--dry-run", "--config", "videos=videos_in")
    told = planned.stdout + planned.stderr
    assert planned.returncode == 0 and "results/a/" in told and "results/b-c-" in told and "results/d/" in told
    share = run.snakemake("--dry-run", "--config", "videos=videos_in", "shard=1/40")
    assert share.returncode == 0 and "results/" not in share.stdout + share.stderr


def test_the_status_of_a_run_under_way_and_of_one_that_was_killed(run):
    (run.folder / "wait/a.fit").touch()
    going = subprocess.Popen(
        run.command("--config", "videos=videos.csv"), cwd=run.folder, env=run.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until((run.folder / "logs/a/fit.json").exists)
        states = until(lambda: (states := run.status())["a"]["state"] == "running" and states)
        assert {name: video["state"] for name, video in states.items() if name != "a"}.keys() == {"second", "d"}
        assert all(video["state"] in ("waiting", "running", "done") for video in states.values())
        (fit,) = [job for job in states["a"]["jobs"] if job["state"] == "running"]
        assert fit["job"] == "fit" and fit["seen"] and fit["pid"] != os.getpid()
        again = run.snakemake("--config", "video_id=a")  # asking has not loosened the lock
        assert again.returncode != 0 and "another run is working on it" in again.stderr
    finally:
        going.send_signal(signal.SIGKILL)
        going.wait()
    until(lambda: run.status()["a"]["state"] == "killed")
    assert {video["state"] for video in run.status().values()} <= {"killed", "done", "unfinished", "not started"}
    (run.folder / "wait/a.fit").unlink()
    assert run.snakemake("--config", "videos=videos.csv").returncode == 0
    assert {video["state"] for video in run.status().values()} == {"done"}


def test_the_table_in_the_manual_is_read(tmp_path):
    page = (REPOSITORY / "docs/many-videos.md").read_text()
    (tmp_path / "videos.csv").write_text(page.split("```csv\n")[1].split("```")[0])
    (tmp_path / "day1").mkdir()
    for name in ("GX010042.MP4", "Probe 3.mov"):
        (tmp_path / "day1" / name).touch()
    typed = [f"videos={tmp_path / 'videos.csv'}"]
    videos = videos_of_run(given_settings(DEFAULTS, typed, SCHEMA), SCHEMA)
    assert [video.video_id.rpartition("-")[0] or video.video_id for video in videos] == ["gopro", "Probe-3", "lab_a"]
    assert [set(video.settings) for video in videos] == [{"time_range", "static_camera"}, {"person_height"}, set()]
