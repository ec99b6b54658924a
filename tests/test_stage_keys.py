"""A stage's key holds what its result depends on, no more, and the command line is made from it."""

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from workflow_runs import REPOSITORY

from nlf_pipeline.cli import STAGES
from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.records import record_path
from nlf_pipeline.weights.registry import weights_path
from nlf_pipeline.workflow.settings import completed_settings
from nlf_pipeline.workflow.stage_keys import differences, read_key, stage_key
from nlf_pipeline.workflow.stage_options import STAGE_OPTIONS, as_words, option_words, read_execution

DEFAULTS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())


def key(stage, **settings):
    return stage_key(stage, completed_settings({**DEFAULTS, **settings}))


@pytest.mark.parametrize("stage", sorted(STAGE_OPTIONS))
def test_key_says_of_itself_what_it_is_and_can_be_read_again(stage):
    told = json.loads(key(stage))
    assert told["stage"] == stage and set(told["settings"]) <= set(DEFAULTS)
    assert re.fullmatch("[0-9a-f]{16}", told.get("code", "0" * 16)) and "\n" not in key(stage)
    assert read_key(key(stage), stage).settings == told["settings"]


def test_every_stage_has_its_settings_listed():
    assert set(STAGES.values()) == set(STAGE_OPTIONS) - {"weights"}


def test_the_code_of_one_format_is_in_the_keys_of_that_format_alone():
    settings = completed_settings(DEFAULTS)
    glb, bvh = (json.loads(stage_key("export", settings, format=name)) for name in ("glb", "bvh"))
    assert glb.pop("format") == "glb" and bvh.pop("format") == "bvh"
    assert glb.pop("code") != bvh.pop("code") and glb == bvh
    words = read_key(stage_key("export", settings, format="glb"), "export").words({})
    assert words == ["--body=resources/body_models/open", "--format=glb"]


def test_same_numbers_give_the_same_key():
    assert key("fit", smoothing=0) == key("fit", smoothing=0.0) != key("fit", smoothing=0.1)
    assert key("render", resolution=[64, 48]) == key("render", resolution=[64.0, 48.0])


def test_swapped_values_give_another_key():
    assert key("fit", smoothing=0.2, max_gap=0.5) != key("fit", smoothing=0.5, max_gap=0.2)


def test_digest_of_weights_is_in_the_key_once_they_are_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert json.loads(key("estimate", estimator="nlf"))["weights"] == {"nlf_l": "unknown"}
    record = record_path(weights_path(tmp_path / "resources/weights", "nlf_l"))
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"sha256": "0123456789abcdef"}))
    assert json.loads(key("estimate", estimator="nlf"))["weights"] == {"nlf_l": "0123456789ab"}
    assert "weights" not in json.loads(key("estimate"))


def test_change_is_told_against_the_log_of_the_last_run(tmp_path):
    log = tmp_path / "fit.log"
    settings = completed_settings(DEFAULTS)
    now = stage_key("fit", {**settings, "smoothing": 0.3, "max_gap": 1}, edits="none").of_job(str(log))
    assert now.change == ""
    log.write_text(stage_key("fit", settings, edits="swap 1 and 2 from 3.2") + "\nother lines\n")
    assert now.change == " (max_gap: 0.5 -> 1; smoothing: 0.18 -> 0.3; edits: swap 1 and 2 from 3.2 -> none)"
    for damaged in ("", "no key\n", "[1]\n"):
        log.write_text(damaged)
        assert now.change == ""
    log.write_text(f"{now}\n")
    assert now.change == ""


def test_differences_name_weights_code_and_what_came_or_went():
    before = {"stage": "estimate", "settings": {"num_aug": 5}, "code": "aa", "weights": {"nlf_l": "01"}}
    now = {"stage": "estimate", "settings": {"fov": None}, "code": "bb", "weights": {"nlf_l": "02"}}
    told = list(differences(before, now))
    assert told == ["fov: none -> null", "code: aa -> bb", "weights nlf_l: 01 -> 02", "num_aug: 5 -> none"]


@pytest.mark.parametrize("wrong", ["", "{", "[]", "7", '{"stage": "fit"}', '{"stage": "fit", "settings": 3}'])
def test_key_of_wrong_form_is_refused_in_words(wrong):
    with pytest.raises(UserError, match="--key: found"):
        read_key(wrong, "fit")


def test_key_of_another_stage_or_with_foreign_settings_is_refused():
    with pytest.raises(UserError, match=r"'ground'.*expected that of 'fit'"):
        read_key(key("ground"), "fit")
    with pytest.raises(UserError, match="fit has no setting opacity here, expected body_betas"):
        read_key('{"stage": "fit", "settings": {"opacity": 1}}', "fit").words({})


def test_options_leave_out_what_is_not_set():
    values = {"threshold_m": 0.05, "seed": 0, "fov_deg": None, "points": [], "audio": False, "x": True}
    assert list(as_words(values)) == ["--threshold-m=0.05", "--seed=0", "--no-audio", "--x"]
    told = {"time_range": [0, 1.5], "select_points": [[1, 2], [3, 4]]}
    assert list(as_words(told)) == ["--time-range", "0", "1.5", "--select-points", "1", "2", "3", "4"]


@given(st.text(min_size=1))
def test_any_text_reaches_the_stage(text):
    source = json.loads(json.dumps(text))
    words = option_words("import_body", {"body_models_dir": source}, {})
    assert words == [f"--source={text}"]


def test_body_of_the_settings_is_the_stages_folder():
    words = read_key(key("fit", body_model="anny", body_betas=20), "fit").words({})
    assert "--body=resources/body_models/anny-neutral-20" in words


def test_execution_settings_are_those_of_the_environment():
    assert read_execution({}) == {}
    assert read_execution({"NLF_PIPELINE_EXECUTION": '{"device": "cpu"}'}) == {"device": "cpu"}
    for wrong in ("{", "[]", '{"fov": 3}'):
        with pytest.raises(UserError, match="NLF_PIPELINE_EXECUTION"):
            read_execution({"NLF_PIPELINE_EXECUTION": wrong})
