"""JSON read and written an element at a time, so that long lists need little memory."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from nlf_pipeline.files import atomic_path

_CHUNK_CHARACTERS = 1 << 18
_SPACE, _AFTER_VALUE = " \t\r\n", " \t\r\n,]}"


class JsonReader:
    """One JSON document, read from its start to its end; ValueError says that it is none.

    Values are taken in the order in which they stand: each either as a whole with `value`, or, where it is an object or
    a list, piece by piece with `members` or `elements`.
    """

    def __init__(self, file: TextIO, chunk_characters: int = _CHUNK_CHARACTERS) -> None:
        """Start at the file's start.

        Args:
            file: open for reading.
            chunk_characters: how much is read at a time, at least.
        """
        self._file, self._chunk = file, chunk_characters
        self._text, self._at, self._is_over = "", 0, False
        self._decoder = json.JSONDecoder()

    def value(self) -> Any:
        """The next value as a whole."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._is_over:
                    raise
            else:
                # A number at the end of what was read so far may go on.
                if self._is_over or self._text[end : end + 1] in tuple(_AFTER_VALUE):
                    self._at = end
                    return value
            self._read_more()

    def members(self) -> Iterator[str]:
        """The names in the next value, an object; whoever takes a name has to take what it stands for."""
        for _ in self._parts("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError(f"found {name!r}, expected the name of a member")
            self._take(":")
            yield name

    def elements(self) -> Iterator[None]:
        """Once for every element of the next value, a list; the element has to be taken meanwhile."""
        return self._parts("[", "]")

    def is_at(self, character: str) -> bool:
        """Whether the next value begins so."""
        return self._peek() == character

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self._peek():
            raise ValueError(f"found {self._peek()!r} after the end")

    def _parts(self, first: str, last: str) -> Iterator[None]:
        self._take(first)
        if self._peek() == last:
            self._take(last)
            return
        while True:
            yield
            if self._peek() == last:
                self._take(last)
                return
            self._take(",")

    def _take(self, character: str) -> None:
        found = self._peek()
        if found != character:
            raise ValueError(f"found {found!r}, expected {character!r}")
        self._at += 1

    def _peek(self) -> str:
        """The next character that is no space; none at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if self._is_over:
                return ""
            self._read_more()

    def _read_more(self) -> None:
        """At least as much as is left, so that a long value is not looked at too often."""
        left = self._text[self._at :]
        more = self._file.read(max(self._chunk, len(left)))
        self._text, self._at, self._is_over = left + more, 0, not more


class StreamedList(list[Any]):
    """What the json module takes for a list, though its elements are made one after another."""

    def __init__(self, length: int, make: Callable[[], Iterable[Any]]) -> None:
        """Stand for the `length` elements that `make` makes."""
        super().__init__()
        self._length, self._make = length, make

    def __len__(self) -> int:
        """How many there are."""
        return self._length

    def __iter__(self) -> Iterator[Any]:
        """Make them."""
        return iter(self._make())


def stream_json(values: dict[str, Any], path: Path) -> None:
    """Write what `artefact_files.write_json` writes, atomically; lists in it may be StreamedLists."""
    encoder = json.JSONEncoder(indent=1, allow_nan=False)
    with atomic_path(path) as temporary, temporary.open("w") as file:
        file.writelines(cast("Iterator[str]", encoder.iterencode(values)))
        file.write("\n")
