"""The metric scale of one segment of a camera's path."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nlf_pipeline.scaling.contact_scale import contact_scale
from nlf_pipeline.scaling.foot_ray_scale import PointFloor, foot_ray_scale, point_floor
from nlf_pipeline.scaling.foot_tracks import FootTracks, upright
from nlf_pipeline.scaling.fusion import FusedScale, fuse_kinds, fuse_people
from nlf_pipeline.scaling.planted_feet import FeetInScene, find_stances, stillest_scale
from nlf_pipeline.scaling.segments import PathSegment

_ROUNDS = 8
_CONVERGED = 1e-4
_STEP = 0.5
_NEW_STANCES = 0.15
"""Stances are found anew where the scale has changed by so much: less would let noise confirm itself."""
_DOUBTFUL_SPREAD = 0.3
"""A usual camera height is better than people's word where that is less certain than this."""
_LARGEST_RELATIVE = 0.95
_USUAL_CAMERA_SPEED, _CAMERA_SPEED_LOG_SD = 0.2, 1.2
"""Metres per second, within a factor of three or so: decides only where people say next to nothing."""
_USUAL_CAMERA_HEIGHT, _CAMERA_HEIGHT_SD = 1.6, 0.3
"""Metres, and relative: a camera held at eye level."""
Source = Literal["none needed", "people", "depth", "camera height", "unknown"]


@dataclass(frozen=True)
class SegmentScale:
    """Metres per unit of a segment, and what speaks for it."""

    metres_per_unit: float
    spread: float
    """Relative standard deviation; 0 where the camera does not move, infinite where nothing is known."""
    source: Source
    stances: int
    contact_spread: float
    """Of planted feet alone; infinite if they say nothing."""
    floor_spread: float
    """Of feet on the reconstructed floor alone."""
    believed: np.ndarray
    """(people,) bool: who counted."""
    apart: np.ndarray
    """(people,) bool: whose own scale is far off."""
    own: np.ndarray
    """(people,) metres per unit by each person alone; NaN where he says nothing."""
    depth_spread: float = np.inf
    """Of a depth network alone; infinite without one."""

    def describe(self, metres_per_unit: float, person_ids: np.ndarray) -> str:
        """What was found, in words, for a scale that sizes given by the user may have changed."""
        if self.source == "none needed":
            return "the camera stays in one place; no scale needed"
        if self.source == "depth":
            return f"{metres_per_unit:.4g} m per unit, spread {_percent(self.spread)}, by the depth network alone"
        if self.source != "people":
            return f"{metres_per_unit:.4g} m per unit"
        return (
            f"{metres_per_unit:.4g} m per unit, spread {_percent(self.spread)} (planted feet alone "
            f"{_percent(self.contact_spread)}, feet on the floor alone {_percent(self.floor_spread)}"
            f"{self._depth_share()}), from "
            f"{self.stances} stances of {_names(person_ids[self.believed])}"
        )

    def _depth_share(self) -> str:
        return f", depth network alone {_percent(self.depth_spread)}" if np.isfinite(self.depth_spread) else ""

    def troubles(self, person_ids: np.ndarray) -> list[str]:
        """What the user should know, in words."""
        lines = []
        if self.source == "camera height":
            lines.append("people do not show the scale of the camera's path; taking it to be 1.6 m above the floor")
        if self.source == "unknown":
            lines.append("nothing shows the scale of the camera's path; it stays in an arbitrary unit")
        if self.source == "people" and self.spread > _DOUBTFUL_SPREAD:
            lines.append(f"the scale of the camera's path is hardly known: its spread is {_percent(self.spread)}")
        for k in np.flatnonzero(self.apart):
            what = "counts all the same, since nobody tells who is right" if self.believed[k] else "does not count"
            ratio = self.own[k] / self.metres_per_unit
            # Noise can make it negative where the camera hardly moves: then he says nothing.
            says = f"puts the scale at {ratio:.2f} times what was found" if ratio > 0 else "does not show the scale"
            lines.append(f"person {person_ids[k]} alone {says}, and {what}: height or focal length are suspect")
        return lines


def segment_scale(segment: PathSegment, tracks: FootTracks, is_given: np.ndarray) -> SegmentScale:
    """Find the scale at which planted feet stand still and stand on the floor.

    Where neither says enough the camera is taken to be 1.6 m above the floor that its background
    shows, and without one the path is left in its unit.

    Args:
        segment: of the camera's path.
        tracks: everybody in the whole clip.
        is_given: (people,) bool: their height was given.
    """
    nobody = np.zeros(len(tracks.seen), dtype=bool)
    nothing = np.full(len(nobody), np.nan)
    if not segment.moves:
        return SegmentScale(1.0, 0.0, "none needed", 0, np.inf, np.inf, nobody, nobody, nothing)
    feet = feet_in_scene(segment, tracks)
    up = upright(tracks, segment.frames, segment.T_scene_cam[:, :3, :3])
    floor = point_floor(segment.points, feet.centres, up)
    found = _by_people(feet, floor, is_given)
    if found.spread < (np.inf if floor is None else _DOUBTFUL_SPREAD):
        return found
    if floor is not None:
        scale = _USUAL_CAMERA_HEIGHT / float(np.median(floor.camera_height(feet.centres)))
        return SegmentScale(scale, _CAMERA_HEIGHT_SD, "camera height", 0, np.inf, np.inf, nobody, nobody, nothing)
    return SegmentScale(1.0, np.inf, "unknown", 0, np.inf, np.inf, nobody, nobody, nothing)


def feet_in_scene(segment: PathSegment, tracks: FootTracks) -> FeetInScene:
    """Everybody's feet during a segment."""
    rays = np.einsum("nij,knfj->knfi", segment.T_scene_cam[:, :3, :3], tracks.balls[:, segment.frames])
    return FeetInScene(rays, segment.T_scene_cam[:, :3, 3], tracks.seen[:, segment.frames], tracks.fps)


def _by_people(feet: FeetInScene, floor: PointFloor | None, is_given: np.ndarray) -> SegmentScale:
    """Find stances at a scale, the scale by the stances, and so on."""
    scale = found_at = stillest_scale(feet)
    stances = find_stances(feet, scale)
    for _ in range(_ROUNDS):
        if abs(np.log(scale / found_at)) > _NEW_STANCES:
            stances, found_at = find_stances(feet, scale), scale
        contact, on_floor = contact_scale(feet, stances, scale), foot_ray_scale(feet, stances, floor, scale)
        evidence = fuse_kinds(contact, on_floor)
        fused = fuse_people(evidence, is_given)
        own = np.where(np.isfinite(evidence.variance), scale * (1 + evidence.deviation), np.nan)
        deviation, spread = _with_usual_speed(fused, scale, feet)
        scale = scale * float(np.clip(1 + deviation, _STEP, 1 / _STEP))
        if abs(deviation) < _CONVERGED:
            break
    return SegmentScale(
        metres_per_unit=scale,
        spread=log_spread(spread),
        source="people",
        stances=len(stances),
        contact_spread=log_spread(fuse_people(contact, is_given).spread),
        floor_spread=log_spread(fuse_people(on_floor, is_given).spread),
        believed=fused.believed,
        apart=fused.apart,
        own=own,
    )


def _with_usual_speed(fused: FusedScale, scale: float, feet: FeetInScene) -> tuple[float, float]:
    """Deviation and spread with what is known of cameras in people's hands; without people nothing."""
    if not np.isfinite(fused.spread):
        return 0.0, np.inf
    usual = float(np.log(_USUAL_CAMERA_SPEED / (scale * feet.camera_speed)))
    evidence, prior = fused.spread**-2, _CAMERA_SPEED_LOG_SD**-2
    return (evidence * fused.deviation + prior * usual) / (evidence + prior), (evidence + prior) ** -0.5


def log_spread(relative: float) -> float:
    """Standard deviation of the logarithm towards smaller values, where a relative one reaches farther."""
    return float(-np.log1p(-min(relative, _LARGEST_RELATIVE))) if np.isfinite(relative) else np.inf


def _percent(spread: float) -> str:
    return f"{100 * spread:.1f} %" if np.isfinite(spread) else "none"


def _names(person_ids: np.ndarray) -> str:
    numbers = ", ".join(str(person) for person in person_ids)
    return f"person {numbers}" if len(person_ids) == 1 else f"persons {numbers}"
