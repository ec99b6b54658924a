"""The status of videos is read off their folders, whatever state these are in."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.errors import UserError
from nlf_pipeline.file_locks import try_lock
from nlf_pipeline.status import status
from nlf_pipeline.workflow.job_records import recording
from nlf_pipeline.workflow.run_lock import hold_locks
from nlf_pipeline.workflow.states.status_table import duration, format_json, format_states
from nlf_pipeline.workflow.states.video_states import known_videos, read_states
from nlf_pipeline.workflow.wanted import ALWAYS, remember_wanted

NOW = time.time()
WAITS = "waits for a GPU"
LONG_LOOP = """
import itertools, sys
from pathlib import Path
from nlf_pipeline import progress
from nlf_pipeline.workflow.job_records import recording
from nlf_pipeline.workflow.joblog import show_our_lines, writing_log
progress._SECONDS_BETWEEN_LOG_LINES = 0
show_our_lines("estimate")
with recording(Path(sys.argv[1])), writing_log(Path(sys.argv[1])):
    for i in progress.progress(range(9000), 9000, "estimate: second pass"):
        if i == 1200:
            print("some library talks", flush=True)
            sys.__stdin__.read()
"""


class Tree:
    """A made-up working directory."""

    def __init__(self, folder):
        self.folder, self.results, self.logs = folder, folder / "results", folder / "logs"

    def record(self, video, job, state="done", began=-100.0, ended=-90.0, **values):
        """A record with times in seconds from now."""
        log = self.logs / video / f"{job}.log"
        with recording(log):
            pass
        path = log.with_suffix(".json")
        known = json.loads(path.read_text())
        known |= {"state": state, "started": NOW + began, "ended": None if ended is None else NOW + ended}
        path.write_text(json.dumps(known | values))
        return path

    def finish(self, video, age=50.0, verdict="good"):
        folder = self.results / video
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "video.json").write_text(json.dumps({"n_frames": 9000, "fps": 30.0}))
        (folder / "report.json").write_text(json.dumps({"verdict": verdict}))
        for name in (*ALWAYS, "report.json"):
            (folder / name).touch()
            os.utime(folder / name, (NOW - age, NOW - age))

    def state(self, video, **options):
        return read_states([video], self.results, self.logs, **options)[0]

    def table(self, width=None):
        return format_states(read_states(known_videos(self.results, self.logs), self.results, self.logs), width)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_a_finished_video(tree):
    tree.record("walk", "fetch", began=-100, ended=-98)
    tree.record("walk", "estimate", began=-98, ended=-60)
    tree.finish("walk")
    walk = tree.state("walk")
    assert (walk.state, walk.verdict, walk.n_frames, walk.fps) == ("done", "good", 9000, 30.0)
    assert walk.seconds == pytest.approx(40) and [job.record.job for job in walk.jobs] == ["fetch", "estimate"]
    line = tree.table().splitlines()[1]
    assert re.fullmatch(r"walk +9,000 +5:00\.0 +done +40 s +good +estimate 38 s, fetch 2\.0 s", line)
    os.utime(tree.results / "walk/bodies.npz", (NOW - 1, NOW - 1))
    assert tree.state("walk").verdict is None  # it is about older bodies


def test_a_video_is_done_when_what_its_last_run_wanted_is_there(tree):
    tree.finish("walk")
    tree.record("walk", "fetch")
    assert tree.state("walk").state == "done", "nothing is said"
    remember_wanted([*ALWAYS, "side_view.mp4", "export/glb"], "walk", tree.results)
    assert tree.state("walk").state == "unfinished"
    (tree.results / "walk/side_view.mp4").touch()
    (tree.results / "walk/export/glb").mkdir(parents=True)
    assert tree.state("walk").state == "done"
    remember_wanted([*ALWAYS, "player.html"], "walk", tree.results)
    assert tree.state("walk").state == "unfinished"
    remember_wanted(ALWAYS, "walk", tree.results)
    assert tree.state("walk").state == "done"
    assert known_videos(tree.results, tree.logs) == ["walk"]


def test_a_failed_video_says_where_and_why(tree):
    tree.record("walk", "fit", "failed", error="clip.mp4: is broken")
    failed = tree.state("walk")
    assert failed.state == "failed" and "fit failed: clip.mp4: is broken" in tree.table()
    tree.finish("walk")  # later than the failure
    assert tree.state("walk").state == "done" and "is broken" not in tree.table()
    tree.record("walk", "render_side", "failed", began=-20, ended=-10, error="no")
    assert tree.state("walk").state == "failed"  # when made anew, after a change


def test_a_run_under_way(tree):
    tree.record("old", "fit", "failed", error="of an earlier run")
    held = hold_locks(["walk", "old"], tree.results / ".locks")
    assert known_videos(tree.results, tree.logs) == ["old", "walk"]
    assert tree.state("walk").state == "waiting"
    assert tree.state("old").state == "waiting"
    assert tree.state("walk", is_over=True).state == "not started"
    assert tree.state("old", is_over=True).state == "failed"
    for descriptor in held:
        os.close(descriptor)
    assert known_videos(tree.results, tree.logs) == ["old"]
    assert tree.state("old").state == "failed"
    tree.record("half", "fetch")
    assert tree.state("half").state == "unfinished"


def test_killed_stopped_and_jobs_elsewhere(tree):
    tree.record("dead", "fit", "running", ended=None)
    tree.record("ended", "fit", "stopped", error="KeyboardInterrupt")
    tree.record("away", "fit", "running", ended=None, host="node7", attempt=3)
    table = tree.table()
    assert tree.state("dead").state == "killed" and tree.state("dead").seconds == 0
    assert tree.state("ended").state == "stopped"
    assert tree.state("away").state == "running" and not tree.state("away").jobs[0].seen
    assert "fit was killed, begun 20" in table and "fit was stopped, begun 20" in table
    assert re.search(r"away .*running.* fit since [0-9hmins ]+, attempt 3 on node7, as it says", table)
    assert table.splitlines()[-2] == "3 videos: 1 running, 1 killed, 1 stopped"


def test_a_job_under_way_tells_how_far_it_is(tree):
    log = tree.logs / "walk/estimate.log"
    job = subprocess.Popen(
        [sys.executable, "-c", LONG_LOOP, str(log)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while not log.exists() or "talks" not in log.read_text():
            assert time.monotonic() < deadline and job.poll() is None
            time.sleep(0.02)
        (running,) = tree.state("walk").jobs
        assert running.state == "running" and running.seen and running.progress is not None
        assert running.progress.startswith("1200/9000 frames, ") and running.progress.endswith(" left")
        assert "estimate since 0." in tree.table() and ": 1200/9000 frames" in tree.table()
    finally:
        job.kill()
        job.communicate()
    assert tree.state("walk").state == "killed"


@pytest.mark.parametrize(
    ("lines", "progress"),
    [
        (["progress: a: 1/2 frames, 1.0 frames/s, 1 s left", "workflow.gpus.lease: waits for a GPU: x"], WAITS),
        (["workflow.gpus.lease: waits for a GPU: x", "workflow.gpus.lease: GPU 0, exclusively"], None),
        (["progress: a: 5/9 frames, 1.0 frames/s, 4 s left", "progress: a: 9 frames in 9.0 s (1.0 frames/s)"], None),
        ([], None),
    ],
)  # fmt: skip
def test_what_a_log_says_last_counts(tree, lines, progress):
    path = tree.record("walk", "estimate", "running", ended=None)
    stamp = "2026-11-20 10:00:00,000 INFO nlf_pipeline."
    path.with_suffix(".log").write_text("{key}\n" + "".join(f"{stamp}{line}\n" for line in lines))
    with path.open("r+") as file:
        assert try_lock(file.fileno())
        assert tree.state("walk").jobs[0].progress == progress


def test_those_in_trouble_come_last_and_lines_fit_the_terminal(tree):
    tree.record("a_failed", "fit", "failed", error="a long story " * 20)
    tree.record("b_done", "fit")
    tree.finish("b_done")
    tree.record("c" * 64, "fit", "stopped")
    wide = tree.table().splitlines()
    assert [line.split()[0] for line in wide[1:4]] == ["b_done", "c" * 31 + "…", "a_failed"]
    for width in (40, 60, 80, 120):
        lines = tree.table(width).splitlines()
        assert max(map(len, lines)) <= width
        assert any(line.startswith("a_failed") for line in lines) and any("a long story" in line for line in lines)
        assert any(line.startswith("3 videos: ") for line in lines)


def test_json_for_scripts(tree):
    tree.record("walk", "fit", peak_mb=512.0)
    tree.record("run", "fit", "failed", error="no")
    tree.finish("walk")
    told = json.loads(format_json(read_states(["walk", "run"], tree.results, tree.logs)))
    assert [video["state"] for video in told["videos"]] == ["done", "failed"]
    job = told["videos"][0]["jobs"][0]
    assert (job["job"], job["state"], job["peak_mb"], round(job["seconds"])) == ("fit", "done", 512.0, 10)
    assert told["totals"]["states"] == {"done": 1, "failed": 1} and told["totals"]["verdicts"] == {"good": 1}


def test_nothing_at_all(tree, monkeypatch):
    assert format_states([]) == "\n0 videos"
    monkeypatch.chdir(tree.folder)
    with pytest.raises(UserError, match="no results/ here"):
        status()


def test_damaged_files_are_as_if_they_were_not_there(tree):
    tree.finish("walk")
    tree.record("walk", "fit").write_text('{"format_version": 1, "state": ')
    for name in ("video.json", "report.json"):
        (tree.results / "walk" / name).write_text("[]")
    walk = tree.state("walk")
    assert (walk.state, walk.jobs, walk.n_frames, walk.verdict) == ("done", (), None, None)
    assert "walk" in tree.table()


def test_the_command_takes_ids_and_lists(tree, capsys):
    tree.record("walk", "fit")
    tree.record("other", "fit")
    (tree.folder / "list.csv").write_text("video_id,no_such_setting\nwalk,1\nrun,2\n")

    def told(**options):
        status(folder=tree.folder, **options)
        return capsys.readouterr().out

    assert "2 videos: 2 unfinished" in told()
    assert "2 videos: 1 not started, 1 unfinished" in told(videos="walk, run")
    assert "2 videos: 1 not started, 1 unfinished" in told(videos=str(tree.folder / "list.csv"))
    assert json.loads(told(json=True))["totals"]["n_videos"] == 2
    table = told(jobs=True).splitlines()
    assert "seconds   fit" in table and "walk     10.0" in table
    with pytest.raises(UserError, match=r"none\.txt: not found"):
        told(videos="none.txt")


def test_the_command_starts_without_heavy_modules(tree):
    tree.record("walk", "fit")
    code = (
        "import sys; from nlf_pipeline.cli import main; main(['status']); "
        "print(sorted({'numpy', 'torch', 'cv2', 'jsonschema', 'pandas', 'snakemake'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=tree.folder, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[0].startswith("video") and told.stdout.splitlines()[-1] == "[]"


@given(st.floats(0, 1e7))
def test_durations_are_short_and_near(seconds):
    text = duration(seconds)
    units = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    words = text.split()
    told = sum(float(n) * units[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    assert len(text) <= 11 and abs(told - seconds) <= max(0.51, 0.042 * seconds)
