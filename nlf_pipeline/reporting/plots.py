"""Small plots over time, as SVG."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.filtering import true_runs
from nlf_pipeline.reporting.markup import Markup, element, join
from nlf_pipeline.reporting.presence import Presence

_WIDTH, _HEIGHT = 320.0, 84.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 6.0, 6.0, 14.0
_MOST_POINTS = 240
_MOST_CELLS = 480
_TRACK_WIDTH = 1000.0
STATES = ("absent", "measured", "repaired", "filled", "missing")
"""Classes of the timeline's cells; where several frames share a cell, the last of these that occurs is shown."""


@dataclass(frozen=True)
class Clock:
    """The frames of a clip."""

    n_frames: int
    fps: float
    cuts: list[int]
    """First frames of every shot but the first."""


@dataclass(frozen=True)
class Line:
    """A horizontal line to compare with."""

    value: float
    style: str
    """Its class: good, poor or zero."""


def series_plot(
    values: np.ndarray, clock: Clock, colour: str, lines: list[Line], least: tuple[float, float], peaks: str, label: str
) -> Markup:
    """A series over time.

    Args:
        values: (frames,), NaN where there is nothing to draw.
        clock: of the clip.
        colour: of the curve, CSS.
        lines: to compare with; drawn where they are in range, which may grow by half for them.
        least: lowest and highest value that are always in range.
        peaks: what of many frames in one pixel is shown: 'max' or 'min'.
        label: for those who cannot see it.
    """
    x, y = _bins(values, clock, peaks)
    finite = y[np.isfinite(y)]
    low, high = float(finite.min(initial=least[0])), float(finite.max(initial=least[1]))
    high = max([high, *(line.value for line in lines if line.value <= 1.5 * high)])
    scale = (_HEIGHT - _TOP - _BOTTOM) / (high - low)

    def place(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (value - low) * scale, 1)

    end = _time_x(clock.n_frames, clock)
    marks = [
        element("line", x1=_LEFT, x2=end, y1=place(line.value), y2=place(line.value), class_=f"limit {line.style}")
        for line in lines
        if low <= line.value <= high
    ]
    texts = [
        element("text", _short(high), x=_LEFT - 4, y=place(high) + 4, class_="tick end"),
        element("text", _short(low), x=_LEFT - 4, y=place(low) + 3, class_="tick end"),
        *_time_texts(clock),
    ]
    return element(
        "svg",
        element("line", x1=_LEFT, x2=end, y1=place(max(low, 0.0)), y2=place(max(low, 0.0)), class_="axis"),
        *_cut_lines(clock, _TOP, _HEIGHT - _BOTTOM),
        *marks,
        element("path", d=_path(x, [place(v) if math.isfinite(v) else None for v in y]), stroke=colour, class_="curve"),
        *texts,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        class_="plot",
        role="img",
        aria_label=label,
    )


def timeline(presence: Presence, doubts: list[tuple[int, int]], clock: Clock, label: str) -> Markup:
    """A bar over the clip's time: measured, repaired, filled, missing; moments of doubt above it."""
    codes = np.zeros(clock.n_frames, dtype=int)
    for state in ("measured", "repaired", "filled", "missing"):
        codes[getattr(presence, state)] = STATES.index(state)
    n_cells = min(clock.n_frames, _MOST_CELLS)
    edges = np.linspace(0, clock.n_frames, n_cells + 1).round().astype(int)
    cells = np.maximum.reduceat(codes, edges[:-1])
    per_cell = _TRACK_WIDTH / n_cells
    bars = [
        element(
            "rect",
            x=round(run.start * per_cell, 1),
            width=round((run.stop - run.start) * per_cell, 1),
            y=8.0,
            height=14.0,
            class_=state,
        )
        for code, state in enumerate(STATES)
        for run in true_runs(cells == code)
    ]
    per_frame = _TRACK_WIDTH / clock.n_frames
    marks = [
        element(
            "rect",
            x=round(start * per_frame, 1),
            width=round(max(6.0, (stop - start) * per_frame), 1),
            y=1.0,
            height=5.0,
            class_="doubt",
        )
        for start, stop in doubts
    ]
    cuts = [
        element("line", x1=cut * per_frame, x2=cut * per_frame, y1=0.0, y2=24.0, class_="cut") for cut in clock.cuts
    ]
    return element(
        "svg",
        *bars,
        *marks,
        *cuts,
        viewBox=f"0 0 {_TRACK_WIDTH:g} 24",
        preserveAspectRatio="none",
        class_="timeline",
        role="img",
        aria_label=label,
    )


def _bins(values: np.ndarray, clock: Clock, peaks: str) -> tuple[list[float], np.ndarray]:
    """Where curves go through: one point per frame, or per few frames of a long clip."""
    n = min(len(values), _MOST_POINTS)
    edges = np.linspace(0, len(values), n + 1).round().astype(int)
    worst = -np.inf if peaks == "max" else np.inf
    reduce = np.maximum if peaks == "max" else np.minimum
    y = reduce.reduceat(np.where(np.isfinite(values), values, worst), edges[:-1]).astype(np.float64)
    x = [_time_x((start + stop) / 2, clock) for start, stop in itertools.pairwise(edges)]
    return x, np.where(np.isfinite(y), y, np.nan)


def _path(x: list[float], y: list[float | None]) -> str:
    """Path data, broken where y is None; a lone point becomes a dot."""
    parts, pen_is_down = [], False
    for here, value in zip(x, y, strict=True):
        if value is None:
            pen_is_down = False
            continue
        parts.append(f"L{here:g} {value:g}" if pen_is_down else f"M{here:g} {value:g}h.1")
        pen_is_down = True
    return "".join(parts)


def _time_x(frame: float, clock: Clock) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * frame / clock.n_frames, 1)


def _cut_lines(clock: Clock, top: float, bottom: float) -> list[Markup]:
    return [
        element("line", x1=_time_x(cut, clock), x2=_time_x(cut, clock), y1=top, y2=bottom, class_="cut")
        for cut in clock.cuts
    ]


def _time_texts(clock: Clock) -> list[Markup]:
    end = f"{clock.n_frames / clock.fps:.1f} s"
    return [
        element("text", "0", x=_LEFT, y=_HEIGHT - 2, class_="tick"),
        element("text", end, x=_WIDTH - _RIGHT, y=_HEIGHT - 2, class_="tick end"),
    ]


def _short(value: float) -> str:
    return "0" if abs(value) < 1e-6 else f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"


def legend(entries: list[tuple[str, str]]) -> Markup:
    """Keys of the timeline: (class, text) each."""
    keys = [element("span", element("i", class_=f"key {style}"), text, class_="entry") for style, text in entries]
    return element("p", join(keys), class_="legend")
