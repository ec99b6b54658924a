"""What a job may use of a machine: memory, GPU memory, time. From the stage, its backend, the clip and the attempt.

Too little kills the job, which is then tried again with twice as much; too much makes it wait longer in a queue. So the
figures are generous: about twice what was measured, growth with the clip's length included.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, gpus


@dataclass(frozen=True)
class ClipExtent:
    """How much there is to compute on."""

    frames: int
    width_px: int
    height_px: int

    @property
    def megapixels(self) -> float:
        """Size of a frame."""
        return self.width_px * self.height_px / 1e6


@dataclass(frozen=True)
class JobResources:
    """What a job asks for, by the names that Snakemake and its cluster plugins know."""

    mem_mb: int
    vram_mb: int
    """Of each GPU; 0 for a job without one."""
    runtime: int
    """Minutes."""
    gpu: int
    """How many."""


@dataclass(frozen=True)
class _Cost:
    """What a stage needs with one backend."""

    mem_mb: int
    """For a short clip."""
    mb_per_1000_frames: int
    """What comes to it for a longer one."""
    s_per_frame: float
    """Seconds per frame of 1280x720, two cores, or the GPU for a backend with `vram_mb`."""
    cpu_s_per_frame: float = 0.0
    """The same without a GPU, for a backend with `vram_mb`."""
    vram_mb: int = 0


UNKNOWN_EXTENT = ClipExtent(frames=18_000, width_px=1280, height_px=720)
"""Ten minutes at 30 frames/s: of a video that is still to be downloaded."""
_BYTES_PER_FRAME = 25_000
"""Of a source about which only its size is known: 6 Mbit/s at 30 frames/s."""
_REFERENCE_MEGAPIXELS = 1280 * 720 / 1e6
_TIME_MARGIN, _START_MIN, _LONGEST_MIN = 4.0, 10, 24 * 60
"""Many clusters take no job of more than a day; what a long stage did in it, it finds again in the next attempt."""
_COSTS: Mapping[tuple[str, str | None], _Cost] = {
    # Measured on two shared cores without a GPU (benchmarks/README.md); memory and growth with three people doubled.
    ("fetch", None): _Cost(1000, 8, 0.05),
    ("segment", "blazepose"): _Cost(1600, 50, 0.11),
    ("segment", "file"): _Cost(1000, 50, 0.01),
    ("edit_tracks", None): _Cost(1000, 20, 0.002),
    ("semantic_masks", "union"): _Cost(1000, 20, 0.005),
    ("track_camera", "klt"): _Cost(1200, 80, 0.13),
    ("track_camera", "static"): _Cost(1000, 10, 0.03),
    ("track_camera", "file"): _Cost(1000, 10, 0.01),
    ("estimate", "blazepose"): _Cost(1600, 60, 0.07),
    ("estimate", "file"): _Cost(1000, 50, 0.02),
    ("scale_camera", None): _Cost(1000, 5, 0.01),
    ("fit", None): _Cost(1600, 25, 0.03),
    ("ground", None): _Cost(1200, 5, 0.01),
    ("world", None): _Cost(1200, 10, 0.01),
    ("plan_view", None): _Cost(1000, 10, 0.005),
    ("interpolate", "flow"): _Cost(1600, 5, 0.3),
    ("render", "moderngl"): _Cost(2000, 25, 0.07),
    ("render", "blendipose"): _Cost(6000, 25, 25.0, cpu_s_per_frame=25.0, vram_mb=6000),
    ("report", None): _Cost(1200, 12, 0.01),
    ("evaluate", None): _Cost(1200, 12, 0.01),
    ("player", None): _Cost(1600, 60, 0.05),
    ("export", None): _Cost(1000, 30, 0.002),
    ("export_reference", None): _Cost(1600, 60, 0.02),
    ("export_fbx", None): _Cost(3000, 100, 0.2),
    ("preview", None): _Cost(1600, 30, 0.05),
    ("build_body", None): _Cost(3000, 0, 0.0),
    ("import_body", None): _Cost(3000, 0, 0.0),
    ("render_demo", None): _Cost(2000, 0, 0.0),
    # CPU time measured on random weights; memory, GPU memory and time with a GPU are guesses, for no GPU was at hand.
    ("segment", "stcn"): _Cost(12_000, 50, 0.3, cpu_s_per_frame=15.0, vram_mb=10_000),
    ("semantic_masks", "deeplabv3"): _Cost(8000, 20, 0.1, cpu_s_per_frame=7.0, vram_mb=5000),
    ("interpolate", "rife"): _Cost(8000, 5, 0.1, cpu_s_per_frame=1.5, vram_mb=5000),
    # All guesses: these never ran with their weights.
    ("segment", "nlf"): _Cost(12_000, 50, 0.3, cpu_s_per_frame=30.0, vram_mb=10_000),
    ("estimate", "nlf"): _Cost(12_000, 60, 0.3, cpu_s_per_frame=30.0, vram_mb=10_000),
    ("track_camera", "droid"): _Cost(16_000, 80, 0.5, cpu_s_per_frame=0.5, vram_mb=16_000),
    ("scale_camera", "zoedepth"): _Cost(8000, 5, 0.1, cpu_s_per_frame=3.0, vram_mb=5000),
    ("render", "poseviz"): _Cost(4000, 25, 0.2),
}
"""(stage, backend) -> cost; a backend of None stands for every other."""
_UNKNOWN_COST = _Cost(4000, 50, 0.1)


def job_resources(stage: str, settings: Mapping[str, Any], extent: ClipExtent, attempt: int = 1) -> JobResources:
    """What one job asks for.

    Every further attempt gets twice the memory, and as much more time as the first had, up to a day. Memory of the
    embedded stages was measured with three people on clips of up to 18000 frames of 320x180, their time on shorter
    ones; every figure that concerns a GPU is a guess.

    Args:
        stage: its module's name, such as `track_camera`.
        settings: complete.
        extent: of the clip; any where the job belongs to no video.
        attempt: 1 at first.
    """
    key = BACKEND_SETTINGS.get(stage)
    backend = settings[key] if key else None
    cost = _COSTS.get((stage, backend)) or _COSTS.get((stage, None), _UNKNOWN_COST)
    n_gpus = gpus(settings, key) if key else 0
    seconds = cost.s_per_frame if n_gpus or not cost.vram_mb else cost.cpu_s_per_frame
    seconds *= extent.frames * _frames_factor(stage, settings) * max(1.0, extent.megapixels / _REFERENCE_MEGAPIXELS)
    growth = 2 ** (attempt - 1)
    mem_mb = cost.mem_mb * max(1.0, extent.megapixels / 2) + cost.mb_per_1000_frames * extent.frames / 1000
    return JobResources(
        mem_mb=math.ceil(mem_mb) * growth,
        vram_mb=cost.vram_mb * growth if n_gpus else 0,
        runtime=min(_LONGEST_MIN, math.ceil(_START_MIN + _TIME_MARGIN * seconds / 60) * attempt),
        gpu=n_gpus,
    )


def clip_extent(facts: Path, source: Path | None, time_range: tuple[float, float] | None = None) -> ClipExtent:
    """Frames and size of a video's clip: known, guessed from the source file's size, or assumed.

    Asked for often: an answer is kept as long as this process lives, so jobs of one run are all told the same.

    Args:
        facts: its video.json, if it is there already.
        source: the file that the clip will be made from, if it is there.
        time_range: seconds, of which the clip will be made.
    """
    return _clip_extent(facts, source, tuple(time_range) if time_range else None)


@functools.cache
def _clip_extent(facts: Path, source: Path | None, time_range: tuple[float, ...] | None) -> ClipExtent:
    try:
        known = json.loads(facts.read_bytes())
        return ClipExtent(int(known["n_frames"]), int(known["width_px"]), int(known["height_px"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not made yet, or damaged, which the stage that reads it will tell
    try:
        frames = source.stat().st_size // _BYTES_PER_FRAME if source else UNKNOWN_EXTENT.frames
    except OSError:
        frames = UNKNOWN_EXTENT.frames
    if time_range:
        frames = min(frames, math.ceil(60 * (time_range[1] - time_range[0])))
    return ClipExtent(max(1, frames), UNKNOWN_EXTENT.width_px, UNKNOWN_EXTENT.height_px)


def _frames_factor(stage: str, settings: Mapping[str, Any]) -> int:
    """Pictures that a stage makes per frame of the clip."""
    return int(settings["fps_factor"]) if stage in ("interpolate", "render") else 1
