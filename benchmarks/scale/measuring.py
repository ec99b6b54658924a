"""Memory and time of one command and everything it starts."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SECONDS_BETWEEN_LOOKS = 0.2
_MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    n_frames: int
    peak_mib: float
    """Resident memory of its process and that one's children together: the most that was seen at a time, or what the
    system remembers of the largest of them, whichever is more."""
    cpu_s: float
    wall_s: float
    complaint: str = ""
    """The end of what it said, if it failed."""


def measured(command: Sequence[str], n_frames: int, log: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end.

    This process should be small: what a process has in memory when it starts another counts for that one too.

    Args:
        command: program and arguments.
        n_frames: of the clip that it works on.
        log: file for what it says.
        environment: variables besides those of this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    started, together = time.perf_counter(), _Together()
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **environment})
        watcher = threading.Thread(target=together.watch, args=(process.pid,), daemon=True)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    together.is_over.set()
    watcher.join()
    complaint = "" if process.returncode == 0 else log.read_text(errors="replace")[-2000:] or "it said nothing"
    return Cost(
        n_frames,
        max(usage.ru_maxrss * 1024, together.peak_bytes) / _MIB,
        usage.ru_utime + usage.ru_stime,
        time.perf_counter() - started,
        complaint,
    )


class _Together:
    """Looks at a process and its descendants until told that it is over."""

    def __init__(self) -> None:
        self.peak_bytes, self.is_over = 0, threading.Event()

    def watch(self, pid: int) -> None:
        while not self.is_over.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                process = psutil.Process(pid)
                family = [process, *process.children(recursive=True)]
                self.peak_bytes = max(self.peak_bytes, sum(member.memory_info().rss for member in family))
            except psutil.Error:
                continue  # one of them has just ended
