"""BlendiPose's adapter, as far as it needs no Blender."""

import sys

import numpy as np
import pytest

from nlf_pipeline import renderers
from nlf_pipeline.errors import UserError
from nlf_pipeline.renderers import BlendiPoseOptions, make_renderer
from nlf_pipeline.renderers.blendipose import over_image
from nlf_pipeline.workflow.versions import _reachable

STUDIO = "nlf_pipeline.renderers.blendipose_studio"


def test_over_image_mixes_by_alpha_and_opacity_and_touches_nothing_else():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (7, 9, 3), np.uint8)
    drawn = rng.integers(0, 256, (7, 9, 4), np.uint8)
    drawn[:3, ..., 3] = 0
    drawn[3:5, ..., 3] = 255
    kept = image.copy()
    for opacity in (0.0, 0.6, 1.0):
        alpha = drawn[..., 3:] / 255 * opacity
        expected = image * (1 - alpha) + drawn[..., :3] * alpha
        picture = over_image(image, drawn, opacity)
        assert np.abs(picture - expected).max() < 2
        assert np.array_equal(picture[:3], image[:3])
    assert np.array_equal(over_image(image, drawn, 0.0), image)
    assert np.array_equal(over_image(image, drawn, 1.0)[3:5], drawn[3:5, :, :3])
    assert np.array_equal(image, kept)


@pytest.mark.parametrize(
    ("reason", "python", "cure"),
    [
        ("No module named 'blendipose'", (3, 11), r"python.* -m pip install -e '\.\[blendipose\]'"),
        ("No module named 'memory_tempfile'", (3, 11), r"python.* -m pip install -e '\.\[blendipose\]'"),
        ("libXrender.so.1: cannot open shared object file: No such file", (3, 11), "apt-get install .*libxrender1"),
        ("No module named 'bpy'", (3, 12), "needs Python 3.11 and this is 3.12"),
    ],
)
def test_what_cannot_be_loaded_is_cured_in_one_line(monkeypatch, reason, python, cure):
    class Failing:
        @staticmethod
        def find_spec(name, *_):
            if name == STUDIO:
                raise ImportError(reason)

    monkeypatch.delitem(sys.modules, STUDIO, raising=False)
    monkeypatch.delattr(renderers, "blendipose_studio", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Failing, *sys.meta_path])
    monkeypatch.setattr(sys, "version_info", (*python, 0))
    with pytest.raises(UserError, match=cure) as caught:
        make_renderer("blendipose")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_samples_below_one_are_refused():
    with pytest.raises(UserError, match=r"blendipose\.samples is 0; expected 1 to 4096"):
        BlendiPoseOptions(samples=0)


def test_an_edit_of_what_drives_blender_reruns_the_stage():
    """Also where Blender is not installed."""
    assert {STUDIO, "nlf_pipeline.renderers.blendipose_people"} <= _reachable("nlf_pipeline.render")
