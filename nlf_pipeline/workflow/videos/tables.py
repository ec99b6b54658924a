"""Tables of videos (CSV): one row per video, one column per setting."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.videos.cells import CellReader, column_problem
from nlf_pipeline.workflow.videos.ids import id_of_name
from nlf_pipeline.workflow.videos.listed_video import NO_SETTINGS, ListedVideo, id_problem

_SEPARATORS = ",;\t"
_LONGEST_CELL = 1 << 20


def read_table(path: Path, schema: Mapping[str, Any] | None) -> tuple[list[ListedVideo], list[str]]:
    """The videos of a CSV file, and what is wrong with it.

    Commas, semicolons or tabs part the cells, whichever the first line has most of; byte order marks and UTF-16 are
    understood.

    Args:
        path: of the table.
        schema: JSON schema of the settings; None: only ids and files are read.

    Raises:
        UserError: if it is no table at all.
    """
    text = _decoded(path)
    first, _, rest = text.partition("\n")
    if first[:4].lower() == "sep=":  # Excel's own way to name the separator
        separator, text = first[4:5].strip("\r") or ",", "\n" + rest
    else:
        separator = max(_SEPARATORS, key=first.count)
    records = _records(text, separator, path)
    header_line, header = next(((line, cells) for line, cells in records if any(cells)), (1, []))
    columns = _Columns.of([name.strip() for name in header], with_settings=schema is not None)
    problems = [f"{path}, line {header_line}, {problem}" for problem in _header_problems(columns, schema)]
    if problems:
        return [], problems
    return _read_rows(path, columns, records, CellReader(schema or {"properties": {}}, path.parent))


@dataclass(frozen=True)
class _Columns:
    names: Sequence[str]
    video_id: int | None
    file: int | None
    settings: Sequence[tuple[int, str]]
    """(position, name)."""

    @classmethod
    def of(cls, names: Sequence[str], with_settings: bool) -> "_Columns":
        places = {name: place for place, name in enumerate(names)}
        settings = [
            (place, name)
            for place, name in enumerate(names)
            if with_settings and name and not name.startswith("#") and name not in ("video_id", "file")
        ]
        return cls(names, places.get("video_id"), places.get("file"), settings)


def _header_problems(columns: _Columns, schema: Mapping[str, Any] | None) -> Iterator[str]:
    if columns.video_id is None and columns.file is None:
        found = ", ".join(map(repr, columns.names)) or "nothing"
        yield f"the names of the columns: found {found}, expected video_id or file among them"
    for name in dict.fromkeys(name for name in columns.names if name and list(columns.names).count(name) > 1):
        yield f"column {name}: found {list(columns.names).count(name)} times, expected once"
    for _, name in columns.settings:
        if schema is not None and (problem := column_problem(name, schema)):
            yield f"column {name}: {problem}"


def _read_rows(
    path: Path, columns: _Columns, records: Iterable[tuple[int, list[str]]], reader: CellReader
) -> tuple[list[ListedVideo], list[str]]:
    videos: list[ListedVideo] = []
    problems: list[str] = []
    shared: dict[tuple[str, ...], Mapping[str, Any]] = {}
    width = len(columns.names)
    for line, cells in records:
        if not any(cells):
            continue
        place = f"{path}, line {line}"
        if any(cells[width:]) or any(cell and not name for cell, name in zip(cells, columns.names, strict=False)):
            problems.append(
                f"{place}: found {len(cells)} cells, expected at most {sum(map(bool, columns.names))}, one per column; "
                'a list such as "[0,5]" goes between quotes'
            )
            continue
        full = [*cells, *[""] * (width - len(cells))]
        texts = tuple(full[position] for position, _ in columns.settings)
        if texts not in shared:
            values = {n: reader.read(n, text) for (_, n), text in zip(columns.settings, texts, strict=True) if text}
            wrong = [f"{place}, column {n}: {cell.problem}" for n, cell in values.items() if cell.problem]
            problems += wrong
            if not wrong:
                shared[texts] = {n: cell.value for n, cell in values.items()} or NO_SETTINGS
        name, source = _name_and_source(full, columns, path.parent)
        if problem := id_problem(name):
            problems.append(f"{place}, column video_id: {problem}")
        videos.append(ListedVideo(name, source, shared.get(texts, NO_SETTINGS), place))
    return videos, problems


def _name_and_source(cells: Sequence[str], columns: _Columns, folder: Path) -> tuple[str, Path | None]:
    """The id of a row, made from the file's name where there is none, and the file."""
    name = cells[columns.video_id] if columns.video_id is not None else ""
    file = cells[columns.file] if columns.file is not None else ""
    if not file:
        return name, None
    source = folder / Path(file).expanduser()
    return name or id_of_name(source.stem), source


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: is not text in UTF-8 (byte {error.start}), expected a CSV file. In Excel it is saved as "
            "'CSV UTF-8'."
        ) from error


def _records(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, cells without space around them) of every record."""
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in rows:
            yield line, [cell.strip() for cell in cells]
            line = rows.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {line}: is no row of a table ({error}), expected cells parted by {separator!r}; a quote "
            "that is opened is closed at the end of its cell."
        ) from error
