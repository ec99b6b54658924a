"""The verdict on a whole clip, in one sentence, and what to do."""

from nlf_pipeline.reporting.people import reason_with_place
from nlf_pipeline.reporting.quality import VERDICTS, CameraQuality, Finding, FloorQuality, PersonQuality, Verdict, worst

_MOST_PER_PERSON = 2


def overall_verdict(people: list[PersonQuality], camera: CameraQuality, floors: list[FloorQuality]) -> Verdict:
    """Poor if the camera or a floor is, or the people in at least half of all person-frames are.

    Else the worst of all verdicts, but check at most for the few people who are poor.
    """
    if not people:
        return "check"
    scene = worst([camera.verdict, *(floor.verdict for floor in floors)])
    frames = {verdict: sum(_frames(p) for p in people if p.verdict == verdict) for verdict in VERDICTS}
    if scene == "poor" or 2 * frames["poor"] >= max(1, sum(frames.values())):
        return "poor"
    return worst([scene, *("check" if person.verdict == "poor" else person.verdict for person in people)])


def _frames(person: PersonQuality) -> int:
    return person.frames_measured + person.frames_filled + person.frames_missing


def summary_sentence(people: list[PersonQuality], camera: CameraQuality, floors: list[FloorQuality], fps: float) -> str:
    """How many people are good, what is worst about the scene, and what about the person who is worst."""
    if not people:
        return "nobody was found"
    counts = {verdict: sum(person.verdict == verdict for person in people) for verdict in VERDICTS}
    told = [f"{counts[v]} {'to check' if v == 'check' else v}" for v in VERDICTS if counts[v]]
    who = "1 person" if len(people) == 1 else f"{len(people)} people"
    parts = [f"{who}: {', '.join(told)}"]
    scene = _bad([finding for part in (camera, *floors) for finding in part.findings])
    if scene:
        parts.append(scene[0].reason)
    most_wrong = max(people, key=lambda person: VERDICTS.index(person.verdict))
    if bad := _bad(most_wrong.findings):
        parts.append(f"{most_wrong.name}: {reason_with_place(bad[0], fps)}")
    return "; ".join(parts)


def things_to_do(
    people: list[PersonQuality], camera: CameraQuality, floors: list[FloorQuality], fps: float
) -> list[str]:
    """One line per thing that is not good, the poor ones first; at most two per person."""
    if not people:
        return [
            "nobody was found: if people are in the picture, are they large enough (about 50 pixels), upright, and "
            "there for at least 0.3 s?"
        ]
    rows: list[tuple[Finding, str]] = [(finding, "") for finding in _bad(camera.findings)]
    for floor in floors:
        where = f"shot {floor.shot + 1}: " if len(floors) > 1 else ""
        rows += [(finding, where) for finding in _bad(floor.findings)]
    for person in people:
        rows += [(finding, f"{person.name}: ") for finding in _bad(person.findings)[:_MOST_PER_PERSON]]
    rows.sort(key=lambda row: -VERDICTS.index(row[0].verdict or "good"))
    return [f"{where}{reason_with_place(finding, fps)}. {_sentence(finding.advice)}" for finding, where in rows]


def _bad(findings: list[Finding]) -> list[Finding]:
    """Findings that are not good, the poor ones first."""
    bad = [finding for finding in findings if finding.verdict in ("check", "poor")]
    return sorted(bad, key=lambda finding: -VERDICTS.index(finding.verdict or "good"))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
