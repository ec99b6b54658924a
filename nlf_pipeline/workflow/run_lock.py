"""A folder for results that can be written, by one workflow at a time per video.

The kernel drops the locks of a process however it ends.
"""

import os
import resource
from collections.abc import Iterable
from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.file_locks import try_lock

_OTHER_FILES = 512
"""That a run may have open besides its locks."""


def check_writable(folder: Path) -> None:
    """Raise UserError unless `folder` is, or can become, a folder that this user can write."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise _unwritable(existing, "it is a file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise _unwritable(existing, "no permission, or a read-only disk")


def hold_locks(names: Iterable[str], folder: Path) -> list[int]:
    """Lock one file per name in `folder` until this process ends.

    Args:
        names: what this run works on.
        folder: where the lock files go; it is made if it is not there.

    Returns:
        Open file descriptors; closing them gives the locks back.

    Raises:
        UserError: if another process holds a lock, the folder cannot be written, or a process here may not hold as many
            files open.
    """
    names, descriptors = list(names), []
    _allow_open_files(len(names))
    for name in names:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptors.append(os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
            is_free = try_lock(descriptors[-1])
            if is_free:
                os.utime(descriptors[-1])  # when this run began
        except OSError as error:
            raise _unwritable(folder, error.strerror or "unknown reason") from error
        if not is_free:
            raise UserError(
                f"{name}: another run is working on it in {Path.cwd()}. Wait until it has finished, then run again."
            )
    return descriptors


def _allow_open_files(n_more: int) -> None:
    """Let this process hold more files open than the usual thousand, as far as it may raise that limit itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = n_more + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise UserError(
            f"{n_more} videos in one run: expected at most {hard - _OTHER_FILES}, since a process here may hold "
            f"{hard} files open. Run shares of the list one after the other, such as --config shard=1/10"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _unwritable(folder: Path, reason: str) -> UserError:
    return UserError(
        f"{folder.absolute()}: cannot be written ({reason}), expected a folder. Make it writable, or "
        "choose another working directory with: snakemake --directory DIR"
    )
