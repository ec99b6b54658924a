"""Options that make no sense are refused in one line."""

import dataclasses

import pytest

from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.errors import UserError

REFERENCE = {
    "beta": 0.3,
    "filter_thresh": 2.4,
    "warmup": 8,
    "keyframe_thresh": 4.0,
    "frontend_thresh": 16.0,
    "frontend_window": 25,
    "frontend_radius": 2,
    "frontend_nms": 1,
    "backend_thresh": 22.0,
    "backend_radius": 2,
    "backend_nms": 3,
    "search_window": 10,
    "search_thresh": 10.0,
    "search_stride": 5,
    "search_frames": 200,
}


def test_defaults_are_the_references():
    assert {name: getattr(DroidOptions(), name) for name in REFERENCE} == REFERENCE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, -1) for name in REFERENCE),
        *((field.name, float("nan")) for field in dataclasses.fields(DroidOptions) if field.type is float),
        ("beta", 1.5),
        ("warmup", 3),
        ("max_keyframes", 16),
        ("max_keyframes", 100_000),
        ("fov_min", 0.5),
        ("fov_max", 49),
        ("fov_max", 180),
        ("fov_step", 0),
        ("smoothing", 6),
    ],
)
def test_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(UserError, match=rf"droid\.{name} is .*expected"):
        DroidOptions(**{name: value})
