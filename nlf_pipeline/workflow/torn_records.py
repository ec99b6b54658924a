"""What a power cut leaves of Snakemake's records: files that were written, but whose content never reached the disk."""

import os
from collections.abc import Iterator
from pathlib import Path

_MARKER = '{"external_jobid": null}'
"""Snakemake's, for a file whose job has begun and not ended."""


def redo_torn_records(folder: Path, before: float | None = None) -> list[Path]:
    """Have Snakemake make those files anew whose records a power cut tore, since it no longer knows how they were made.

    A record is JSON, so one that does not end with a brace is not whole. Those of this session of the machine are left
    alone: another run may be writing them, and after a kill Snakemake has marked them itself.

    Args:
        folder: Snakemake's, `.snakemake` in the working directory.
        before: records from before this moment are looked at, seconds since the epoch; None: the machine's start.

    Returns:
        The records.
    """
    metadata, incomplete = folder / "metadata", folder / "incomplete"
    torn = [path for path in _older_files(metadata, _boot_time() if before is None else before) if not _is_whole(path)]
    for path in torn:
        marker = incomplete / path.relative_to(metadata)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(_MARKER)
    return torn


def _older_files(folder: Path, before: float) -> Iterator[Path]:
    for name, _, files in os.walk(folder):
        for file in files:
            path = Path(name, file)
            if path.stat().st_mtime < before:
                yield path


def _is_whole(path: Path) -> bool:
    with path.open("rb") as record:
        record.seek(max(0, path.stat().st_size - 1))
        return record.read() == b"}"


def _boot_time() -> float:
    """When this machine started; 0 where it does not tell."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0.0
    return float(next((line.split()[1] for line in lines if line.startswith("btime ")), 0))
