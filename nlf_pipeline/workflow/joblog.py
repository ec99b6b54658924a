"""Running as a job: everything goes to a log file, what a person wants to see also to the terminal."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from nlf_pipeline.errors import UserError

_PR_SET_PDEATHSIG = 1
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _TerminalHandler(logging.Handler):
    """Writes records between the steps of a progress bar without tearing it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record to the terminal's standard error."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        message = record.getMessage().removeprefix(f"{self.name}: ")
        tqdm.write(f"{self.name}: {level}{message}", file=sys.stderr)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that no orphan overwrites later results (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def show_our_lines(prefix: str) -> None:
    """Print this package's log lines of level INFO and above on the terminal, each behind `prefix`."""
    handler = _TerminalHandler(logging.INFO)
    handler.name = prefix
    ours = logging.getLogger("nlf_pipeline")
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)


@contextlib.contextmanager
def writing_log(path: Path, first_line: str | None = None) -> Iterator[None]:
    """Send standard output and error, native libraries' included, to the file `path`.

    Python's `sys.stderr` stays the terminal, for progress bars and our own lines.

    Args:
        path: made anew.
        first_line: of the file.

    Raises:
        UserError: if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log_file = path.open("w", buffering=1)
        if first_line is not None:
            log_file.write(f"{first_line}\n")
    except OSError as error:
        raise UserError(f"{path}: cannot write the log file ({error.strerror}). Make the folder writable.") from error
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    stderr_before, descriptors_before = sys.stderr, (os.dup(1), os.dup(2))
    handler = logging.StreamHandler(log_file)
    handler.setFormatter(logging.Formatter(_LOG_FORMAT))
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    os.dup2(log_file.fileno(), 1)
    os.dup2(log_file.fileno(), 2)
    sys.stderr = terminal
    try:
        yield
    finally:
        sys.stdout.flush()
        logging.captureWarnings(False)
        logging.getLogger().removeHandler(handler)
        sys.stderr = stderr_before
        for target, saved in zip((1, 2), descriptors_before, strict=True):
            os.dup2(saved, target)
            os.close(saved)
        terminal.close()
        log_file.close()
