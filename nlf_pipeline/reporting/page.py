"""report.html: one page that needs no other file, no network and no script."""

import math
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.reporting.limits import CLIP_LIMITS
from nlf_pipeline.reporting.markup import Markup, element, join
from nlf_pipeline.reporting.page_people import people_cards, people_table
from nlf_pipeline.reporting.page_tables import badge, facts_line, findings_table, limits_tables, table, with_code
from nlf_pipeline.reporting.person_measures import PersonMeasures
from nlf_pipeline.reporting.plan import PlanPath, plan_view
from nlf_pipeline.reporting.plots import Clock, Line, legend, series_plot, timeline
from nlf_pipeline.reporting.quality import QualityReport
from nlf_pipeline.reporting.style import STYLE
from nlf_pipeline.reporting.thumbnails import Thumbnail

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Browsers load nothing from anywhere, whatever a name or a note may contain."""
_MOST_PLANS = 12
_MOST_THINGS = 12
_STATE_WORDS = [
    ("measured", "measured"),
    ("repaired", "measured and put right"),
    ("filled", "filled in"),
    ("missing", "missing"),
    ("absent", "not there"),
    ("doubt", "perhaps mixed up"),
]
_MOTIONS = {
    "static": "it stands still",
    "rotation": "it turns on the spot",
    "rotation_zoom": "it turns on the spot and zooms",
    "general": "it travels",
}


@dataclass(frozen=True)
class PageData:
    """All that the page shows."""

    quality: QualityReport
    measures: list[PersonMeasures]
    bodies: Bodies
    cameras: Cameras
    """In the world."""
    confidence: np.ndarray
    """(frames,) of the camera's path."""
    shots: list[slice]
    thumbnails: list[list[Thumbnail]]
    """Of each person."""


def make_page(data: PageData) -> str:
    """The whole page."""
    quality = data.quality
    clock = Clock(quality.n_frames, quality.fps, [shot.start for shot in data.shots[1:]])
    colours = [css_colour(rgb) for rgb in person_colours(len(quality.people))]
    names = [person.name for person in quality.people]
    sections = [
        _header(quality),
        *_section("What to do", _to_do(quality)),
        *_section("People", people_table(quality, colours)),
        *_section("Over time", _timelines(data, clock, colours)),
        *_section("From above", _plans(data, colours, names)),
        *_section("Person by person", people_cards(quality, data.measures, data.thumbnails, clock, colours)),
        *_section("Camera", _camera(data, clock)),
        *_section("Floor", _floors(quality)),
        *_section("Against the truth", _accuracy(quality)),
        *_section("How this is judged", limits_tables()),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"{quality.video_id}: {quality.verdict}"),
        element("style", Markup(STYLE)),
    )
    return "<!DOCTYPE html>\n" + element("html", head, element("body", *sections), lang="en") + "\n"


def css_colour(rgb: np.ndarray) -> str:
    """An sRGB colour in [0, 1] as CSS writes it."""
    red, green, blue = (round(255 * float(channel)) for channel in rgb)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _section(title: str, content: Markup) -> list[Markup]:
    return [element("h2", title), content] if content else []


def _header(quality: QualityReport) -> Markup:
    width, height = quality.size_px
    shots = f"{quality.n_shots} shots" if quality.n_shots > 1 else ""
    seconds = f"{quality.n_frames / quality.fps:.1f} s"
    frames = f"{quality.n_frames} frames at {quality.fps:.4g} frames/s"
    return element(
        "header",
        element("div", element("h1", f"Can {quality.video_id} be trusted?"), badge(quality.verdict), class_="top"),
        element("p", f"{quality.summary[:1].upper()}{quality.summary[1:]}."),
        facts_line([seconds, frames, f"{width} x {height} pixels", shots]),
        *(element("p", f"Note: {note}", class_="soft") for note in quality.video_notes),
    )


def _to_do(quality: QualityReport) -> Markup:
    if not quality.to_do:
        return element("p", "Nothing: everything that can be measured without the truth is good.")
    lines, left_out = quality.to_do[:_MOST_THINGS], len(quality.to_do) - _MOST_THINGS
    if left_out > 0:
        lines = [*lines, f"... and {left_out} more things, person by person below"]
    return element("ul", *(element("li", with_code(line)) for line in lines))


def _timelines(data: PageData, clock: Clock, colours: list[str]) -> Markup:
    if not data.measures:
        return Markup("")
    rows = [
        element(
            "div",
            element("span", element("i", class_="swatch", style=f"background:{colour}"), person.name),
            timeline(
                person.presence,
                [(doubt.start, doubt.stop) for doubt in person.doubts],
                clock,
                f"{person.name}: measured in {int(person.presence.measured.sum())} frames",
            ),
            class_="row",
        )
        for person, colour in zip(data.measures, colours, strict=True)
    ]
    ends = element("p", f"0 to {clock.n_frames / clock.fps:.1f} s; dashed lines are cuts", class_="facts")
    return join([*rows, legend(_STATE_WORDS), ends])


def _plans(data: PageData, colours: list[str], names: list[str]) -> Markup:
    parts = []
    for number, shot in enumerate(data.shots[:_MOST_PLANS]):
        paths = [
            PlanPath(
                np.where(data.bodies.visible[row, shot, None], data.bodies.joints[row, shot, 0][:, [0, 2]], np.nan),
                colours[row],
                names[row],
            )
            for row in range(len(names))
        ]
        K = data.cameras.K[shot.start]
        half_fov = math.atan(float(data.cameras.size_px[0]) / 2 / float(K[0, 0]))
        caption = f"Shot {number + 1}" if len(data.shots) > 1 else ""
        plan = plan_view(paths, data.cameras.T_world_cam[shot], half_fov, f"{caption} from above".strip())
        parts.append(element("figure", element("figcaption", caption), plan))
    left_out = len(data.shots) - _MOST_PLANS
    note = "The camera (grey) looks up the page. Circles: starts; discs: ends."
    note += f" {left_out} more shots are not drawn." if left_out > 0 else ""
    return join([element("div", *parts, class_="thumbs"), element("p", note, class_="facts")])


def _camera(data: PageData, clock: Clock) -> Markup:
    camera = data.quality.camera
    facts = [
        _MOTIONS.get(camera.motion_class, camera.motion_class),
        f"focal length {camera.focal_px:.0f} px, {camera.fov_deg:.0f} degrees across ({camera.focal_source})",
        f"path {camera.path_length_m:.2f} m",
        f"found in {100 * camera.coverage:.0f} % of the frames",
        "" if camera.residual_px is None else f"background points off by {camera.residual_px:.2f} px",
    ]
    lines = [Line(CLIP_LIMITS["confidence"].good, "good"), Line(CLIP_LIMITS["confidence"].poor, "poor")]
    plot = series_plot(data.confidence, clock, "currentColor", lines, (0.0, 1.0), "min", "camera confidence")
    return element(
        "article",
        element("div", element("h3", "Camera"), badge(camera.verdict), class_="head"),
        facts_line(facts),
        element("figure", element("figcaption", "confidence, 0 (guessed) to 1"), plot),
        findings_table(camera.findings, clock.fps),
    )


def _floors(quality: QualityReport) -> Markup:
    cards = []
    for floor in quality.floors:
        title = f"Floor of shot {floor.shot + 1}" if len(quality.floors) > 1 else "Floor"
        content = findings_table(floor.findings, quality.fps) if floor.findings else element("p", "Nobody is on it.")
        head = element("div", element("h3", title), badge(floor.verdict if floor.findings else None), class_="head")
        cards.append(element("article", head, content))
    return join(cards)


def _accuracy(quality: QualityReport) -> Markup:
    if not quality.accuracy:
        return Markup("")
    rows = []
    for figure in quality.accuracy:
        style = {True: "good", False: "poor", None: ""}[figure.reached]
        value = "-" if figure.value is None else f"{figure.value:.3g} {figure.unit}".strip()
        reached = {True: "reached", False: "missed", None: ""}[figure.reached]
        rows.append([(figure.name, ""), (value, f"number {style}"), (figure.target, "number"), (reached, style)])
    note = element("p", "The truth is known for this clip. It has no part in the verdicts above.", class_="facts")
    return join([note, table(["figure", "value", "target", ""], rows)])
