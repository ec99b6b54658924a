"""The search finds the field of view of the least error in a bounded number of tries."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.cameras.slam.focal import best_fov, coarse_fovs, search_doubts, search_fov


@settings(max_examples=40, deadline=None)
@given(true_fov=st.integers(48, 77), width=st.floats(3, 30))
def test_least_error_is_found_wherever_it_is(true_fov, width):
    errors = search_fov(lambda fov: 0.4 + ((fov - true_fov) / width) ** 2, DroidOptions())
    assert best_fov(errors) == true_fov
    assert len(errors) <= 10 and next(iter(errors)) == 55  # as in the reference
    at_end = true_fov in (min(errors), max(errors))
    assert any("at the end" in doubt for doubt in search_doubts(errors)) == at_end


def test_failures_do_not_count():
    errors = search_fov(lambda fov: math.nan if fov == 60 else abs(fov - 61), DroidOptions())
    assert best_fov(errors) == 63 and 60 not in errors and all(map(math.isfinite, errors.values()))


def test_no_answer_at_all_is_told():
    assert search_fov(lambda fov: math.inf, DroidOptions()) == {}
    assert "no answer" in search_doubts({})[0]


def test_flat_errors_are_told():
    errors = search_fov(lambda fov: 0.5 + 1e-4 * abs(fov - 60), DroidOptions())
    assert best_fov(errors) == 60 and any("hardly tell" in doubt for doubt in search_doubts(errors))
    steep = search_fov(lambda fov: 0.5 + abs(fov - 60), DroidOptions())
    assert search_doubts(steep) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (DroidOptions(), [55, 50, 60, 65, 70, 75]),
        (DroidOptions(fov_min=40, fov_max=40), [40]),
        (DroidOptions(fov_min=80, fov_max=110, fov_step=20), [80, 100]),
    ],
)
def test_fields_of_view_tried_first(options, expected):
    assert coarse_fovs(options) == expected


def test_a_single_field_of_view_is_no_search():
    errors = search_fov(lambda fov: 1.0, DroidOptions(fov_min=64, fov_max=64, fov_step=1))
    assert errors == {64: 1.0} and search_doubts(errors) == []
