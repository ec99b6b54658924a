"""Reading tracks.yaml: every mistake is told with its line, what was found, and what to write instead."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable
from nlf_pipeline.repair.track_edits import Drop, Edit, Merge, Moment, Split, Swap, TrackEdits

EXAMPLES = {
    "swap": "- swap: [1, 2]\n  from: 3.2",
    "split": "- split: 3\n  at: 5.0",
    "merge": "- merge: [2, 4]",
    "drop": "- drop: 5",
}
"""How to write each edit."""
_KEYS = {
    "swap": ("swap", "from", "to"),
    "split": ("split", "at", "as"),
    "merge": ("merge",),
    "drop": ("drop", "from", "to"),
}
_SECTIONS = ("people", "edits", "made_for")
_FRAME = "frame "
_UNPRINTED = dict.fromkeys((*range(0x200C, 0x2010), *range(0xE0020, 0xE0080)))
"""Joins emoji, parts letters, orders scripts and spells flags; Python counts it among what cannot be printed."""


def read_names(path: Path | None) -> Mapping[int, str]:
    """What the user calls people, by id; nothing if there is no such file. Errors as of `read_edits`."""
    return read_edits(path).names if path is not None and path.exists() else {}


def read_edits(path: Path) -> TrackEdits:
    """The edits in the file at `path`.

    Raises:
        UserError: naming the line that is wrong and what to write there.
    """
    check_readable(path, "a file of edits (tracks.yaml)")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not readable as text ({error}), expected UTF-8. Save it as UTF-8.") from error
    return parse_edits(text, str(path))


def parse_edits(text: str, name: str) -> TrackEdits:
    """The edits in the text of a file that is called `name` in messages; raises UserError as `read_edits` does."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(f"{where}: not readable as YAML ({problem}). {_help('swap')}") from error
    if root is None or values is None:
        return TrackEdits()
    sections = _mapping(root, values, name, f"the sections {', '.join(_SECTIONS)}")
    for key, _, line in sections:
        if key not in _SECTIONS:
            raise _mistake(name, line, f"found {key!r}", f"one of {', '.join(_SECTIONS)}", _help("swap"))
    nodes = {key: node for key, node, _ in sections}
    return TrackEdits(
        tuple(_edits(nodes.get("edits"), values.get("edits"), name)),
        _names(nodes.get("people"), values.get("people"), name),
        _made_for(values.get("made_for")),
    )


def _edits(node: yaml.Node | None, values: Any, name: str) -> Iterator[Edit]:
    if node is None or values is None:
        return
    if not isinstance(values, list):
        raise _mistake(name, _line(node), f"edits: found {_shown(values)}", "a list", _help("swap"))
    for item, value in zip(node.value, values, strict=True):
        yield _edit(item, value, name)


def _edit(node: yaml.Node, values: Any, name: str) -> Edit:
    """One item of the list."""
    line = _line(node)
    kinds = [kind for kind in EXAMPLES if isinstance(values, dict) and kind in values]
    if len(kinds) != 1:
        raise _mistake(name, line, f"found {_shown(values)}", f"one of {', '.join(EXAMPLES)}", _help("swap"))
    kind = kinds[0]
    for key, _, key_line in _mapping(node, values, name, kind):
        if key not in _KEYS[kind]:
            raise _mistake(name, key_line, f"found {key!r}", f"{' and '.join(_KEYS[kind])} only", _help(kind))
    where, people = f"{name}, line {line}", values[kind]
    times = {key: _moment(values[key], key, kind, name, line) for key in ("from", "to", "at") if key in values}
    match kind:
        case "swap":
            if not times:
                raise _mistake(name, line, "swap without a time", "`from`, `to` or both", _help(kind))
            return Swap(*_two_ids(people, kind, name, line), times.get("from"), times.get("to"), where)
        case "merge":
            return Merge(*_two_ids(people, kind, name, line), where)
        case "drop":
            return Drop(_id(people, kind, kind, name, line), times.get("from"), times.get("to"), where)
        case _:
            if "at" not in times:
                raise _mistake(name, line, "split without a time", "`at`", _help(kind))
            new_id = _id(values["as"], "as", kind, name, line) if "as" in values else None
            return Split(_id(people, kind, kind, name, line), times["at"], new_id, where)


def _two_ids(value: Any, kind: str, name: str, line: int) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == 2 and all(map(_is_id, value)) and value[0] != value[1]:
        return value[0], value[1]
    raise _mistake(name, line, f"{kind}: found {_shown(value)}", "the ids of two people", _help(kind))


def _id(value: Any, key: str, kind: str, name: str, line: int) -> int:
    if _is_id(value):
        return value
    raise _mistake(name, line, f"{key}: found {_shown(value)}", "the id of one person", _help(kind))


def _moment(value: Any, key: str, kind: str, name: str, line: int) -> Moment:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return Moment(value)
    if isinstance(value, str) and value.startswith(_FRAME) and value.removeprefix(_FRAME).strip().isdecimal():
        return Moment(int(value.removeprefix(_FRAME)), is_frame=True)
    raise _mistake(
        name, line, f"{key}: found {_shown(value)}", "seconds from the clip's start, or `frame 80`", _help(kind)
    )


def _names(node: yaml.Node | None, values: Any, name: str) -> dict[int, str]:
    if node is None or values is None:
        return {}
    hint = "Write for example:\n  people:\n    1: Anna\n    2: Ben"
    names: dict[int, str] = {}
    for key, _, line in _mapping(node, values, name, "ids and names"):
        value = values[key]
        if not _is_id(key):
            raise _mistake(name, line, f"found {_shown(key)}", "a person's id before the colon", hint)
        shown = value.translate(_UNPRINTED) if isinstance(value, str) else ""
        if not shown.strip() or not shown.isprintable():
            cure = f'Put it in quotes: {key}: "{value}"' if isinstance(value, int | float) else hint
            expected = "a name of one line, without control characters"
            raise _mistake(name, line, f"{key}: found {_shown(value)}", expected, cure)
        if value in names.values():
            other = next(i for i, given in names.items() if given == value)
            raise _mistake(
                name,
                line,
                f"persons {other} and {key} are both called {value!r}",
                "different names",
                f"If they are one person, write under edits:\n  - merge: [{other}, {key}]",
            )
        names[key] = value
    return names


def _made_for(value: Any) -> str | None:
    return None if value is None else str(value)


def _mapping(node: yaml.Node, values: Any, name: str, expected: str) -> list[tuple[Any, yaml.Node, int]]:
    """(key, node of its value, line) of a mapping whose keys differ."""
    if not isinstance(values, Mapping) or not isinstance(node, yaml.MappingNode):
        raise _mistake(name, _line(node), f"found {_shown(values)}", expected, _help("swap"))
    texts = [key_node.value for key_node, _ in node.value]
    for k, (key_node, _) in enumerate(node.value):
        if len(values) != len(texts) and (texts[k] in texts[:k] or texts[k] == "<<"):
            raise _mistake(name, _line(key_node), f"{texts[k]!r} a second time", "every key once", "Join the two.")
    return [(key, value_node, _line(key_node)) for key, (key_node, value_node) in zip(values, node.value, strict=False)]


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _help(kind: str) -> str:
    example = EXAMPLES[kind].replace("\n", "\n    ")
    return f"Write for example:\n  edits:\n    {example}"


def _mistake(name: str, line: int, found: str, expected: str, cure: str) -> UserError:
    return UserError(f"{name}, line {line}: {found}, expected {expected}. {cure}")
