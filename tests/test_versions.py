"""The digest of a stage's code changes with what the stage can reach, and with nothing else."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from nlf_pipeline.workflow import kept_digests, versions

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

    digests = [versions.code_version(module) for module in STAGES.values()]
    assert len(set(digests)) == len(STAGES)


ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD_TOOLS = {"setuptools", "wheel"}


@pytest.mark.parametrize(
    ("environment", "constraints", "extras", "apart"),
    [
        ("core", "constraints.txt", [], set()),
        ("reference", "constraints-reference.txt", ["reference", "zoedepth"], set()),
        ("blender", "constraints.txt", ["blendipose"], set()),
        ("droid", "constraints.txt", [], {"torch", *BUILD_TOOLS}),
    ],
)
def test_conda_environments_have_the_versions_that_were_tried(environment, constraints, extras, apart):
    tried, there = pins(ROOT / constraints), conda_pins(environment)
    assert {name: version for name, version in there.items() if name not in apart} == {
        name: tried[name] for name in there if name not in apart
    }
    wanted = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    assert {_name(requirement) for requirement in wanted} <= set(there)


def test_both_sets_were_tried_with_the_same_versions_but_for_torch():
    embedded, reference = pins(ROOT / "constraints.txt"), pins(ROOT / "constraints-reference.txt")
    differing = {name for name in embedded.keys() & reference.keys() if embedded[name] != reference[name]}
    assert differing == {"torch"}
    assert (reference["torch"], reference["torchvision"]) == ("2.12.1", "0.27.1")
    needed = PROJECT["dependencies"] + [
        line for extra in ("reference", "zoedepth", "test") for line in PROJECT["optional-dependencies"][extra]
    ]
    assert {_name(requirement) for requirement in needed} <= set(reference)


def test_every_direct_dependency_is_pinned_and_fits_its_pin():
    tried = pins(ROOT / "constraints.txt") | pins(ROOT / "constraints-reference.txt")
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for requirement in map(Requirement, PROJECT["dependencies"] + extras):
        if requirement.name != PROJECT["name"]:
            assert requirement.specifier.contains(tried[_name(requirement.name)]), requirement


def pins(path):
    lines = [line for line in path.read_text().splitlines() if "==" in line]
    by_name = dict(line.split("==") for line in lines)
    assert len(by_name) == len(lines)
    return {_name(name): version for name, version in by_name.items()}


def conda_pins(name):
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    lines = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    return {_name(package): version for package, version in (line.split("==") for line in lines)}


def test_both_builds_of_opencv_have_one_version():
    tried = pins(ROOT / "constraints.txt")
    assert tried["opencv-python"] == tried["opencv-contrib-python"]
    assert tried["mediapipe"] == "0.10.21" and tried["torch"] == "2.13.0" and tried["numpy"] < "2"


def _name(requirement):
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower()


@pytest.fixture
def kept_in(tmp_path, monkeypatch):
    folder = tmp_path / "work" / ".snakemake"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)
    kept_digests._kept.cache_clear()
    yield folder / "nlf_pipeline_code.json"
    kept_digests._kept.cache_clear()


def test_digests_that_were_kept_are_those_of_the_code_and_follow_its_edits(kept_in, package):
    first = package()
    assert kept_in.is_file()
    kept_digests._kept.cache_clear()
    assert package() == first
    edited = package(shared="def f():\n    return 2\n")
    kept_in.unlink()
    kept_digests._kept.cache_clear()
    assert package(shared="def f():\n    return 2\n") == edited != first


def test_kept_digests_are_used(kept_in, package, monkeypatch):
    first = package()
    monkeypatch.setattr(versions, "_digest_of", lambda source: pytest.fail("it was parsed again"))
    assert package() == first


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1}', "null"])
def test_damaged_kept_digests_are_made_anew(kept_in, package, text):
    first = package()
    kept_in.write_text(text)
    kept_digests._kept.cache_clear()
    assert package() == first


def test_entries_of_the_wrong_form_are_made_anew(kept_in, package):
    first = package()
    kept_in.write_text(json.dumps({name: {"digest": 1} for name in json.loads(kept_in.read_text())}))
    kept_digests._kept.cache_clear()
    assert package() == first


def test_nothing_is_kept_where_snakemake_has_no_folder(tmp_path, monkeypatch, package):
    monkeypatch.chdir(tmp_path)
    kept_digests._kept.cache_clear()
    package()
    assert not (tmp_path / ".snakemake").exists()
