"""Whether a floor is level, a slope, or no plane at all: judged only where the evidence is strong."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from nlf_pipeline.artefacts import Floor, FloorKind
from nlf_pipeline.fitting.feet_plane import FeetPlane, fit_feet_plane
from nlf_pipeline.fitting.standing import PlantedFeet
from nlf_pipeline.fitting.uprightness import UpBelief
from nlf_pipeline.geometry import tangent_axes

_LEAST_SLOPE = np.deg2rad(4.0)
_STEEPEST = np.deg2rad(20.0)
"""Nobody walks up a steeper plane; feet that rise faster climb stairs."""
_SLOPE_EVIDENCE = 9.0
"""Least Mahalanobis distance, squared, between the feet's plane and the level."""
_LEVEL_HEIGHT = 0.08
"""Lower steps are not told from errors, metres."""
_LEVEL_BLUR = 0.02
_LEAST_S = 0.2
"""Feet of people who jump rest for a shorter moment in the air."""
_FARTHEST_LEVEL = 20.0
_LEVEL_SHARE = 0.1
"""Of all feet that stand on a level."""
_LEVEL_FEET = 4
_VALLEY = 0.6
"""Between two levels feet are at most so many times as frequent as on the rarer of them."""
_BIN = 0.005
_ANY_TILT_SD = np.deg2rad(25.0)
"""Of a plane that feet alone decide."""


@dataclass(frozen=True)
class Slope:
    """How the plane under the feet leans against the level."""

    angle: float
    """Radians."""
    sd: float
    """Of the angle, from the uncertainties of both, radians."""
    evidence: float
    """Mahalanobis distance between plane and level, squared; of two degrees of freedom."""

    @property
    def is_certain(self) -> bool:
        """Too steep and too well seen to be an error."""
        return self.angle > _LEAST_SLOPE and self.evidence > _SLOPE_EVIDENCE


def measure_slope(plane: FeetPlane, up: UpBelief) -> Slope:
    """The angle between the plane, found from feet alone, and the level that bodies and camera show."""
    axes = tangent_axes(up.direction)
    lean = axes @ plane.normal
    covariance = axes @ (plane.covariance + up.covariance) @ axes.T
    along = lean / max(float(np.linalg.norm(lean)), 1e-9)
    angle = float(np.arccos(np.clip(plane.normal @ up.direction, -1, 1)))
    sd, evidence = float(np.sqrt(along @ covariance @ along)), float(lean @ np.linalg.solve(covariance, lean))
    return Slope(angle, sd, evidence)


def find_levels(heights: np.ndarray, seconds: np.ndarray) -> list[float]:
    """Heights at which feet stand again and again, and between which they hardly ever do.

    Args:
        heights: (n,) of planted feet over a plane, metres, without what is common to all of one person.
        seconds: (n,) how long each was planted.

    Returns:
        Ascending; the median if there is no more than one.
    """
    steady = (seconds >= _LEAST_S) & (np.abs(heights) < _FARTHEST_LEVEL)
    heights, seconds = heights[steady], seconds[steady]
    if not len(heights):
        return [0.0]
    bins = np.arange(heights.min() - 5 * _LEVEL_BLUR, heights.max() + 5 * _LEVEL_BLUR + _BIN, _BIN)
    counts, _ = np.histogram(heights, bins, weights=seconds)
    density = gaussian_filter1d(counts, _LEVEL_BLUR / _BIN, mode="constant")
    peaks, _ = find_peaks(density, distance=round(_LEVEL_HEIGHT / _BIN))
    levels = (bins[peaks] + bins[peaks + 1]) / 2
    nearest = np.argmin(np.abs(heights[:, None] - levels), axis=1)
    near = np.abs(heights - levels[nearest]) < _LEVEL_HEIGHT / 2
    kept: list[int] = []
    for k, peak in enumerate(peaks):
        own = near & (nearest == k)
        if own.sum() < _LEVEL_FEET or seconds[own].sum() < _LEVEL_SHARE * seconds.sum():
            continue
        if kept:
            before = peaks[kept[-1]]
            if density[before:peak].min() > _VALLEY * min(density[before], density[peak]):
                kept[-1] = k if density[peak] > density[before] else kept[-1]
                continue
        kept.append(k)
    return [float(levels[k]) for k in kept] or [float(np.median(heights))]


def find_floor(planted: PlantedFeet, up: UpBelief, threshold: float, seed: int) -> Floor:
    """The floor under planted feet, level unless they say clearly that it is not.

    Args:
        planted: everybody's feet, at least one.
        up: where bodies and camera put up.
        threshold: feet farther from the floor than this do not stand on it, metres.
        seed: of RANSAC's draws.
    """
    across = np.eye(3) - np.outer(up.direction, up.direction)
    shares = planted.weights()
    level = fit_feet_plane(planted.stances, shares, up.direction, up.covariance, threshold, seed)
    free = fit_feet_plane(planted.stances, shares, up.direction, across * _ANY_TILT_SD**2, threshold, seed)
    slope, levels = measure_slope(free, up), find_levels(level.own_heights, planted.seconds)
    leans = slope.is_certain and (
        len(levels) < 2 or _misfit(free.own_heights, [0.0]) < _misfit(level.own_heights, levels)
    )
    plane = free if leans else level
    levels, climbs = find_levels(plane.own_heights, planted.seconds), slope.is_certain and slope.angle > _STEEPEST
    kind: FloorKind = "uneven" if climbs or len(levels) > 1 else "slope" if leans else "flat"
    normal, offset, heights = plane.normal, plane.offset, plane.heights
    if kind == "uneven":
        normal = up.direction if climbs or leans else level.normal
        offset, heights, levels = _main_level(planted, normal)
    near = np.abs(heights)[np.abs(heights) < threshold]
    return Floor(
        normal=_tuple(normal),
        offset_m=offset,
        source="feet",
        inlier_fraction=len(near) / len(heights),
        spread_m=float(np.median(near)) if len(near) else 0.0,
        n_points=len(heights),
        kind=kind,
        up=_tuple(up.direction) if kind == "slope" else None,
        up_source=up.source if leans or climbs else "feet",
        slope_deg=float(np.rad2deg(slope.angle)),
        slope_sd_deg=float(np.rad2deg(slope.sd)),
        levels_m=levels,
        planted_spread_m=float(np.std(heights)),
    )


def _misfit(heights: np.ndarray, levels: list[float]) -> float:
    """How far feet are from the nearest of the levels; each counts up to one step."""
    away = np.abs(heights[:, None] - np.array(levels)).min(axis=1)
    return float(np.minimum(away, _LEVEL_HEIGHT).mean())


def _main_level(planted: PlantedFeet, up: np.ndarray) -> tuple[float, np.ndarray, list[float]]:
    """Offset of the level plane where most feet stood, the (n,) heights of all over it, and the levels."""
    heights = planted.stances.point @ up
    middle = float(np.median(heights))
    levels = middle + np.array(find_levels(heights - middle, planted.seconds))
    nearest = np.abs(heights[:, None] - levels).argmin(axis=1)
    offset = float(levels[np.bincount(nearest, weights=planted.seconds, minlength=len(levels)).argmax()])
    return offset, heights - offset, (levels - offset).tolist()


def _tuple(vector: np.ndarray) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
