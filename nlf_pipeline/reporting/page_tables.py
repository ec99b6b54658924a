"""Badges and tables of the page."""

import math
from collections.abc import Mapping

from nlf_pipeline.reporting.limits import CLIP_LIMITS, PERSON_LIMITS, Limit
from nlf_pipeline.reporting.markup import Markup, element, join
from nlf_pipeline.reporting.presence import spans_text
from nlf_pipeline.reporting.quality import Finding, Verdict


def with_code(text: str) -> Markup:
    """Plain text whose parts between backticks are code."""
    parts = text.split("`")
    return join(element("code", part) if i % 2 else part for i, part in enumerate(parts))


def badge(verdict: Verdict | None) -> Markup:
    """The verdict, in its colour and in words."""
    return element("span", verdict or "not judged", class_=f"badge {verdict or ''}".strip())


def facts_line(facts: list[str]) -> Markup:
    """Short facts side by side; empty ones are left out."""
    return element("p", " · ".join(fact for fact in facts if fact), class_="facts")


def table(heads: list[str], rows: list[list[tuple[str, str]]]) -> Markup:
    """A table that scrolls sideways where it does not fit; each cell is (content, class)."""
    classes = (
        [style.split()[0] if style.startswith(("number", "name")) else None for _, style in rows[0]] if rows else []
    )
    head = [
        element("th", text, class_=style) for text, style in zip(heads, classes or [None] * len(heads), strict=True)
    ]
    body = [element("tr", *(element("td", content, class_=style or None) for content, style in row)) for row in rows]
    return element(
        "div", element("table", element("thead", element("tr", *head)), element("tbody", *body)), class_="scroll"
    )


def findings_table(findings: list[Finding], fps: float) -> Markup:
    """Everything that was looked at, with verdict, reason, moments and advice."""
    limits = {**PERSON_LIMITS, **CLIP_LIMITS}
    rows = []
    for finding in findings:
        limit = limits[finding.key]
        where = spans_text(finding.spans, fps)
        advice = "; ".join(part for part in (f"look at {where}" if where else "", finding.advice) if part)
        shown = limit.show(finding.value) if limit.unit or finding.value else ""
        rows.append(
            [
                (finding.title, ""),
                (finding.verdict or "-", finding.verdict or ""),
                (shown, "number"),
                (finding.reason, ""),
                (with_code(advice), ""),
            ]
        )
    return table(["what", "verdict", "value", "why", "what to do"], rows)


def limits_tables() -> Markup:
    """The limits of all verdicts."""
    return element(
        "details",
        element("summary", "Limits of good and poor; between them: check. No truth is needed for any of them."),
        _limits("people", PERSON_LIMITS),
        _limits("camera and floor", CLIP_LIMITS),
    )


def _limits(what: str, limits: Mapping[str, Limit]) -> Markup:
    rows = [
        [
            (limit.title, ""),
            (_bound(limit, limit.good), "number"),
            (_bound(limit, limit.poor), "number"),
            (limit.why, ""),
        ]
        for limit in limits.values()
    ]
    return join([element("h3", f"{what[:1].upper()}{what[1:]}"), table(["figure", "good", "poor beyond", "why"], rows)])


def _bound(limit: Limit, value: float) -> str:
    return "never" if math.isinf(value) or (limit.good > limit.poor and value == 0) else limit.show(value)
