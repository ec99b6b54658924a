"""Verdicts on people, each with its reason and what to do."""

import math

import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.filtering import true_runs
from nlf_pipeline.reporting.limits import PERSON_LIMITS
from nlf_pipeline.reporting.person_measures import PersonMeasures
from nlf_pipeline.reporting.presence import spans_of, spans_text
from nlf_pipeline.reporting.quality import VERDICTS, Finding, PersonQuality, worst

_SHOW_TRACKS = "run `nlf-pipeline tracks show --video-id {video_id}` to see who is who"
_WORDS = {
    "seen": ("seen for {}", "too short to smooth; give the clip more time, or leave this person out"),
    "filled": ("{} of the frames filled in", "the camera view shows it; max_gap sets how long a gap is filled"),
    "missing": ("{} of the frames missing", f"hidden, out of the picture or lost; {_SHOW_TRACKS}"),
    "repaired": ("{} of the frames put right", "the camera view shows whether rightly"),
    "jitter": ("jitter of {}", "raise smoothing, unless the motion is really that fast"),
    "jumps": (
        "the body jumps from frame to frame",
        f"the side view shows them; if it is another person, {_SHOW_TRACKS}",
    ),
    "foot_slide": ("planted feet slide at {}", "the side view shows it; plant_feet must be true"),
    "skating": (
        "{} of the frames on feet that slide over the floor",
        "the side view shows it; legs are often hidden there",
    ),
    "penetration": (
        "{} under the floor on average",
        "stairs, a wrong scale, or a floor to be found with another ground_threshold",
    ),
    "off_floor": ("off the floor for {}", "on a step or a chair? Else the floor or the distance is wrong"),
    "limbs": ("limb lengths of the estimates vary by {}", "the estimates are rough: small, hidden or cut off?"),
    "reprojection": (
        "{} off the single estimates in the picture",
        "the camera view shows who is right; less smoothing follows the estimates more closely",
    ),
    "overlap": ("{} of the frames inside another body", f"one person twice, or a wrong distance; {_SHOW_TRACKS}"),
    "identity": ("perhaps mixed up with {}", _SHOW_TRACKS),
}
"""Reason and advice by the key of the limit."""
_NONE = {"jumps": "no sudden jumps", "identity": "nothing speaks for a mix-up"}
"""Reasons where nothing was counted."""


def person_quality(person: PersonMeasures, facts: VideoFacts) -> PersonQuality:
    """Judge one person.

    Args:
        person: what was measured.
        facts: of the clip.
    """
    presence, feet, fps = person.presence, person.feet, facts.fps
    findings = judge_person(person, facts)
    verdict = worst([finding.verdict for finding in findings])
    shown = np.flatnonzero(presence.measured | presence.filled)
    below = np.maximum(-feet.height[np.isfinite(feet.height)], 0) * 1000
    slide = _mean(feet.slide)
    return PersonQuality(
        person_id=person.person_id,
        name=person.name,
        verdict=verdict,
        reason=main_reasons(findings, fps),
        frames_measured=int(presence.measured.sum()),
        frames_filled=int(presence.filled.sum()),
        frames_repaired=int(presence.repaired.sum()),
        frames_missing=int(presence.missing.sum()),
        first_frame=int(shown[0]) if len(shown) else None,
        last_frame=int(shown[-1]) if len(shown) else None,
        jitter_m_per_s3=_mean(person.jerk),
        jumps=len(true_runs(person.jumps)),
        foot_slide_mm_per_frame=None if slide is None else slide * 1000,
        foot_slide_m_per_s=None if slide is None else slide * fps,
        contact_share=_share(feet.contact, shown),
        skating_share=_share(feet.skating, np.flatnonzero(np.isfinite(feet.height))),
        penetration_mean_mm=_mean(below),
        penetration_worst_mm=float(below.max()) if len(below) else None,
        longest_off_floor_s=person.off_floor_s if len(below) else None,
        limb_length_variation=person.limb_variation,
        reprojection_median_px=_quantile(person.reprojection_px, 0.5),
        reprojection_p90_px=_quantile(person.reprojection_px, 0.9),
        reprojection_median_mm=_in_mm(_quantile(person.reprojection_m, 0.5)),
        overlap_share=_share(person.overlap, shown),
        identity_doubts=len(person.doubts),
        mix_up_chance=person.mix_up_chance,
        scale_correction=person.scale_correction,
        height_m=person.height_m,
        findings=findings,
    )


def judge_person(person: PersonMeasures, facts: VideoFacts) -> list[Finding]:
    """Hold everything against its limit, in the order of the table of limits."""
    presence, feet, fps = person.presence, person.feet, facts.fps
    shown = np.flatnonzero(presence.measured | presence.filled)
    heights = np.flatnonzero(np.isfinite(feet.height))
    depth = np.maximum(-feet.height, 0) * 1000
    reprojection_mm = person.reprojection_m * 1000
    doubted = np.zeros(len(person.jerk), dtype=bool)
    for doubt in person.doubts:
        doubted[doubt.start : doubt.stop] = True
    slide = _mean(feet.slide)
    values: dict[str, tuple[float | None, np.ndarray, np.ndarray | None]] = {
        "seen": (len(shown) / fps, np.zeros(0, dtype=bool), None),
        "filled": (presence.share(presence.filled), presence.filled, None),
        "missing": (presence.share(presence.missing), presence.missing, None),
        "repaired": (_share(presence.repaired, np.flatnonzero(presence.measured)), presence.repaired, None),
        "jitter": (_mean(person.jerk), *_above("jitter", person.jerk)),
        "jumps": (float(len(true_runs(person.jumps))), person.jumps, None),
        "foot_slide": (None if slide is None else slide * fps, np.zeros(0, dtype=bool), None),
        "skating": (_share(feet.skating, heights), feet.skating, None),
        "penetration": (_mean(depth), *_above("penetration", depth)),
        "off_floor": (person.off_floor_s if len(heights) else None, person.off_floor, None),
        "limbs": (person.limb_variation, np.zeros(0, dtype=bool), None),
        "reprojection": (_quantile(reprojection_mm, 0.5), *_above("reprojection", reprojection_mm)),
        "overlap": (_share(person.overlap, shown), person.overlap, None),
        "identity": (person.mix_up_chance, doubted, None),
    }
    others = " or ".join(person.mixed_up_with) or "somebody, before or after"
    return [_finding(key, *values[key], others, facts) for key in PERSON_LIMITS]


def main_reasons(findings: list[Finding], fps: float, most: int = 2) -> str:
    """The worst findings in words, with the moments to look at; 'nothing found to complain of' if all are good."""
    bad = [finding for finding in findings if finding.verdict in ("check", "poor")]
    bad.sort(key=lambda finding: -VERDICTS.index(finding.verdict or "good"))
    text = "; ".join(reason_with_place(finding, fps) for finding in bad[:most])
    more = f"; and {len(bad) - most} more" if len(bad) > most else ""
    return text + more or "nothing to complain of"


def reason_with_place(finding: Finding, fps: float) -> str:
    """The reason, and where to look."""
    where = spans_text(finding.spans, fps)
    return f"{finding.reason}: look at {where}" if where else finding.reason


def _finding(
    key: str, value: float | None, frames: np.ndarray, weight: np.ndarray | None, others: str, facts: VideoFacts
) -> Finding:
    limit = PERSON_LIMITS[key]
    verdict = limit.judge(value)
    reason, advice = _WORDS[key]
    if not value:
        reason = _NONE.get(key, reason)
    is_bad = verdict in ("check", "poor")
    return Finding(
        key=key,
        title=limit.title,
        value=value,
        unit=limit.unit,
        verdict=verdict,
        reason=reason.format(others if key == "identity" else limit.show(value)) if verdict else "nothing to measure",
        advice=advice.format(video_id=facts.video_id) if is_bad else "",
        spans=spans_of(frames, facts.fps, weight) if is_bad else [],
    )


def _above(key: str, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames beyond the limit of the good, and how far beyond."""
    beyond = np.nan_to_num(series - PERSON_LIMITS[key].good, nan=0.0)
    return beyond > 0, beyond


def _mean(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def _quantile(values: np.ndarray, level: float) -> float | None:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, level)) if len(finite) else None


def _share(mask: np.ndarray, frames: np.ndarray) -> float | None:
    return float(mask[frames].mean()) if len(frames) else None


def _in_mm(metres: float | None) -> float | None:
    return None if metres is None or math.isnan(metres) else metres * 1000
