"""A record of every job beside its log: what it is doing, or how it ended, for whoever asks while a run goes on.

A job holds a kernel lock on its record as long as it lives. So one that was killed, and could not write how it ended,
is told from one that runs.
"""

import contextlib
import dataclasses
import json
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nlf_pipeline.file_locks import is_locked, try_lock

FORMAT_VERSION = 1
_MB_PER_KIB = 1024 / 1e6
_LONGEST_ERROR = 500
_BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One run of one job."""

    job: str
    """The name of its log file, such as `render_side`."""
    state: Literal["running", "done", "failed", "stopped"]
    """As far as the job could tell; stopped: interrupted from the keyboard."""
    started: float
    """Seconds since the epoch."""
    ended: float | None
    host: str
    pid: int
    slurm_job: str | None
    attempt: int
    """1, and one more for every run since the last that was done."""
    gpus: str | None
    """What CUDA_VISIBLE_DEVICES said; None: nothing."""
    error: str | None
    """Its first line."""
    peak_mb: float | None
    """The most memory that the job's process held, or one that it started."""

    @property
    def seconds(self) -> float:
        """How long it has taken, or takes so far."""
        return max((self.ended if self.ended is not None else time.time()) - self.started, 0.0)


def record_path(log: Path) -> Path:
    """Where the record of the job lies whose log is `log`."""
    return log.with_suffix(".json")


@contextlib.contextmanager
def recording(log: Path) -> Iterator[None]:
    """Keep the record of the job that runs inside, which is never disturbed by it: no room, no record.

    Args:
        log: the job's log file.
    """
    path = record_path(log)
    before = read_record(path)
    record = JobRecord(
        job=log.stem,
        state="running",
        started=time.time(),
        ended=None,
        host=os.uname().nodename,
        pid=os.getpid(),
        slurm_job=os.environ.get("SLURM_JOB_ID"),
        attempt=1 if before is None or before.state == "done" else before.attempt + 1,
        gpus=os.environ.get("CUDA_VISIBLE_DEVICES"),
        error=None,
        peak_mb=None,
    )
    with _locked(path):
        _write(record, path)
        try:
            yield
        except BaseException as error:
            is_good = isinstance(error, SystemExit) and not error.code
            state = "done" if is_good else "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            _write(_ended(record, state, None if is_good else _first_line(error)), path)
            raise
        _write(_ended(record, "done", None), path)


def read_record(path: Path) -> JobRecord | None:
    """The record in a file; None if there is none that can be read."""
    try:
        values = json.loads(path.read_bytes())
        if values.pop("format_version") != FORMAT_VERSION:
            return None
        return JobRecord(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def lives(record: JobRecord, path: Path) -> bool | None:
    """Whether the job whose record in `path` says it runs still does; None: that cannot be seen from this host."""
    if is_locked(path):
        return True
    return False if record.host == os.uname().nodename else None


def _ended(record: JobRecord, state: Literal["done", "failed", "stopped"], error: str | None) -> JobRecord:
    return dataclasses.replace(
        record,
        state=state,
        ended=time.time(),
        gpus=os.environ.get("CUDA_VISIBLE_DEVICES", record.gpus),  # a lease may have chosen meanwhile
        error=error,
        peak_mb=_peak_mb(),
    )


def _first_line(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "wrong options; see the log"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"[:_LONGEST_ERROR]
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:_LONGEST_ERROR]


def _peak_mb() -> float:
    """Of this process, or of the largest that it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On Linux the above may be that of the process which started this one.
    with contextlib.suppress(OSError), Path("/proc/self/status").open() as status:
        own = next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), own)
    return round(max(own, children) * _MB_PER_KIB, 1)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on the record where that is possible."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            held.callback(os.close, descriptor)
            try_lock(descriptor)
        yield


def _write(record: JobRecord, path: Path) -> None:
    """Write the block that a record always fills: at once, in place, even on a disk that has become full.

    A file that is renamed, as `atomic_path` does, would lose its lock, and wait for the disk.
    """
    text = json.dumps({"format_version": FORMAT_VERSION, **dataclasses.asdict(record)}, indent=1, ensure_ascii=False)
    block = text.encode(errors="replace").ljust(_BLOCK_BYTES - 1) + b"\n"
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.pwrite(descriptor, block, 0)
            os.ftruncate(descriptor, len(block))
        finally:
            os.close(descriptor)
