"""Judges packages: what is missing, does not fit, or does not load."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import Requirement

from nlf_pipeline.diagnosis.findings import Finding, ModelSet, lacking
from nlf_pipeline.diagnosis.machine import APT_CURE
from nlf_pipeline.diagnosis.packages import NATIVE, OPEN_BODY, OPTIONAL, PackageFacts
from nlf_pipeline.renderers.blendipose_options import SYSTEM_LIBRARIES

CORE = "core packages"
"""Name of the finding on what every run needs."""
_TOPIC = "Packages"
_INSTALL: dict[ModelSet, str] = {"embedded": "make install", "reference": "make install-reference"}
_FOLDER: dict[ModelSet, str] = {"embedded": ".venv", "reference": ".venv-reference"}
_DROID_CURE = (
    "build it where there is a GPU and the CUDA toolkit (docs/cameras.md, DROID-SLAM), --config droid_env=FOLDER; "
    "or without it: --config camera=klt"
)
_USES = {"blendipose": "renderer=blendipose", "poseviz": "renderer=poseviz", "zoedepth": "depth=zoedepth"}
_SHARED_LIBRARY = "cannot open shared object file"


def package_findings(facts: PackageFacts, models: ModelSet, quick: bool = False) -> list[Finding]:
    """Judge the packages of this environment.

    Args:
        facts: what is installed.
        models: what is to run.
        quick: only what every run needs.
    """
    needed = [_core_finding(facts, models), _native_finding(facts)]
    if quick:
        return needed
    return [
        *needed,
        *_torch_findings(facts, models),
        _droid_finding(facts.droid_error, models),
        *(_optional_finding(facts, extra) for extra in OPTIONAL),
    ]


def _core_finding(facts: PackageFacts, models: ModelSet) -> Finding:
    wanted = [*facts.requirements.get("", ()), OPEN_BODY]
    wrong = _wrong(wanted, facts.versions)
    if not wrong:
        return Finding(_TOPIC, CORE, "ok", f"all {len(wanted)}")
    return Finding(_TOPIC, CORE, "missing", "; ".join(wrong), _INSTALL[models])


def _native_finding(facts: PackageFacts) -> Finding:
    failures = [f"{name} does not load ({facts.errors[name]})" for name in NATIVE if name in facts.errors]
    if failures:
        return Finding(_TOPIC, "OpenCV, MediaPipe", "missing", "; ".join(failures), APT_CURE)
    return Finding(_TOPIC, "OpenCV, MediaPipe", "ok", "load")


def _torch_findings(facts: PackageFacts, models: ModelSet) -> Iterable[Finding]:
    if "torch" in facts.errors:
        cure = f"rm -r {_FOLDER[models]} && {_INSTALL[models]}"
        yield Finding(_TOPIC, "torch", "missing", f"does not load ({facts.errors['torch']})", cure)
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


def _droid_finding(error: str | None, models: ModelSet) -> Finding:
    if error is None:
        return Finding(_TOPIC, "DROID-SLAM", "ok", "loads")
    return Finding(_TOPIC, "DROID-SLAM", lacking(models == "reference"), f"{error}; for camera=droid", _DROID_CURE)


def _optional_finding(facts: PackageFacts, extra: str) -> Finding:
    modules = OPTIONAL[extra]
    missing = [name for name in modules if name not in facts.modules]
    if missing:
        found = f"not installed; for {_USES[extra]}" if missing == [*modules] else f"without {', '.join(missing)}"
        cure = f"{_shown(Path(sys.executable))} -m pip install -e '.[{extra}]'"
        return Finding(_TOPIC, extra, "absent", found, cure)
    failures = [f"{name} does not load ({facts.errors[name]})" for name in modules if name in facts.errors]
    if failures:
        lacks_library = _SHARED_LIBRARY in failures[0]
        cure = f"on Debian or Ubuntu: sudo apt-get install -y {SYSTEM_LIBRARIES}" if lacks_library else None
        return Finding(_TOPIC, extra, "absent", "; ".join(failures), cure)
    return Finding(_TOPIC, extra, "ok", "loads")


def _wrong(lines: Iterable[str], versions: Mapping[str, str | None]) -> list[str]:
    problems = []
    for requirement in map(Requirement, lines):
        version = versions.get(requirement.name)
        if version is None:
            problems.append(f"{requirement.name} is not installed")
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement.name} {version} found, {requirement.specifier} expected")
    return problems


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
