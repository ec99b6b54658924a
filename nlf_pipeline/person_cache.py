"""Results kept per person, so that a change to one person computes nothing anew for the others.

A result is found by the digest of everything that it depends on: whatever changes among that, code
included, makes another key, and what was computed before is found again when the change is undone.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from nlf_pipeline.array_files import load_arrays, save_arrays

Part = str | bytes | int | float | bool | None | np.ndarray | Iterable["Part"]
"""What a digest can be taken of."""
_DIGITS = 32
_BLOCK_BYTES = 1 << 20


def digest(*parts: Part) -> str:
    """Hexadecimal digest of values, their types and their order."""
    hashed = hashlib.sha256()
    for part in parts:
        _feed(hashed, part)
    return hashed.hexdigest()[:_DIGITS]


def file_digest(path: Path) -> str:
    """Hexadecimal digest of a file's content."""
    hashed = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            hashed.update(block)
    return hashed.hexdigest()[:_DIGITS]


class PersonCache:
    """Arrays in a folder of its own, one file per result."""

    def __init__(self, folder: Path | None, *context: Part) -> None:
        """Use `folder`, or keep nothing if it is None.

        Args:
            folder: made when something is kept; every npz file in it belongs to the cache.
            context: what every result depends on.
        """
        self._folder = folder
        self._context = digest(*context)
        self._used: set[Path] = set()

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._folder is not None

    def key(self, what: str, *depends_on: Part) -> str:
        """The key of a result.

        Args:
            what: the kind of result, fit for a file's name.
            depends_on: everything it depends on, apart from the context.
        """
        return f"{what}-{digest(self._context, *depends_on)}"

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays kept under `key`, or None; a damaged file counts as none."""
        if self._folder is None:
            return None
        path = self._folder / f"{key}.npz"
        arrays = load_arrays(path)
        if arrays is None:
            return None
        os.utime(path)
        self._used.add(path)
        return arrays

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays under `key`."""
        if self._folder is None:
            return
        path = self._folder / f"{key}.npz"
        save_arrays(path, arrays)
        self._used.add(path)

    def prune(self) -> None:
        """Remove results not used through this object, but for the latest: they may take as much space as the used.

        So undoing a change finds what was there before, and the folder stays bounded.
        """
        if self._folder is None or not self._folder.is_dir():
            return
        spare = sum(path.stat().st_size for path in self._used)
        unused = [path for path in self._folder.glob("*.npz") if path not in self._used]
        for path in sorted(unused, key=lambda path: path.stat().st_mtime_ns, reverse=True):
            spare -= path.stat().st_size
            if spare < 0:
                path.unlink(missing_ok=True)


def _feed(hashed: "hashlib._Hash", part: Part) -> None:
    """Add one value so that different values, types or groupings never give the same bytes."""
    if isinstance(part, np.ndarray):
        array = np.ascontiguousarray(part)
        head, body = f"array {array.dtype.str} {array.shape}", array.tobytes()
    elif isinstance(part, bytes | str):
        head, body = type(part).__name__, part if isinstance(part, bytes) else part.encode()
    elif part is None or isinstance(part, bool | int | float | np.generic):
        head, body = type(part).__name__, repr(part).encode()
    else:
        parts = list(part)
        hashed.update(f"list {len(parts)}\n".encode())
        for inner in parts:
            _feed(hashed, inner)
        return
    hashed.update(f"{head} {len(body)}\n".encode())
    hashed.update(body)
