"""Pickles of numbers, read without running anything that they hold.

Every class and function that a pickle names is replaced by a record of what it was called with; a name that is not
expected is refused. numpy's own functions are not called either, as the shapes in a pickle may be lies.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable

LARGEST_BYTES = 2**31
_MOST_OPERATIONS = 20_000_000
"""About the operations of ten hours of video; each makes an object of at most 100 bytes."""
_NUMPY = {
    **dict.fromkeys(("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")),
    **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), ("_frombuffer",)),
    "numpy": ("ndarray", "dtype"),
    "_codecs": ("encode",),
    "__builtin__": ("bytes",),
}
_LENSES = ("BrownConradyEx", "FisheyeKannalaBrandt")
_DELTACAMERA = {
    **dict.fromkeys(("cameralib", "cameralib.cameralib", "cameravision", "cameravision.cameravision"), ("Camera",)),
    "deltacamera": ("Camera", *_LENSES),
    "deltacamera.core": ("Camera",),
    "deltacamera.decorators": ("_reconstruct_array",),
    "deltacamera.distortion_models": _LENSES,
}
_KNOWN = {**_NUMPY, **_DELTACAMERA}
"""Module -> names in it of which arrays and cameras are made."""
_UNUSED = frozenset(
    (
        "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER", "EMPTY_SET",
        "ADDITEMS", "FROZENSET",
    )
)  # fmt: skip
"""Operations of pickles that nothing here needs."""
_CURE = "It is not opened. Ask for the file anew from where you trust, or make it again with the reference pipeline."
_DAMAGED = (
    pickle.UnpicklingError, ValueError, TypeError, AttributeError, IndexError, KeyError, EOFError, OverflowError,
    MemoryError, ImportError, RecursionError,
)  # fmt: skip
"""What Python raises for one damaged pickle or another."""


class Record:
    """What a pickle would have made: the name of the class or function, what it is called with, and its state."""

    __slots__ = ("arguments", "state")
    name: ClassVar[str] = ""

    def __new__(cls, *arguments: object) -> Record:
        """Keep the arguments, and do nothing."""
        record = super().__new__(cls)
        record.arguments, record.state = arguments, None
        return record

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        """Keep the state, and do nothing."""
        self.state = state


_RECORDS = {
    (module, name): type(name, (Record,), {"__slots__": (), "name": name})
    for module, names in _KNOWN.items()
    for name in names
}


def read_pickle(path: Path, expected: str) -> Any:
    """The lists, dicts, numbers, text and `Record`s in a pickle.

    Args:
        path: the file.
        expected: what it should hold, in words, for messages.

    Raises:
        UserError: if it is missing, damaged, larger than any such file, or names anything but numpy's arrays and the
            cameras of deltacamera and the packages that it was called before.
    """
    check_readable(path, expected)
    if path.stat().st_size > LARGEST_BYTES:
        raise refused(path, f"{path.stat().st_size / 2**30:.1f} GiB", f"at most {LARGEST_BYTES / 2**30:.0f} GiB")
    content = path.read_bytes()
    try:
        _check_operations(content)
        return _Reader(io.BytesIO(content)).load()
    except _DAMAGED as error:
        raise refused(path, str(error) or type(error).__name__, expected) from error


def refused(path: Path, found: str, expected: str) -> UserError:
    """The error for a file that is not as it should be."""
    return UserError(f"{path}: found {found}, expected {expected}. {_CURE}")


def _check_operations(content: bytes) -> None:
    """Refuse what would take more memory than the file, before anything is made of it."""
    for count, (name, argument) in enumerate(_operations(content)):
        if name in _UNUSED:
            raise pickle.UnpicklingError(f"the operation {name}, which arrays and lists do not need")
        if count > _MOST_OPERATIONS:
            raise pickle.UnpicklingError(f"more than {_MOST_OPERATIONS} operations")
        if name.endswith("PUT") and int(argument) > count:
            raise pickle.UnpicklingError(f"a reference to object {argument} after {count} operations")
        if name == "FRAME" and argument > len(content):
            raise pickle.UnpicklingError("less than it says it holds")


def _operations(content: bytes) -> Iterator[tuple[str, Any]]:
    for operation, argument, _ in pickletools.genops(content):
        yield operation.name, argument


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        record = _RECORDS.get((module_name, global_name))
        if record is None:
            raise pickle.UnpicklingError(f"{module_name}.{global_name}, which could run code")
        return record
