"""Files of arrays that come back exactly as they were kept, or not at all."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from nlf_pipeline.files import atomic_path

_BLOCK_BYTES = 1 << 20
_CHECKSUM_BYTES = hashlib.sha256().digest_size


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an npz file with a checksum at its end, whole or not at all; raises OSError where there is no room."""
    with atomic_path(path) as temporary, temporary.open("w+b") as file:
        np.savez(file, **arrays)
        file.write(_checksum(file, file.seek(0, os.SEEK_END)))


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """What `save_arrays` kept in `path`; None if there is no such file, or one of its bytes has changed."""
    try:
        with path.open("rb") as file:
            if not _is_whole(file):
                return None
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:  # an npz file may have bytes behind its end
                return dict(archive)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def _is_whole(file: IO[bytes]) -> bool:
    """Whether a file ends with the checksum of all that comes before."""
    size = file.seek(0, os.SEEK_END) - _CHECKSUM_BYTES
    return size >= 0 and _checksum(file, size) == file.read()


def _checksum(file: IO[bytes], size: int) -> bytes:
    """Of a file's first `size` bytes; leaves the file's position behind them."""
    file.seek(0)
    hashed = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, _BLOCK_BYTES))):
        hashed.update(block)
        size -= len(block)
    return hashed.digest()
