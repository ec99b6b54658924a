"""Verdicts on the camera and the floors."""

import math
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.artefacts import CameraPath, CameraReport, Cameras, CameraWindow, Floor, Intrinsics, SceneCameras
from nlf_pipeline.reporting.limits import CLIP_LIMITS
from nlf_pipeline.reporting.presence import spans_of
from nlf_pipeline.reporting.quality import CameraQuality, Finding, FloorQuality, worst

_FOV = "give the field of view where it is known: `--config fov=DEGREES`"
_SIZE = "give a known size: `--config person_height=METRES`, or measured_distance"
_SOURCES = {
    "user": "the focal length was given",
    "metadata": "the focal length was found in the file",
    "calibrated": "the focal length was found from the pictures",
    "assumed": "the focal length is assumed: neither the file nor the pictures tell it, and distances scale with it",
}


@dataclass(frozen=True)
class FoundCamera:
    """All that is known of the camera."""

    lens: Intrinsics
    path: CameraPath
    report: CameraReport
    scene: SceneCameras
    world: Cameras


def camera_quality(found: FoundCamera, shots: list[slice], fps: float) -> CameraQuality:
    """Judge the camera.

    Args:
        found: what is known of it.
        shots: frame ranges between cuts.
        fps: frames per second.
    """
    lens, report, confidence = found.lens, found.report, found.path.confidence
    lengths = np.array([window.stop - window.start for window in report.windows], dtype=np.float64)
    coverage = np.array([window.coverage for window in report.windows])
    residuals = [window.residual_px for window in report.windows if window.residual_px is not None]
    failed = [f"{_where(report, w)}{gate.name}" for w in report.windows for gate in w.gates if not gate.passed]
    notes = [f"{_where(report, w)}{note}" for w in report.windows for note in w.notes]
    findings = [
        _confidence(confidence, fps),
        _counted("gates", failed, "all tests of the camera passed", "tests of the camera failed"),
        _counted("camera_notes", notes, "nothing was left undetermined", "the camera tracker remarks"),
        _focal(lens),
        _scale(found.scene.scale_spread),
    ]
    K, centres = found.world.K[0], found.world.T_world_cam[:, :3, 3]
    longest = int(np.argmax(lens.size_px))
    return CameraQuality(
        verdict=worst([finding.verdict for finding in findings]),
        motion_class=report.motion_class,
        focal_px=float(K[0, 0]),
        fov_deg=math.degrees(2 * math.atan(lens.size_px[longest] / 2 / K[longest, longest])),
        focal_source=lens.focal_source,
        confidence_mean=float(confidence.mean()),
        coverage=float((coverage * lengths).sum() / max(lengths.sum(), 1)),
        residual_px=max(residuals, default=None),
        path_length_m=float(sum(np.linalg.norm(np.diff(centres[shot], axis=0), axis=-1).sum() for shot in shots)),
        scale_spread=[float(spread) if np.isfinite(spread) else None for spread in found.scene.scale_spread],
        gates_failed=failed,
        notes=notes,
        findings=findings,
    )


def floor_quality(floor: Floor, shot: int, anybody: bool) -> FloorQuality:
    """Judge the floor of shot number `shot`; without `anybody` on it there is nothing to judge."""
    is_seen = floor.source == "feet"
    kinds = {"flat": "the floor is level", "slope": f"the floor slopes by {floor.slope_deg:.0f} deg"}
    kinds["uneven"] = "the floor has stairs, steps or bumps"
    assumed = "too few feet were seen at rest: a level camera of usual height is assumed"
    judged = [
        _finding(
            "floor_assumed",
            float(not is_seen),
            f"the floor was found under {floor.n_points} planted feet" if is_seen else assumed,
            "heights and penetration mean nothing here; let the feet be seen, or expect an offset",
        ),
    ]
    if is_seen:
        outliers, spread = 1 - floor.inlier_fraction, floor.spread_m * 1000
        show = {key: CLIP_LIMITS[key].show for key in ("floor_outliers", "floor_spread")}
        look = "the side view shows the feet; ground_threshold sets how far a foot may be from the floor"
        judged += [
            _finding(
                "floor_kind",
                float(floor.kind != "flat"),
                kinds[floor.kind],
                "slopes are judged along their normal; heights over stairs and steps are not judged",
            ),
            _finding(
                "floor_outliers",
                outliers,
                f"{show['floor_outliers'](outliers)} of the planted feet are not on the floor",
                look,
            ),
            _finding("floor_spread", spread, f"planted feet scatter by {show['floor_spread'](spread)} about it", look),
        ]
    findings = judged if anybody else []
    return FloorQuality(
        shot=shot,
        verdict=worst([finding.verdict for finding in findings]),
        source=floor.source,
        inlier_share=floor.inlier_fraction,
        spread_mm=floor.spread_m * 1000,
        n_points=floor.n_points,
        findings=findings,
    )


def _where(report: CameraReport, window: CameraWindow) -> str:
    return f"frames {window.start}-{window.stop - 1}: " if len(report.windows) > 1 else ""


def _finding(
    key: str, value: float, reason: str, advice: str = "", spans: list[tuple[int, int]] | None = None
) -> Finding:
    limit = CLIP_LIMITS[key]
    verdict = limit.judge(value)
    is_bad = verdict in ("check", "poor")
    return Finding(
        key=key,
        title=limit.title,
        value=value if math.isfinite(value) else None,
        unit=limit.unit,
        verdict=verdict,
        reason=reason,
        advice=advice if is_bad else "",
        spans=(spans or []) if is_bad else [],
    )


def _confidence(confidence: np.ndarray, fps: float) -> Finding:
    mean, limit = float(confidence.mean()), CLIP_LIMITS["confidence"]
    return _finding(
        "confidence",
        mean,
        f"the camera's confidence is {limit.show(mean)}",
        "the side view shows whether bodies stay in place; camera_file takes a camera of your own",
        spans_of(confidence < limit.poor, fps, 1 - confidence),
    )


def _counted(key: str, found: list[str], none: str, some: str) -> Finding:
    return _finding(key, float(len(found)), f"{some}: {'; '.join(found)}" if found else none, "see camera_report.json")


def _focal(lens: Intrinsics) -> Finding:
    return _finding("focal", float(lens.focal_source == "assumed"), _SOURCES[lens.focal_source], _FOV)


def _scale(spread: np.ndarray) -> Finding:
    largest = float(spread.max(initial=0.0))
    if largest == 0:
        return _finding("scale", 0.0, "the camera stays in one place and needs no scale")
    if math.isinf(largest):
        return _finding("scale", largest, "nothing tells the scale of the camera's path", _SIZE)
    shown = CLIP_LIMITS["scale"].show(largest)
    return _finding("scale", largest, f"the scale of the camera's path is known to {shown}", _SIZE)
