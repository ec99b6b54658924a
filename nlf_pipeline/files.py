"""Inputs are looked at before they are opened; outputs appear whole or not at all."""

import contextlib
import errno
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nlf_pipeline.errors import UserError

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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

    What appears under `path` is on the disk, so that it is whole after a power cut, too. The suffix is kept, because
    encoders choose their container by it.

    Raises:
        OSError: naming `path`, if the disk is full.
    """
    path = Path(path)
    with _naming_full_disk(path), contextlib.ExitStack() as held:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(path)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        held.callback(os.close, descriptor)
        _mark_as_in_use(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            written = os.open(temporary, os.O_RDWR)  # an encoder may have put another file there
            held.callback(os.close, written)
            _mark_as_in_use(written)
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)  # mkstemp makes it private to the user
            os.fsync(written)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; on success it takes the place of `path`, on failure it goes.

    Raises:
        OSError: naming `path`, if the disk is full.
    """
    path = Path(path)
    with _naming_full_disk(path), contextlib.ExitStack() as held:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left_behind in path.parent.glob(f".{glob.escape(path.name)}-????????"):
            _remove_unused(left_behind)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        held.callback(shutil.rmtree, temporary, ignore_errors=True)
        descriptor = os.open(temporary, os.O_RDONLY)
        held.callback(os.close, descriptor)
        _mark_as_in_use(descriptor)
        written, old = temporary / "new", temporary / "old"
        written.mkdir()
        yield written
        for file in (*written.rglob("*"), written):
            _sync_folder(file)
        if path.exists():
            path.rename(old)
        try:
            written.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        _sync_folder(path.parent)


def _remove_unused(temporary: Path) -> None:
    """Remove a temporary folder unless a process that lives has locked it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(temporary, ignore_errors=True)
        finally:
            os.close(descriptor)


def _remove_left_behind(path: Path) -> None:
    """Remove temporary files for `path` of processes that were killed; those of processes that live are locked."""
    for temporary in path.parent.glob(f".{glob.escape(path.stem)}-????????{glob.escape(path.suffix)}"):
        with contextlib.suppress(OSError), temporary.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in path.parent.glob(f"{glob.escape(temporary.stem)}.*"):  # encoders' own, beside theirs
                part.unlink(missing_ok=True)


def _mark_as_in_use(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # not every network file system has locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: Path) -> None:
    """Put a folder's names, or a file's content, on the disk."""
    with contextlib.suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _naming_full_disk(path: Path) -> Iterator[None]:
    """Have errors about a full disk name `path`; libraries wrap them in their own kinds, and do not name the file."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and getattr(cause, "errno", None) not in _FULL_DISK:
            cause = cause.__cause__
        if cause is None:
            raise
        number: int = cause.errno  # type: ignore[attr-defined]
        raise OSError(number, os.strerror(number), str(path)) from error
