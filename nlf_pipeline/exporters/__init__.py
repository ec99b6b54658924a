"""Backends that write the motion for other tools."""

import importlib
from pathlib import Path
from typing import Literal, Protocol, get_args

from nlf_pipeline.exporters.motion import Motion

ExportFormat = Literal["amass", "smpl", "glb", "bvh", "usd", "trc", "c3d", "csv", "colmap", "nerfstudio"]
"""Each is the name of its backend's module."""
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


class Exporter(Protocol):
    """Writes one format."""

    def __call__(self, motion: Motion, folder: Path) -> None:
        """Write everything of `motion` into `folder`, which is there and empty.

        Every file covers all frames of the clip: frame i of the file is frame i of the clip. With nobody in it the
        files are still valid.
        """
        ...


def make_exporter(name: ExportFormat) -> Exporter:
    """The backend called `name`: the function `write` of its module."""
    return importlib.import_module(f"nlf_pipeline.exporters.{name}").write
