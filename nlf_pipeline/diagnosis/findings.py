"""What was found, whether it is enough, and the line that cures it; as a table or as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["ok", "warning", "missing", "absent"]
"""`missing`: the chosen models need it; `absent`: only other models or options do."""
ModelSet = Literal["embedded", "reference"]
_MARKS: dict[State, str] = {"ok": "ok", "warning": "warning", "missing": "MISSING", "absent": "-"}
_COLOURS: dict[State, int] = {"ok": 32, "warning": 33, "missing": 31, "absent": 2}
"""ANSI codes: green, yellow, red, faint."""
_GAP = "  "


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    topic: str
    """Heading under which it stands."""
    name: str
    """What was looked at."""
    state: State
    found: str
    """In a few words; where it is not enough, also what was expected."""
    cure: str | None = None
    """One line: a command, or what to do; None where nothing needs doing."""


def lacking(needed: bool) -> State:
    """The state of something that is not there."""
    return "missing" if needed else "absent"


def missing_names(findings: Sequence[Finding]) -> list[str]:
    """What the chosen models need and do not have."""
    return [finding.name for finding in findings if finding.state == "missing"]


def format_table(findings: Sequence[Finding], colour: bool = False) -> str:
    """Findings under their headings, then every cure once with what it cures, the urgent ones first.

    Args:
        findings: in the order of the table.
        colour: colour the marks, for a terminal.
    """
    mark_width = max((len(_MARKS[f.state]) for f in findings), default=0)
    name_width = max((len(f.name) for f in findings), default=0)
    lines: list[str] = []
    for topic in dict.fromkeys(finding.topic for finding in findings):
        lines += ["", topic]
        lines += [
            f"{_GAP}{_mark(f.state, mark_width, colour)}{_GAP}{f.name:<{name_width}}{_GAP}{f.found}"
            for f in findings
            if f.topic == topic
        ]
    headings: dict[State, str] = {
        "missing": "To do",
        "warning": "Worth doing",
        "absent": "Only for other models and options",
    }
    told: set[str] = set()
    for state, heading in headings.items():
        cures = _cures([f for f in findings if f.state == state and f.cure not in told])
        told.update(cures)
        if cures:
            lines += ["", heading]
            for cure, names in cures.items():
                lines += [f"{_GAP}{', '.join(names)}:", f"{_GAP * 3}{cure}"]
    return "\n".join(lines[1:])


def format_json(models: ModelSet, findings: Sequence[Finding]) -> str:
    """The same for scripts: {"models", "ready", "findings": [{"topic", "name", "state", "found", "cure"}]}."""
    return json.dumps(
        {
            "models": models,
            "ready": not missing_names(findings),
            "findings": [asdict(finding) for finding in findings],
        },
        indent=2,
    )


def _mark(state: State, width: int, colour: bool) -> str:
    mark = f"{_MARKS[state]:<{width}}"
    return f"\x1b[{_COLOURS[state]}m{mark}\x1b[0m" if colour else mark


def _cures(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Names by cure, in order of appearance."""
    cures: dict[str, list[str]] = {}
    for finding in findings:
        if finding.cure:
            cures.setdefault(finding.cure, []).append(finding.name)
    return cures
