"""The focal length at which DROID-SLAM explains the pictures best."""

import math
from collections.abc import Callable

import numpy as np

from nlf_pipeline.cameras.droid_options import DroidOptions

_USUAL_FOV_DEG = 55.0
"""Tried first, as near as the options allow."""
_TELLING = 1.05
"""A worst error below this, over the least one, does not tell focal lengths apart."""


def search_fov(error_at: Callable[[float], float], options: DroidOptions) -> dict[float, float]:
    """Try fields of view, evenly at first and then about the best.

    Args:
        error_at: the error at a field of view in degrees; what is not finite counts as no answer.
        options: what to try.

    Returns:
        The error at each field of view in degrees, in the order tried, where there was an answer.
    """
    errors: dict[float, float] = {}
    _try(error_at, coarse_fovs(options), errors)
    if _answers(errors):
        best = best_fov(_answers(errors))
        reach = int(options.fov_step // 2)
        _try(error_at, [best + offset for offset in range(-reach, reach + 1)], errors)
    return _answers(errors)


def coarse_fovs(options: DroidOptions) -> list[float]:
    """Degrees, from fov_min to fov_max; the most usual one comes first."""
    steps = math.floor((options.fov_max - options.fov_min) / options.fov_step + 1e-9)
    fovs = [options.fov_min + step * options.fov_step for step in range(steps + 1)]
    first = min(fovs, key=lambda fov: abs(fov - _USUAL_FOV_DEG))
    return [first, *(fov for fov in fovs if fov != first)]


def best_fov(errors: dict[float, float]) -> float:
    """The field of view of the least error; `errors` must not be empty."""
    return min(errors, key=errors.__getitem__)


def search_doubts(errors: dict[float, float]) -> list[str]:
    """What makes the outcome of a search doubtful, in words."""
    if not errors:
        return ["the search for the focal length gave no answer; the assumed one is kept: give fov if you know it"]
    best, values = best_fov(errors), list(errors.values())
    doubts = []
    if len(errors) > 1 and best in (min(errors), max(errors)):
        doubts.append(
            f"the field of view found, {best:g} degrees, is at the end of what was searched: give fov if you know it"
        )
    if len(errors) > 1 and max(values) < _TELLING * min(values):
        doubts.append(
            f"the pictures hardly tell the focal length: the error is {min(values):.3g} to {max(values):.3g} px over "
            f"all fields of view tried, {min(errors):g} to {max(errors):g} degrees"
        )
    return doubts


def _try(error_at: Callable[[float], float], fovs: list[float], errors: dict[float, float]) -> None:
    for fov in fovs:
        if fov not in errors and 0 < fov < 180:
            errors[fov] = error_at(fov)


def _answers(errors: dict[float, float]) -> dict[float, float]:
    return {fov: error for fov, error in errors.items() if np.isfinite(error)}
