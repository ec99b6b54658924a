"""Cells of a table of videos, read by YAML's rules and checked as settings are."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nlf_pipeline.workflow.model_sets import EXECUTION_SETTINGS
from nlf_pipeline.workflow.settings import SettingsValidator

RUN_WIDE: Mapping[str, str] = {
    "videos": "it says which videos there are",
    "shard": "it says which of the videos this run takes",
    **dict.fromkeys(sorted(EXECUTION_SETTINGS), "it says how this run computes, and changes no result"),
    "droid_env": "it is a folder of this machine",
    "body_models_dir": "it is a folder of this machine",
}
"""Settings that a single video cannot have, and why."""
PATH_SETTINGS = frozenset({"camera_file", "masks_file", "predictions_file", "fits_file"})
"""Settings that are paths; those in a table are relative to it."""
_NULL = frozenset({"null", "Null", "NULL", "~"})
_NUMBERS = re.compile(r"[][0-9., eE+-]+")
"""Where such text is JSON, YAML 1.2 reads the same in it; PyYAML is slower by far, and takes 1e-05 for text."""
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell says."""

    value: Any
    problem: str | None
    """What is wrong with it; None: nothing."""


class CellReader:
    """Reads the cells of one table. The same text in the same column is looked at once."""

    def __init__(self, schema: Mapping[str, Any], folder: Path) -> None:
        """Read cells by `schema`, the JSON schema of the settings; paths are relative to `folder`."""
        self._validators = {name: SettingsValidator(allowed) for name, allowed in schema["properties"].items()}
        self._folder = folder
        self._known: dict[tuple[str, str], Cell] = {}

    def read(self, column: str, text: str) -> Cell:
        """The value of the setting `column` in a cell that holds `text`, which is not empty."""
        found = self._known.get((column, text))
        if found is None:
            found = self._known[column, text] = self._read(column, text)
        return found

    def _read(self, column: str, text: str) -> Cell:
        allowed = self._validators[column].schema
        value = None if text in _NULL else text if _is_text(allowed) else _parse(text)
        if not self._validators[column].is_valid(value):
            found = f"found {value!r} ({type(value).__name__}), expected {allowed['description']}"
            return Cell(None, found + _hint(text, allowed))
        if column in PATH_SETTINGS and value is not None:
            value = str(self._folder / Path(value).expanduser())
        return Cell(value, None)


def column_problem(column: str, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a column of this name; None if it is a setting that a video can have."""
    if column in RUN_WIDE:
        return f"it is the same for all videos ({RUN_WIDE[column]}). Remove the column, and give it in config.yaml"
    names = [name for name in schema["properties"] if name not in RUN_WIDE] + ["file"]
    if column in names:
        return None
    return (
        f"no such setting{near(column, names) or '.'} Expected video_id, file, or settings of config.yaml; "
        "a column whose name begins with # is not read"
    )


def near(word: str, words: Iterable[str]) -> str:
    """A hint at the most similar of `words`, or nothing."""
    found = difflib.get_close_matches(word.lower().replace(" ", "_"), words, n=1, cutoff=0.6)
    return f", did you mean {found[0]}?" if found else ""


def _is_text(allowed: Mapping[str, Any]) -> bool:
    """Whether a setting is any text, which is then taken as it stands."""
    return "string" in allowed.get("type", ())


def _parse(text: str) -> Any:
    if _NUMBERS.fullmatch(text):
        try:
            return json.loads(text)
        except ValueError:
            pass
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # dates that do not exist are ValueErrors
        return text


def _hint(text: str, allowed: Mapping[str, Any]) -> str:
    kinds = allowed.get("type", ())
    if _DECIMAL_COMMA.fullmatch(text):
        return ". Decimals are written with a point" if "number" in kinds else f", did you mean [{text}]?"
    return near(text, [word for word in allowed.get("enum", ()) if isinstance(word, str)])
