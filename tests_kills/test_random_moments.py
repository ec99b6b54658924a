"""Snakemake, a job or the machine dies at random moments; the plain command goes on to the same results."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from killed_runs import HOW, KilledRun, copy_workflow, kill, wait_until

N_KILLS = int(os.environ.get("KILLS", "30"))
SEED = int(os.environ.get("KILL_SEED", "6"))
N_FRAMES, WIDTH_PX, HEIGHT_PX = 40, 320, 240
SETTINGS = ("video_id=clip",)
DYING_S = 20.0
"""A job that has only been started notices its parent's death once Python runs."""


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_workflow(tmp_path_factory.mktemp("workflow"))


@pytest.fixture(scope="module")
def clip(body_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people, for 1.6 seconds."""
    folder = tmp_path_factory.mktemp("clip")
    size = [f"--n-frames={N_FRAMES}", f"--width-px={WIDTH_PX}", f"--height-px={HEIGHT_PX}"]
    paths = ["--body", str(body_dir), "--out", str(folder / "clip.mp4"), "--truth", str(folder / "truth")]
    tool = [sys.executable, "-m", "nlf_pipeline.cli", "render-demo"]
    subprocess.run([*tool, *paths, *size], check=True, capture_output=True)
    return folder / "clip.mp4"


def test_results_after_random_kills_are_those_of_an_undisturbed_run(workflow, clip, tmp_path, capsys):
    random_numbers = random.Random(SEED)
    undisturbed = KilledRun(tmp_path / "undisturbed", workflow, {"clip": clip})
    started = time.monotonic()
    undisturbed.finish(*SETTINGS)
    duration_s = time.monotonic() - started
    outputs, expected = undisturbed.outputs(), undisturbed.files()
    told = [f"undisturbed: {len(outputs)} jobs in {duration_s:.0f} s; {N_KILLS} kills, KILL_SEED={SEED}"]
    n_kills = n_chains = 0
    while n_kills < N_KILLS:
        n_chains += 1
        run = KilledRun(tmp_path / f"chain{n_chains}", workflow, {"clip": clip})
        if n_chains > 1:  # the body model, which takes longest, is made under kills once
            shutil.copytree(undisturbed.folder / "resources", run.folder / "resources")
        while n_kills < N_KILLS:
            how = HOW[n_kills % len(HOW)]
            hit = live_once(run, outputs, how, random_numbers, duration_s)
            if hit is None:
                break
            n_kills += 1
            told.append(f"  chain {n_chains}, kill {n_kills:2d} of {how:9s}: {hit}")
        before, n_calls = run.finished_jobs(outputs), len(run.calls())
        run.finish(*SETTINGS)
        assert not before & set(run.calls()[n_calls:]), "a finished stage was done again"
        wait_until(lambda run=run: not run.processes(), f"left: {run.processes()}", DYING_S)
        assert_equal(run.files(), expected)
        n_calls = len(run.calls())
        run.finish(*SETTINGS)
        assert len(run.calls()) == n_calls
        told.append(f"chain {n_chains}: results equal, {n_calls} jobs started, {len(outputs)} needed")
    told.append(f"{time.monotonic() - started:.0f} s in all")
    with capsys.disabled():
        print("\n" + "\n".join(told))


def live_once(run, outputs, how, random_numbers, duration_s):
    """Give the command and kill what it started at a random moment; None if it finished before.

    One of six dies while Snakemake still reads its files; the others when one or two jobs have begun and some of the
    last one's work is done, so that every life gets somewhere and all stages are met.
    """
    before, n_calls = run.finished_jobs(outputs), len(run.calls())
    is_early, n_jobs = random_numbers.random() < 1 / 6 and how != "job", random_numbers.randint(1, 2)
    delay_s = random_numbers.random() * (1.5 if is_early else 1.5 * duration_s / len(outputs))
    process = run.start(*SETTINGS)
    if not is_early:
        wait_until(lambda: len(run.calls()) >= n_calls + n_jobs or process.poll() is not None, "no job began")
    end = time.monotonic() + delay_s
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)
    if process.poll() is not None:
        assert process.returncode == 0, run.told()
        assert not before & set(run.calls()[n_calls:]), "a finished stage was done again"
        return None
    doomed = [*process.children(recursive=True)] if how != "job" else []
    hit = kill(process, how, random_numbers.choice)
    at = time.monotonic()
    if how == "job":
        process.wait(300)  # it does what it still can
    psutil.wait_procs(doomed, DYING_S)
    left = [child for child in doomed if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not left, left
    again = before & set(run.calls()[n_calls:])
    assert not again, f"done again: {again}, jobs so far: {run.calls()}"
    running = ", ".join(run.calls()[n_calls:][-2:])
    end = "the run ended" if how == "job" else "all dead"
    return f"{hit}; last begun: {running or 'none'}; {end} after {time.monotonic() - at:.1f} s"


def assert_equal(found, expected):
    assert set(found) == set(expected), set(found) ^ set(expected)
    different = [name for name, content in expected.items() if found[name] != content]
    assert not different, different
