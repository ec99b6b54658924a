"""Whether this cluster's Slurm keeps accounts, which decides how the end of jobs is seen."""

import shutil
import subprocess

_LONGEST_ANSWER_S = 20


def status_command() -> str | None:
    """The command that tells which jobs have ended: sacct where Slurm keeps accounts, else squeue.

    Snakemake's plugin for Slurm takes sacct wherever it is installed, and without accounts waits for ever.

    Returns:
        Its name, None where there is no Slurm.
    """
    if shutil.which("squeue") is None:
        return None
    try:
        command = ["sacct", "--noheader", "--allocations", "--starttime=now"]
        answer = subprocess.run(command, capture_output=True, check=False, timeout=_LONGEST_ANSWER_S)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return "squeue"
    return "squeue" if answer.returncode else "sacct"
