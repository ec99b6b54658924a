"""Which models stand behind the stages: the two sets, the weights of each, and the options that go with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlf_pipeline.weights.registry import WEIGHTS_DIR, load_registry, weights_path

MODEL_SETS: Mapping[str, Mapping[str, str]] = {
    "embedded": {
        "segmenter": "blazepose",
        "semantics": "union",
        "camera": "klt",
        "estimator": "blazepose",
        "interpolator": "flow",
        "body_model": "open",
    },
    "reference": {
        "segmenter": "stcn",
        "semantics": "deeplabv3",
        "camera": "droid",
        "estimator": "nlf",
        "interpolator": "rife",
        "body_model": "smpl",
        "nlf_model": "nlf_l",
    },
}
"""Setting -> its value where it is null, by the set that the setting `models` chooses."""
GPU_BACKENDS = frozenset({"stcn", "deeplabv3", "droid", "nlf", "rife", "zoedepth"})
"""Backends that are networks: they take weights and a device."""
_ENVIRONMENTS = {
    "stcn": "reference",
    "deeplabv3": "reference",
    "nlf": "reference",
    "rife": "reference",
    "zoedepth": "reference",
    "droid": "droid",
    "blendipose": "blender",
}
"""Backend -> file of envs/ without its suffix; the others run in `core`."""
_NLF = {
    "nlf.model": "nlf_model",
    "nlf.num_aug": "num_aug",
    "nlf.batch_size": "batch_size",
    "nlf.internal_batch_size": "internal_batch_size",
    "nlf.antialias_factor": "antialias_factor",
}
MODEL_OPTIONS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("segmenter", "stcn"): {
        "stcn.passes": "stcn_passes",
        "stcn.redetect_every": "redetect_every",
        "stcn.detection_threshold": "detection_threshold",
        "stcn.entry_threshold": "entry_threshold",
        "stcn.resolution": "stcn_resolution",
        "stcn.detector_resolution": "maskrcnn_resolution",
        "stcn.memory_frames": "stcn_memory_frames",
    },
    ("segmenter", "file"): {"masks_file": "masks_file"},
    ("semantics", "deeplabv3"): {
        "deeplabv3.mask_threshold": "mask_threshold",
        "deeplabv3.input_size": "deeplabv3_resolution",
    },
    ("camera", "klt"): {"seed": "seed"},
    ("camera", "file"): {"camera_file": "camera_file"},
    ("camera", "droid"): {
        "droid.max_keyframes": "droid_max_keyframes",
        "droid.fov_min": "droid_fov_min",
        "droid.fov_max": "droid_fov_max",
        "droid.smoothing": "droid_smoothing",
        "droid.channel_order": "droid_channel_order",
    },
    ("estimator", "nlf"): _NLF,
    ("estimator", "file"): {"predictions_file": "predictions_file"},
    ("segmenter", "nlf"): {
        **_NLF,
        "nlf.detector_threshold": "detector_threshold",
        "nlf.detector_nms_iou_threshold": "detector_nms_iou_threshold",
        "nlf.max_detections": "max_detections",
        "nlf.detector_flip_aug": "detector_flip_aug",
        "nlf.suppress_implausible_poses": "suppress_implausible_poses",
    },
    ("renderer", "blendipose"): {
        "blendipose.samples": "blendipose_samples",
        "blendipose.denoise": "blendipose_denoise",
        "blendipose.motion_blur": "blendipose_motion_blur",
        "blendipose.device": "device",
    },
}
"""(setting, backend) -> option of the stage -> setting."""
BACKEND_SETTINGS: Mapping[str, str] = {
    "segment": "segmenter",
    "semantic_masks": "semantics",
    "track_camera": "camera",
    "estimate": "estimator",
    "scale_camera": "depth",
    "interpolate": "interpolator",
    "render": "renderer",
}
"""Stage -> the setting that chooses its backend."""
EXECUTION_SETTINGS = frozenset({"device", "batch_size", "internal_batch_size", "droid_env", "encoder"})
"""Settings that say where and in how large pieces a network works: its result is the same but for rounding. And what
encodes views: they show the same."""
DECIDED_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "models": ("segmenter", "semantics", "camera", "estimator", "interpolator", "body_model"),
    "static_camera": ("camera",),
    "camera_file": ("camera",),
    "masks_file": ("segmenter",),
    "predictions_file": ("estimator",),
}
"""Setting -> those that are null and that it decides."""


def with_models(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those that are null and that the chosen set of models decides filled in.

    A camera, masks or bodies of one's own, or a camera that stands still, take precedence over the set's backends.
    """
    chosen = {key: settings[key] or value for key, value in MODEL_SETS[settings["models"]].items()}
    if settings["camera"] is None and (settings["camera_file"] or settings["static_camera"]):
        chosen["camera"] = "file" if settings["camera_file"] else "static"
    for backend, file in (("segmenter", "masks_file"), ("estimator", "predictions_file")):
        if settings[backend] is None and settings[file]:
            chosen[backend] = "file"
    return {**settings, **chosen}


def gpus(settings: Mapping[str, Any], stage: str) -> int:
    """How many GPUs a stage's job occupies: 1 where a network runs that may use it."""
    uses = settings[stage] in GPU_BACKENDS or settings[stage] == "blendipose"
    return int(uses and settings["device"] != "cpu")


def needed_weights(settings: Mapping[str, Any], stage: str | None = None) -> list[str]:
    """Names of the weights that settings need.

    Args:
        settings: complete.
        stage: such as `segmenter`; only what its backend needs.
    """
    return [
        name
        for name, weight in load_registry().items()
        if any(_holds(condition, settings, stage) for condition in weight.used_by)
    ]


def _holds(condition: str, settings: Mapping[str, Any], stage: str | None) -> bool:
    """Whether settings are those of a condition such as `estimator:nlf nlf_model:nlf_l`."""
    pairs = [word.split(":") for word in condition.split()]
    return (stage is None or pairs[0][0] == stage) and all(settings.get(key) == value for key, value in pairs)


def environment(settings: Mapping[str, Any], stage: str) -> str:
    """Name of the conda environment in envs/ that a stage's backend needs."""
    return _ENVIRONMENTS.get(settings[stage], "core")


def weight_files(settings: Mapping[str, Any], stage: str | None = None) -> dict[str, Path]:
    """Name -> file of the weights that settings need, or only those of a stage's backend."""
    return {name: weights_path(WEIGHTS_DIR, name) for name in needed_weights(settings, stage)}
