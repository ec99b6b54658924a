"""Which settings each stage's result depends on, and the stage's options that they become."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nlf_pipeline.body_kinds import body_name
from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.registry import WEIGHTS_DIR
from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, EXECUTION_SETTINGS, GPU_BACKENDS, MODEL_OPTIONS

BODY_MODELS_DIR = "resources/body_models"
BODY_SETTINGS = ("body_model", "body_gender", "body_betas")
"""They name the folder of the body model."""
STAGE_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "download": {},
    "fetch": {"time_range": "time_range"},
    "segment": {"max_persons": "max_persons", "select_points": "select_points", "seg_init_time": "seg_init_time"},
    "edit_tracks": {},
    "semantic_masks": {"dilation": "people_margin"},
    "track_camera": {"fov_deg": "fov"},
    "build_body": {"family": "body_model", "gender": "body_gender", "betas": "body_betas"},
    "import_body": {
        "source": "body_models_dir",
        "family": "body_model",
        "gender": "body_gender",
        "betas": "body_betas",
    },
    "estimate": {},
    "scale_camera": {"person_height": "person_height", "measured_distance": "measured_distance"},
    "fit": {
        "beta_regularizer": "shape_regularizer",
        "smoothing_s": "smoothing",
        "max_gap_s": "max_gap",
        "fits_file": "fits_file",
    },
    "ground": {"threshold_m": "ground_threshold", "seed": "seed"},
    "world": {"contacts": "plant_feet"},
    "plan_view": {"azimuth_deg": "side_azimuth", "elevation_deg": "side_elevation", "fov_deg": "side_fov"},
    "interpolate": {},
    "render": {"opacity": "opacity", "resolution": "resolution", "fps_factor": "fps_factor"},
    "evaluate": {},
    "report": {},
    "player": {},
    "export": {},
    "export_fbx": {},
    "preview": {},
    "export_reference": {"fps_factor": "fps_factor"},
    "render_demo": {},
    "weights": {},
}
"""Stage -> its option -> the setting. What a backend reads besides is in `model_sets.MODEL_OPTIONS`."""
BODY_STAGES = frozenset(
    {"estimate", "scale_camera", "fit", "ground", "world", "render", "evaluate", "report", "player", "export",
     "export_reference"}
)  # fmt: skip
"""Stages that read the body model."""
FILE_SETTINGS: Mapping[str, tuple[str, ...]] = {"interpolate": ("fps_factor",)}
"""Settings that are in the names of a stage's files, and in no key."""
EXECUTION_VARIABLE = "NLF_PIPELINE_EXECUTION"
"""Environment variable with the execution settings, a JSON object: how jobs compute, which makes nothing anew."""


def stage_settings(stage: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings on which a stage's result depends with the backend that is chosen, and no others.

    Args:
        stage: its module's name.
        settings: complete.
    """
    names = {*_option_settings(stage, settings).values(), *(BODY_SETTINGS if stage in BODY_STAGES else ())}
    backend = BACKEND_SETTINGS.get(stage)
    return {name: settings[name] for name in sorted(names | ({backend} if backend else set()))}


def option_words(stage: str, settings: Mapping[str, Any], execution: Mapping[str, Any]) -> list[str]:
    """What settings are on the command line of a stage.

    Args:
        stage: its module's name.
        settings: some or all of `stage_settings`; for others the stage's own defaults hold.
        execution: some or all of the execution settings.

    Raises:
        UserError: if a setting is none of this stage's.
    """
    options = _option_settings(stage, settings)
    backend, body = BACKEND_SETTINGS.get(stage, ""), stage in BODY_STAGES
    known = {*options.values(), *((backend,) if backend else ()), *(BODY_SETTINGS if body else ())}
    if unknown := sorted(set(settings) - known):
        raise UserError(f"{stage} has no setting {', '.join(unknown)} here, expected {', '.join(sorted(known))}.")
    values: dict[str, Any] = {}
    if backend in settings:
        values[backend] = settings[backend]
        if settings[backend] in GPU_BACKENDS:
            values["weights"] = str(WEIGHTS_DIR)
    if body and set(BODY_SETTINGS) <= set(settings):
        values["body"] = f"{BODY_MODELS_DIR}/{body_name(*(settings[name] for name in BODY_SETTINGS))}"
    values |= {option: settings[name] for option, name in options.items() if name in settings}
    values |= {option: execution[name] for option, name in _execution_options(stage, settings) if name in execution}
    return list(as_words(values))


def as_words(options: Mapping[str, Any]) -> Iterable[str]:
    """Options as words of a command line, each behind its name.

    None and empty lists are left out, so that the stage's own default holds; True and False become
    `--name` and `--no-name`.
    """
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        elif isinstance(value, list):
            yield from (f"--{flag}", *_flattened(value)) if value else ()
        elif value is not None:
            yield f"--{flag}={value}"


def read_execution(environment: Mapping[str, str]) -> dict[str, Any]:
    """The execution settings of this job; empty if nothing is said, so that the stages' defaults hold.

    Args:
        environment: the environment variables.

    Raises:
        UserError: if `EXECUTION_VARIABLE` is none of the workflow's.
    """
    text = environment.get(EXECUTION_VARIABLE)
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(found) - EXECUTION_SETTINGS:
        raise UserError(
            f"{EXECUTION_VARIABLE}: found {text}, expected a JSON object with some of "
            f"{', '.join(sorted(EXECUTION_SETTINGS))}. Unset it: the workflow sets it for its jobs."
        )
    return found


def _option_settings(stage: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Option -> setting of all that a stage's result depends on, but for the backend and the body model."""
    ours = {option: name for option, name in _backend_options(stage, settings) if name not in EXECUTION_SETTINGS}
    return {**STAGE_OPTIONS[stage], **ours}


def _execution_options(stage: str, settings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if settings.get(BACKEND_SETTINGS.get(stage, "")) in GPU_BACKENDS:
        yield "device", "device"
    if stage == "render":
        yield "encoder", "encoder"
    yield from ((option, name) for option, name in _backend_options(stage, settings) if name in EXECUTION_SETTINGS)


def _backend_options(stage: str, settings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    chooses = BACKEND_SETTINGS.get(stage, "")
    return MODEL_OPTIONS.get((chooses, settings.get(chooses, "")), {}).items()


def _flattened(value: list[Any]) -> Iterable[str]:
    for part in value:
        if isinstance(part, list):
            yield from _flattened(part)
        else:
            yield str(part)
