"""Kernel locks on files, which no dead process can hold."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

_TRIES, _PAUSE_S = 10, 0.005


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process alone; False if another one has.

    Somebody who asks with `is_locked` holds the file for some microseconds, so it is tried for a moment.

    Raises:
        OSError: if the file system has no locks.
    """
    for attempt in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if attempt < _TRIES - 1:
            time.sleep(_PAUSE_S)
    return False


def is_locked(path: Path) -> bool:
    """Whether a living process of this host holds the file with `try_lock`; a file that is not there is not held."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        os.close(descriptor)
    return False
