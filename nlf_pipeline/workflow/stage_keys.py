"""The key of a job: everything that its result depends on besides its files, as one line of text.

Snakemake keeps the key with every file that a job makes and makes the file anew when the key is another.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.records import recorded_digest
from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, MODEL_OPTIONS, weight_files
from nlf_pipeline.workflow.stage_options import (
    STAGE_OPTIONS,
    as_words,
    option_words,
    stage_settings,
)
from nlf_pipeline.workflow.versions import code_version

OWN_OPTIONS = ("clip", "format", "kind")
"""Entries of a key that are options of their stage."""
_WITHOUT_CODE = frozenset({"weights"})
"""What is downloaded is compared with its digest, whatever the code."""
_CHOSEN_CODE: Mapping[str, tuple[str, str]] = {"export": ("format", "exporters")}
"""Stage -> entry of its key that names the one module it uses besides, and the package that this is in."""
_ABSENT = object()
_UNKNOWN = "unknown"
_CODE_DIGITS, _WEIGHT_DIGITS = 16, 12


class StageKey(str):
    """A key, which knows in which log file the job left the key of its last run."""

    log: str | None = None

    def of_job(self, log: str) -> "StageKey":
        """The same key for the job that writes the log file `log`."""
        key = StageKey(self)
        key.log = log
        return key

    @property
    def is_final(self) -> bool:
        """Whether the digests of all weights are known."""
        return f'"{_UNKNOWN}"' not in self

    @property
    def change(self) -> str:
        """In what it differs from the last run's, to be put behind a job's message; empty if there is no such run."""
        before = _key_in(self.log) if self.log else None
        changes = "; ".join(differences(before, json.loads(self))) if before else ""
        return f" ({changes})" if changes else ""


def stage_key(stage: str, settings: Mapping[str, Any], **more: str) -> StageKey:
    """The key of a job.

    Args:
        stage: its module's name.
        settings: complete; the key holds those that matter to this stage.
        more: what else its result depends on, in words, such as edits of tracks.
    """
    relevant = {name: _plain(value) for name, value in stage_settings(stage, settings).items()}
    key = {"stage": stage, "settings": relevant, **more}
    if stage not in _WITHOUT_CODE:
        key["code"] = _code_digest(stage, settings, more)
    if weights := _weight_digests(stage, settings):
        key["weights"] = weights
    return StageKey(json.dumps(key))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    """In what two keys differ, in words such as `smoothing: 0.18 -> 0.3`."""
    old, new = _entries(before), _entries(now)
    for name in [*new, *(name for name in old if name not in new)]:
        if old.get(name, _ABSENT) != new.get(name, _ABSENT):
            yield f"{name}: {_shown(old.get(name, _ABSENT))} -> {_shown(new.get(name, _ABSENT))}"


@dataclass(frozen=True)
class JobKey:
    """What a key says to the stage that runs under it."""

    stage: str
    settings: Mapping[str, Any]
    more: Mapping[str, str]
    """Options of the stage that come from elsewhere than from settings."""

    def words(self, execution: Mapping[str, Any]) -> list[str]:
        """The stage's options on the command line.

        Args:
            execution: some or all of the execution settings.

        Raises:
            UserError: if a setting is none of this stage's.
        """
        return [*option_words(self.stage, self.settings, execution), *as_words(self.more)]


def read_key(text: str, stage: str | None = None) -> JobKey:
    """A key as it is given to the command of a stage.

    Args:
        text: a JSON object with `stage` and `settings`.
        stage: the module's name of the stage that is called, None if any will do.

    Raises:
        UserError: if it is none, or another stage's.
    """
    try:
        key = json.loads(text)
    except ValueError:
        key = None
    if not isinstance(key, dict) or not isinstance(key.get("settings"), dict):
        raise UserError(f"--key: found {text!r}, expected a JSON object with `stage` and its `settings`.")
    if key.get("stage") not in STAGE_OPTIONS or stage not in (None, key["stage"]):
        raise UserError(f"--key: found the key of {key.get('stage')!r}, expected that of {stage or 'a stage'!r}.")
    return JobKey(key["stage"], key["settings"], {name: key[name] for name in OWN_OPTIONS if name in key})


def _code_digest(stage: str, settings: Mapping[str, Any], more: Mapping[str, str]) -> str:
    """Digest of a stage's code and of which option gets which setting."""
    chooses, (entry, package) = BACKEND_SETTINGS.get(stage), _CHOSEN_CODE.get(stage, ("", ""))
    modules = (stage, f"{package}.{more[entry]}") if entry in more else (stage,)
    return _digest_for(modules, (chooses, settings[chooses]) if chooses else None)


@functools.cache
def _digest_for(modules: tuple[str, ...], backend: tuple[str, str] | None) -> str:
    options = [STAGE_OPTIONS[modules[0]], MODEL_OPTIONS.get(backend, {}) if backend else {}]
    told = f"{' '.join(map(code_version, modules))} {json.dumps(options, sort_keys=True)}"
    return hashlib.sha256(told.encode()).hexdigest()[:_CODE_DIGITS]


def _weight_digests(stage: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """First digits of the digests of a stage's weights by their names; `unknown` before they were first used."""
    if stage not in BACKEND_SETTINGS:
        return {}
    files = weight_files(settings, BACKEND_SETTINGS[stage])
    return {name: (recorded_digest(file) or _UNKNOWN)[:_WEIGHT_DIGITS] for name, file in files.items()}


def _plain(value: Any) -> Any:
    """A value such that numbers that are the same are written the same."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _entries(key: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a key says, by names that people know."""
    settings, weights = key.get("settings", {}), key.get("weights", {})
    rest = {name: value for name, value in key.items() if name not in ("stage", "settings", "weights")}
    return {**settings, **rest, **{f"weights {name}": digest for name, digest in weights.items()}}


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def _key_in(log: str) -> dict[str, Any] | None:
    """The key in the first line of a log file."""
    try:
        with Path(log).open() as lines:
            key = json.loads(lines.readline())
    except (OSError, ValueError):
        return None
    return key if isinstance(key, dict) else None
