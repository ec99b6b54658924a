"""The workflow in a working directory of its own, its jobs given to Slurm, every call of a stage written down."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RECORDER = """#!{python} -ISs
import json, os, pathlib, sys, time
words = sys.argv[1:]
given = dict(zip(words[::2], words[1::2]))
at = next(i for i in range(0, len(words), 2) if not words[i].startswith("--"))
stage, place = words[at], pathlib.Path(given["--log"])
call = dict(stage=stage, video=place.parent.name, log=place.stem, job=os.environ.get("SLURM_JOB_ID"),
            visible=os.environ.get("CUDA_VISIBLE_DEVICES"), time=time.time())
with open("starts.log", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
while pathlib.Path("hold_" + stage).exists():
    time.sleep(0.1)
if pathlib.Path("kill_" + stage).exists():
    pathlib.Path("kill_" + stage).unlink()
    os.kill(os.getpid(), 9)
os.execv({command[0]!r}, [*{command!r}, *words])
"""
"""Stands for the command `nlf-pipeline`, and becomes it. While a file hold_STAGE is there it waits; by kill_STAGE it
dies once as if the kernel had killed it for want of memory."""


@dataclass(frozen=True)
class Call:
    """One start of a stage."""

    stage: str
    video: str
    log: str
    job: str | None
    """Slurm's id."""
    visible: str | None
    """CUDA_VISIBLE_DEVICES."""
    time: float


class ClusterRun:
    """A working directory.

    Args:
        folder: empty.
        command: what the recorder becomes.
        workflow: folder of the Snakefile.
    """

    def __init__(self, folder: Path, command: list[str], workflow: Path = REPOSITORY) -> None:
        self.folder, self.workflow = folder / "work", workflow
        self.processes: list[subprocess.Popen[bytes]] = []
        (self.folder / "videos_in").mkdir(parents=True)
        tool = folder / "recorder" / "nlf-pipeline"
        tool.parent.mkdir()
        tool.write_text(RECORDER.format(python=sys.executable, command=command))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        modules = [str(workflow), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self.environment = {
            **os.environ,
            "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in modules),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments: str, to: str) -> subprocess.Popen[bytes]:
        """Start Snakemake, what it prints going to the file `to`."""
        command = [sys.executable, "-m", "snakemake", "-s", str(self.workflow / "Snakefile"), *arguments]
        with (self.folder / to).open("wb") as file:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=file, stderr=subprocess.STDOUT
            )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, to: str = "printed.txt", timeout: float = 400) -> str:
        """Run Snakemake to its end, which must be a good one; what it printed."""
        status = self.start(*arguments, to=to).wait(timeout)
        printed = (self.folder / to).read_text()
        assert status == 0, printed
        return printed

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As kill -9 does."""
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    def end(self) -> None:
        """Leave no Snakemake behind, however a test ended."""
        for process in self.processes:
            process.kill()
            process.wait()

    def calls(self, stage: str | None = None) -> list[Call]:
        """Every start of a stage so far."""
        log = self.folder / "starts.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [call for line in lines if (call := Call(**json.loads(line))).stage == (stage or call.stage)]

    def wait_until(self, holds: Callable[[], object], what: str, printed: str, seconds: float = 300) -> None:
        """Wait until `holds` is true; else show what Snakemake printed to the file `printed`."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{self.printed(printed)}"
            time.sleep(0.2)

    def printed(self, to: str) -> str:
        """What Snakemake printed so far."""
        return (self.folder / to).read_text()


def slurm_options(*more: str) -> list[str]:
    """Options with which the profile for Slurm is used here, where there is little to wait for."""
    times = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5"]
    return ["--workflow-profile", str(REPOSITORY / "profiles/slurm"), *times, *more]
