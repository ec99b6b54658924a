"""What the accuracy bench of motion prints: Markdown tables."""

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from motion_clips.specs import MotionClip
from motion_scores import Scores

from nlf_pipeline.artefacts import Bodies
from nlf_pipeline.evaluation.measurement import Measurement

_REFERENCE = "reference / its raw input"
"""The reference pipeline was measured on clips of the same kind, but of other draws."""
_SPEED, _SPEED_TARGET = "fit + world, person-frames/s by wall clock (CPU)", ">= 400"


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
        return rates(self.clip, self.cost, ("fit", "world"))


def rates(clip: MotionClip, cost: Cost, stages: tuple[str, ...]) -> tuple[float, float]:
    """Person-frames per second of stages together: by wall clock, and by CPU time."""
    count = clip.n_people * clip.n_frames
    wall_s, cpu_s = (sum(spent.get(stage, 0) for stage in stages) for spent in (cost.wall_s, cost.cpu_s))
    return count / max(wall_s, 1e-9), count / max(cpu_s, 1e-9)


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]
    return "\n".join(lines) + "\n"


def number(value: float, digits: int = 1) -> str:
    """A figure of a table; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def reached(value: float, target: str) -> str:
    """Whether a value meets a target such as '< 3'; empty without either."""
    if not target or not math.isfinite(value):
        return ""
    relation, bound = target.split()
    met = {"<": value < float(bound), "<=": value <= float(bound), ">=": value >= float(bound)}
    return "yes" if met[relation] else "**no**"


def stage_table(title: str, results: list[Result]) -> str:
    """Means over clips, stage by stage, the spread over the clips of the last, and what is aimed at."""
    columns = [title, "raw", "fit", "world, feet free", "world", "by clip", "target", "reached", _REFERENCE]
    means = [Scores.mean([getattr(r, stage) for r in results]) for stage in ("raw", "fit", "free", "held")]
    rows = []
    for f in fields(Scores):
        digits, target, reference = (f.metadata[key] for key in ("digits", "target", "reference"))
        cells = [number(getattr(mean, f.name), digits) for mean in means]
        each = " ".join(number(getattr(r.held, f.name), digits) for r in results)
        met = reached(getattr(means[-1], f.name), target)
        rows.append([f.metadata["label"], *cells, each, target, met, reference])
    rows = [row for row in rows if set(row[1:5]) != {"-"}]
    wall, cpu = (float(np.mean(column)) for column in zip(*(r.person_frames_per_s for r in results), strict=True))
    each = " ".join(f"{r.person_frames_per_s[0]:.0f}" for r in results)
    speed = f"{wall:.0f} ({cpu:.0f})"
    rows.append([_SPEED, "", "", "", speed, each, _SPEED_TARGET, reached(wall, _SPEED_TARGET), "30-37"])
    peak = f"{max(r.cost.peak_mb for r in results):.0f}"
    rows.append(["peak memory, MB", "", "", "", peak, "", "", "", "2410"])
    return markdown(columns, rows)


def clip_table(results: list[Result]) -> str:
    """Raw / fit / world without contacts / world, clip by clip."""
    rows = []
    for f in fields(Scores):
        stages = [[getattr(s, f.name) for s in (r.raw, r.fit, r.free, r.held)] for r in results]
        cells = [" / ".join(number(value, f.metadata["digits"]) for value in values) for values in stages]
        if np.isfinite(stages).any():
            rows.append([f.metadata["label"], *cells, f.metadata["target"]])
    speeds = ["{:.0f} ({:.0f})".format(*r.person_frames_per_s) for r in results]
    rows.append([_SPEED, *speeds, _SPEED_TARGET])
    rows.append(["peak memory, MB", *(f"{r.cost.peak_mb:.0f}" for r in results), ""])
    return markdown(["raw / fit / world, feet free / world", *(r.name for r in results), "target"], rows)


def complaints(results: list[Result]) -> str:
    """One line per clip without a result."""
    return "".join(f"* {r.name}: {r.cost.complaint}\n" for r in results if r.cost.complaint)


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
        figures = [number(r.held.mpjpe), number(r.held.root), number(r.held.slide, 2)]
        ground = f"{number(r.held.ground_deg, 2)}, {number(r.held.ground_mm)}"
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


def growth_table(costs: list[tuple[MotionClip, dict[str, Cost], Scores]]) -> str:
    """Time and memory of every stage, each in a process of its own, and the bodies' accuracy, as clips grow."""
    stages = list(costs[0][1]) if costs else []
    rows = []
    for clip, by_stage, found in costs:
        cells = []
        for stage, cost in by_stage.items():
            wall, cpu = rates(clip, cost, (stage,))
            cells.append(cost.complaint or f"{wall:.0f} ({cpu:.0f}), {cost.peak_mb:.0f} MB")
        figures = [number(value) for value in (found.mpjpe, found.pa_mpjpe, found.root)]
        ground = f"{number(found.ground_deg, 2)}, {number(found.ground_mm)}"
        rows.append([f"{clip.n_frames} x {clip.n_people}", *cells, *figures, number(found.slide, 2), ground])
    heads = [f"{stage}: person-frames/s wall (CPU), peak" for stage in stages]
    accuracy = ["MPJPE, mm", "PA-MPJPE, mm", "root error, mm", "FootSlide, mm/frame", "ground deg, mm"]
    return markdown(["frames x people", *heads, *accuracy], rows)


def evaluation_table(results: Path, names: tuple[str, ...]) -> str:
    """The figures of finished runs with known truth side by side; of those that are there."""
    files = {name: results / name / "evaluation.json" for name in names}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        return f"{', '.join(missing)}: not run yet; make them with: snakemake --config video_id={','.join(names)}\n"
    figures: dict[str, dict[str, Measurement]] = {}
    for name, file in files.items():
        for row in json.loads(file.read_text())["measurements"]:
            row.pop("reached")
            figures.setdefault(row["name"], {})[name] = Measurement(**row)
    rows = []
    for label, of in figures.items():
        target = next(iter(of.values())).target
        met = [m.reached for m in of.values() if m.reached is not None]
        word = "" if not met else "yes" if all(met) else "**no**"
        rows.append([label, *(_shown(of.get(name)) for name in names), target, word])
    return markdown(["figure", *names, "target", "reached"], rows)


def _shown(figure: Measurement | None) -> str:
    return "-" if figure is None or figure.value is None else f"{figure.value:.3g} {figure.unit}".strip()
