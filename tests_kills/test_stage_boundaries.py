"""Death just before and after a stage's outputs appear, and once Snakemake has recorded them; stages are stand-ins."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from killed_runs import Watched, copy_workflow, wait_until
from workflow_runs import Run

DIE_WITH_PARENT = """
ctypes.CDLL(None).prctl(1, 9)  # as the real command does
if os.getppid() != int(os.environ["NLF_PIPELINE_PARENT"].split()[0]):
    sys.exit(1)
"""
IMPORTS = "import ctypes, os, pathlib, shutil, sys, time\n"
PAUSE = """
def pause(moment):
    if pathlib.Path("pause_at").exists() and pathlib.Path("pause_at").read_text() == stage + " " + moment:
        pathlib.Path("paused").touch()
        time.sleep(60)
pause("before")
"""
LOOP = "for output in outputs:\n"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_workflow(tmp_path_factory.mktemp("workflow"))


@pytest.fixture
def make_run(workflow, tmp_path):
    def make(name, *videos):
        run = Run(tmp_path / name, workflow=workflow)
        tool = run.folder.parent / "tools" / "nlf-pipeline"
        text = tool.read_text()
        assert text.count(LOOP) == text.count(IMPORTS) == 1
        text = text.replace(IMPORTS, IMPORTS + DIE_WITH_PARENT).replace(LOOP, PAUSE + LOOP)
        tool.write_text(text + 'pause("after")\n')
        for video in videos:
            run.add_video(f"{video}.mp4")
        return run

    return make


def start(run, *settings):
    return subprocess.Popen(
        run.command("--config", *settings),
        cwd=run.folder,
        env=run.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def stage_of(job):
    """`render_side` -> render, `build_body_open` -> build-body."""
    return next((stage for stage in ("render", "build-body") if job.replace("_", "-").startswith(stage)), None) or (
        job.replace("_", "-")
    )


def calls(run):
    path = run.folder / "calls.log"
    return path.read_text().split() if path.exists() else []


def die(process, how):
    if how == "machine":
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def jobs_in_order(workflow, tmp_path_factory):
    """Stages in the order in which an undisturbed run starts them, and what each job makes."""
    run = Run(tmp_path_factory.mktemp("undisturbed"), workflow=workflow)
    run.add_video("clip.mp4")
    run.stages("video_id=clip")
    return list(dict.fromkeys(calls(run))), Watched(run.folder).outputs()


@pytest.mark.parametrize("how", ["snakemake", "machine"])
@pytest.mark.parametrize("moment", ["before", "after", "recorded"])
def test_every_stage_is_done_again_only_if_it_was_not_recorded(make_run, jobs_in_order, moment, how):
    """One working directory: its run dies at the first stage, is given again, dies at the second, and so on."""
    stages, outputs = jobs_in_order
    run = make_run(f"{moment}-{how}", "clip")
    watched = Watched(run.folder)
    for stage in stages:
        die_at(run, watched, stage, moment, how, outputs)
    before = watched.finished_jobs(outputs)
    assert not done(before, outputs) & run.stages("video_id=clip")
    assert watched.outputs() == outputs and watched.finished_jobs(outputs) == set(outputs)
    assert run.stages("video_id=clip") == set()
    wait_until(lambda: not watched.processes(), "something still runs", 20)


def die_at(run, watched, stage, moment, how, outputs):
    """Give the command, and kill it at a moment of one stage; nothing recorded may be done again."""
    before, n_calls = watched.finished_jobs(outputs), len(calls(run))
    mine = {job for job in outputs if stage_of(job) == stage}
    (run.folder / "paused").unlink(missing_ok=True)
    (run.folder / "pause_at").write_text(f"{stage} {moment}")
    process = start(run, "video_id=clip")
    if moment == "recorded":
        reached = lambda: mine <= watched.finished_jobs(outputs)  # noqa: E731
    else:
        reached = (run.folder / "paused").exists
    if not mine <= before:  # else it was done beside another
        wait_until(lambda: reached() or process.poll() is not None, f"{stage} was never reached")
    die(process, how)
    (run.folder / "pause_at").unlink()
    if moment != "recorded" and not mine <= before:
        assert not mine <= watched.finished_jobs(outputs)
    assert not done(before, outputs) & set(calls(run)[n_calls:])


def done(finished, outputs):
    """Stages of which every job is finished; both views are of one stage."""
    return {stage_of(job) for job in finished} - {stage_of(job) for job in set(outputs) - finished}


def test_records_that_a_power_cut_tore_are_made_anew_and_no_others(make_run):
    run = make_run("torn", "clip")
    run.stages("video_id=clip")
    watched = Watched(run.folder)
    for job, kept in (("world", 0), ("render_side", 100)):
        for path in record_paths(run, job):
            os.truncate(path, kept)
            os.utime(path, (1, 1))  # before this machine started
    for part in ("results/clip/.bodies-abcdefgh.npz", "results/clip/.side_view-abcdefgh.mp4"):
        (run.folder / part).write_bytes(b"half")
    before = watched.outputs()
    assert run.stages("video_id=clip", "opacity=0.5") == {
        "world",
        "plan-view",
        "render",
        "report",
        "player",
        "write-export",
    }
    assert set(watched.outputs()) == {*before, "world", "render_side"}
    assert run.stages("video_id=clip", "opacity=0.5") == set()


def record_paths(run, job):
    folder = run.folder / ".snakemake/metadata"
    return [path for path in folder.iterdir() if f'"logs/clip/{job}.log"' in path.read_text()]


def test_runs_of_different_videos_go_on_side_by_side_while_one_is_killed(make_run):
    run = make_run("two", "a", "b")
    run.snakemake("resources/body_models/open/base_mesh.npz")
    (run.folder / "pause_at").write_text("estimate before")
    first = start(run, "video_id=a")
    wait_until((run.folder / "paused").exists, "a was never estimated")
    (run.folder / "pause_at").unlink()
    (run.folder / "calls.log").unlink()
    assert "another run" in run.refuses("video_id=a")
    second = start(run, "video_id=b")
    wait_until(lambda: calls(run), "b was never begun")
    die(first, "machine")
    assert second.wait(120) == 0
    n_calls = len(calls(run))
    assert run.stages("video_id=b") == set() and n_calls
    assert "fetch" not in run.stages("video_id=a")
    assert run.stages("video_id=a,b") == set()
