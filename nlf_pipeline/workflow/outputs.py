"""Every key of every file of results: the second part of docs/outputs.md, from the dataclasses that write the files.

python -m nlf_pipeline.workflow.outputs REPOSITORY writes it.
"""

import ast
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from nlf_pipeline.artefact_files import ArrayArtefact, JsonArtefact
from nlf_pipeline.files import atomic_path

FILE = Path("docs/outputs.md")
BEGIN, END = "<!-- keys: made by `make outputs` -->\n", "<!-- end of keys -->\n"
KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("artefacts.clip", "VideoFacts", ()),
    ("artefacts.people", "IdentityDoubts", ("IdentityDoubt",)),
    ("artefacts.camera", "Intrinsics", ()),
    ("artefacts.camera", "CameraPath", ()),
    ("artefacts.camera", "CameraReport", ("CameraWindow", "Gate")),
    ("predictions", "FramePredictions", ()),
    ("artefacts.camera", "SceneCameras", ()),
    ("artefacts.bodies", "BodyFits", ()),
    ("artefacts.bodies", "Ground", ("Floor",)),
    ("artefacts.bodies", "Bodies", ()),
    ("artefacts.camera", "Cameras", ()),
    ("reporting.quality", "QualityReport", ("PersonQuality", "CameraQuality", "FloorQuality", "Finding", "Figure")),
    ("evaluation.measurement", "Measurement", ()),
)
"""Module, class that is a file, or a part of every frame or row of one, and classes of its parts; as stages follow."""
_UNCOUNTED = {"text"}
_NONE = re.compile(r"\bNone\b")
_TITLES = {
    "FramePredictions": "predictions.xz: in every frame",
    "Measurement": "evaluation.json: each of its `measurements`",
}


def keys_text() -> str:
    """The tables of all files."""
    return "\n".join(line for module, kind, parts in KINDS for line in _section(module, kind, parts))


def with_keys(text: str) -> str:
    """The text of docs/outputs.md with the tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{keys_text()}\n{END}{after}"


def _section(module: str, kind: str, parts: Iterable[str]) -> Iterable[str]:
    whole = _class(module, kind)
    files, _, what = " ".join((whole.__doc__ or "").split()).partition(": ")
    yield f"### {_TITLES.get(kind, files)}\n"
    if kind not in _TITLES:
        yield f"{what[:1].upper()}{what[1:]}\n"
    yield from _table(whole)
    for part in parts:
        yield f"Each **{part}**: {_summary(_class(module, part))}\n"
        yield from _table(_class(module, part))


def _table(kind: type) -> Iterable[str]:
    told, hints = _docstrings(kind), get_type_hints(kind)
    yield "| key | kind | |"
    yield "|---|---|---|"
    if issubclass(kind, ArrayArtefact | JsonArtefact):
        yield "| `format_version` | int | Of the file's layout |"
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        yield f"| `{field.name}` | {_kind(hints[field.name])} | {told.get(field.name, '')} |"
    yield ""


def _kind(hint: object) -> str:
    """What a type is called."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (list, tuple):
        counted = [part for part in parts if part is not Ellipsis]
        of = _kind(counted[0])
        return f"list of {of if of in _UNCOUNTED else f'{of}s'}" if origin is list else f"{len(counted)} {of}s"
    if origin is dict:
        return f"{_kind(parts[1])}s by name"
    if parts:  # a union with None
        return " or ".join("null" if part is type(None) else _kind(part) for part in parts)
    name = getattr(hint, "__name__", str(hint))
    return {"ndarray": "array", "str": "text", "bool": "true or false", "float": "number"}.get(name, name)


@cache
def _class(module: str, name: str) -> type:
    return getattr(importlib.import_module(f"nlf_pipeline.{module}"), name)


def _summary(kind: type) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def _docstrings(kind: type) -> Mapping[str, str]:
    """Field -> the text below it in the source."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(kind)))
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    found: dict[str, str] = {}
    for field, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            text = " ".join(str(after.value.value).split()).replace("|", "\\|")
            found[field.target.id] = _NONE.sub("null", text).rstrip(".")
    return found


def main(repository: Path) -> None:
    """Write the tables into docs/outputs.md of a repository."""
    with atomic_path(repository / FILE) as temporary:
        temporary.write_text(with_keys((repository / FILE).read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
