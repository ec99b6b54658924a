"""The machine: Python, cores, memory, disk, drawing without a display."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nlf_pipeline.diagnosis.findings import Finding, ModelSet
from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.run_lock import check_writable

SYSTEM_PACKAGES = "libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri libglib2.0-0"
APT_CURE = f"on Debian or Ubuntu: sudo apt-get install -y {SYSTEM_PACKAGES}"
_OTHER_FOLDER = "use another folder: snakemake --directory DIR"
_TOPIC = "Machine"
_OLDEST_PYTHON, _FIRST_UNTRIED_PYTHON = (3, 11), (3, 13)
_BYTES_PER_GB = 1e9
_EXPECTED_MEMORY_GB: dict[ModelSet, float] = {"embedded": 4, "reference": 16}
_EXPECTED_SHARED_GB: dict[ModelSet, float] = {"embedded": 0, "reference": 1}
_SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class MachineFacts:
    """What this machine is."""

    python: tuple[int, int, int]
    prefix: str
    """Folder of the running environment."""
    cores: int
    """That this process may use."""
    memory_gb: float
    shared_gb: float
    """Shared memory that processes may exchange; a container may have little."""
    free_gb: float
    """Disk space in the folder of the results."""
    unwritable: str | None
    """Why results cannot be written; None if they can."""
    drawing: str | None
    """The OpenGL renderer; None if no picture can be drawn without a display."""


def machine_facts(folder: Path) -> MachineFacts:
    """Look at this machine.

    Args:
        folder: where results will be written; it need not exist yet.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return MachineFacts(
        python=sys.version_info[:3],
        prefix=sys.prefix,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _BYTES_PER_GB,
        shared_gb=shutil.disk_usage(_SHARED_MEMORY).total / _BYTES_PER_GB if _SHARED_MEMORY.is_dir() else 0.0,
        free_gb=shutil.disk_usage(existing).free / _BYTES_PER_GB,
        unwritable=_complaint(lambda: check_writable(folder)),
        drawing=_opengl_renderer(),
    )


def machine_findings(facts: MachineFacts, models: ModelSet, folder: Path, free_gb: float) -> list[Finding]:
    """Judge them.

    Args:
        facts: of the machine.
        models: what is to run.
        folder: where results will be written.
        free_gb: disk space that must be free there, gigabytes.
    """
    return [
        _python_finding(facts),
        Finding(_TOPIC, "cores", "ok", str(facts.cores)),
        _memory_finding(facts.memory_gb, _EXPECTED_MEMORY_GB[models]),
        _shared_memory_finding(facts.shared_gb, _EXPECTED_SHARED_GB[models]),
        _disk_finding(facts, folder, free_gb),
        Finding(_TOPIC, "drawing", "ok", f"without a display, by {facts.drawing}")
        if facts.drawing
        else Finding(_TOPIC, "drawing", "missing", "EGL does not open, which draws without a display", APT_CURE),
    ]


def _python_finding(facts: MachineFacts) -> Finding:
    found = f"{'.'.join(map(str, facts.python))} in {facts.prefix}"
    if _OLDEST_PYTHON <= facts.python[:2] < _FIRST_UNTRIED_PYTHON:
        return Finding(_TOPIC, "Python", "ok", found)
    return Finding(
        _TOPIC, "Python", "missing", f"{found}; 3.11 or 3.12 expected", "make clean install PYTHON=/path/to/python3.11"
    )


def _memory_finding(memory_gb: float, expected_gb: float) -> Finding:
    if memory_gb >= expected_gb:
        return Finding(_TOPIC, "memory", "ok", f"{memory_gb:.0f} GB")
    cure = "run one stage at a time: snakemake --cores 1, or use a machine with more memory"
    return Finding(_TOPIC, "memory", "warning", f"{memory_gb:.1f} GB; {expected_gb:.0f} GB expected", cure)


def _shared_memory_finding(shared_gb: float, expected_gb: float) -> Finding:
    if shared_gb >= expected_gb:
        return Finding(_TOPIC, "shared memory", "ok", f"{shared_gb:.1f} GB")
    found = f"{shared_gb:.2f} GB; {expected_gb:.0f} GB expected"
    return Finding(_TOPIC, "shared memory", "warning", found, "in a container: docker run --shm-size=2g ...")


def _disk_finding(facts: MachineFacts, folder: Path, free_gb: float) -> Finding:
    where = folder.resolve()
    if facts.unwritable:
        cure = f"make it writable, or {_OTHER_FOLDER}"
        return Finding(_TOPIC, "disk", "missing", facts.unwritable.partition(". ")[0], cure)
    if facts.free_gb < free_gb:
        found = f"{facts.free_gb:.1f} GB free in {where}; {free_gb:.1f} GB expected"
        return Finding(_TOPIC, "disk", "missing", found, f"make room, or {_OTHER_FOLDER}")
    return Finding(_TOPIC, "disk", "ok", f"{facts.free_gb:.0f} GB free in {where}")


def _complaint(check: Callable[[], None]) -> str | None:
    try:
        check()
    except UserError as error:
        return str(error)
    return None


def _opengl_renderer() -> str | None:
    try:
        from nlf_pipeline.offscreen import create_context

        context = create_context()
        name = str(context.info["GL_RENDERER"])
        context.release()
    except (ImportError, UserError):
        return None
    return name
