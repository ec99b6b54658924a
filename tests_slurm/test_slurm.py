"""The workflow on a real Slurm: which GPU each job gets, what a kill leaves, retries, and one job per video."""

import base64
import json
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from cluster_runs import ClusterRun, slurm_options
from synthetic_videos import write_video
from workflow_runs import Run

BODY = "resources/body_models/open"
REAL = [sys.executable, "-m", "nlf_pipeline.cli"]
BEFORE, AFTER = (
    ["fetch", "segment", "edit_tracks", "semantic_masks", "track_camera"],
    ["scale_camera", "fit", "ground", "world", "plan_view", "render", "report", "player", "export"],
)
STAGES = {{"export": "write-export"}.get(rule, rule.replace("_", "-")) for rule in [*BEFORE, "estimate", *AFTER]}
WANTED = ("bodies.npz", "world_cameras.npz", "camera_view.mp4", "side_view.mp4", "report.html", "player.html")
N_FRAMES, SIZE_PX = 24, (320, 240)


def groups(**rules):
    return ["--groups", *(f"{rule}={group}" for group, names in rules.items() for rule in names)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two clips of under a second, one of people, one of an empty room, and the body model."""
    made = ClusterRun(tmp_path_factory.mktemp("embedded"), REAL)
    made.run(f"{BODY}/base_mesh.npz", "--config", "video_id=demo")
    size = [f"--n-frames={N_FRAMES}", f"--width-px={SIZE_PX[0]}", f"--height-px={SIZE_PX[1]}"]
    paths = ["--body", BODY, "--out", "videos_in/people.mp4", "--truth", "unused"]
    subprocess.run([*REAL, "render-demo", *paths, *size], cwd=made.folder, check=True, capture_output=True)
    room = np.random.default_rng(0).integers(80, 120, (*SIZE_PX[::-1], 3), dtype=np.uint8)
    write_video(made.folder / "videos_in/room.mp4", [i / 30 for i in range(N_FRAMES)], frames=[room] * N_FRAMES)
    (made.folder / "starts.log").unlink()
    yield made
    made.end()


@pytest.fixture
def stand_ins(tmp_path):
    """The same with stages that only write their outputs."""
    Run(tmp_path / "simple")
    made = ClusterRun(tmp_path / "run", [str(tmp_path / "simple/tools/nlf-pipeline")])
    for name in ("a", "b"):
        (made.folder / f"videos_in/{name}.mp4").write_text(name)
    yield made
    made.end()


def test_two_clips_on_two_gpus_with_a_kill_between(cluster, run):
    before = len(cluster.jobs())
    arguments = [
        *slurm_options("--set-resources", "estimate:gpu=1", "estimate:vram_mb=1000"),
        *groups(before=BEFORE, after=AFTER), "--config", "video_id=people,room",
    ]  # fmt: skip
    hold = run.folder / "hold_estimate"
    hold.touch()
    first = run.start(*arguments, to="first.txt")
    run.wait_until(lambda: len(run.calls("estimate")) == 2 or first.poll() is not None, "both on a GPU", "first.txt")
    run.kill(first)
    on_gpus = run.calls("estimate")
    assert sorted(call.visible for call in on_gpus) == ["0", "1"], run.printed("first.txt")

    second = run.start(*arguments, to="second.txt")
    told = "An earlier run was killed"
    run.wait_until(lambda: told in run.printed("second.txt") or second.poll() is not None, told, "second.txt")
    for call in on_gpus:
        assert re.search(rf"^  {call.job} ", run.printed("second.txt"), re.MULTILINE), run.printed("second.txt")
    states = {job.job_id: (job.state, job.partition) for job in cluster.jobs()}
    assert [states[call.job] for call in on_gpus] == [("RUNNING", "gpu")] * 2
    refused = subprocess.run(
        [*second.args], cwd=run.folder, env=run.environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode and "another run is working on it" in refused.stderr
    hold.unlink()
    assert second.wait(400) == 0, run.printed("second.txt")

    calls = Counter((call.stage, call.video, call.log) for call in run.calls())
    assert set(calls.values()) == {1}, calls  # nothing that was finished, or was still at work, was done again
    assert {stage for stage, video, _ in calls if video == "people"} == STAGES
    for video in ("people", "room"):
        assert all((run.folder / "results" / video / name).is_file() for name in WANTED)
    jobs = cluster.jobs()[before:]
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert Counter(job.comment.partition("_wildcards")[0] for job in jobs)["rule_estimate"] == 2
    assert len(jobs) == 6  # for each video: before, estimate, after
    assert {job.partition for job in jobs if "estimate" not in job.comment} == {"cpu"}


def test_what_a_job_made_without_a_snakemake_is_recorded_with_its_key(cluster, run):
    printed = run.run("--dry-run", "--config", "video_id=people,room")
    assert "Nothing to be done" in printed, printed
    name = base64.urlsafe_b64encode(b"results/people/predictions.xz").decode()
    record = json.loads((run.folder / ".snakemake/metadata" / name).read_text())
    assert '"stage": "estimate"' in record["params"][0].replace('\\"', '"')
    assert not [path for path in (run.folder / ".snakemake/incomplete").rglob("*") if path.is_file()]


def test_a_job_that_is_killed_is_given_again_with_twice_the_memory(cluster, stand_ins):
    before = len(cluster.jobs())
    stand_ins.run("--config", "video_id=a")
    (stand_ins.folder / "results/a/fits.npz").unlink()
    (stand_ins.folder / "kill_fit").touch()
    stand_ins.run(*slurm_options("results/a/fits.npz", "--config", "video_id=a"))
    first, second = cluster.jobs()[before:]
    assert (first.state, second.state) == ("FAILED", "COMPLETED")
    assert megabytes(second.min_memory) == 2 * megabytes(first.min_memory) > 0


def test_a_group_is_one_job_with_one_gpu(cluster, stand_ins):
    before = len(cluster.jobs())
    stand_ins.run("--config", "video_id=a")
    grouped = ["estimate", "scale_camera", "fit"]
    for name in ("predictions.xz", "cameras.npz", "fits.npz"):
        (stand_ins.folder / "results/a" / name).unlink()
    (stand_ins.folder / "starts.log").unlink()
    gpu = ["--set-resources", "estimate:gpu=1", "estimate:vram_mb=1000"]
    stand_ins.run(*slurm_options("results/a/fits.npz", *gpu, *groups(video=grouped), "--config", "video_id=a"))
    (job,) = cluster.jobs()[before:]
    assert (job.state, job.partition) == ("COMPLETED", "gpu")
    starts = {call.stage: call.visible for call in stand_ins.calls()}
    assert set(starts) == {"estimate", "scale-camera", "fit"} and starts["estimate"] in ("0", "1")


def megabytes(shown):
    """Slurm's way of writing memory, such as 1616M."""
    return float(shown[:-1]) * {"M": 1, "G": 1024}[shown[-1]]
