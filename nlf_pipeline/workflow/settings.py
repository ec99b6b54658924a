"""The workflow's settings: checked before anything runs, and turned into options of the stages."""

import difflib
import math
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from jsonschema.validators import extend

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.model_sets import with_models

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")
SettingsValidator = extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", lambda _, value: _is_finite(value)),
)


def given_settings(config: Mapping[str, Any], arguments: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of which each is allowed; what is null is not yet decided, so that a video's own can be put over them.

    Args:
        config: what Snakemake read from its configuration files and the command line.
        arguments: the `key=value` words of the command line as they were typed. Snakemake turns `video_id=007` into
            7 and `1e5` into 100000.0, and leaves numbers in lists as text; here they are read again.
        schema: JSON schema whose properties' descriptions say in words what is allowed.

    Returns:
        The settings, `video_id` as a list of ids.

    Raises:
        UserError: naming every wrong key or value with what is allowed.
    """
    settings = {**config, **_typed_again(arguments)}
    if isinstance(settings.get("video_id"), str):
        settings["video_id"] = [part.strip() for part in settings["video_id"].split(",")]
    _stop_at(dict.fromkeys(_describe(error, schema) for error in SettingsValidator(schema).iter_errors(settings)))
    return settings


def completed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that stages are given: each stage's backend filled in, people's heights as a list."""
    return {**with_models(settings), "person_height": _height_list(settings["person_height"])}


def completed_for_video(settings: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a video with settings of its own.

    Args:
        settings: of all videos, as `given_settings` returns them.
        own: take their place.
    """
    return completed_settings({**settings, **own})


def _stop_at(problems: Iterable[str]) -> None:
    lines = [f"  {problem}" for problem in problems]
    if lines:
        raise UserError("wrong settings (config.yaml or --config):\n" + "\n".join(lines))


def _height_list(given: Any) -> list[float]:
    """Heights in the order of the people, 0 where not known."""
    heights = given if isinstance(given, list) else [given]
    return [height or 0 for height in heights] if any(heights) else []


def _is_finite(value: Any) -> bool:
    """Whether this is a number, which YAML's .nan and .inf are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _typed_again(arguments: Iterable[str]) -> dict[str, Any]:
    """Values from the command line by YAML's rules, ids as plain text."""
    values: dict[str, Any] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        text = text.strip("'\"")
        if key == "video_id" and not text.startswith("["):
            values[key] = text
            continue
        try:
            values[key] = yaml.load(text, Loader=yaml.BaseLoader if key == "video_id" else yaml.SafeLoader)
        except yaml.YAMLError:
            values[key] = text
    return values


def _describe(error: jsonschema.ValidationError, schema: Mapping[str, Any]) -> str:
    """One line that names the key, what was found and what is allowed."""
    properties = schema["properties"]
    if not error.path:  # about the settings as a whole: keys that are unknown, or missing
        found = set(error.instance) if isinstance(error.instance, Mapping) else set()
        unknown = [_describe_unknown(key, properties) for key in sorted(found - set(properties))]
        missing = [f"{key}: missing, expected {properties[key]['description']}" for key in set(properties) - found]
        return "; ".join(unknown if error.validator == "additionalProperties" else sorted(missing))
    key, place = str(error.path[0]), " in the list" if len(error.path) > 1 else ""
    kind = type(error.instance).__name__
    return f"{key}: found {error.instance!r} ({kind}){place}, expected {properties[key]['description']}"


def _describe_unknown(key: str, properties: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, properties, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]}?" if near else "."
    return f"{key}: no such setting{hint} There are: {', '.join(properties)}"


def local_videos(folder: Path) -> dict[str, Path]:
    """Video files in `folder` by their names without suffix.

    Raises:
        UserError: if two files have the same name but for the suffix.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in VIDEO_SUFFIXES:
            if path.stem in found:
                raise UserError(
                    f"{found[path.stem]} and {path} have the same id. Expected one video per id: rename or remove one."
                )
            found[path.stem] = path
    return found


def no_such_video(video_id: str, folder: Path) -> UserError:
    """The error for an id that is neither a file's nor YouTube's."""
    names = sorted(local_videos(folder))
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return UserError(
        f"{folder}/{video_id}.mp4: not found (nor {', '.join(VIDEO_SUFFIXES[1:])}), and {video_id!r} is no YouTube id. "
        f"Put the video there. Ids there now: {listed or 'none'}"
    )


def put_commands_on_path(name: str) -> None:
    """Let jobs run the command `name` of the environment that runs this process.

    Whichever environment is activated, its own command gives way. A command that lies in no environment is kept.
    """
    found = shutil.which(name)
    if found is None or Path(found).with_name("python").exists():
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
