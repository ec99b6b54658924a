"""Accuracy, speed and memory of fit, ground and world on generated people whose motion is known exactly, as tables.

    python benchmarks/motion_accuracy.py [--parts seeds variants ...] [--clips calibrated flips ...]

Estimates have errors of NLF's size on 3DPW. Every clip goes through the stages in a process of its own; time is the
stages' alone, without Python's start, and memory is that process's largest resident size. `demos` and `lab` show what
finished runs of the workflow reached, or say how to make them.
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
from typing import Literal, TypeVar, get_args

import lab_two_people
import tyro
from motion_clips.floors import ALL_CLIPS, TERRAIN
from motion_clips.making import MotionTruth, make_clip
from motion_clips.specs import CALIBRATED, LONG, REFERENCE_GRADE, SPOILED, VARIANTS, MotionClip
from motion_clips.terrain import terrain_of
from motion_found import fitted_motions, raw_motions, world_motions
from motion_scores import Scores, score
from motion_tables import (
    Cost,
    Result,
    clip_table,
    complaints,
    evaluation_table,
    growth_table,
    moved_line,
    spoiled_table,
    stage_table,
)

from nlf_pipeline.artefacts import BodyFits, Ground
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.build_body import build_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.fitting.pose_fitting import one_torch_thread

T = TypeVar("T")
Part = Literal["seeds", "variants", "bad_input", "growth", "demos", "lab"]
STAGES = ("fit", "ground", "world", "world_free")
_OF_PART: dict[Part, dict[str, MotionClip]] = {
    "seeds": REFERENCE_GRADE | CALIBRATED,
    "variants": VARIANTS | TERRAIN,
    "bad_input": SPOILED,
}
_SAME_CLIP = (("far_origin", "calibrated_0"), ("moved_origin", "calibrated_0"))
"""The same but for the origin of the scene frame."""
_PER_TABLE = 4
_DEMOS = ("demo", "demo_moving")


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    parts: tuple[Part, ...] = get_args(Part)
    """seeds: means of three seeds, twice, stage by stage. variants: one clip each. bad_input: one person's estimates
    are useless. growth: time and memory from 600 to 20,000 frames. demos, lab: finished runs of the workflow."""
    clips: tuple[str, ...] = ()
    """Only these generated clips: names, or beginnings of names."""
    folder: Path = Path("results/motion_clips")
    """Where the clips are made, and the stages' results beside them."""
    body: Path = Path("resources/body_models/open")
    """The body model; built there if it is missing."""
    results: Path = Path("results")
    """Where runs of the demos and of lab_two_people are, if there are any."""
    lab_truth: Path = Path("../shared/data/lab_two_people_truth.npz")
    """Triangulated landmarks of lab_two_people."""


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
    clip, spec = folder / name, ALL_CLIPS[name]
    made = in_fresh_process(make_clip, spec, clip, body)
    cost = made if isinstance(made, Cost) else in_fresh_process(run_stages, clip, body, STAGES)
    if cost.complaint:
        return Result(name, spec, cost, clip / "found", *[Scores()] * 4)
    with one_torch_thread():
        return Result(name, spec, cost, clip / "found", *_scores(clip, spec, body))


def _scores(clip: Path, spec: MotionClip, body: Path) -> list[Scores]:
    """Of raw estimates, fits, bodies without and with contacts; of clips with a spoiled person, only the others."""
    truth, meshes = MotionTruth.load(clip, terrain_of(spec)), BodyMeshes(load_body_model(body, subset=True))
    (floor,) = Ground.load(clip / "found" / "ground.json").floors
    counted = max(0, spec.n_people - 1) if spec in SPOILED.values() else spec.n_people
    return [
        score(raw_motions(clip, truth, meshes), truth, None, counted),
        score(fitted_motions(BodyFits.load(clip / "found" / "fits.npz"), truth, meshes), truth, None, counted),
        score(world_motions(clip / "found_free", truth, meshes, floor), truth, floor, counted),
        score(world_motions(clip / "found", truth, meshes, floor), truth, floor, counted),
    ]


def measure_growth(folder: Path, body: Path) -> str:
    """A table of time, memory and accuracy on the long clips; every stage runs in a process of its own."""
    costs = []
    for name, spec in LONG.items():
        clip = folder / name
        made = in_fresh_process(make_clip, spec, clip, body)
        if isinstance(made, Cost):
            return f"{name}: {made.complaint}\n"
        by_stage = {s: in_fresh_process(run_stages, clip, body, (s,)) for s in STAGES[:3]}
        found = in_fresh_process(_world_scores, clip, body)
        costs.append((spec, by_stage, Scores() if isinstance(found, Cost) else found))
        print(f"measured {name}", file=sys.stderr, flush=True)
    return growth_table(costs)


def _world_scores(clip: Path, body: Path) -> Scores:
    truth, meshes = MotionTruth.load(clip), BodyMeshes(load_body_model(body, subset=True))
    (floor,) = Ground.load(clip / "found" / "ground.json").floors
    with one_torch_thread():
        return score(world_motions(clip / "found", truth, meshes, floor), truth, floor)


def chosen(arguments: Arguments) -> list[str]:
    """Names of the generated clips that are meant."""
    for beginning in arguments.clips:
        if not any(name.startswith(beginning) for name in ALL_CLIPS):
            raise UserError(f"{beginning}: expected names of test clips, such as {', '.join(ALL_CLIPS)}.")
    if arguments.clips:
        return [name for name in ALL_CLIPS if name.startswith(arguments.clips)]
    return [name for part, clips in _OF_PART.items() if part in arguments.parts for name in clips]


def tables(results: dict[str, Result]) -> list[str]:
    """Everything that the results of generated clips say."""
    of = lambda clips: [results[n] for n in clips if n in results and not results[n].cost.complaint]  # noqa: E731
    parts = [
        stage_table(f"mean of {', '.join(r.name for r in of(clips))}", of(clips))
        for clips in (REFERENCE_GRADE, CALIBRATED)
        if of(clips)
    ]
    rest = of(VARIANTS) + of(TERRAIN) + of(LONG)
    parts += [clip_table(rest[start : start + _PER_TABLE]) for start in range(0, len(rest), _PER_TABLE)]
    parts += [
        moved_line(results[moved], results[same])
        for moved, same in _SAME_CLIP
        if moved in results and same in results and not results[moved].cost.complaint + results[same].cost.complaint
    ]
    spoiled = [results[name] for name in SPOILED if name in results]
    if spoiled:
        parts.append(spoiled_table(spoiled))
    return [*parts, complaints([r for r in results.values() if r.name not in SPOILED])]


def lab_table(arguments: Arguments) -> str:
    """Accuracy on the real clip, or why there is none."""
    run = arguments.results / "lab_two_people"
    if not arguments.lab_truth.is_file():
        return f"lab_two_people: skipped, its truth is not at {arguments.lab_truth}; see --lab-truth\n"
    if not (run / "bodies.npz").is_file():
        how = "put the video into videos_in/, then: snakemake --config video_id=lab_two_people"
        return f"lab_two_people: not run yet; {how}\n"
    return lab_two_people.table(lab_two_people.Arguments(arguments.lab_truth, run, arguments.body))


def main() -> None:
    arguments = tyro.cli(Arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parts = () if arguments.clips else arguments.parts
    try:
        if not (arguments.body / "landmark_regressor.npy").is_file():
            build_body(out=arguments.body)
        results = {}
        for name in chosen(arguments):
            results[name] = measure(name, arguments.folder, arguments.body)
            print(f"measured {name}", file=sys.stderr, flush=True)
        print("\n".join(tables(results)), flush=True)
        if "growth" in parts:
            print(measure_growth(arguments.folder, arguments.body), flush=True)
        if "demos" in parts:
            print(evaluation_table(arguments.results, _DEMOS), flush=True)
        if "lab" in parts:
            print(lab_table(arguments), flush=True)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
