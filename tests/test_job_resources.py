"""What jobs ask for grows with the clip, doubles its memory with every attempt, and knows every stage and backend."""

import itertools
import json

import pytest
import yaml
from workflow_runs import REPOSITORY

from nlf_pipeline.workflow import job_resources as module
from nlf_pipeline.workflow.job_resources import UNKNOWN_EXTENT, ClipExtent, clip_extent, job_resources
from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, MODEL_SETS, with_models

DEFAULTS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
STAGES = sorted({stage for stage, _ in module._COSTS})


def settings(**changes):
    return with_models({**DEFAULTS, **changes})


@pytest.mark.parametrize("models", MODEL_SETS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_longer_clip_a_larger_picture_and_another_attempt_never_ask_for_less(stage, models):
    chosen = settings(models=models)
    extents = [ClipExtent(30, 320, 240), ClipExtent(30_000, 320, 240), ClipExtent(30_000, 3840, 2160)]
    for attempt in (1, 2, 3):
        asked = [job_resources(stage, chosen, extent, attempt) for extent in extents]
        for less, more in itertools.pairwise(asked):
            assert (less.mem_mb, less.runtime) <= (more.mem_mb, more.runtime) and less.gpu == more.gpu
        again = [job_resources(stage, chosen, extent, attempt + 1) for extent in extents]
        assert [2 * one.mem_mb for one in asked] == [two.mem_mb for two in again]
        assert all(one.runtime <= two.runtime <= 24 * 60 for one, two in zip(asked, again, strict=True))
        assert all(isinstance(value, int) for one in asked for value in vars(one).values())


def test_every_choice_of_a_backend_has_a_cost():
    schema = yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text())["properties"]
    for stage, key in BACKEND_SETTINGS.items():
        for backend in filter(None, schema[key]["enum"]):
            assert (stage, backend) in module._COSTS or (stage, None) in module._COSTS, (stage, backend)


def test_networks_ask_for_a_gpu_unless_told_to_use_the_cpu_which_takes_longer():
    with_gpu, without = (job_resources("estimate", settings(estimator="nlf", device=device), UNKNOWN_EXTENT)
                         for device in ("auto", "cpu"))  # fmt: skip
    assert with_gpu.gpu == 1 and with_gpu.vram_mb > 0
    assert without.gpu == without.vram_mb == 0 and without.runtime > with_gpu.runtime
    assert job_resources("estimate", settings(), UNKNOWN_EXTENT).gpu == 0


def test_extent_is_that_of_the_clip_else_guessed_from_the_source_else_assumed(tmp_path):
    facts, source = tmp_path / "video.json", tmp_path / "v.mp4"
    assert clip_extent(facts, None) == UNKNOWN_EXTENT
    source.write_bytes(bytes(250_000))
    assert clip_extent(facts, source).frames == 10
    assert clip_extent(facts, source, (1.0, 1.125)).frames == 8
    facts.write_text("{")
    assert clip_extent(facts, tmp_path / "none.mp4") == UNKNOWN_EXTENT
    known = tmp_path / "known.json"
    known.write_text(json.dumps({"n_frames": 7, "width_px": 64, "height_px": 48}))
    assert clip_extent(known, source, (0.0, 9.0)) == ClipExtent(7, 64, 48)


def test_frames_between_frames_take_time():
    long = ClipExtent(10_000, 1280, 720)
    assert (
        job_resources("render", settings(fps_factor=4), long).runtime
        > job_resources("render", settings(), long).runtime
    )
