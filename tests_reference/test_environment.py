"""The environment is what was tried, and the doctor sees when torch and torchvision do not fit."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from nlf_pipeline.diagnosis.packages import installed_models, package_facts

ROOT = Path(__file__).resolve().parents[1]
BROKEN = """
import torch
raise RuntimeError("operator torchvision::nms does not exist")
"""


@pytest.mark.parametrize("package", ["torch", "torchvision", "stcnbuf", "numpy", "mediapipe"])
def test_the_versions_are_those_that_were_tried(package):
    lines = (ROOT / "constraints-reference.txt").read_text().splitlines()
    assert f"{package}=={metadata.version(package).partition('+')[0]}" in lines


def test_torch_and_what_must_fit_it_load():
    facts = package_facts(quick=False, droid_env=None)
    assert facts.torch is not None
    assert facts.torch.version.startswith("2.12.1")
    assert {"torch", "torchvision", "stcnbuf"}.isdisjoint(facts.errors)
    assert installed_models() == "reference"


def test_a_torchvision_that_does_not_fit_is_named(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").write_text(BROKEN)
    command = [sys.executable, "-m", "nlf_pipeline.cli", "doctor", "--json", "--weights", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["torchvision"]["state"] == "missing"
    assert "0.27.1 does not load with torch 2.12.1" in findings["torchvision"]["found"]
    assert "torchvision::nms does not exist" in findings["torchvision"]["found"]
    assert findings["torchvision"]["cure"] == "make install-reference"
