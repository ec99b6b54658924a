"""Another file of weights reruns the stage that uses it and what depends on that; nothing else about weights does."""

import json
import os
import re
import subprocess
import sys

import pytest
from workflow_runs import Run

from nlf_pipeline.workflow.stage_keys import read_key
from nlf_pipeline.workflow.stage_options import read_execution

NLF = "nlf_l_multi_0.3.2.torchscript"
AFTER_ESTIMATE = {"scale_camera", "fit", "ground", "world", "plan_view", "render", "report", "player", "export"}
ESTIMATE_ANEW = {"estimate"} | AFTER_ESTIMATE
SETTINGS = ("video_id=clip", "estimator=nlf")


def put_weights(run, name, content):
    """A file of weights placed by hand."""
    path = run.folder / "resources/weights" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def accept(run, name):
    command = [sys.executable, "-m", "nlf_pipeline.cli", "weights", "accept", name]
    done = subprocess.run(command, cwd=run.folder, env=run.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has finished with NLF."""
    run = Run(tmp_path_factory.mktemp("finished"))
    run.add_video("clip.mp4")
    put_weights(run, NLF, b"weights")
    assert "weights" in run.planned(*SETTINGS)
    assert "estimate" in run.stages(*SETTINGS)
    return run


def test_what_leaves_the_content_as_it_is_reruns_nothing(finished):
    file = finished.folder / "resources/weights" / NLF
    record = file.with_name(f"{NLF}.sha256.json")
    assert finished.planned(*SETTINGS) == set()
    os.utime(file)
    os.utime(record)
    assert finished.planned(*SETTINGS) == set()
    elsewhere = finished.folder / "elsewhere"
    file.rename(elsewhere)
    assert finished.planned(*SETTINGS) == set()  # results do not need it any more
    file.symlink_to(elsewhere)
    assert finished.planned(*SETTINGS) == set()
    file.unlink()
    elsewhere.rename(file)


def test_options_count_only_where_their_backend_is_chosen(finished):
    assert finished.planned(*SETTINGS, "num_aug=1") == ESTIMATE_ANEW
    assert finished.planned(*SETTINGS, "stcn_passes=3", "mask_threshold=0.5", "blendipose_samples=4") == set()


def test_how_the_network_runs_is_told_to_it_and_reruns_nothing(finished):
    other = (*SETTINGS, "device=cpu", "batch_size=3", "internal_batch_size=5")
    assert finished.planned(*other) == set()
    told = finished.snakemake("--dry-run", "--printshellcmds", "--forcerun", "estimate", "--config", *other)
    assert not re.search("device|batch_size", told.stdout)
    environment = {"NLF_PIPELINE_EXECUTION": json.dumps({"device": "cpu", "batch_size": 3, "internal_batch_size": 5})}
    key = {"stage": "estimate", "settings": {"estimator": "nlf"}}
    words = read_key(json.dumps(key), "estimate").words(read_execution(environment))
    assert words[-3:] == ["--device=cpu", "--nlf.batch-size=3", "--nlf.internal-batch-size=5"]


def test_another_release_reruns_the_stage_and_what_depends_on_it(finished):
    assert finished.planned(*SETTINGS, "nlf_model=nlf_s") == {"weights"} | ESTIMATE_ANEW


def test_another_content_is_refused_until_accepted_and_then_reruns_its_stage(finished):
    file = put_weights(finished, NLF, b"other weights")
    told = finished.snakemake("--dry-run", "--config", *SETTINGS)
    assert told.returncode != 0 and "nlf-pipeline weights accept nlf_l. Otherwise put" in told.stderr
    assert str(file.relative_to(finished.folder)) in told.stderr and "Traceback" not in told.stderr
    assert finished.planned("video_id=clip", "estimator=blazepose") >= {"estimate"}  # which does not need it
    accept(finished, "nlf_l")
    assert finished.planned(*SETTINGS) == ESTIMATE_ANEW
    file.write_bytes(b"weights")
    accept(finished, "nlf_l")
    assert finished.planned(*SETTINGS) == set()


def test_wrong_file_placed_by_hand_stops_before_its_stage_and_is_kept(tmp_path):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    file = put_weights(run, "deeplabv3_resnet101_coco-586e9e4e.pth", b"something else")
    result = run.snakemake("--config", "video_id=clip", "semantics=deeplabv3")
    assert result.returncode != 0
    end = result.stderr.partition("What went wrong")[2]
    assert "expected 586e9e4e" in end and "nlf-pipeline weights fetch deeplabv3" in end
    assert "semantic-masks" not in (run.folder / "calls.log").read_text()
    assert sorted(path.name for path in file.parent.glob("[!.]*")) == [file.name]


def test_droid_runs_in_the_environment_that_is_named(tmp_path):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    settings = ("video_id=clip", "camera=droid")
    message = run.refuses(*settings, f"droid_env={tmp_path / 'nowhere'}")
    assert f"{tmp_path}/nowhere/bin/python: not found" in message and "droid_env" in message
    python = tmp_path / "my env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert "without this package" in run.refuses(*settings, f"droid_env={tmp_path / 'my env'}")
    python.with_name("nlf-pipeline").touch()
    assert run.planned(*settings, f"droid_env={tmp_path / 'my env'}") >= {"track_camera"}


def test_first_download_of_weights_is_noted_in_the_results_key(finished):
    """Also where there were results before, of other weights."""
    put_weights(finished, "nlf_s_multi_0.2.2.torchscript", b"small")
    other = (*SETTINGS, "nlf_model=nlf_s")
    assert "estimate" in finished.stages(*other)
    assert finished.stages(*other) == set()
    assert "estimate" in finished.stages(*SETTINGS)
    assert finished.stages(*SETTINGS) == set()
