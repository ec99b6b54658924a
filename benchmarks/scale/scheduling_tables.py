"""A table of what Snakemake takes by the number of videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from calls import Call

Step = Literal["dry run", "run", "dry run afterwards", "nothing to do"]
STEPS: tuple[Step, ...] = ("dry run", "run", "dry run afterwards", "nothing to do")
_HEADS = (
    "rules", "videos (jobs)", "dry run", "run", "CPU of the jobs", "per job", "overhead per job", "dry run afterwards",
    "nothing to do", "peak", ".snakemake",
)  # fmt: skip


@dataclass(frozen=True)
class ScaleRow:
    """What was measured with one number of videos."""

    rules: str
    n_videos: int
    costs: Mapping[Step, Call]
    job_alone_s: float
    """What a job takes without Snakemake."""
    n_files: int
    """In Snakemake's own folder, afterwards."""
    n_bytes: int


def scale_table(rows: Sequence[ScaleRow]) -> str:
    """Markdown: a row per number of videos; wall seconds, and in brackets those of Snakemake's own CPU time."""
    cells = [_HEADS, ("---",) * len(_HEADS), *map(_cells, rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def overhead_ms(row: ScaleRow) -> float:
    """Wall time of a run per job, planning included, less what the job takes alone."""
    return 1000 * (row.costs["run"].wall_s / row.costs["dry run"].n_jobs - row.job_alone_s)


def folder_extent(folder: Path) -> tuple[int, int]:
    """Number of the files in a folder, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def _cells(row: ScaleRow) -> tuple[str, ...]:
    n_jobs, run = row.costs["dry run"].n_jobs, row.costs.get("run")
    times = {step: f"{cost.wall_s:.1f} s ({cost.own_cpu_s:.1f})" for step, cost in row.costs.items()}
    per_job = f"{1000 * run.wall_s / n_jobs:.1f} ms ({1000 * run.own_cpu_s / n_jobs:.1f})" if run else ""
    return (
        row.rules,
        f"{row.n_videos} ({n_jobs})",
        times["dry run"],
        times.get("run", ""),
        f"{run.jobs_cpu_s:.1f} s" if run else "",
        per_job,
        f"{overhead_ms(row):.1f} ms" if run else "",
        times.get("dry run afterwards", ""),
        times.get("nothing to do", ""),
        f"{max(cost.peak_mib for cost in row.costs.values()):.0f} MiB",
        f"{row.n_files} files, {row.n_bytes / 1e6:.1f} MB" if run else "",
    )
