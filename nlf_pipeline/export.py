"""Stage: the motion in a format that other tools open."""

from pathlib import Path

from nlf_pipeline.exporters import ExportFormat, make_exporter
from nlf_pipeline.exporters.loading import load_motion
from nlf_pipeline.files import atomic_folder


def export(
    *,
    format: ExportFormat,
    bodies: Path,
    world_cameras: Path,
    video_facts: Path,
    body: Path,
    out: Path,
    edits: Path | None = None,
) -> None:
    """Write everybody's motion and the camera's in one format, docs/exports.md.

    Args:
        format: what to write.
        bodies: bodies.npz.
        world_cameras: world_cameras.npz.
        video_facts: video.json.
        body: folder of the body model.
        out: the folder to write; one that is there is replaced.
        edits: tracks.yaml with the names of people; there may be no such file.
    """
    motion = load_motion(bodies=bodies, world_cameras=world_cameras, video_facts=video_facts, body=body, edits=edits)
    with atomic_folder(out) as folder:
        make_exporter(format)(motion, folder)
