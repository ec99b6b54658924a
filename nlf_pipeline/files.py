"""Inputs are looked at before they are opened; outputs appear whole or not at all."""

import contextlib
import glob
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nlf_pipeline.errors import UserError


def check_readable(path: Path, expected: str) -> None:
    """Raise UserError unless `path` is a file that this user can read.

    Args:
        path: the input.
        expected: what it should be, in words, such as "a video file".
    """
    if path.is_symlink() and not path.exists():
        raise UserError(
            f"{path}: found a link to {path.readlink()}, where nothing is; expected {expected}. Mend the link, or "
            "remove it."
        )
    if path.is_dir():
        raise UserError(f"{path}: found a folder, expected {expected}. Put the file itself there.")
    if not path.is_file():
        raise UserError(f"{path}: not found, expected {expected}. Put it there.")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: cannot be read (permission denied). Make the file readable: chmod a+r {path}")


def check_exists(path: Path, expected: str) -> None:
    """Refuse a path at which there is neither a file nor a folder, saying what was expected there."""
    if not path.exists():
        raise UserError(f"{path}: not found, expected {expected}.")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` on success, delete it on failure.

    The suffix is kept, because encoders choose their container by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_behind in path.parent.glob(f".{glob.escape(path.stem)}-????????{path.suffix}"):
        # By a process that was killed; encoders keep files of their own beside theirs.
        for part in path.parent.glob(f"{glob.escape(left_behind.stem)}.*"):
            part.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes it private to the user
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
