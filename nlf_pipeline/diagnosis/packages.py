"""The packages of every environment: which are there, and whether they load."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from nlf_pipeline.diagnosis.findings import Finding, ModelSet, lacking
from nlf_pipeline.diagnosis.gpu import TorchFacts
from nlf_pipeline.diagnosis.machine import APT_CURE

PACKAGE = "nlf-pipeline"
_TOPIC = "Packages"
_INSTALL: dict[ModelSet, str] = {"embedded": "make install", "reference": "make install-reference"}
_TIMEOUT_S = 180
_OPEN_BODY = "anny"
_NATIVE = ("cv2", "mediapipe")
"""Modules that load libraries of the system."""
_DROID = ("masked_droid_slam", "lietorch", "droid_backends")
_OPTIONAL = {
    "blendipose": (("blendipose", "bpy", "memory_tempfile"), "for renderer=blendipose"),
    "poseviz": (("poseviz",), "for renderer=poseviz"),
}


@dataclass(frozen=True)
class PackageFacts:
    """What is installed here."""

    requirements: Mapping[str, Sequence[str]]
    """This package's requirements, by extra; those of all are under ''."""
    versions: Mapping[str, str | None]
    """By name of the package; None where it is not installed."""
    modules: frozenset[str]
    """Of those that were looked for, the ones that are there."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """By module, why it does not load although it is there."""
    torch: TorchFacts | None = None
    """None where torch was not loaded."""


def package_facts(quick: bool) -> PackageFacts:
    """Look at the packages of this environment.

    Args:
        quick: leave out what must load torch.
    """
    requirements = _own_requirements()
    names = {Requirement(line).name for lines in requirements.values() for line in lines} | {_OPEN_BODY}
    looked_for = {*_NATIVE, _OPEN_BODY, *_DROID, *(name for modules, _ in _OPTIONAL.values() for name in modules)}
    modules = frozenset(name for name in looked_for if importlib.util.find_spec(name))
    torch, errors = (None, {}) if quick else probed_torch()
    return PackageFacts(
        requirements=requirements,
        versions={name: _version(name) for name in names},
        modules=modules,
        errors={**_native_errors(modules), **errors},
        torch=torch,
    )


def package_findings(facts: PackageFacts, models: ModelSet) -> list[Finding]:
    """Judge them.

    Args:
        facts: what is installed.
        models: what is to run.
    """
    return [
        _core_finding(facts, models),
        _native_finding(facts),
        *_torch_findings(facts, models),
        _droid_finding(facts, models),
        *(_optional_finding(facts, extra) for extra in _OPTIONAL),
    ]


def installed_models() -> ModelSet:
    """The models whose packages are installed here."""
    has_reference = all(_version(Requirement(line).name) for line in _own_requirements().get("reference", ()))
    return "reference" if has_reference else "embedded"


def probed_torch() -> tuple[TorchFacts | None, dict[str, str]]:
    """Load torch, torchvision and stcnbuf in a process of their own: facts, and why which does not work."""
    command = [sys.executable, "-m", "nlf_pipeline.diagnosis.torch_probe"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None, {"torch": f"did not load within {_TIMEOUT_S} s"}
    return parse_probe(answer.stdout, answer.stderr, answer.returncode)


def parse_probe(output: str, complaints: str, status: int) -> tuple[TorchFacts | None, dict[str, str]]:
    """Read what the probe printed, or how it died."""
    try:
        told = json.loads(output.strip().splitlines()[-1])
        facts = told["torch"] and TorchFacts(**{**told["torch"], "archs": tuple(told["torch"]["archs"])})
        return facts, dict(told["errors"])
    except (IndexError, ValueError, TypeError, KeyError):
        last = next(iter(complaints.strip().splitlines()[-1:]), "no message")
        how = f"crashed with signal {-status}" if status < 0 else f"ended with status {status}: {last}"
        return None, {"torch": f"loading it {how}"}


def _core_finding(facts: PackageFacts, models: ModelSet) -> Finding:
    wanted = [*facts.requirements.get("", ()), _OPEN_BODY]
    wrong = _wrong(wanted, facts.versions)
    if not wrong:
        return Finding(_TOPIC, "core", "ok", f"all {len(wanted)} packages")
    return Finding(_TOPIC, "core", "missing", "; ".join(wrong), _INSTALL[models])


def _native_finding(facts: PackageFacts) -> Finding:
    failures = [f"{name} does not load ({facts.errors[name]})" for name in _NATIVE if name in facts.errors]
    if failures:
        return Finding(_TOPIC, "OpenCV, MediaPipe", "missing", "; ".join(failures), APT_CURE)
    return Finding(_TOPIC, "OpenCV, MediaPipe", "ok", "load")


def _torch_findings(facts: PackageFacts, models: ModelSet) -> Iterable[Finding]:
    install = _INSTALL[models]
    if "torch" in facts.errors:
        yield Finding(_TOPIC, "torch", "missing", facts.errors["torch"], f"{install}, after removing its .venv folder")
    elif version := facts.versions.get("torch"):
        yield Finding(_TOPIC, "torch", "ok", version)
    for line in facts.requirements.get("reference", ()):
        yield _reference_finding(Requirement(line).name, facts, models)


def _reference_finding(name: str, facts: PackageFacts, models: ModelSet) -> Finding:
    version, state = facts.versions.get(name), lacking(models == "reference")
    if version is None:
        return Finding(_TOPIC, name, state, "not installed; for models=reference", _INSTALL["reference"])
    if name in facts.errors:
        found = f"{version} does not load with torch {facts.versions.get('torch')} ({facts.errors[name]})"
        return Finding(_TOPIC, name, state, found, _INSTALL["reference"])
    return Finding(_TOPIC, name, "ok", version)


def _droid_finding(facts: PackageFacts, models: ModelSet) -> Finding:
    missing = [name for name in _DROID if name not in facts.modules]
    if not missing:
        return Finding(_TOPIC, "DROID-SLAM", "ok", "installed")
    return Finding(
        _TOPIC,
        "DROID-SLAM",
        lacking(models == "reference"),
        f"not installed: {', '.join(missing)}; for camera=droid",
        'docs/installation.md, "DROID-SLAM" (a GPU and the CUDA toolkit are needed); or without: --config camera=klt',
    )


def _optional_finding(facts: PackageFacts, extra: str) -> Finding:
    modules, use = _OPTIONAL[extra]
    missing = [name for name in modules if name not in facts.modules]
    if not missing:
        return Finding(_TOPIC, extra, "ok", "installed")
    cure = f"{_shown(Path(sys.executable))} -m pip install -e '.[{extra}]'"
    return Finding(_TOPIC, extra, "absent", f"not installed: {', '.join(missing)}; {use}", cure)


def _wrong(lines: Iterable[str], versions: Mapping[str, str | None]) -> list[str]:
    problems = []
    for requirement in map(Requirement, lines):
        version = versions.get(requirement.name)
        if version is None:
            problems.append(f"{requirement.name} is not installed")
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement.name} {version} found, {requirement.specifier} expected")
    return problems


def _own_requirements() -> dict[str, list[str]]:
    """This package's requirements by extra: of the checkout where there is one, whose record may be older than it."""
    checkout = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text())["project"]
        return {"": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for requirement in map(Requirement, metadata.requires(PACKAGE) or ()):
        marker, requirement.marker = str(requirement.marker or ""), None
        extra = marker.partition("extra == ")[2].strip("\"'")
        found.setdefault(extra, []).append(str(requirement))
    return found


def _native_errors(modules: Iterable[str]) -> dict[str, str]:
    errors = {}
    for name in sorted(set(_NATIVE) & set(modules)):
        try:
            importlib.import_module(name)
        except Exception as error:  # a native library may raise anything
            errors[name] = str(error).partition("\n")[0]
    return errors


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
