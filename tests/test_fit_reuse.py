"""After a repair only people whose predictions changed are fitted anew, with the result of a cold run."""

import dataclasses

import numpy as np
import pytest
from smplfitter.pt import BodyFitter
from walkers import NLF_GRADE, camera_path, walking_people, write_inputs

from nlf_pipeline.fit import fit
from nlf_pipeline.fitting import fit_reuse
from nlf_pipeline.fitting.fit_reuse import cached_fits, row_digests
from nlf_pipeline.fitting.person_fits import fit_people
from nlf_pipeline.fitting.pose_fitting import one_torch_thread
from nlf_pipeline.geometry import invert_rigid
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import Predictions, writing_predictions

FPS, FRAMES = 25.0, 24


@pytest.fixture(scope="module")
def fitter(meshes):
    return BodyFitter(meshes.model)


@pytest.fixture
def source(tmp_path, meshes):
    """Predictions of three people who walk, ids 0, 1, 2."""
    walks = walking_people(meshes, 3, FRAMES, FPS)
    T_world_cam = camera_path(FRAMES, False)
    write_inputs(tmp_path, meshes, walks, T_world_cam, NLF_GRADE, FPS, (), invert_rigid(T_world_cam[0]))
    return Predictions.open(tmp_path / "predictions.xz")


def edited(source, folder, change):
    """The predictions with `change(frame index, rows)` -> rows applied to every array of every frame."""
    frames = list(source)
    rows = np.arange(len(source.person_ids))
    ids = source.person_ids[: len(change(0, rows))]
    with writing_predictions(folder / "edited.xz", ids, FPS, FRAMES) as sink:
        for t, frame in enumerate(frames):
            arrays = {f.name: getattr(frame, f.name)[change(t, rows)] for f in dataclasses.fields(frame)}
            sink.append(dataclasses.replace(frame, **arrays))
    return Predictions.open(folder / "edited.xz")


def swapped(t, rows):
    return rows[[1, 0, 2]] if t >= 10 else rows


def dropped(t, rows):
    return rows[[0, 2]]


def arrays_of(people):
    return [
        array
        for person in people
        for array in (*vars(person.track).values(), *vars(person.sample).values(), person.betas)
    ]


@pytest.mark.parametrize(("change", "anew"), [(swapped, [0, 1]), (dropped, []), (lambda t, rows: rows, [])])
def test_only_changed_people_are_fitted_and_all_are_as_in_a_cold_run(
    tmp_path, source, fitter, monkeypatch, change, anew
):
    fitted = []

    def counted(source, fitter, beta_regularizer, rows):
        fitted.append(rows)
        return fit_people(source, fitter, beta_regularizer, rows)

    monkeypatch.setattr(fit_reuse, "fit_people", counted)
    with one_torch_thread():
        cached_fits(PersonCache(tmp_path / "cache"), source, fitter, 0.05)
        assert fitted == [[0, 1, 2]]
        after = edited(source, tmp_path, change)
        warm = cached_fits(PersonCache(tmp_path / "cache"), after, fitter, 0.05)
        assert fitted[1:] == ([anew] if anew else [])
        cold = fit_people(after, fitter, 0.05)
    for found, expected in zip(arrays_of(warm), arrays_of(cold), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_another_setting_or_body_fits_everybody_anew(tmp_path, source, fitter, monkeypatch):
    fitted = []
    monkeypatch.setattr(fit_reuse, "fit_people", lambda *arguments: fitted.append(arguments[3]) or [])
    for weight in (0.05, 0.1):
        with pytest.raises(ValueError, match="zip"):  # the stand-in fits nobody
            cached_fits(PersonCache(tmp_path / "cache"), source, fitter, weight)
    assert fitted == [[0, 1, 2], [0, 1, 2]]


def test_digests_tell_people_and_every_change_apart(tmp_path, source):
    digests = row_digests(source)
    assert len({*digests}) == 3
    assert row_digests(edited(source, tmp_path, lambda t, rows: rows[[2, 0, 1]])) == [digests[i] for i in (2, 0, 1)]
    assert row_digests(edited(source, tmp_path, dropped)) == [digests[0], digests[2]]
    changed = row_digests(edited(source, tmp_path, swapped))
    assert changed[2] == digests[2] and not {*changed[:2]} & {*digests}


def test_stage_gives_the_same_file_with_and_without_a_cache(tmp_path, source, body_dir):
    names = {"predictions": "predictions.xz", "cameras": "cameras.npz", "video_facts": "video.json"}
    inputs = {key: tmp_path / name for key, name in names.items()}
    contents = []
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        fit(**inputs, body=body_dir, out=tmp_path / "fits.npz", cache=cache)
        with np.load(tmp_path / "fits.npz") as arrays:
            contents.append(dict(arrays))
    assert len([*(tmp_path / "cache").glob("fit-*.npz")]) == 3
    for other in contents[1:]:
        for key, array in contents[0].items():
            np.testing.assert_array_equal(other[key], array, err_msg=key)
