"""The tables and the bare rules of the benchmark of scheduling."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks" / "scale"))
from bare_workflow import bare_rules
from calls import Call, called
from scheduling_tables import STEPS, ScaleRow, folder_extent, overhead_ms, scale_table

SUMMARY = """Building DAG of jobs...
output_file\tdate\trule\tversion\tinput-file(s)\tstatus
results/v1/clip.mp4\t-\tfetch\t-\tvideos_in/v1.mp4\tok
results/v1/video.json\t-\tfetch\t-\tvideos_in/v1.mp4\tok
body.json\t-\tbuild\t-\t\tok
results/v1/a_view.mp4\t-\trender\t-\tbody.json,results/v1/clip.mp4\tok
results/v1/b_view.mp4\t-\trender\t-\tresults/v1/clip.mp4,results/v1/video.json,results/v1/video.json\tok
"""


def call(wall_s, n_jobs=10):
    return Call(wall_s, wall_s / 2, 0.5, 100.0, f"Job stats:\ntotal      {n_jobs}\n")


def test_bare_rules_have_a_rule_for_every_job_and_want_what_nobody_reads():
    rules = bare_rules(SUMMARY, "v1")
    assert rules.count("\nrule ") == 1 + 4
    assert "expand(['results/{video}/a_view.mp4', 'results/{video}/b_view.mp4'], video=VIDEOS)" in rules
    assert "'results/{video}/clip.mp4', 'results/{video}/video.json',\n    shell" in rules
    assert "'videos_in/{video}.mp4'" in rules and "v1" not in rules


def test_overhead_is_the_run_per_job_without_what_the_job_takes():
    costs = {"dry run": call(2.0), "run": call(1.0)}
    assert overhead_ms(ScaleRow("workflow", 1, costs, 0.03, 1, 1)) == pytest.approx(70.0)


def test_a_row_of_plans_alone_has_no_figures_of_runs():
    whole = ScaleRow("workflow", 3, {step: call(1.0) for step in STEPS}, 0.0, 5, 2_000_000)
    plan = ScaleRow("workflow", 3, {"dry run": call(1.0)}, 0.0, 0, 0)
    heads, _, first, second = scale_table([whole, plan]).splitlines()
    assert first.count("|") == second.count("|") == heads.count("|")
    assert "3 (10)" in first and "5 files, 2.0 MB" in first and "files" not in second


def test_own_time_is_told_apart_from_that_of_jobs(tmp_path):
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(20_000_000))']); print('total 7')"
    cost = called([sys.executable, "-c", busy], tmp_path, {})
    assert cost.jobs_cpu_s > cost.own_cpu_s and cost.n_jobs == 7 and cost.peak_mib > 1


def test_a_call_that_fails_ends_the_benchmark(tmp_path):
    with pytest.raises(SystemExit, match="it broke"):
        called([sys.executable, "-c", "raise SystemExit('it broke')"], tmp_path, {})


def test_extent_of_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"45")
    assert folder_extent(tmp_path) == (2, 5)
