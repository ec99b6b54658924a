"""A working directory whose workflow is killed, and what Snakemake had recorded when it died."""

import base64
import json
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config.yaml", "config.schema.yaml", "rules", "profiles", "envs", "nlf_pipeline")
PATIENCE_S = 300
TOOL = """#!/bin/sh
# Notes every job by its log's name, then becomes the real command.
basename "$2" .log >> "$PWD/calls.log"
exec {python} -m nlf_pipeline.cli "$@"
"""
HOW = ("snakemake", "job", "machine")
"""What is killed: Snakemake alone, one running job alone, or all processes at once."""


def copy_workflow(folder: Path) -> Path:
    """The workflow as it is now, which nobody edits while the tests run."""
    for name in PARTS:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copyfile
        folder.mkdir(parents=True, exist_ok=True)
        copy(REPOSITORY / name, folder / name)
    return folder


def wait_until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Watched:
    """A working directory, and what was done in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def calls(self) -> list[str]:
        """Every job that was started, in order."""
        path = self.folder / "calls.log"
        return path.read_text().split() if path.exists() else []

    def finished_jobs(self, outputs: dict[str, set[str]]) -> set[str]:
        """Jobs of which every output is there and recorded, by their logs' names.

        A record outlives its file when a job is started again.
        """
        unfinished = {decoded(path) for path in (self.folder / ".snakemake/incomplete").rglob("*") if path.is_file()}
        whole = {output for output in set(self.records()) - unfinished if (self.folder / output).exists()}
        return {job for job, made in outputs.items() if made <= whole}

    def records(self) -> dict[str, str]:
        """Output -> job, of every record that Snakemake wrote to its end."""
        found = {}
        for path in (self.folder / ".snakemake/metadata").rglob("*"):
            try:
                record = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if not record.get("incomplete") and record.get("log"):
                found[decoded(path)] = Path(record["log"][0]).stem
        return found

    def outputs(self) -> dict[str, set[str]]:
        """Job -> the outputs that Snakemake recorded of it."""
        made: dict[str, set[str]] = {}
        for output, job in self.records().items():
            made.setdefault(job, set()).add(output)
        return made

    def processes(self) -> list[psutil.Process]:
        """Those that run in this working directory, whoever started them."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.folder:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def files(self) -> dict[str, bytes]:
        """Every file under results/ but the locks and what says when it was made."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): path.read_bytes()
            for path in sorted(results.rglob("*"))
            if path.is_file() and ".locks" not in path.parts
        }


class KilledRun(Watched):
    """A working directory in which the real stages run, each call noted."""

    def __init__(self, folder: Path, workflow: Path, clips: dict[str, Path]) -> None:
        super().__init__(folder)
        self.workflow = workflow
        tools = folder.with_name(f"{folder.name}-tools")
        for path in (folder / "videos_in", tools):
            path.mkdir(parents=True)
        for name, clip in clips.items():
            shutil.copyfile(clip, folder / "videos_in" / f"{name}.mp4")
        tool = tools / "nlf-pipeline"
        tool.write_text(TOOL.format(python=sys.executable))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        self.environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(workflow),
            "OMP_NUM_THREADS": "1",
        }
        self.printed = folder.with_name(f"{folder.name}.txt")

    def start(self, *settings: str) -> psutil.Popen:
        """The plain command, in a process group of its own."""
        command = [sys.executable, "-m", "snakemake", "-s", str(self.workflow / "Snakefile"), "--config", *settings]
        with self.printed.open("a") as printed:
            return psutil.Popen(
                command, cwd=self.folder, env=self.environment, stdout=printed, stderr=printed, start_new_session=True
            )

    def finish(self, *settings: str) -> None:
        """The plain command to its end."""
        process = self.start(*settings)
        assert process.wait(PATIENCE_S) == 0, self.told()

    def told(self) -> str:
        """The end of what was printed."""
        return self.printed.read_text()[-5000:]


def decoded(path: Path) -> str:
    """The output that a file of Snakemake's is about."""
    return base64.urlsafe_b64decode(path.name).decode() if not path.name.startswith("@") else ""


def kill(process: psutil.Popen, how: str, choose: Callable[[list[psutil.Process]], psutil.Process]) -> str:
    """Kill a run, or one of its jobs; what was hit, by name."""
    if how == "machine":
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "all"
    if how == "snakemake":
        process.kill()
        process.wait()
        return "snakemake"
    try:
        jobs = process.children()
        hit = choose(jobs) if jobs else process
        words = hit.cmdline()
        hit.kill()
    except psutil.NoSuchProcess:
        return "nothing"
    return next((Path(word).stem for word in words if word.endswith(".log")), Path(words[0]).name if words else "?")
