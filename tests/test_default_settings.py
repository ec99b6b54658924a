"""What config.yaml says is what the stages do when nothing is said, and what they accept."""

import dataclasses
import inspect

import pytest
import yaml
from workflow_runs import REPOSITORY

from nlf_pipeline.cli import STAGES as ALL_STAGES
from nlf_pipeline.cli import load_stage
from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, MODEL_OPTIONS, MODEL_SETS
from nlf_pipeline.workflow.stage_options import STAGE_OPTIONS

DEFAULTS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
SCHEMA = yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text())["properties"]
STAGES = {
    "segmenter": "segment",
    "semantics": "semantic-masks",
    "camera": "track-camera",
    "estimator": "estimate",
    "renderer": "render",
}
"""The setting that chooses a stage's backend -> the stage."""
ONLY_ON_THE_COMMAND_LINE = {
    "stcn": {"recent_frames", "top_k", "memory_every", "batch_size", "seed"},
    "deeplabv3": {"batch_size"},
    "nlf": {"default_fov_degrees"},
    "droid": {
        *("beta", "filter_thresh", "warmup", "keyframe_thresh", "frontend_thresh", "frontend_window"),
        *("frontend_radius", "frontend_nms", "backend_thresh", "backend_radius", "backend_nms"),
        *("fov_step", "search_stride", "search_frames", "search_window", "search_thresh"),
    },
    "blendipose": set(),
}
"""Options of models that have no setting: they belong to a method's inside, or are found out."""
MAPPED = [
    (setting, stage, *option.split("."))
    for (stage, _), options in MODEL_OPTIONS.items()
    for option, setting in options.items()
    if "." in option
]


def options_of(stage, model):
    return inspect.signature(load_stage(STAGES[stage])).parameters[model].default


@pytest.mark.parametrize(("setting", "stage", "model", "field"), MAPPED)
def test_settings_of_models_are_the_options_defaults(setting, stage, model, field):
    assert DEFAULTS[setting] == getattr(options_of(stage, model), field)


@pytest.mark.parametrize(("setting", "stage", "model", "field"), MAPPED)
def test_schema_allows_what_the_options_allow(setting, stage, model, field):
    options, allowed = options_of(stage, model), SCHEMA[setting]
    for bound, beyond in (("minimum", -1), ("maximum", 1)):
        if bound not in allowed or setting.startswith("droid_fov"):  # of which one bounds the other
            continue
        dataclasses.replace(options, **{field: allowed[bound]})
        with pytest.raises(UserError, match=field):
            dataclasses.replace(options, **{field: allowed[bound] + beyond})


def test_every_option_has_a_setting_or_is_known_to_have_none():
    for (stage, model), mapped in MODEL_OPTIONS.items():
        if not any("." in option for option in mapped):
            continue
        reached = {option.removeprefix(f"{model}.") for option in mapped}
        both = {name.removeprefix("nlf.") for name in MODEL_OPTIONS["segmenter", "nlf"]} if model == "nlf" else reached
        fields = {field.name for field in dataclasses.fields(options_of(stage, model))}
        assert fields == both | ONLY_ON_THE_COMMAND_LINE[model], model


def settings_of_stages():
    """(stage, parameter, setting) wherever a stage is given a setting as it is and has a default of its own."""
    backends = [(stage, options) for stage, name in BACKEND_SETTINGS.items() for (chosen, _), options in
                MODEL_OPTIONS.items() if chosen == name]  # fmt: skip
    for module, options in [*STAGE_OPTIONS.items(), *backends]:
        stage = module.replace("_", "-")
        if stage not in ALL_STAGES or stage in ("build-body", "import-body"):  # which are told by a folder's name
            continue
        parameters = inspect.signature(load_stage(stage)).parameters
        for parameter, setting in options.items():
            if "." not in parameter:
                assert parameter in parameters, (stage, parameter)
                if parameters[parameter].default is not inspect.Parameter.empty:
                    yield stage, parameter, setting


@pytest.mark.parametrize(("stage", "parameter", "setting"), list(settings_of_stages()))
def test_settings_are_the_stages_defaults(stage, parameter, setting):
    default, written = inspect.signature(load_stage(stage)).parameters[parameter].default, DEFAULTS[setting]
    nothing = default == () and not written
    assert nothing or default == written


def test_the_stages_settings_are_found():
    found = {setting for _, _, setting in settings_of_stages()}
    assert {"max_persons", "fov", "smoothing", "ground_threshold", "opacity", "side_azimuth"} <= found


def test_backends_of_the_embedded_set_are_the_stages_defaults():
    stages = {**STAGES, "interpolator": "interpolate"}
    for setting, name in MODEL_SETS["embedded"].items():
        if setting in stages:
            assert inspect.signature(load_stage(stages[setting])).parameters[setting].default == name
