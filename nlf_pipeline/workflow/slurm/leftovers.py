"""Slurm jobs whose Snakemake was killed go on. The next run waits for them, so that none is submitted a second time.

The lock file of each video keeps the name of the last run that gave jobs to Slurm; all jobs of a run bear its name.
"""

import contextlib
import logging
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nlf_pipeline.errors import UserError

_ALIVE_BEFORE_START = "PENDING"
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
_ATTEMPTS, _BETWEEN_ATTEMPTS_S = 5, 3.0
_SHOWN_JOBS = 8
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlurmJob:
    """A job that is not over."""

    job_id: str
    state: str
    comment: str
    """What it does, such as `rule_fit_wildcards_dance`."""


def remember_run(run: str, names: Iterable[str], folder: Path) -> None:
    """Note that `run` gives jobs for `names` to Slurm, in their lock files, which this process holds."""
    for name in names:
        (folder / name).write_text(run + "\n")


def forget_runs(names: Iterable[str], folder: Path) -> None:
    """Note that no job for `names` is with Slurm any more."""
    for path in (folder / name for name in names):
        if path.is_file():
            path.write_text("")


def remembered_runs(names: Iterable[str], folder: Path) -> list[str]:
    """Names of earlier runs of which jobs for `names` may be with Slurm still."""
    runs: dict[str, None] = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            runs |= dict.fromkeys((folder / name).read_text().split())
    return list(runs)


def wait_for_leftovers(
    names: Iterable[str], folder: Path, tell: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> bool:
    """Let running jobs of earlier runs on `names` finish; cancel those that have not started.

    The locks of `names` must be held, so that nobody else waits for the same, and then both go on.

    Args:
        names: videos and body models.
        folder: of the lock files.
        tell: is given lines for the user.
        pause: waits for so many seconds.

    Returns:
        Whether there was any job that ran.

    Raises:
        UserError: if Slurm cannot be asked.
    """
    names = list(names)
    runs = remembered_runs(names, folder)
    ran, told, wait_s = False, set[str](), _SHORTEST_WAIT_S
    while jobs := _jobs_of(runs, pause):
        waiting = [job.job_id for job in jobs if job.state == _ALIVE_BEFORE_START]
        if waiting:
            # Only if they still wait: who starts at this moment is waited for.
            subprocess.run(["scancel", f"--state={_ALIVE_BEFORE_START}", *waiting], check=False, capture_output=True)
        running = [job for job in jobs if job.state != _ALIVE_BEFORE_START]
        if not {job.job_id for job in running} <= told:
            told |= {job.job_id for job in running}
            tell(_message(running))
        ran |= bool(running)
        pause(wait_s if running else _SHORTEST_WAIT_S)
        wait_s = min(1.5 * wait_s, _LONGEST_WAIT_S)
    forget_runs(names, folder)
    return ran


def _message(jobs: list[SlurmJob]) -> str:
    shown = [f"  {job.job_id}  {job.comment.removeprefix('rule_').replace('_wildcards_', ' ')}" for job in jobs]
    more = [f"  and {len(jobs) - _SHOWN_JOBS} more"] if len(jobs) > _SHOWN_JOBS else []
    ids = " ".join(job.job_id for job in jobs)
    return "\n".join(
        [
            "An earlier run was killed, and jobs of it still run. Waiting for them: what they make is used.",
            *shown[:_SHOWN_JOBS],
            *more,
            f"To have them done anew instead, end this run with Ctrl-C, and: scancel {ids}",
        ]
    )


def _jobs_of(runs: list[str], pause: Callable[[float], None]) -> list[SlurmJob]:
    """Jobs of these runs that are waiting or running."""
    if not runs:
        return []
    if shutil.which("squeue") is None:
        raise UserError(
            f"squeue: not found, expected Slurm's command. An earlier run ({runs[0]}) gave jobs to Slurm; it cannot "
            "be seen here whether they still run. Run this on a host of that cluster; or, if it is sure that no job is "
            "left, remove the videos' files in results/.locks."
        )
    command = ["squeue", "--noheader", "--name", ",".join(runs), "--format=%i|%T|%k"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    for _ in range(_ATTEMPTS - 1):
        if answer.returncode == 0:
            break
        pause(_BETWEEN_ATTEMPTS_S)
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(
            f"{shlex.join(command)} failed: {answer.stderr.strip() or answer.returncode}. Jobs of an earlier run may "
            "still run, and must not be doubled. Run again when Slurm answers."
        )
    return [SlurmJob(*line.split("|", 2)) for line in answer.stdout.splitlines() if line.count("|") >= 2]
