"""Jobs of a killed run are waited for or cancelled, and nothing is guessed where Slurm does not answer."""

import json
import sys
from types import SimpleNamespace

import pytest
from workflow_runs import Run

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.slurm.accounting import status_command
from nlf_pipeline.workflow.slurm.leftovers import forget_runs, remember_run, remembered_runs, wait_for_leftovers
from nlf_pipeline.workflow.snakemake_hooks import before_dag

SLURM = """#!{python} -ISs
import json, pathlib, sys
state = pathlib.Path({state!r})
told = json.loads(state.read_text())
if sys.argv[0].endswith("scancel"):
    told["cancelled"] += sys.argv[2:]
    told["jobs"] = [job for job in told["jobs"] if job[1] != "PENDING"]
else:
    told["asked"].append(sys.argv[sys.argv.index("--name") + 1])
    if told["fails"]:
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller")
    print("\\n".join("|".join(job) for job in told["jobs"]))
state.write_text(json.dumps(told))
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stand-ins for squeue and scancel; what they tell and were told."""
    state, tools = tmp_path / "state.json", tmp_path / "tools"
    tools.mkdir()
    for name in ("squeue", "scancel"):
        (tools / name).write_text(SLURM.format(python=sys.executable, state=str(state)))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))

    def tell(jobs, fails=False):
        state.write_text(json.dumps({"jobs": jobs, "fails": fails, "asked": [], "cancelled": []}))

    tell([])
    return SimpleNamespace(tell=tell, told=lambda: json.loads(state.read_text()), tools=tools)


def test_runs_are_remembered_by_video_until_forgotten(tmp_path):
    remember_run("r1", ["a", "b"], tmp_path)
    remember_run("r2", ["b"], tmp_path)
    assert remembered_runs(["a", "b", "c"], tmp_path) == ["r1", "r2"]
    forget_runs(["a", "c"], tmp_path)
    assert remembered_runs(["a", "b"], tmp_path) == ["r2"] and not (tmp_path / "c").exists()


def test_nobody_is_asked_where_no_run_is_remembered(tmp_path, slurm):
    assert not wait_for_leftovers(["a"], tmp_path, print)
    assert slurm.told()["asked"] == []


def test_running_jobs_are_waited_for_and_waiting_ones_cancelled(tmp_path, slurm):
    remember_run("r1", ["a"], tmp_path)
    remember_run("r2", ["b"], tmp_path)
    slurm.tell([("7", "RUNNING", "rule_fit_wildcards_a"), ("8_[2-4]", "PENDING", "rule_fit_wildcards_b")])
    lines, pauses = [], []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            assert slurm.told()["cancelled"] == ["8_[2-4]"]
            slurm.tell([])

    assert wait_for_leftovers(["a", "b"], tmp_path, lines.append, pause)
    assert len(lines) == 1 and "  7  fit a\n" in lines[0] and "scancel 7" in lines[0] and "8_" not in lines[0]
    assert len(pauses) == 3 and pauses == sorted(pauses)
    assert slurm.told()["asked"] == ["r1,r2"] and remembered_runs(["a", "b"], tmp_path) == []


def test_runs_stay_remembered_where_slurm_does_not_answer(tmp_path, slurm):
    remember_run("r1", ["a"], tmp_path)
    slurm.tell([], fails=True)
    with pytest.raises(UserError, match="Unable to contact"):
        wait_for_leftovers(["a"], tmp_path, print, lambda _: None)
    (slurm.tools / "squeue").unlink()
    with pytest.raises(UserError, match="squeue: not found"):
        wait_for_leftovers(["a"], tmp_path, print)
    assert remembered_runs(["a"], tmp_path) == ["r1"]


@pytest.mark.parametrize(("kind", "called"), [("", 1), ("dryrun_exec", 0), ("touch_exec", 0)])
def test_what_comes_before_the_dag_is_not_done_for_a_dry_run(kind, called):
    calls = []
    workflow = SimpleNamespace(execute=lambda plugin, *, more: calls.append(more))
    before_dag(workflow, lambda: calls.append("before"))
    common = SimpleNamespace(**{name: name == kind for name in ("dryrun_exec", "touch_exec")})
    workflow.execute(SimpleNamespace(common_settings=common), more=1)
    assert calls == ["before"] * called + [1]


def test_a_local_run_waits_for_slurm_too_and_looks_at_what_is_there_afterwards(tmp_path, slurm):
    run = Run(tmp_path / "run")
    run.add_video("a.mp4")
    run.stages("video_id=a")
    fits = run.folder / "results/a/fits.npz"
    kept = fits.read_bytes()
    fits.unlink()
    remember_run("r1", ["a"], run.folder / "results/.locks")
    slurm.tell([("7", "RUNNING", "rule_fit_wildcards_a")])
    squeue = slurm.tools / "squeue"
    # The job makes its file and ends, between the first time that it is asked about and the second.
    makes = (
        f"pathlib.Path({str(fits)!r}).write_bytes({kept!r})\ntold['jobs'] = []\nstate.write_text(json.dumps(told))\n"
    )
    squeue.write_text(squeue.read_text() + makes)
    run.environment["PATH"] = f"{slurm.tools}:{run.environment['PATH']}"
    (run.folder / "calls.log").unlink()
    result = run.snakemake("--latency-wait", "0", "--until", "fit", "--config", "video_id=a")
    assert result.returncode == 0 and "7  fit a" in result.stderr, result.stderr
    assert not (run.folder / "calls.log").exists()
    assert slurm.told()["asked"] == ["r1", "r1"]


@pytest.mark.parametrize(
    ("tools", "command"),
    [
        ({}, None),
        ({"squeue": 0}, "squeue"),
        ({"squeue": 0, "sacct": 1}, "squeue"),
        ({"squeue": 0, "sacct": 0}, "sacct"),
    ],
)
def test_end_of_jobs_is_asked_of_the_command_that_knows_it(tmp_path, monkeypatch, tools, command):
    for name, status in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert status_command() == command
