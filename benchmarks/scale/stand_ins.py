"""Stages that cost next to nothing: a shell script only makes their outputs."""

import os
import subprocess
import sys
import time
from pathlib import Path

_SCRIPT = """#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    build-body) makes_body=1 ;;
    write-export) makes_folder=1 ;;
    --out | --*-out | --out-*)
      shift
      if [ "$makes_body" ]; then for name in {body_files}; do : >"$1/$name"; done
      elif [ "$makes_folder" ]; then mkdir -p "$1"
      elif [ -e "{templates}/${{1##*/}}" ]; then cp "{templates}/${{1##*/}}" "$1"
      else : >"$1"; fi ;;
  esac
  shift
done
"""
_REPETITIONS = 100


class StandIns:
    """The command `nlf-pipeline` in a folder, and what must be in the environment so that the workflow finds it."""

    def __init__(self, folder: Path, repository: Path) -> None:
        sys.path.insert(0, str(repository / "tests"))
        from workflow_runs import BODY_FILES, write_templates

        self._folder, templates = folder, folder / "templates"
        templates.mkdir(parents=True)
        write_templates(templates)
        self._command = folder / "nlf-pipeline"
        self._command.write_text(_SCRIPT.format(body_files=" ".join(BODY_FILES), templates=templates))
        self._command.chmod(0o755)
        self.environment = {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(repository),
        }

    def seconds_alone(self) -> float:
        """What one job takes without Snakemake, its shell included."""
        output = self._folder / "output"
        words = f'exec {self._command} --log x --key "{{}}" fit --predictions x --cameras x --out {output}'
        started = time.perf_counter()
        for _ in range(_REPETITIONS):
            subprocess.run(["bash", "-c", words], check=True)
        return (time.perf_counter() - started) / _REPETITIONS
