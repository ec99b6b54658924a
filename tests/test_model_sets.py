"""Which backends, weights, options and environments the settings choose."""

from pathlib import Path

import pytest
import yaml
from workflow_runs import REPOSITORY

from nlf_pipeline.workflow.model_sets import (
    BACKEND_SETTINGS,
    EXECUTION_SETTINGS,
    GPU_BACKENDS,
    MODEL_SETS,
    environment,
    gpus,
    needed_weights,
    weight_files,
    with_models,
)
from nlf_pipeline.workflow.stage_options import option_words, stage_settings

DEFAULTS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
STAGES = ("segmenter", "semantics", "camera", "estimator", "interpolator", "renderer", "depth")
NETWORKS = STAGES[:5]
"""Stages whose reference backend is a network."""


def chosen(**settings):
    return with_models({**DEFAULTS, **settings})


@pytest.mark.parametrize("models", MODEL_SETS)
def test_set_decides_what_is_null_and_only_that(models):
    assert MODEL_SETS[models].items() <= chosen(models=models).items()
    assert chosen(models=models, segmenter="blazepose", body_model="anny")["segmenter"] == "blazepose"
    assert chosen(models=models, body_model="anny")["body_model"] == "anny"


@pytest.mark.parametrize("models", MODEL_SETS)
def test_still_camera_or_ones_own_takes_precedence_over_the_sets_tracker(models):
    assert chosen(models=models, static_camera=True)["camera"] == "static"
    assert chosen(models=models, camera_file="poses.txt")["camera"] == "file"
    assert needed_weights(chosen(models=models, static_camera=True), "camera") == []


@pytest.mark.parametrize("models", MODEL_SETS)
def test_masks_and_bodies_of_ones_own_take_precedence_over_the_sets_backends(models):
    settings = chosen(models=models, masks_file="masks.json", predictions_file="bodies.xz")
    assert (settings["segmenter"], settings["estimator"]) == ("file", "file")
    assert "--masks-file=masks.json" in words(settings, "segment")
    assert "--predictions-file=bodies.xz" in words(settings, "estimate")
    assert needed_weights(settings, "segmenter") == needed_weights(settings, "estimator") == []


def test_sets_need_the_weights_of_their_backends_and_of_no_others():
    assert needed_weights(MODEL_SETS["embedded"]) == []
    reference = MODEL_SETS["reference"]
    assert needed_weights(reference) == ["stcn", "maskrcnn", "deeplabv3", "rife", "droid", "nlf_l"]
    assert needed_weights({**reference, "nlf_model": "nlf_s"}, "estimator") == ["nlf_s"]
    assert needed_weights({**reference, "segmenter": "blazepose"}, "segmenter") == []
    assert needed_weights({**MODEL_SETS["embedded"], "segmenter": "stcn"}) == ["stcn", "maskrcnn"]


def test_weights_of_the_stages_are_those_of_the_run():
    settings = chosen(models="reference")
    of_stages = [name for stage in STAGES for name in weight_files(settings, stage)]
    assert sorted(of_stages) == sorted(weight_files(settings))
    assert weight_files(settings, "camera") == {"droid": Path("resources/weights/droid.pth")}


def words(settings, stage):
    """All options of a stage, as its command line has them, with those of how it computes."""
    return option_words(stage, stage_settings(stage, settings), {name: settings[name] for name in EXECUTION_SETTINGS})


def test_embedded_backends_get_no_options_of_networks():
    for stage, chooses in BACKEND_SETTINGS.items():
        told = words(chosen(), stage)
        assert chosen()[chooses] is None or f"--{chooses}={chosen()[chooses]}" in told
        assert not [
            word for word in told if word.startswith(("--weights", "--device")) or "." in word.partition("=")[0]
        ]
        assert gpus(chosen(), chooses) == 0 and environment(chosen(), chooses) == "core"


def test_networks_get_weights_device_and_their_own_options():
    settings = chosen(models="reference", renderer="blendipose", num_aug=7)
    for stage, chooses in BACKEND_SETTINGS.items():
        if chooses in NETWORKS:
            assert {"--weights=resources/weights", "--device=auto"} <= set(words(settings, stage))
            assert gpus(settings, chooses) == 1 and gpus({**settings, "device": "cpu"}, chooses) == 0
    assert "--nlf.num-aug=7" in words(settings, "estimate")
    assert "--weights=resources/weights" not in words(settings, "render") and gpus(settings, "renderer") == 1


def test_how_a_network_runs_is_apart_from_what_its_result_depends_on():
    settings = chosen(models="reference", segmenter="nlf", renderer="blendipose", depth="zoedepth")
    elsewhere = {**settings, "device": "cpu", "batch_size": 3, "internal_batch_size": 5, "droid_env": "env"}
    elsewhere["encoder"] = "cpu"
    nlf = {"--device=cpu", "--nlf.batch-size=3", "--nlf.internal-batch-size=5"}
    special = {"segment": nlf, "estimate": nlf, "render": {"--blendipose.device=cpu", "--encoder=cpu"}}
    for stage in BACKEND_SETTINGS:
        assert stage_settings(stage, settings) == stage_settings(stage, elsewhere)
        added = set(words(elsewhere, stage)) - set(option_words(stage, stage_settings(stage, elsewhere), {}))
        assert added == special.get(stage, {"--device=cpu"})


def test_every_environment_is_there():
    reference = chosen(models="reference", renderer="blendipose", depth="zoedepth")
    names = {environment(settings, stage) for settings in (chosen(), reference) for stage in STAGES}
    assert names == {"core", "reference", "droid", "blender"}
    assert all((REPOSITORY / "envs" / f"{name}.yaml").is_file() for name in names)
    assert {reference[stage] for stage in NETWORKS} <= GPU_BACKENDS
