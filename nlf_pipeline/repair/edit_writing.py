"""Adding to tracks.yaml as text, so that the user's own lines, order and comments stay as they are."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_path
from nlf_pipeline.repair.edit_file import parse_edits
from nlf_pipeline.repair.track_edits import Drop, Edit, Merge, Moment, Split, TrackEdits

_HEADER = """\
# Who is who: see docs/tracks.md. Times are seconds from the clip's start, or `frame 80`.
# After a change, run the workflow again: it computes anew what the change touches.
"""


def edit_values(edit: Edit) -> dict[str, object]:
    """An edit as it stands in the file."""
    match edit:
        case Merge():
            values: dict[str, object] = {"merge": [edit.into, edit.other]}
        case Split():
            values = {"split": edit.person, "at": _shown(edit.at), "as": edit.new_id}
        case Drop():
            values = {"drop": edit.person, "from": _shown(edit.start), "to": _shown(edit.stop)}
        case _:
            values = {"swap": [edit.first, edit.second], "from": _shown(edit.start), "to": _shown(edit.stop)}
    return {key: value for key, value in values.items() if value is not None}


def with_edit(text: str, edit: Edit, name: str) -> str:
    """The text of a tracks.yaml with one more edit at the end of its list.

    Args:
        text: the file so far; may be empty.
        edit: to add.
        name: the file's, for messages.

    Raises:
        UserError: if the text is not right, or is written so that nothing can be added to it.
    """
    before = parse_edits(text, name)
    values = edit_values(edit)
    lines = [f"{key}: {_flow(value)}" for key, value in values.items()]
    added = _added(text, "edits", _flow(values), "- " + "\n  ".join(lines))
    expected = TrackEdits((*before.edits, edit), before.names, before.made_for)
    return _checked(added, expected, name, "edits:\n  - " + "\n    ".join(lines))


def with_name(text: str, person_id: int, person_name: str, name: str) -> str:
    """The text of a tracks.yaml with a person's name added or changed; arguments and errors as in `with_edit`."""
    before = parse_edits(text, name)
    expected = TrackEdits(before.edits, {**before.names, person_id: person_name}, before.made_for)
    line = f"{person_id}: {_flow(person_name)}"
    if person_id in before.names:
        people = _section(text, "people")
        assert isinstance(people, yaml.MappingNode)
        node = people.value[list(before.names).index(person_id)][1]
        changed = text[: node.start_mark.index] + _flow(person_name) + text[node.end_mark.index :]
        return _checked(changed, expected, name, f"people:\n  {line}")
    return _checked(_added(text, "people", line, line), expected, name, f"people:\n  {line}")


def with_made_for(text: str, made_for: str, name: str) -> str:
    """The text of a tracks.yaml that says for which tracks it is, unless it does; the header, if it is new."""
    before = parse_edits(text, name)
    if before.made_for is not None:
        return text
    head = "" if text.strip() else _HEADER
    expected = TrackEdits(before.edits, before.names, made_for)
    line = f'made_for: "{made_for}"'
    return _checked(f"{text}{_line_end(text)}{head}{line}\n", expected, name, line)


def write_edits(path: Path, text: str) -> None:
    """Replace the file at `path`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _added(text: str, section: str, flow: str, block: str) -> str:
    """The text with an item more in a section, in the section's own style."""
    node = _section(text, section)
    if node is None:
        return f"{text}{_line_end(text)}{section}:\n  " + block.replace("\n", "\n  ") + "\n"
    if isinstance(node, yaml.ScalarNode):  # the section is empty
        at, indent = _end_of_line(text, node.start_mark.index), 2
    elif _is_flow(node):
        at = node.end_mark.index - 1
        return text[:at] + (", " if node.value else "") + flow + text[at:]
    else:
        at, indent = _end_of_line(text, _last_scalar(node).end_mark.index), node.start_mark.column
    margin = "\n" + " " * indent
    return text[:at] + margin + block.replace("\n", margin) + text[at:]


def _section(text: str, name: str) -> yaml.Node | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    return next((value for key, value in root.value if key.value == name), None)


def _last_scalar(node: yaml.Node) -> yaml.Node:
    """The node with which another ends in the text; the end of a block is told only after the comments behind it."""
    if _is_flow(node) or isinstance(node, yaml.ScalarNode):
        return node
    last = node.value[-1]
    return _last_scalar(last[1] if isinstance(node, yaml.MappingNode) else last)


def _is_flow(node: yaml.Node) -> bool:
    """Whether it is written in brackets."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _end_of_line(text: str, index: int) -> int:
    """Where the line with `index` ends, a comment behind it included."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _line_end(text: str) -> str:
    return "" if not text or text.endswith("\n") else "\n"


def _flow(value: object) -> str:
    """A value in one line of YAML, fit for inside of brackets."""
    return yaml.safe_dump([value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)[1:-2]


def _shown(moment: Moment | None) -> object:
    return None if moment is None else (str(moment) if moment.is_frame else moment.value)


def _checked(text: str, expected: TrackEdits, name: str, lines: str) -> str:
    """The text, if it says what it should; `lines` are what was added."""
    parse_edits(lines, "the new lines")
    try:
        found: Mapping[str, object] | None = vars(parse_edits(text, name))
    except UserError:
        found = None
    if found != vars(expected):
        raise UserError(f"{name}: nothing can be added to it as it is written. Add these lines by hand:\n{lines}")
    return text
