"""The doctor names what is missing for the chosen models, with its cure, and never ends in a traceback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nlf_pipeline.diagnosis import packages, player
from nlf_pipeline.diagnosis.findings import Finding, format_json, format_table, missing_names
from nlf_pipeline.diagnosis.machine import SYSTEM_PACKAGES, MachineFacts, machine_facts, machine_findings
from nlf_pipeline.diagnosis.model_files import body_findings, weight_findings
from nlf_pipeline.doctor import doctor
from nlf_pipeline.errors import UserError
from nlf_pipeline.renderers.blendipose_options import SYSTEM_LIBRARIES
from nlf_pipeline.weights.listing import WeightState, weights_state
from nlf_pipeline.weights.registry import load_registry

GOOD_MACHINE = {
    "python": (3, 11, 7),
    "prefix": "/home/me/.venv",
    "cores": 8,
    "memory_gb": 32.0,
    "shared_gb": 8.0,
    "free_gb": 100.0,
    "unwritable": None,
    "drawing": "llvmpipe",
}


def judged_machine(models="embedded", **changes):
    facts = MachineFacts(**{**GOOD_MACHINE, **changes})
    return {f.name: f for f in machine_findings(facts, models, Path("results"), free_gb=1.0)}


def run(*arguments, **environment):
    command = [sys.executable, "-m", "nlf_pipeline.cli", "doctor", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **environment}
    )


def test_a_good_machine_has_nothing_to_cure():
    assert {f.state for f in judged_machine().values()} == {"ok"}
    assert {f.cure for f in judged_machine().values()} == {None}


@pytest.mark.parametrize(
    ("name", "changes", "state", "found", "cure"),
    [
        ("Python", {"python": (3, 13, 0)}, "missing", "3.13.0", "PYTHON="),
        ("Python", {"python": (3, 10, 9)}, "missing", "3.11 or 3.12 expected", "PYTHON="),
        ("disk", {"free_gb": 0.5}, "missing", "0.5 GB free", "--directory"),
        ("disk", {"unwritable": "/x: cannot be written. Do"}, "missing", "/x: cannot be written", "make it writable"),
        ("memory", {"memory_gb": 2.0}, "warning", "2.0 GB; 4 GB expected", "--cores 1"),
        ("drawing", {"drawing": None}, "missing", "EGL", "sudo apt-get install -y libegl1"),
    ],
)
def test_a_bad_machine_is_told_with_its_cure(name, changes, state, found, cure):
    finding = judged_machine(**changes)[name]
    assert finding.state == state
    assert found in finding.found
    assert cure in finding.cure


def test_the_players_scripts_are_needed_and_its_browser_is_not(monkeypatch):
    assert {f.name: f.state for f in player.player_findings()}["scripts"] == "ok"
    monkeypatch.setattr(player, "has_bundle", lambda: False)
    monkeypatch.setattr(player.shutil, "which", lambda name: None)
    bundle, browser = player.player_findings()
    assert (bundle.state, bundle.cure, browser.state) == ("missing", "make player", "absent")
    script = (Path(__file__).resolve().parents[1] / ".ci" / "run").read_text()
    assert set(browser.cure.partition("-y ")[2].split()) <= set(re.split(r"[\s()]+", script))


def test_ci_installs_the_system_packages_that_the_doctor_names():
    script = (Path(__file__).resolve().parents[1] / ".ci" / "run").read_text()
    assert set(f"{SYSTEM_PACKAGES} {SYSTEM_LIBRARIES}".split()) <= set(re.split(r"[\s()]+", script))


def test_little_shared_memory_matters_to_the_reference_models_only():
    assert judged_machine("embedded", shared_gb=0.06)["shared memory"].state == "ok"
    finding = judged_machine("reference", shared_gb=0.06)["shared memory"]
    assert finding.state == "warning"
    assert "--shm-size" in finding.cure


def test_a_file_in_place_of_the_folder_is_noticed(tmp_path):
    (tmp_path / "results").write_text("")
    facts = machine_facts(tmp_path / "results" / "deeper")
    assert "it is a file" in facts.unwritable
    assert machine_facts(tmp_path / "not" / "yet").unwritable is None


def states_of(folder):
    return weights_state(folder)[: len(load_registry())]


def test_missing_weights_are_fetched_by_one_command(tmp_path):
    findings = {f.name: f for f in weight_findings(states_of(tmp_path), ["stcn", "rife"], "reference", tmp_path)}
    assert {name for name, f in findings.items() if f.state == "missing"} == {"stcn", "rife"}
    assert findings["stcn"].cure == findings["rife"].cure == f"nlf-pipeline weights fetch stcn rife --folder {tmp_path}"
    assert findings["zoedepth"].state == "absent"


def test_weights_do_not_matter_to_the_embedded_models(tmp_path):
    (finding,) = weight_findings(states_of(tmp_path), [], "embedded", tmp_path)
    assert finding.state == "absent"
    assert finding.found.startswith(f"0 of {len(load_registry())} files")


def test_a_web_page_and_an_exchanged_file_are_no_weights(tmp_path):
    files = {state.weight.name: state for state in states_of(tmp_path)}
    files["stcn"].path.write_text("<!DOCTYPE html><p>Sign in")
    files["rife"].path.write_bytes(b"")
    files["droid"].path.write_bytes(b"PK\x03\x04 not looked into")
    states = [
        WeightState(s.weight, s.path, "changed", 1) if s.weight.name == "nlf_l" else s for s in states_of(tmp_path)
    ]
    needed = ["stcn", "rife", "droid", "nlf_l"]
    findings = {f.name: f for f in weight_findings(states, needed, "reference", tmp_path)}
    assert "web page" in findings["stcn"].found
    assert "rm " in findings["stcn"].cure
    assert "is empty" in findings["rife"].found
    assert findings["droid"].state == "ok"
    assert "weights verify nlf_l" in findings["nlf_l"].cure
    assert missing_names(list(findings.values())) == ["stcn", "rife", "nlf_l"]


def test_a_link_to_nothing_is_told_with_a_cure_that_cures(tmp_path):
    (tmp_path / "stcn.pth").symlink_to(tmp_path / "nowhere.pth")
    finding = weight_findings(states_of(tmp_path), ["stcn"], "reference", tmp_path)[0]
    assert "nowhere.pth" in finding.found and str(finding.cure).startswith(f"rm {tmp_path / 'stcn.pth'} && ")


def test_one_file_of_a_body_model_is_enough(tmp_path):
    def judged(folder):
        n_weights = len(load_registry())
        return {f.name: f for f in body_findings(weights_state(tmp_path, folder)[n_weights:], needed="smpl")}

    assert judged(None)["smpl"].state == judged(tmp_path)["smpl"].state == "missing"
    assert "https://smpl.is.tue.mpg.de" in judged(tmp_path)["smpl"].cure
    assert judged(tmp_path)["smplx"].state == "absent"
    (tmp_path / "smpl").mkdir()
    (tmp_path / "smpl/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl").write_bytes(b"x")
    assert judged(tmp_path)["smpl"].state == "ok"
    assert "neutral" in judged(tmp_path)["smpl"].found


FINDINGS = [
    Finding("Machine", "disk", "ok", "50 GB"),
    Finding("Weights", "a-long-name", "missing", "not there", "fetch them"),
    Finding("Weights", "b", "missing", "not there", "fetch them"),
    Finding("Weights", "c", "absent", "not there", "fetch others"),
    Finding("GPU", "GPU", "warning", "none", "get one"),
]


def test_table_is_aligned_and_tells_every_cure_once():
    lines = format_table(FINDINGS).splitlines()
    rows = [line for line in lines if line.endswith((" GB", " there", " none"))]
    assert len(rows) == len(FINDINGS)
    assert len({line.rindex("  ") for line in rows}) == 1
    assert lines[:2] == ["Machine", "  ok       disk         50 GB"]
    assert lines[lines.index("To do") + 1 :] == [
        "  a-long-name, b:",
        "      fetch them",
        "",
        "Worth doing",
        "  GPU:",
        "      get one",
        "",
        "Only for other models and options",
        "  c:",
        "      fetch others",
    ]
    assert format_table([]) == ""


def test_colour_changes_nothing_but_the_colour():
    coloured = format_table(FINDINGS, colour=True)
    assert re.sub(r"\x1b\[\d+m", "", coloured) == format_table(FINDINGS)
    assert coloured != format_table(FINDINGS)


def test_json_says_the_same():
    told = json.loads(format_json("reference", FINDINGS))
    assert told["ready"] is False
    assert told["models"] == "reference"
    assert [Finding(**finding) for finding in told["findings"]] == FINDINGS
    assert json.loads(format_json("embedded", FINDINGS[:1]))["ready"] is True


def test_this_machine_runs_the_embedded_models(capsys, tmp_path):
    doctor(models="embedded", quick=True, folder=tmp_path)
    assert "MISSING" not in capsys.readouterr().out


def test_quick_does_not_load_torch():
    code = "import sys; from nlf_pipeline.doctor import doctor; doctor(quick=True, models='embedded'); "
    result = subprocess.run(
        [sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_scripts_get_json_and_a_status(tmp_path):
    result = run("--models", "reference", "--json", "--weights", tmp_path)
    told = json.loads(result.stdout)
    assert result.returncode == 1
    missing = [finding for finding in told["findings"] if finding["state"] == "missing"]
    assert {"stcn", "smpl", "DROID-SLAM"} <= {finding["name"] for finding in missing}
    assert all(finding["cure"] for finding in missing)
    assert result.stderr.startswith("doctor: error: not ready for models=reference")
    assert "Traceback" not in result.stderr


def test_a_full_disk_fails_with_one_message(tmp_path):
    with pytest.raises(UserError, match="models=embedded: disk"):
        doctor(models="embedded", quick=True, folder=tmp_path, free_gb=1e9)


def test_a_missing_core_package_is_no_traceback(capsys, monkeypatch):
    here = packages.own_requirements()
    monkeypatch.setattr(packages, "own_requirements", lambda: here | {"": [*here[""], "no-such-package"]})
    with pytest.raises(UserError, match="core packages"):
        doctor(models="embedded", quick=True)
    assert "no-such-package is not installed" in capsys.readouterr().out
