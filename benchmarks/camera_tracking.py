"""Accuracy, speed and memory of the camera tracker on drawn clips whose cameras are known exactly, as a table.

    python benchmarks/camera_tracking.py [--clips free walk ...] [--folder results/camera_clips]

Every clip is tracked in a process of its own by the stage's public function. Rows named heldout_* are for judging only.
Time is the stage's alone, without Python's start; memory is that process's largest resident size.
"""

import logging
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import tyro
from camera_clips.specs import CLIPS, ORDINARY
from camera_scores import HEADER, rows, true_fov_deg

from nlf_pipeline.cameras import CameraName
from nlf_pipeline.errors import UserError


@dataclass(frozen=True)
class Arguments:
    """What to measure."""

    clips: tuple[str, ...] = ()
    """Names of clips, or beginnings of names; none: all but `minutes`, which takes long."""
    folder: Path = Path("results/camera_clips")
    """Where the clips are, or are made."""
    make_only: bool = False
    """Only make the clips. Otherwise what the tracker writes stays in each clip's folder, under `tracked`."""
    camera: CameraName = "klt"
    """Which camera tracker."""
    true_focal: bool = False
    """Tell the tracker the true field of view."""


@dataclass(frozen=True)
class Cost:
    """What tracking one clip took."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    complaint: str = ""
    """Why there is no result."""
    warnings: list[str] = field(default_factory=list)


def make(name: str, folder: Path) -> Path:
    """Make a clip; for a process of its own, so that the measuring one stays small."""
    from camera_clips.making import make_clip

    return make_clip(name, folder)


def track(clip: Path, out: Path, camera: CameraName, fov_deg: float | None) -> Cost:
    """Run the stage on a clip; for a fresh process."""
    from nlf_pipeline.track_camera import track_camera

    collected = _Warnings()
    logging.getLogger().addHandler(collected)
    start, cpu_start = time.perf_counter(), _cpu_s()
    complaint = ""
    try:
        track_camera(
            video=clip / "clip.mp4",
            video_facts=clip / "video.json",
            people_mask=clip / "people_mask.json",
            out_intrinsics=out / "intrinsics.json",
            out_path=out / "camera_path.npz",
            out_report=out / "camera_report.json",
            camera=camera,
            fov_deg=fov_deg,
        )
    except UserError as error:
        complaint = str(error)
    except Exception as error:
        logging.getLogger(__name__).exception("%s", clip)
        complaint = f"CRASH {type(error).__name__}: {error}"
    finally:
        logging.getLogger().removeHandler(collected)
    peak_mb = max(resource.getrusage(who).ru_maxrss for who in _PROCESSES) / 1024
    return Cost(time.perf_counter() - start, _cpu_s() - cpu_start, peak_mb, complaint, collected.messages)


_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu_s() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _PROCESSES))


class _Warnings(logging.Handler):
    """Collects what the stage warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def in_fresh_process(work: Callable, *arguments: object) -> object:
    """The result of `work`; a process that dies is a Cost with a complaint."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            return Cost(float("nan"), float("nan"), float("nan"), "CRASH: the process died")


def chosen(beginnings: tuple[str, ...]) -> list[str]:
    """Names of the clips that are meant."""
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in CLIPS):
            raise UserError(f"{beginning}: expected names of test clips, such as {', '.join(CLIPS)}.")
    exact = [name for name in beginnings if name in CLIPS]
    more = [b for b in beginnings if b not in CLIPS]
    return [n for n in CLIPS if n in exact or any(n.startswith(b) for b in more)] if beginnings else list(ORDINARY)


def main() -> None:
    arguments = tyro.cli(Arguments)
    try:
        names = chosen(arguments.clips)
        if not arguments.make_only:
            print(HEADER, flush=True)
        for name in names:
            clip = in_fresh_process(make, name, arguments.folder)
            if arguments.make_only:
                continue
            out = clip / "tracked"  # type: ignore[operator]
            cost = in_fresh_process(
                track, clip, out, arguments.camera, true_fov_deg(clip) if arguments.true_focal else None
            )
            print("\n".join(rows(name, clip, out, cost)), flush=True)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
