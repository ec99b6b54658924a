"""Stage `check-system`: can this machine run the pipeline? Says what to install if not."""

import importlib
import logging
import shutil
import sys
from pathlib import Path

from nlf_pipeline.errors import UserError

SYSTEM_PACKAGES = "libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri libglib2.0-0"
_OLDEST_PYTHON, _FIRST_UNTRIED_PYTHON = (3, 11), (3, 13)
_BYTES_PER_GB = 1e9
log = logging.getLogger(__name__)


def check_system(*, folder: Path = Path(), free_gb: float = 1.0) -> None:
    """Check the Python version, OpenCV, MediaPipe, drawing without a display, and the free disk space.

    Args:
        folder: where results will be written.
        free_gb: disk space that must be free there, gigabytes.

    Raises:
        UserError: naming everything that is missing and the command that installs it.
    """
    problems = [*_python_problems(sys.version_info[:2]), *_library_problems(), *_disk_problems(folder, free_gb)]
    if problems:
        raise UserError("this machine is not ready:\n" + "\n".join(f"  - {problem}" for problem in problems))
    log.info("this machine is ready")


def _python_problems(version: tuple[int, int]) -> list[str]:
    if _OLDEST_PYTHON <= version < _FIRST_UNTRIED_PYTHON:
        return []
    return [f"Python {version[0]}.{version[1]} found, 3.11 or 3.12 expected. Use: make install PYTHON=python3.11"]


def _library_problems() -> list[str]:
    failures = []
    for module in ("cv2", "mediapipe"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            failures.append(f"{module} does not load ({error})")
    try:
        from nlf_pipeline.offscreen import create_context

        create_context().release()
    except (ImportError, UserError):
        failures.append("drawing without a display (EGL) does not work")
    cure = f"On Debian or Ubuntu: sudo apt-get install -y {SYSTEM_PACKAGES}"
    return [f"{'; '.join(failures)}. {cure}"] if failures else []


def _disk_problems(folder: Path, needed_gb: float) -> list[str]:
    free_gb = shutil.disk_usage(folder).free / _BYTES_PER_GB
    if free_gb >= needed_gb:
        return []
    return [f"{folder.resolve()}: {free_gb:.1f} GB free, {needed_gb:.1f} GB expected. Make room or use another folder."]
