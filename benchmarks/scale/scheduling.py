"""What planning and scheduling cost by the number of videos, with stages that do nothing, as a table.

    python benchmarks/scale/scheduling.py [--videos 1 10 100] [--plan-only] [--bare]

Each line is one folder in which a dry run, a run, a dry run and a run with nothing to do follow each other. `--bare`
measures the same for a workflow of Snakemake's that has the same jobs and files and nothing else: no keys, resources,
logs, benchmarks, messages or environments.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from bare_workflow import bare_rules
from calls import Call, called
from scheduling_tables import STEPS, ScaleRow, Step, folder_extent, scale_table
from stand_ins import StandIns

_REPOSITORY = Path(__file__).resolve().parents[2]
_SNAKEMAKE = (sys.executable, "-m", "snakemake")
_BARE_OPTIONS = (
    "--cores", "all", "--scheduler", "greedy", "--max-jobs-per-timespan", "1000/1s", "--nolock", "--rerun-incomplete",
)  # fmt: skip
"""What the workflow's profile says, as far as it concerns speed."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    videos: tuple[int, ...] = (1, 10, 100)
    """Numbers of videos; 1000 take 10 to 20 minutes and 1 GB."""
    plan_only: bool = False
    """Measure the first dry run alone."""
    bare: bool = False
    """Measure also the same jobs in a workflow that has nothing but rules with inputs and outputs."""


def main() -> None:
    arguments = tyro.cli(Arguments)
    with tempfile.TemporaryDirectory() as temporary:
        parent = Path(temporary)
        stand_ins = StandIns(parent / "stand_ins", _REPOSITORY)
        job_alone_s = stand_ins.seconds_alone()
        print(f"A job alone takes {1000 * job_alone_s:.1f} ms.\n", flush=True)
        workflow = (*_SNAKEMAKE, "-s", str(_REPOSITORY / "Snakefile"))
        rules = _rules(parent / "one_video", workflow, stand_ins) if arguments.bare else ""
        rows = []
        for n_videos in arguments.videos:
            ids = [f"v{number:06d}" for number in range(n_videos)]
            options = ("--config", f"video_id={','.join(ids)}")
            calls = [("workflow", workflow, options, stand_ins.environment)]
            if arguments.bare:
                calls.append(("bare", (*_SNAKEMAKE, *_BARE_OPTIONS), (), {}))
            for name, command, last, environment in calls:
                folder = parent / f"{name}_{n_videos}"
                _prepare(folder, ids)
                if name == "bare":
                    (folder / "Snakefile").write_text(f"VIDEOS = {ids}\n{rules}")
                steps = STEPS[:1] if arguments.plan_only else STEPS
                costs = {step: _step(step, command, last, folder, environment) for step in steps}
                extent = folder_extent(folder / ".snakemake")
                rows.append(ScaleRow(name, n_videos, costs, job_alone_s, *extent))
                shutil.rmtree(folder)
                print(scale_table(rows), flush=True)


def _prepare(folder: Path, ids: Sequence[str]) -> None:
    (folder / "videos_in").mkdir(parents=True)
    for video_id in ids:
        (folder / "videos_in" / f"{video_id}.mp4").write_text(video_id)


def _step(
    step: Step, command: Sequence[str], options: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Call:
    dry = ["--dry-run"] if step.startswith("dry run") else []
    call = [*command, *dry, "--quiet", "host", "rules", *options]
    return called(call, folder, _ONE_THREAD | environment)


def _rules(folder: Path, workflow: Sequence[str], stand_ins: StandIns) -> str:
    """Bare rules with the workflow's files, told by a finished run of one video."""
    _prepare(folder, ["v000000"])
    settings = ["--config", "video_id=v000000"]
    called([*workflow, *settings], folder, stand_ins.environment)
    summary = called([*workflow, "--detailed-summary", *settings], folder, stand_ins.environment)
    return bare_rules(summary.said, "v000000")


if __name__ == "__main__":
    main()
