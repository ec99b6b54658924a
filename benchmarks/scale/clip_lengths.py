"""Peak memory and CPU time per frame of every stage for clips of different lengths, as a table.

    python benchmarks/scale/clip_lengths.py [--minutes 10 60] [--camera still pan] [--stages fit world] [--anew]

Clips are 320x180, 5 frames/s, three people of the demo who walk to and fro; every stage is a process of its own, as in
the workflow. With `--repeated` a clip has 25 frames/s and no estimating of its own: the files of 24 s, which went
through all stages, are repeated up to its length, and the stages after estimate are measured on those.

What was measured is kept beside the clips, so a benchmark that was interrupted goes on where it was.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import tyro
from length_tables import length_table
from measuring import Cost, measured
from stage_commands import CLIP, STAGES, outputs, people_cache, stage_command

Camera = Literal["still", "pan"]
_HERE = Path(__file__).resolve().parent
_QUICK_MINUTES = (1 / 6, 1.0)
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
AFTER_ESTIMATE = (
    "edit_tracks", "semantic_masks", "scale_camera", "fit", "ground", "world", "plan_view", "report",
)  # fmt: skip
"""What is measured on repeated files; pictures are not drawn there."""


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    minutes: tuple[float, ...] = _QUICK_MINUTES
    """Lengths of the clips."""
    camera: tuple[Camera, ...] = ("still",)
    """It stands still, or turns to and fro by 6 degrees."""
    stages: tuple[str, ...] = ()
    """Only these; those before them must have been run."""
    anew: bool = False
    """Measure again what was measured."""
    repeated: bool = False
    """Clips of 25 frames/s whose estimates are those of 24 s, repeated."""
    only_show: bool = False
    """Measure nothing, show what was measured."""
    folder: Path = Path("results/clip_lengths")
    """Where clips, results and figures are kept; 1 GB for an hour."""
    body: Path = Path("resources/body_models/open")
    """The body model; built there if it is missing."""


@dataclass(frozen=True)
class LengthClip:
    """One clip."""

    minutes: float
    camera: Camera
    fps: int
    stride: int
    """Every so many-th picture of the demo, which has 25 per second."""
    repeated: bool = False

    @property
    def n_frames(self) -> int:
        """Of the clip."""
        return round(self.minutes * 60 * self.fps)

    def folder(self, parent: Path) -> Path:
        """Where its files are."""
        return parent / f"{self.camera}_{self.fps}fps_{self.n_frames}{'_repeated' if self.repeated else ''}"


def main() -> None:
    arguments = tyro.cli(Arguments)
    unknown = set(arguments.stages) - set(STAGES)
    if unknown:
        sys.exit(f"error: {', '.join(sorted(unknown))}: expected stages among {', '.join(STAGES)}")
    fps, stride = (25, 1) if arguments.repeated else (5, 3)
    for camera in arguments.camera:
        clips = [LengthClip(minutes, camera, fps, stride, arguments.repeated) for minutes in sorted(arguments.minutes)]
        if not arguments.only_show:
            for clip in clips:
                measure_clip(clip, arguments)
        costs = {clip.minutes: kept_costs(clip.folder(arguments.folder)) for clip in clips}
        print(f"{camera} camera, {fps} frames/s\n\n{length_table(costs, STAGES)}", flush=True)


def measure_clip(clip: LengthClip, arguments: Arguments) -> None:
    """Run the stages that were not measured yet."""
    folder, body = clip.folder(arguments.folder), arguments.body.resolve()
    make_body(body)
    make_source(clip, folder, arguments.folder, body)
    possible = AFTER_ESTIMATE if clip.repeated else STAGES
    for stage in possible:
        if arguments.stages and stage not in arguments.stages:
            continue
        known = kept_costs(folder).get(stage)
        if known is not None and not arguments.anew and all(path.is_file() for path in outputs(stage, folder)):
            continue
        shutil.rmtree(people_cache(stage, folder), ignore_errors=True)
        log = folder / "logs" / f"{stage}.log"
        cost = measured(stage_command(stage, folder, body), clip.n_frames, log, _ONE_THREAD)
        if cost.complaint:
            sys.exit(f"{folder.name}: {stage} failed after {cost.wall_s:.0f} s with {cost.peak_mib:.0f} MiB:\n{log}\n")
        keep_cost(folder, stage, cost)
        per_frame_ms = 1000 * cost.cpu_s / clip.n_frames
        print(
            f"{folder.name} {stage}: {cost.peak_mib:.0f} MiB, {per_frame_ms:.1f} ms/frame", file=sys.stderr, flush=True
        )


def kept_costs(folder: Path) -> dict[str, Cost]:
    """What was measured of a clip's stages."""
    path = folder / "costs.json"
    return {stage: Cost(**row) for stage, row in json.loads(path.read_text()).items()} if path.is_file() else {}


def keep_cost(folder: Path, stage: str, cost: Cost) -> None:
    """Add a stage's cost to what was measured."""
    rows = {name: asdict(known) for name, known in kept_costs(folder).items()} | {stage: asdict(cost)}
    temporary = folder / "costs.json.tmp"
    temporary.write_text(json.dumps(rows, indent=1))
    temporary.replace(folder / "costs.json")


def make_body(body: Path) -> None:
    """Build the body model unless it is there."""
    if not (body / "landmark_regressor.npy").is_file():
        _run_here("-m", "nlf_pipeline.cli", "build-body", "--out", str(body))


def make_source(clip: LengthClip, folder: Path, parent: Path, body: Path) -> None:
    """Make what the first stage to measure reads: a video, or the repeated files of a short clip."""
    demo, source = parent / "demo.mp4", folder / (CLIP if clip.repeated else "source.mp4")
    if not demo.is_file():
        command = ["-m", "nlf_pipeline.cli", "render-demo", "--body", str(body), "--out", str(demo)]
        _run_here(*command, "--truth", str(parent / "demo_truth"), "--width-px", "640", "--height-px", "360")
    if not source.is_file():
        numbers = (str(clip.n_frames), str(clip.fps), str(clip.stride))
        _run_here(str(_HERE / "clip_making.py"), str(source), *numbers, clip.camera, str(demo))
    if clip.repeated and not (folder / "predictions.xz").is_file():
        short = replace(clip, minutes=0.4, repeated=False)
        measure_clip(short, Arguments(stages=STAGES[: STAGES.index("scale_camera")], folder=parent, body=body))
        _run_here(str(_HERE / "repeating.py"), str(short.folder(parent)), str(folder), str(clip.n_frames))


def _run_here(*command: str) -> None:
    """In a process of its own, so that this one stays small."""
    subprocess.run([sys.executable, *command], check=True)


if __name__ == "__main__":
    main()
