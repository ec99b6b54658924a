"""The people of the page: a table of all, and a card for each."""

from nlf_pipeline.reporting.limits import PERSON_LIMITS, rounded
from nlf_pipeline.reporting.markup import Markup, element, join
from nlf_pipeline.reporting.page_tables import badge, facts_line, findings_table, table, with_code
from nlf_pipeline.reporting.people import reason_with_place
from nlf_pipeline.reporting.person_measures import PersonMeasures
from nlf_pipeline.reporting.plots import Clock, Line, series_plot
from nlf_pipeline.reporting.quality import PersonQuality, QualityReport
from nlf_pipeline.reporting.thumbnails import Thumbnail

_HEADS = [
    "person",
    "verdict",
    "measured",
    "filled",
    "missing",
    "jitter m/s³",
    "slide mm/frame",
    "under floor mm",
    "off picture px",
    "doubts",
]


def people_table(quality: QualityReport, colours: list[str]) -> Markup:
    """One row per person; figures in the colour of their verdict."""
    if not quality.people:
        return element("p", "Nobody was found.")
    return table(_HEADS, [_row(person, colour) for person, colour in zip(quality.people, colours, strict=True)])


def _row(person: PersonQuality, colour: str) -> list[tuple[str, str]]:
    style = {finding.key: finding.verdict or "" for finding in person.findings}
    name = join([_swatch(colour), element("a", person.name, href=f"#person-{person.person_id}")])

    def number(key: str, value: float | None) -> tuple[str, str]:
        return "-" if value is None else rounded(value), f"number {style[key]}".strip()

    return [
        (name, "name"),
        (badge(person.verdict), ""),
        (str(person.frames_measured), "number"),
        number("filled", person.frames_filled),
        number("missing", person.frames_missing),
        number("jitter", person.jitter_m_per_s3),
        number("foot_slide", person.foot_slide_mm_per_frame),
        number("penetration", person.penetration_mean_mm),
        number("reprojection", person.reprojection_median_px),
        (str(person.identity_doubts), f"number {style['identity']}".strip()),
    ]


def people_cards(
    quality: QualityReport,
    measures: list[PersonMeasures],
    thumbnails: list[list[Thumbnail]],
    clock: Clock,
    colours: list[str],
) -> Markup:
    """For each person pictures, plots, and all findings."""
    rows = zip(quality.people, measures, thumbnails, colours, strict=True)
    return join(_card(person, measured, pictures, clock, colour) for person, measured, pictures, colour in rows)


def _card(
    person: PersonQuality, measured: PersonMeasures, pictures: list[Thumbnail], clock: Clock, colour: str
) -> Markup:
    bad = [finding for finding in person.findings if finding.verdict in ("check", "poor")]
    facts = [
        ""
        if person.first_frame is None or person.last_frame is None
        else f"{person.first_frame / clock.fps:.1f}-{person.last_frame / clock.fps:.1f} s",
        f"body of {person.height_m:.2f} m",
        f"estimates scaled by {person.scale_correction:.3f}",
        ""
        if person.contact_share is None
        else f"a foot in contact in {100 * person.contact_share:.0f} % of the frames",
        "" if person.reprojection_p90_px is None else f"off the picture by {person.reprojection_p90_px:.1f} px (90 %)",
    ]
    return element(
        "article",
        element("div", element("h3", _swatch(colour), person.name), badge(person.verdict), class_="head"),
        facts_line(facts),
        element("div", *(_picture(thumbnail, person.name, clock.fps) for thumbnail in pictures), class_="thumbs"),
        element("ul", *(element("li", with_code(_complaint(reason_with_place(f, clock.fps), f.advice))) for f in bad))
        if bad
        else element("p", "Nothing to complain of."),
        element("div", *_plots(measured, clock, colour), class_="plots"),
        element(
            "details",
            element("summary", "everything that was looked at"),
            findings_table(person.findings, clock.fps),
        ),
        id=f"person-{person.person_id}",
    )


def _complaint(reason: str, advice: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}. {advice[:1].upper()}{advice[1:]}."


def _plots(measured: PersonMeasures, clock: Clock, colour: str) -> list[Markup]:
    jitter = PERSON_LIMITS["jitter"]
    jitter_lines = [Line(jitter.good, "good"), Line(jitter.poor, "poor")]
    plots = [
        ("jitter, m/s³", measured.jerk, jitter_lines, (0.0, jitter.good), "max"),
        ("lowest sole above the floor, m", measured.feet.height, [Line(0.0, "zero")], (-0.05, 0.05), "min"),
        ("off the single estimates, px", measured.reprojection_px, [], (0.0, 5.0), "max"),
    ]
    return [
        element(
            "figure",
            element("figcaption", caption),
            series_plot(values, clock, colour, lines, least, peaks, f"{measured.name}: {caption} over time"),
        )
        for caption, values, lines, least, peaks in plots
    ]


def _picture(thumbnail: Thumbnail, name: str, fps: float) -> Markup:
    width, height = thumbnail.size_px
    moment = f"{thumbnail.frame / fps:.1f} s"
    picture = element("img", src=thumbnail.data_uri, width=width, height=height, alt=f"{name} at {moment}")
    return element("figure", picture, element("figcaption", moment))


def _swatch(colour: str) -> Markup:
    return element("i", class_="swatch", style=f"background:{colour}")
