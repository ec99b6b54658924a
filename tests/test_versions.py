"""The digest of a stage's code changes with what the stage can reach, and with nothing else."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from nlf_pipeline.workflow import versions

MODULES = {
    "__init__": '"""Package."""\n',
    "one": "from pkg.shared import f\n\n\ndef one():\n    from pkg.backends.fast import Fast\n    return f, Fast\n",
    "two": "import pkg.other\n",
    "shared": "def f():\n    return 1\n",
    "other": "X = 1\n",
    "backends/__init__": "",
    "backends/fast": "import numpy\nfrom pkg import other\n\n\nclass Fast:\n    pass\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    def write(**changes):
        for name, text in {**MODULES, **changes}.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        for cached in (versions._source, versions._read):
            cached.cache_clear()
        return {stage: versions.code_version(stage) for stage in ("one", "two")}

    monkeypatch.setattr(versions, "_ROOT", tmp_path)
    monkeypatch.setattr(versions, "PACKAGE", "pkg")
    yield write
    monkeypatch.undo()
    for cached in (versions._source, versions._read):
        cached.cache_clear()


def changed(package, **changes):
    before, after = package(), package(**changes)
    return {stage for stage in before if before[stage] != after[stage]}


def test_shared_module_changes_only_the_stages_that_import_it(package):
    assert changed(package, shared="def f():\n    return 2\n") == {"one"}
    assert changed(package, two="import pkg.other\nY = 1\n") == {"two"}


def test_imports_inside_functions_and_through_packages_count(package):
    assert changed(package, **{"backends/fast": "class Fast:\n    speed = 2\n"}) == {"one"}
    assert changed(package, other="X = 2\n") == {"one", "two"}


def test_comments_docstrings_and_formatting_do_not_count(package):
    text = '"""Other words."""\n\n# why\ndef f():\n    """Says one."""\n    return (1)\n'
    assert changed(package, shared=text) == set()


def test_unknown_module_is_an_error(package):
    package()
    with pytest.raises(FileNotFoundError, match="three"):
        versions.code_version("three")


def test_every_stage_of_the_command_line_has_a_digest_of_its_own():
    from nlf_pipeline.cli import STAGES

    digests = [versions.code_version(module).rpartition(" ")[2] for module in STAGES.values()]
    assert len(set(digests)) == len(STAGES)


def test_the_conda_environment_has_the_versions_that_were_tried():
    root = Path(__file__).resolve().parents[1]
    pins = {line for line in (root / "constraints.txt").read_text().splitlines() if "==" in line}
    environment = yaml.safe_load((root / "envs" / "core.yaml").read_text())
    in_conda = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    assert set(in_conda) <= pins
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {_name(requirement) for requirement in wanted} <= {_name(pin) for pin in in_conda}


def test_both_builds_of_opencv_have_one_version():
    root = Path(__file__).resolve().parents[1]
    pins = dict(line.split("==") for line in (root / "constraints.txt").read_text().splitlines() if "==" in line)
    assert pins["opencv-python"] == pins["opencv-contrib-python"]
    assert pins["mediapipe"] == "0.10.21" and pins["torch"] == "2.13.0" and pins["numpy"] < "2"


def _name(requirement):
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()
