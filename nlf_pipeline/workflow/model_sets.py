"""Which models stand behind the stages: the two sets, the weights of each, and the options that go with them."""

from collections.abc import Mapping
from typing import Any

from nlf_pipeline.weights.registry import load_registry

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
"""Setting -> value of every setting that is null."""


def needed_weights(settings: Mapping[str, Any], stage: str | None = None) -> list[str]:
    """Names of the weights that settings need.

    Args:
        settings: backends by stage, and the settings that choose among a backend's models.
        stage: such as `segmenter`; only what its backend needs.
    """
    return [
        name
        for name, weight in load_registry().items()
        if any(_holds(condition, settings, stage) for condition in weight.used_by)
    ]


def _holds(condition: str, settings: Mapping[str, Any], stage: str | None) -> bool:
    """Whether settings are those of a condition such as `camera:droid droid_depth:zoedepth`."""
    pairs = [word.split(":") for word in condition.split()]
    return (stage is None or pairs[0][0] == stage) and all(settings.get(key) == value for key, value in pairs)
