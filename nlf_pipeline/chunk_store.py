"""Pieces of a long stage's work, kept while it runs: a run that was killed goes on from the last of them.

What is kept is found again only by a run that would compute the same: all that it depends on makes the name
of the folder it lies in.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from nlf_pipeline.array_files import load_arrays, save_arrays
from nlf_pipeline.files import atomic_path
from nlf_pipeline.person_cache import Part, digest, file_digest


class ChunkStore:
    """Chunks by name and number, each of them arrays or a whole file.

    Every chunk appears whole or not at all; a damaged one counts as not there. Nothing is touched before the
    first chunk is kept; then chunks of other contexts are removed, for nobody will ask for them.
    """

    def __init__(self, folder: Path | None, *context: Part) -> None:
        """Use `folder`, or keep nothing if it is None.

        Args:
            folder: the store's own; made when something is kept.
            context: everything that the chunks depend on: digests of inputs, options, versions of code.
        """
        self._root, self._digest = folder, digest(*context)
        self._is_swept = False

    def within(self, *context: Part) -> Self:
        """The same folder for chunks that depend on `context` as well."""
        return type(self)(self._root, self._digest, *context)

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._root is not None

    def load(self, name: str, number: int) -> dict[str, np.ndarray] | None:
        """The arrays of a chunk, or None."""
        return load_arrays(self._path(self._root, name, number, ".npz")) if self._root else None

    def save(self, name: str, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays.

        Args:
            name: of a kind of chunks, fit for a file's name.
            number: 0 or more.
            arrays: by name.

        Raises:
            OSError: if they cannot be written.
        """
        if self._root is None:
            return
        self._sweep(self._root)
        save_arrays(self._path(self._root, name, number, ".npz"), arrays)

    def find_file(self, name: str, number: int, suffix: str) -> Path | None:
        """The file of a chunk, or None."""
        if self._root is None:
            return None
        path = self._path(self._root, name, number, suffix)
        kept = self.load(f"{name}{suffix}", number)
        if kept is None or not path.is_file() or file_digest(path) != str(kept["digest"]):
            return None
        return path

    @contextlib.contextmanager
    def writing_file(self, name: str, number: int, suffix: str) -> Iterator[Path]:
        """Yield a path to write a chunk's file to; it is kept when the block ends well.

        Args:
            name: of a kind of chunks, fit for a file's name.
            number: 0 or more.
            suffix: of the file's name, such as ".mp4".

        Raises:
            RuntimeError: if this store keeps nothing.
        """
        if self._root is None:
            raise RuntimeError("a store without a folder keeps no files")
        self._sweep(self._root)
        path = self._path(self._root, name, number, suffix)
        with atomic_path(path) as temporary:
            yield temporary
        self.save(f"{name}{suffix}", number, {"digest": np.array(file_digest(path))})

    def remove(self, name: str, number: int) -> None:
        """Forget the arrays of a chunk, if they are there."""
        if self._root is not None:
            self._path(self._root, name, number, ".npz").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything, the folder and chunks of other contexts included: the stage has its result."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def _path(self, root: Path, name: str, number: int, suffix: str) -> Path:
        return root / self._digest / f"{name}-{number:06}{suffix}"

    def _sweep(self, root: Path) -> None:
        """Remove chunks of other contexts, once."""
        if self._is_swept:
            return
        self._is_swept = True
        for path in root.glob("*"):
            if path.name != self._digest:
                shutil.rmtree(path, ignore_errors=True)
