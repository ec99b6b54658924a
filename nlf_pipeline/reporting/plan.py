"""The world from above: where everybody went, and the camera."""

import math
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.reporting.markup import Markup, element

_SIZE = (560.0, 420.0)
"""Largest width and height of the drawing, pixels."""
_LEAST_EXTENT_M = 3.0
_MARGIN_M = 0.6
_MOST_POINTS = 240
_STRAY = 0.01
"""So large a share of all positions may lie outside of the drawing, at each end."""
_STEPS_M = (0.5, 1, 2, 5, 10, 20, 50, 100)
_MOST_GRID_LINES = 14
_WEDGE = 0.06
"""Length of the camera's symbol as a share of the drawing."""
_NARROWEST = 0.6
"""Least ratio of width and height of the drawing, either way."""
_LONGEST_LABEL = 12
_LABEL_PX = 80.0
"""Names so near the right edge go to the left of their disc."""


@dataclass(frozen=True)
class PlanPath:
    """One path on the floor."""

    points: np.ndarray
    """(frames, 2) x and z, metres; NaN where there is none."""
    colour: str
    label: str


@dataclass(frozen=True)
class _View:
    left: float
    top: float
    scale: float
    """Pixels per metre."""
    width: float
    height: float

    def place(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) x and z to pixels: the first camera's right is right, and its far is up."""
        return (points - [self.left, self.top]) * self.scale


def plan_view(people: list[PlanPath], T_world_cam: np.ndarray, half_fov: float, label: str) -> Markup:
    """Everybody's path, a circle at its start and a disc at its end, and the camera with what it sees.

    Args:
        people: paths within one shot.
        T_world_cam: (frames, 4, 4) of that shot.
        half_fov: half of the angle across the picture, radians.
        label: for those who cannot see it.
    """
    centres = T_world_cam[:, :3, 3][:, [0, 2]]
    view = _view([*(path.points for path in people), centres])
    return element(
        "svg",
        *_grid(view),
        *_camera(T_world_cam, centres, half_fov, view),
        *(part for path in people for part in _person(path, view)),
        viewBox=f"0 0 {view.width:g} {view.height:g}",
        width=view.width,
        class_="plan",
        role="img",
        aria_label=label,
    )


def _view(paths: list[np.ndarray]) -> _View:
    points = np.concatenate(paths)
    points = points[np.isfinite(points).all(axis=1)]
    low, high = np.quantile(points, [_STRAY, 1 - _STRAY], axis=0)
    extent = np.maximum(high - low, _LEAST_EXTENT_M) + 2 * _MARGIN_M
    extent = np.maximum(extent, _NARROWEST * extent[::-1])
    left, top = (low + high - extent) / 2
    scale = min(_SIZE[0] / extent[0], _SIZE[1] / extent[1])
    return _View(
        float(left), float(top), float(scale), round(float(extent[0] * scale)), round(float(extent[1] * scale))
    )


def _grid(view: _View) -> list[Markup]:
    """Lines at whole metres, or at larger steps, and what their distance is."""
    extent = max(view.width, view.height) / view.scale
    step = next((s for s in _STEPS_M if extent / s <= _MOST_GRID_LINES), extent)
    lines = []
    for k in range(math.ceil(view.left / step), math.floor(view.left + view.width / view.scale) + 1):
        x = round((k * step - view.left) * view.scale, 1)
        lines.append(element("line", x1=x, x2=x, y1=0.0, y2=view.height, class_="grid"))
    for k in range(math.ceil(view.top / step), math.floor(view.top + view.height / view.scale) + 1):
        y = round((k * step - view.top) * view.scale, 1)
        lines.append(element("line", x1=0.0, x2=view.width, y1=y, y2=y, class_="grid"))
    y, length = view.height - 8, round(step * view.scale, 1)
    bar = element("path", d=f"M8 {y - 4:g}v4h{length:g}v-4", class_="scalebar")
    return [*lines, bar, element("text", f"{step:g} m", x=12.0, y=y - 5, class_="tick")]


def _camera(T_world_cam: np.ndarray, centres: np.ndarray, half_fov: float, view: _View) -> list[Markup]:
    size = _WEDGE * max(view.width, view.height)
    path = element("path", d=_polyline(view.place(centres)), class_="camera-path")
    wedges = []
    for frame, style in ((0, "camera first"), (len(centres) - 1, "camera")):
        ahead = T_world_cam[frame, [0, 2], 2]
        bearing = math.atan2(ahead[1], ahead[0])
        x, y = view.place(centres[frame : frame + 1])[0]
        ends = [
            f"{x + size * math.cos(bearing + side):.1f} {y + size * math.sin(bearing + side):.1f}"
            for side in (-half_fov, half_fov)
        ]
        wedges.append(element("path", d=f"M{x:.1f} {y:.1f}L{ends[0]}L{ends[1]}Z", class_=style))
    return [path, *wedges]


def _person(path: PlanPath, view: _View) -> list[Markup]:
    known = np.flatnonzero(np.isfinite(path.points).all(axis=1))
    if not len(known):
        return []
    placed = view.place(path.points)
    (x0, y0), (x1, y1) = placed[known[0]].round(1).tolist(), placed[known[-1]].round(1).tolist()
    flip = x1 > view.width - _LABEL_PX
    return [
        element("path", d=_polyline(placed), stroke=path.colour, class_="walk"),
        element("circle", cx=x0, cy=y0, r=4.0, stroke=path.colour, class_="start"),
        element("circle", cx=x1, cy=y1, r=5.0, fill=path.colour),
        element(
            "text",
            _shortened(path.label),
            x=x1 - 8 if flip else x1 + 8,
            y=y1 + 4,
            class_="name end" if flip else "name",
        ),
    ]


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _polyline(points: np.ndarray) -> str:
    """Path data through (n, 2) pixels, thinned out, broken where they are NaN."""
    step = max(1, math.ceil(len(points) / _MOST_POINTS))
    parts, pen_is_down = [], False
    for index in [*range(0, len(points) - 1, step), len(points) - 1]:
        x, y = points[index]
        if not (math.isfinite(x) and math.isfinite(y)):
            pen_is_down = False
            continue
        parts.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y:.1f}" + ("" if pen_is_down else "h.1"))
        pen_is_down = True
    return "".join(parts)
