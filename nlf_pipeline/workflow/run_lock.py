"""A folder for results that can be written, by one workflow at a time per video.

The kernel drops the locks of a process however it ends.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from nlf_pipeline.errors import UserError


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
        UserError: if another process holds a lock, or the folder cannot be written.
    """
    descriptors: list[int] = []
    for name in names:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptors.append(os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
            fcntl.flock(descriptors[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{name}: another run is working on it in {Path.cwd()}. Wait until it has finished, then run again."
            ) from error
        except OSError as error:
            raise _unwritable(folder, error.strerror or "unknown reason") from error
    return descriptors


def _unwritable(folder: Path, reason: str) -> UserError:
    return UserError(
        f"{folder.absolute()}: cannot be written ({reason}), expected a folder. Make it writable, or "
        "choose another working directory with: snakemake --directory DIR"
    )
