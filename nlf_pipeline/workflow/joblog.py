"""Running as a job: everything goes to a log file, what a person wants to see also to the terminal."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from tqdm import tqdm

from nlf_pipeline.errors import UserError

_PR_SET_PDEATHSIG = 1
_PARENT = "NLF_PIPELINE_PARENT"
"""Environment variable: process and its namespace that a job must not outlive."""
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _TerminalHandler(logging.Handler):
    """Writes records between the steps of a progress bar without tearing it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record to the terminal's standard error."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        message = record.getMessage().removeprefix(f"{self.name}: ")
        tqdm.write(f"{self.name}: {level}{message}", file=sys.stderr)


def name_parent(environment: MutableMapping[str, str]) -> None:
    """Name this process as the one without which jobs that are started with this environment must not go on."""
    if sys.platform == "linux":
        environment[_PARENT] = f"{os.getpid()} {_pid_namespace()}"


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, so that no orphan overwrites later results (Linux).

    One whose parent died before this was called ends here.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        pid, _, namespace = os.environ.get(_PARENT, "").partition(" ")
        if pid and pid != str(os.getppid()) and namespace == _pid_namespace() and not _is_running(pid):
            os.kill(os.getpid(), signal.SIGKILL)


def _pid_namespace() -> str:
    """In another one, as in a container, the same number is another process."""
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def _is_running(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")  # dead, and perhaps nobody has asked for its exit status yet


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
