"""What one call of Snakemake takes, its own time apart from that of its jobs."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TOTAL = re.compile(r"^total +(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """What a call took and said."""

    wall_s: float
    own_cpu_s: float
    """Of its process."""
    jobs_cpu_s: float
    """Of the processes that it started."""
    peak_mib: float
    said: str

    @property
    def n_jobs(self) -> int:
        """How many jobs it planned."""
        found = _TOTAL.search(self.said)
        return int(found[1]) if found else 0


def called(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Call:
    """Run a command in a folder to its end; end the benchmark if it fails.

    Args:
        command: program and arguments.
        folder: where it runs.
        environment: variables besides those of this process.
    """
    said_in = folder / "said.txt"
    started = time.perf_counter()
    with said_in.open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, env={**os.environ, **environment})
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall_s = time.perf_counter() - started
        # The 14th to 17th field: user and system time, its own and its ended children's.
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = said_in.read_text(errors="replace")
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]} failed in {folder}:\n{text[-3000:]}")
    user_s, system_s, user_jobs_s, system_jobs_s = (int(part) / _TICKS_PER_S for part in ticks)
    return Call(wall_s, user_s + system_s, user_jobs_s + system_jobs_s, usage.ru_maxrss / 1024, text)
