"""Every limit of the verdicts, in one table. docs/report.md says the same, and a test compares them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nlf_pipeline.reporting.quality import Verdict


@dataclass(frozen=True)
class Limit:
    """What counts as good and as poor; between them: check. Where `good` is above `poor`, more is better."""

    title: str
    unit: str
    """Of the values; shares are 0-1."""
    good: float
    poor: float
    """Infinite: never poor."""
    why: str

    def judge(self, value: float | None) -> Verdict | None:
        """The verdict on a value; None where nothing was measured."""
        if value is None or math.isnan(value):
            return None
        sign = 1 if self.good <= self.poor else -1
        if sign * value <= sign * self.good:
            return "good"
        return "poor" if sign * value > sign * self.poor else "check"

    def show(self, value: float | None) -> str:
        """The value as a person reads it."""
        if value is None or math.isnan(value):
            return "-"
        if self.unit == "share":
            return f"{rounded(100 * value)} %"
        return f"{rounded(value)} {self.unit}".strip()


_INF = math.inf


def rounded(value: float) -> str:
    """Two digits, and all before the point; 0 for what is next to nothing."""
    if abs(value) < 0.005:
        return "0"
    return f"{value:.2g}" if abs(value) < 9.95 else f"{value:.0f}"


PERSON_LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "identity": Limit(
            "chance of a mix-up", "share", 0.05, 0.40, "it spoils everything after it; at 50 % a coin was tossed"
        ),
        "seen": Limit("time seen", "s", 0.5, 0, "nothing can be smoothed or known again in a few frames"),
        "filled": Limit("filled in", "share", 0.10, 0.40, "an interpolated frame is a guess, however smooth"),
        "missing": Limit("missing", "share", 0.05, 0.50, "in these frames there is no body to use"),
        "repaired": Limit("repaired", "share", 0.05, 0.25, "what has to be put right so often is not well estimated"),
        "jitter": Limit(
            "jitter",
            "m/s³",
            200,
            500,
            "people who walk, turn and squat have 50-100; the reference pipeline has 520",
        ),
        "jumps": Limit("jumps", "", 0, 3, "a pelvis that accelerates by more than 10 g is an error"),
        "foot_slide": Limit(
            "foot slide", "m/s", 0.09, 0.30, "3 and 10 mm per frame at 30 frames/s; without planting it is about 0.35"
        ),
        "skating": Limit("skating", "share", 0.05, 0.25, "who touches the floor stands with one foot, or runs"),
        "penetration": Limit(
            "under the floor", "mm", 10, 50, "10 mm is hidden by a shoe's sole, 50 mm is a foot's height"
        ),
        "off_floor": Limit(
            "off the floor", "s", 1.0, _INF, "the highest jumps last 0.9 s; there may be a step or a chair"
        ),
        "limbs": Limit(
            "limb lengths vary", "share", 0.08, 0.20, "bones do not change; NLF-grade estimates vary by 4-5 %"
        ),
        "reprojection": Limit(
            "off the picture", "mm", 40, 100, "half a forearm's width still covers the limb; 100 mm is beside it"
        ),
        "overlap": Limit("inside another", "share", 0.01, 0.10, "two trunks cannot be in one place"),
    }
)
"""By the key of the findings about people, the gravest first."""

CLIP_LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "confidence": Limit("camera confidence", "", 0.8, 0.4, "below 0.4 the camera is mostly guessed"),
        "gates": Limit("camera tests", "", 0, _INF, "a simpler motion was taken instead"),
        "camera_notes": Limit("camera notes", "", 0, _INF, "the tracker says what it could not determine"),
        "focal": Limit("focal length", "", 0, _INF, "all distances from the camera scale with it"),
        "scale": Limit("scale spread", "share", 0.15, 0.50, "15 % is what people's unknown heights leave open"),
        "floor_assumed": Limit("floor", "", 0, _INF, "too few feet were seen at rest to find it"),
        "floor_kind": Limit("level floor", "", 0, _INF, "stairs and slopes are harder than level floors"),
        "floor_outliers": Limit("feet off the floor", "share", 0.25, 0.60, "standing feet should agree on one floor"),
        "floor_spread": Limit(
            "spread of the feet", "mm", 30, 80, "estimated feet scatter by 10-20 mm about a true floor"
        ),
    }
)
"""By the key of the findings about the camera and the floors."""
