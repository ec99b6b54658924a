"""Everybody's meshes and motion as the bytes of a GLB file."""

import tempfile
from pathlib import Path

from nlf_pipeline.exporters.glb import write
from nlf_pipeline.exporters.motion import Motion


def glb_bytes(motion: Motion) -> bytes:
    """What the exporter of that name writes."""
    with tempfile.TemporaryDirectory() as folder:
        write(motion, Path(folder))
        (path,) = Path(folder).glob("*.glb")
        return path.read_bytes()
