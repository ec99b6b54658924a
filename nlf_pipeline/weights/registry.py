"""The weights that this package knows: where each comes from and what is published about it."""

import functools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import dacite
import yaml

from nlf_pipeline.errors import UserError

WEIGHTS_DIR = Path("resources/weights")
"""Folder of the weights unless another is named."""
_CONFIG = dacite.Config(cast=[tuple], strict=True)


@dataclass(frozen=True)
class Registration:
    """What a publisher asks of every user."""

    url: str
    """Where to register."""
    todo: str
    """What to do there, in words."""


@dataclass(frozen=True)
class Weight:
    """One file of a model."""

    name: str
    """By which settings, commands and messages call it."""
    file: str
    """Its path in the folder of the weights; of a body model, in the folder of the body models."""
    licence: str
    """Of the weights, not of the code."""
    used_by: tuple[str, ...]
    """Settings that need it, such as `segmenter:stcn`, each one or several `setting:value` with spaces between."""
    url: str | None = None
    """Where it is downloaded; None: to be got by hand."""
    size_mib: float | None = None
    """As published, rounded."""
    sha256: str | None = None
    """Of the whole file, in hexadecimal, where it is published."""
    sha256_prefix: str | None = None
    """The first digits, where only they are published."""
    git_blob: str | None = None
    """Git's name of the content, where it lies in a repository."""
    registration: Registration | None = None
    """Where its publisher wants every user's own agreement."""


@functools.cache
def load_registry() -> Mapping[str, Weight]:
    """The weights that are kept in the folder of the weights, by name."""
    return _read("weights.yaml")


@functools.cache
def load_body_models() -> Mapping[str, Weight]:
    """The registered body models' files, by name; they are kept in the folder that `body_models_dir` names."""
    return _read("body_models.yaml")


def weights_path(folder: Path, name: str) -> Path:
    """Where the file of a weight lies, whether it is there or not.

    Args:
        folder: of the weights.
        name: in the registry, such as `stcn`.

    Raises:
        UserError: if the registry does not know `name`.
    """
    return folder / find_weight(name).file


def find_weight(name: str) -> Weight:
    """The registry's entry called `name`, or whose file is called so.

    Raises:
        UserError: naming what there is, if `name` is unknown; saying where to register, if it is a body model.
    """
    registry, body = load_registry(), load_body_models().get(name)
    if body is not None and body.registration is not None:
        raise UserError(
            f"{name}: everybody has to get it himself. At {body.registration.url}: {body.registration.todo}, and put "
            f"{body.file} into the folder that the setting body_models_dir names."
        )
    name = next((weight.name for weight in registry.values() if weight.file == name), name)
    if name not in registry:
        raise UserError(f"{name}: no such weights, expected one of {', '.join(registry)}")
    return registry[name]


def weights_command(verb: str, file: Path, name: str | None = None) -> str:
    """The command line that does something about the file of a weight.

    Args:
        verb: `fetch`, `verify` or `accept`.
        file: in the folder of the weights.
        name: of the weight, where it is known; else the file's name tells it.
    """
    names = [name] if name else [weight.name for weight in load_registry().values() if weight.file == file.name]
    elsewhere = [] if file.parent == WEIGHTS_DIR else ["--folder", str(file.parent)]
    return shlex.join(["nlf-pipeline", "weights", verb, *names, *elsewhere])


def _read(file: str) -> dict[str, Weight]:
    text = resources.files("nlf_pipeline.weights").joinpath(file).read_text()
    entries: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {name: dacite.from_dict(Weight, {"name": name, **entry}, _CONFIG) for name, entry in entries.items()}
