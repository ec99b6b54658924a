"""What the accuracy bench of motion prints: Markdown tables."""

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from motion_clips.specs import MotionClip
from motion_scores import Scores

from nlf_pipeline.artefacts import Bodies

_TARGET = "target (reference, its raw input)"
"""The reference pipeline was measured on clips of the same kind, but of other draws."""


@dataclass(frozen=True)
class Cost:
    """What the stages took, in one process."""

    cpu_s: dict[str, float]
    """Of every stage."""
    wall_s: dict[str, float]
    peak_mb: float
    complaint: str = ""
    """Why there is no result."""


@dataclass(frozen=True)
class Result:
    """One clip, measured."""

    name: str
    clip: MotionClip
    cost: Cost
    found: Path
    """Folder of the bodies with contacts."""
    raw: Scores
    fit: Scores
    free: Scores
    """World without contacts."""
    held: Scores
    """World with contacts."""

    @property
    def person_frames_per_s(self) -> tuple[float, float]:
        """Of fit and world together: by wall clock, and by CPU time."""
        count = self.clip.n_people * self.clip.n_frames
        wall_s, cpu_s = (spent.get("fit", 0) + spent.get("world", 0) for spent in (self.cost.wall_s, self.cost.cpu_s))
        return count / max(wall_s, 1e-9), count / max(cpu_s, 1e-9)


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]
    return "\n".join(lines) + "\n"


def number(value: float, digits: int = 1) -> str:
    """A figure of a table; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def stage_table(results: list[Result]) -> str:
    """Means over clips, stage by stage, with what is aimed at, and the spread over the clips of the last stage."""
    columns = ["mean of " + ", ".join(r.name for r in results), "raw", "fit", "world, no contacts", "world", "by clip"]
    means = [Scores.mean([getattr(r, stage) for r in results]) for stage in ("raw", "fit", "free", "held")]
    rows = []
    for f in fields(Scores):
        digits = f.metadata["digits"]
        cells = [number(getattr(mean, f.name), digits) for mean in means]
        each = " ".join(number(getattr(r.held, f.name), digits) for r in results)
        rows.append([f.metadata["label"], *cells, each, f.metadata["target"]])
    return markdown([*columns, _TARGET], [row for row in rows if set(row[1:5]) != {"-"}])


def clip_table(results: list[Result]) -> str:
    """Raw / fit / world with contacts, clip by clip."""
    rows = []
    for f in fields(Scores):
        digits = f.metadata["digits"]
        cells = [
            " / ".join(number(getattr(scores, f.name), digits) for scores in (r.raw, r.fit, r.held)) for r in results
        ]
        rows.append([f.metadata["label"], *cells, f.metadata["target"]])
    speeds = ["{:.0f} ({:.0f})".format(*r.person_frames_per_s) for r in results]
    rows.append(["fit + world, person-frames/s by wall clock (CPU)", *speeds, ">= 400 (30-37)"])
    rows.append(["peak memory, MB", *(f"{r.cost.peak_mb:.0f}" for r in results), ""])
    return markdown(["raw / fit / world", *(r.name for r in results), _TARGET], rows)


def spoiled_table(results: list[Result]) -> str:
    """What one person's bad input does to the others (the figures are theirs) and to the result as a whole."""
    columns = [
        "last person", "outcome", "MPJPE, mm", "root error, mm", "FootSlide, mm/frame", "ground deg, mm",
        "others against spoiled_nothing, mean (max) mm", "others against spoiled_never_seen", "visible of the last, %",
        "all finite",
    ]  # fmt: skip
    by_name = {r.name: r for r in results if not r.cost.complaint}
    rows = []
    for r in results:
        s, digits = r.held, {"slide": 2}
        if r.cost.complaint:
            rows.append([r.name, r.cost.complaint, *["-"] * (len(columns) - 2)])
            continue
        bodies = Bodies.load(r.found / "bodies.npz")
        last = 100 * float(bodies.visible[-1].mean()) if len(bodies.visible) else float("nan")
        moved = [
            _moved(r.found, by_name[other].found, r.clip.n_people - 1) if other in by_name and r.clip.n_people else "-"
            for other in ("spoiled_nothing", "spoiled_never_seen")
        ]
        finite = all(np.isfinite(a).all() for a in (bodies.joints, bodies.pose_rotvecs, bodies.trans, bodies.betas))
        figures = [number(getattr(s, name), digits.get(name, 1)) for name in ("mpjpe", "root", "slide")]
        ground = f"{number(s.ground_deg, 2)}, {number(s.ground_mm)}"
        rows.append([r.name, "ran", *figures, ground, *moved, number(last), "yes" if finite else "NO"])
    return markdown(columns, rows)


def moved_line(result: Result, same: Result) -> str:
    """How far bodies of the same clip in two scene frames are apart, each in its world."""
    text = _moved(result.found, same.found, result.clip.n_people)
    return f"{result.name} against {same.name}, joints in the world differ by mean (max): {text} mm\n"


def _moved(found: Path, other: Path, n_people: int) -> str:
    a, b = (Bodies.load(folder / "bodies.npz") for folder in (found, other))
    both = a.visible[:n_people] & b.visible[:n_people]
    if not both.any():
        return "-"
    away = 1000 * np.linalg.norm(a.joints[:n_people][both] - b.joints[:n_people][both], axis=-1)
    return f"{away.mean():.2f} ({away.max():.2f})"


def growth_table(costs: list[tuple[str, MotionClip, dict[str, Cost]]]) -> str:
    """Time and memory of every stage, each in a process of its own, as clips grow."""
    stages = list(costs[0][2]) if costs else []
    rows = []
    for name, clip, by_stage in costs:
        count = clip.n_people * clip.n_frames
        cells = [
            cost.complaint or f"{cost.peak_mb:.0f} MB, {count / max(sum(cost.cpu_s.values()), 1e-9):.0f} /s"
            for cost in by_stage.values()
        ]
        rows.append([name, str(clip.n_people), str(clip.n_frames), *cells])
    heads = [f"{stage}: peak, person-frames per CPU second" for stage in stages]
    return markdown(["clip", "people", "frames", *heads], rows)
