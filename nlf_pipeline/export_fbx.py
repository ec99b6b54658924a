"""Stage: the motion as FBX, which Blender makes of the glTF file."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import atomic_folder
from nlf_pipeline.renderers.blendipose_options import SYSTEM_LIBRARIES

_BLENDER_PYTHON = (3, 11)
"""Blender 4.2 as a module is built for this version of Python only."""
_SHOWN_LINES = 20


def export_fbx(*, glb: Path, out: Path) -> None:
    """Write everybody's motion and the camera's as FBX, docs/exports.md.

    Args:
        glb: folder that holds the glTF file, {video}.glb.
        out: the folder to write: {video}.fbx with everybody and the camera, and people/ with one file per person. One
            that is there is replaced.

    Raises:
        UserError: if there is no glTF file or Blender cannot be loaded.
    """
    files = sorted(glb.glob("*.glb"))
    if len(files) != 1:
        raise UserError(
            f"{glb}: found {len(files)} files that end in .glb, expected one. Export the video as glb first."
        )
    if importlib.util.find_spec("bpy") is None:
        raise UserError(_missing("Blender's module bpy is not installed"))
    with atomic_folder(out) as folder:
        _run_blender(files[0], folder)


def _run_blender(glb: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "nlf_pipeline.exporters.fbx_in_blender", str(glb), str(folder)]
    # The numbers of things in the file come from hashes of their names.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if "ImportError" in said or "ModuleNotFoundError" in said:
        raise UserError(_missing(said.strip().splitlines()[-1]))
    last = "\n".join(said.strip().splitlines()[-_SHOWN_LINES:])
    raise RuntimeError(f"Blender ended with {done.returncode} and said:\n{last}")


def _missing(found: str) -> str:
    if sys.version_info[:2] != _BLENDER_PYTHON:
        here = ".".join(map(str, sys.version_info[:2]))
        cure = f"It needs Python 3.11 and this is {here}: make an environment with Python 3.11."
    elif "cannot open shared object file" in found:
        cure = f"Install the libraries that Blender needs with: apt-get install {SYSTEM_LIBRARIES}"
    else:
        cure = f"Install it with: {sys.executable} -m pip install -e '.[fbx]'"
    return f"FBX files are written by Blender, which cannot be loaded ({found}). {cure}"
