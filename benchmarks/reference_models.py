"""Throughput of the real models' stages, on a GPU or a CPU; random weights, so nothing is said about accuracy.

    make bench-reference
    .venv-reference/bin/python benchmarks/reference_models.py --parts segment detect --frames 16

Each row is a stage's backend on a clip, as the stage runs it, with decoding, encoding and run lengths, in a process of
its own, after a few frames to warm up. DROID-SLAM is not run.
"""

import dataclasses
import itertools
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import get_args

import torch
import tyro
from inference_costs import HEADER, machine, measure, table_row
from reference_stages import PREPARE, Clip, Part, Setup, write_weights

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.build_body import build_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.interpolate import CRF
from nlf_pipeline.render_demo import render_demo
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.video import read_frames, writing_video

DEMO = Path(__file__).resolve().parents[1] / "videos_in" / "demo.mp4"
_ON_CPU_FRAMES = 8
_WARM_UP_FRAMES = 4


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What to measure."""

    clip: Path = DEMO
    """Any video; the demo is rendered if it is not there."""
    frames: int | None = None
    """The first so many, 1 or more; all on a GPU and 8 on a CPU unless given."""
    device: DeviceName = "auto"
    """Where the networks run."""
    parts: tuple[Part, ...] = get_args(Part)
    """Stages; full_memory is segment with a full memory, detect its looks for people."""


def main() -> None:
    arguments = tyro.cli(Arguments, description=__doc__)
    try:
        with tempfile.TemporaryDirectory() as name:
            _measure_all(arguments, Path(name))
    except UserError as error:
        sys.exit(f"error: {error}")
    except ModuleNotFoundError as error:
        sys.exit(f"error: the package {error.name} is not installed here. Run with: make bench-reference")


def _measure_all(arguments: Arguments, folder: Path) -> None:
    if arguments.frames is not None and arguments.frames < 1:
        raise UserError(f"--frames is {arguments.frames}; it must be 1 or more.")
    device = choose_device(arguments.device)
    body = folder / "body"
    build_body(out=body)
    source = _source(arguments.clip, body, folder)
    n_frames = arguments.frames or (None if device.type == "cuda" else _ON_CPU_FRAMES)
    clip = _beginning(source, n_frames, folder / "clip.mp4")
    warm_up = _beginning(source, _WARM_UP_FRAMES, folder / "warm_up.mp4")
    width_px, height_px = clip.facts.size_px
    print(machine(device, Path("/proc/cpuinfo").read_text()))
    print(
        f"{clip.facts.n_frames} frames of {source.name}, {width_px}x{height_px}; random weights\n\n{HEADER}", flush=True
    )
    for part in arguments.parts:
        setup = Setup(folder / part, body, arguments.device)
        # Peak memory is a process's, so each part has one, and another that makes the weights.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
            pool.submit(write_weights, part, setup).result()
            print(pool.submit(_row, part, setup, clip, warm_up).result(), flush=True)


def _source(clip: Path, body: Path, folder: Path) -> Path:
    """The video to take frames of."""
    if clip.exists():
        return clip
    if clip != DEMO:
        raise UserError(f"{clip}: no such video. Name one that is there, or leave --clip out for the demo.")
    render_demo(body=body, out=folder / "demo.mp4", truth=folder / "truth")
    return folder / "demo.mp4"


def _beginning(source: Path, n_frames: int | None, path: Path) -> Clip:
    """The first frames of a video, or all of them, written to `path`."""
    frames = read_frames(source)
    height_px, width_px = frames.original_imshape
    count = 0
    with writing_video(path, float(frames.fps), crf=CRF) as sink:
        for frame in itertools.islice(frames, n_frames):
            sink.append_data(frame)
            count += 1
    return Clip(path, VideoFacts(path.stem, width_px, height_px, float(frames.fps), count))


def _row(part: Part, setup: Setup, clip: Clip, warm_up: Clip) -> str:
    """The line of the table about a part."""
    device = choose_device(setup.device)
    if device.type == "cpu":
        torch.set_num_threads(1)  # the seconds of several say little where other work shares the cores
    work = PREPARE[part](setup)
    work.run(warm_up)
    cost, told = measure(lambda: work.run(clip), device, work.network)
    model = f"{work.model}; {told}" if told else work.model
    return table_row(work.stage, model, clip.facts.n_frames, cost)


if __name__ == "__main__":
    main()
