"""Accuracy, speed and memory of fit, ground and world on generated people whose motion is known exactly, as tables.

    python benchmarks/motion_accuracy.py [--clips calibrated flips ...] [--long] [--folder results/motion_clips]

Estimates have errors of NLF's size on 3DPW. Every clip goes through the stages in a process of its own; time is the
stages' alone, without Python's start, and memory is that process's largest resident size.
"""

import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import tyro
from motion_clips.making import MotionTruth, make_clip
from motion_clips.specs import CALIBRATED, CLIPS, LONG, SPOILED, VARIANTS, MotionClip
from motion_scores import Scores, fitted_motions, raw_motions, score, world_motions
from motion_tables import Cost, Result, clip_table, growth_table, moved_line, spoiled_table, stage_table

from nlf_pipeline.artefacts import BodyFits, Ground
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.build_body import build_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.fitting.pose_fitting import one_torch_thread

T = TypeVar("T")
STAGES = ("fit", "ground", "world", "world_free")
_SAME_CLIP = ("far_origin", "calibrated_0")
"""The same but for the origin of the scene frame."""


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    clips: tuple[str, ...] = ()
    """Names of clips, or beginnings of names; none: all but the long ones."""
    long: bool = False
    """Also measure how time and memory grow from 2000 to 20,000 frames; takes many minutes."""
    folder: Path = Path("results/motion_clips")
    """Where the clips are made, and the stages' results beside them."""
    body: Path = Path("resources/body_models/open")
    """The body model; built there if it is missing."""


def run_stages(clip: Path, body: Path, stages: tuple[str, ...]) -> Cost:
    """Run stages on a clip's files; for a fresh process."""
    from nlf_pipeline.fit import fit
    from nlf_pipeline.ground import ground
    from nlf_pipeline.world import world

    found, free = clip / "found", clip / "found_free"
    scene = {"cameras": clip / "cameras.npz", "video_facts": clip / "video.json", "body": body}
    fits, floor = found / "fits.npz", found / "ground.json"

    def to_world(folder: Path, contacts: bool) -> None:
        out = {"bodies_out": folder / "bodies.npz", "cameras_out": folder / "world_cameras.npz"}
        world(fits=fits, ground=floor, contacts=contacts, **out, **scene)

    work: dict[str, Callable[[], None]] = {
        "fit": lambda: fit(predictions=clip / "predictions.xz", out=fits, **scene),
        "ground": lambda: ground(fits=fits, out=floor, **scene),
        "world": lambda: to_world(found, True),
        "world_free": lambda: to_world(free, False),
    }
    cpu_s, wall_s, complaint = {}, {}, ""
    try:
        for stage in stages:
            start, cpu_start = time.perf_counter(), time.process_time()
            work[stage]()
            cpu_s[stage], wall_s[stage] = time.process_time() - cpu_start, time.perf_counter() - start
    except UserError as error:
        complaint = f"{stage}: {error}"
    except Exception as error:
        logging.getLogger(__name__).exception("%s", clip)
        complaint = f"CRASH in {stage}: {type(error).__name__}: {error}"
    return Cost(cpu_s, wall_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, complaint)


def in_fresh_process(work: Callable[..., T], *arguments: object) -> T | Cost:
    """The result of `work`; if it fails, or its process dies, a Cost with a complaint."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            complaint = "the process died"
        except Exception as error:
            complaint = f"{type(error).__name__}: {error}"
    return Cost({}, {}, float("nan"), f"CRASH in {getattr(work, '__name__', work)}: {complaint}")


def measure(name: str, folder: Path, body: Path) -> Result:
    """Make a clip, run all stages on it, and compare what they find with the truth."""
    clip, spec = folder / name, CLIPS[name]
    made = in_fresh_process(make_clip, spec, clip, body)
    cost = made if isinstance(made, Cost) else in_fresh_process(run_stages, clip, body, STAGES)
    if cost.complaint:
        return Result(name, spec, cost, clip / "found", *[Scores.none()] * 4)
    with one_torch_thread():
        return Result(name, spec, cost, clip / "found", *_scores(clip, spec, body))


def _scores(clip: Path, spec: MotionClip, body: Path) -> list[Scores]:
    """Of raw estimates, fits, bodies without and with contacts; of clips with a spoiled person, only the others."""
    truth, meshes = MotionTruth.load(clip), BodyMeshes(load_body_model(body, subset=True))
    (floor,) = Ground.load(clip / "found" / "ground.json").floors
    counted = max(0, spec.n_people - 1) if spec in SPOILED.values() else spec.n_people
    return [
        score(raw_motions(clip, truth, meshes), truth, None, counted),
        score(fitted_motions(BodyFits.load(clip / "found" / "fits.npz"), truth, meshes), truth, None, counted),
        score(world_motions(clip / "found_free", truth, meshes), truth, floor, counted),
        score(world_motions(clip / "found", truth, meshes), truth, floor, counted),
    ]


def measure_growth(folder: Path, body: Path) -> str:
    """A table of time and memory of every stage, each in a process of its own, on the long clips."""
    costs = []
    for name, spec in LONG.items():
        in_fresh_process(make_clip, spec, folder / name, body)
        stages = STAGES[:3]
        costs.append((name, spec, {s: in_fresh_process(run_stages, folder / name, body, (s,)) for s in stages}))
    return growth_table(costs)


def chosen(beginnings: tuple[str, ...]) -> list[str]:
    """Names of the clips that are meant."""
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in CLIPS):
            raise UserError(f"{beginning}: expected names of test clips, such as {', '.join(CLIPS)}.")
    ordinary = [name for name in CLIPS if name not in LONG]
    return [name for name in CLIPS if name.startswith(beginnings)] if beginnings else ordinary


def tables(results: dict[str, Result]) -> list[str]:
    """Everything that the results say."""
    of = lambda clips: [results[name] for name in clips if name in results]  # noqa: E731
    parts = [stage_table(of(CALIBRATED))] if of(CALIBRATED) else []
    rest = of(VARIANTS) + of(LONG)
    parts += [clip_table(rest[start : start + 5]) for start in range(0, len(rest), 5)]
    if all(name in results for name in _SAME_CLIP):
        parts.append(moved_line(*(results[name] for name in _SAME_CLIP)))
    if of(SPOILED):
        parts.append(spoiled_table(of(SPOILED)))
    if of(CALIBRATED):
        speed = [r.person_frames_per_s for r in of(CALIBRATED)]
        wall, cpu = (sum(column) / len(speed) for column in zip(*speed, strict=True))
        peak_mb = max(r.cost.peak_mb for r in of(CALIBRATED))
        parts.append(
            f"fit + world, calibrated: {wall:.0f} person-frames/s ({cpu:.0f} per CPU second), {peak_mb:.0f} MB\n"
        )
    return parts


def main() -> None:
    arguments = tyro.cli(Arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        if not (arguments.body / "landmark_regressor.npy").is_file():
            build_body(out=arguments.body)
        names = chosen(arguments.clips)
        results = {}
        for name in names:
            results[name] = measure(name, arguments.folder, arguments.body)
            print(f"measured {name}", file=sys.stderr, flush=True)
        print("\n".join(tables(results)), flush=True)
        if arguments.long:
            print(measure_growth(arguments.folder, arguments.body), flush=True)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
