"""report.json: how far one clip's result can be trusted, and why."""

from dataclasses import dataclass
from typing import Literal

from nlf_pipeline.artefact_files import JsonArtefact

Verdict = Literal["good", "check", "poor"]
VERDICTS: tuple[Verdict, ...] = ("good", "check", "poor")
"""From best to worst."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what came of it."""

    key: str
    """Names the limits that it was held to, those of `nlf_pipeline.reporting.limits`."""
    title: str
    """What was looked at, in words."""
    value: float | None
    """In `unit`; None where there was nothing to measure, or nothing to express as a number."""
    unit: str
    """Of `value`; empty if it has none."""
    verdict: Verdict | None
    """None: there was nothing to judge."""
    reason: str
    """A plain sentence without its full stop."""
    advice: str
    """What to do about it; empty where nothing is wrong."""
    spans: list[tuple[int, int]]
    """Where to look: [first frame, frame after the last) of the worst moments, in order."""


@dataclass(frozen=True)
class PersonQuality:
    """How well one person's motion was found. None: there was nothing to measure."""

    person_id: int
    """As in bodies.npz."""
    name: str
    """As the user called them, or 'person ID'."""
    verdict: Verdict
    """The worst of the findings'."""
    reason: str
    """Why, in a sentence."""
    frames_measured: int
    """A body was estimated from the picture."""
    frames_filled: int
    """Interpolated over a short gap."""
    frames_repaired: int
    """Measured, but as an outlier or with left and right exchanged, and put right."""
    frames_missing: int
    """Without a body, although the person is seen, or was there before and is there again in the same shot."""
    first_frame: int | None
    """With a body."""
    last_frame: int | None
    """With a body."""
    jitter_m_per_s3: float | None
    """Mean size of the third derivative of all joints' positions in the world."""
    jumps: int
    """Moments at which the whole body accelerates harder than anybody can."""
    foot_slide_mm_per_frame: float | None
    """Mean step of toe joints between frames of detected contact."""
    foot_slide_m_per_s: float | None
    """The same as a speed, which does not depend on the frame rate."""
    contact_share: float | None
    """Share of frames with a foot in detected contact."""
    skating_share: float | None
    """Share of frames in which a foot is at the floor, and none there is slow enough to stand."""
    penetration_mean_mm: float | None
    """Mean depth of the lowest sole point under the floor; 0 above it."""
    penetration_worst_mm: float | None
    """Largest such depth."""
    longest_off_floor_s: float | None
    """Longest time without a foot within 10 cm of the floor."""
    limb_length_variation: float | None
    """Robust relative deviation of limb lengths over time, of the single estimates; the result has one shape."""
    reprojection_median_px: float | None
    """Distance in the picture between the result's joints and the single estimates', mean over joints; median frame."""
    reprojection_p90_px: float | None
    """The same, 90th percentile over frames."""
    reprojection_median_mm: float | None
    """The median frame's distance at the person's distance from the camera."""
    overlap_share: float | None
    """Share of frames in which another body's trunk is inside this one's."""
    identity_doubts: int
    """Moments at which the tracker may have mixed this person up with somebody."""
    mix_up_chance: float
    """That it did so at one of them at least, going by the margins of these doubts."""
    scale_correction: float
    """Factor about the camera by which the estimates were brought to one size and one floor."""
    height_m: float
    """Of the fitted body, standing straight."""
    findings: list[Finding]
    """All that was looked at."""


@dataclass(frozen=True)
class CameraQuality:
    """How well the camera was found."""

    verdict: Verdict
    """The worst of the findings'."""
    motion_class: str
    """The most general of all windows: static, rotation, rotation_zoom or general."""
    focal_px: float
    """In the first frame."""
    fov_deg: float
    """Angle across the longer side of the picture, first frame."""
    focal_source: str
    """user, metadata, calibrated or assumed."""
    confidence_mean: float
    """0: guessed, 1: well supported."""
    coverage: float
    """Share of frames with enough points to find the camera."""
    residual_px: float | None
    """Median distance of background points from where the solution puts them; the worst window's."""
    path_length_m: float
    """How far the camera travels."""
    scale_spread: list[float | None]
    """Relative standard deviation of the scale of every segment of the path: 0 where the camera does not travel, None
    where nothing shows the scale."""
    gates_failed: list[str]
    """Tests that the solution did not pass."""
    notes: list[str]
    """What the tracker told."""
    findings: list[Finding]
    """All that was looked at."""


@dataclass(frozen=True)
class FloorQuality:
    """How well the floor of one shot was found."""

    shot: int
    """From 0."""
    verdict: Verdict
    """The worst of the findings'."""
    source: str
    """'feet', or 'camera' where it is assumed."""
    inlier_share: float
    """Of the feet at rest."""
    spread_mm: float
    """Median distance of those feet from the plane."""
    n_points: int
    """Feet at rest that were seen."""
    findings: list[Finding]
    """All that was looked at."""


@dataclass(frozen=True)
class Figure:
    """One figure of the comparison with the truth."""

    name: str
    """What was measured."""
    value: float | None
    """In `unit`; None where there was nothing to measure."""
    unit: str
    """Of `value`."""
    target: str
    """Such as '<= 80'; empty if there is none."""
    reached: bool | None
    """Whether the value meets the target; None without either."""


@dataclass(frozen=True)
class QualityReport(JsonArtefact):
    """report.json: how far the result can be trusted, and why; docs/report.md tells the limits."""

    video_id: str
    """The video's id."""
    verdict: Verdict
    """Of people, camera and floors together, see docs/report.md."""
    summary: str
    """The verdict in one sentence."""
    to_do: list[str]
    """What the user should look at or give, the most important first; empty if everything is good."""
    n_frames: int
    """Of the clip."""
    fps: float
    """Frames per second."""
    size_px: tuple[int, int]
    """(width, height)."""
    n_shots: int
    """Parts between cuts."""
    video_notes: list[str]
    """What was found while the clip was made."""
    people: list[PersonQuality]
    """In the order of bodies.npz."""
    camera: CameraQuality
    """Of all shots."""
    floors: list[FloorQuality]
    """One per shot, in order."""
    accuracy: list[Figure]
    """Against exact truth, where there is some; else empty. It has no part in the verdicts."""


def worst(verdicts: list[Verdict | None]) -> Verdict:
    """The worst of some verdicts; good if there are none."""
    return VERDICTS[max((VERDICTS.index(verdict) for verdict in verdicts if verdict is not None), default=0)]
