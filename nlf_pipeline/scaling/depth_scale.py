"""Scale from a network that estimates metric depth: points of the background are as far away as it says.

The alignment of a picture follows Wang et al., "TRAM", ECCV 2024: a median, then Geman-McClure.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import framepump
import numpy as np
from scipy.optimize import minimize_scalar

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.scaling.segment_scale import SegmentScale
from nlf_pipeline.scaling.segments import PathSegment

DepthName = Literal["zoedepth"]
_PICTURES = 12
_LEAST_POINTS = 30
_FARTHEST = 10.0
"""Metres: the network was taught no more."""
_ROUNDS = 10
_TOLERANCE = 0.5
"""Metres: errors beyond this hardly count."""
_NETWORK_SD = 0.15
"""Relative error of the network that does not average out over the pictures of a place. Assumed, not measured."""
_DISAGREEMENT = 3.0


class DepthEstimator(Protocol):
    """Estimates how far everything in a picture is."""

    def estimate(self, picture: np.ndarray) -> np.ndarray:
        """(height, width) metres along the optical axis, for a (height, width, 3) uint8 RGB picture."""
        ...


@dataclass(frozen=True)
class DepthScale:
    """What the network says about a segment."""

    metres_per_unit: float
    spread: float
    """Standard deviation of its logarithm."""
    n_pictures: int


def measure_depth_scale(
    segment: PathSegment,
    estimator: DepthEstimator,
    frames: framepump.VideoFrames,
    people: MaskTracks,
    intrinsics: Intrinsics,
) -> DepthScale | None:
    """Compare the depths of a segment's points with the network's in up to 12 pictures.

    Args:
        segment: with the points of its background.
        estimator: the network.
        frames: the clip.
        people: pixels where nothing is compared.
        intrinsics: the clip's lens.

    Returns:
        The scale; None where no picture shows enough points.
    """
    if not segment.moves or len(segment.points) < _LEAST_POINTS:
        return None
    rows = np.unique(np.linspace(0, len(segment.frames) - 1, _PICTURES).round().astype(int))
    Ks = intrinsics.K_frames(people.n_frames)
    pictures = frames.frames_at(segment.frames[rows].tolist())
    scales = []
    for row, picture in zip(rows, pictures, strict=True):
        index = int(segment.frames[row])
        points_cam = transform_points(invert_rigid(segment.T_scene_cam[row]), segment.points)
        pixels, depths = _seen(points_cam, Ks[index], intrinsics, people, index)
        if len(depths) >= _LEAST_POINTS:
            column, line = pixels.T
            scale = align_depths(depths, estimator.estimate(picture)[line, column])
            scales += [] if scale is None else [scale]
    if not scales:
        return None
    logs = np.log(scales)
    centre = float(np.median(logs))
    noise = 1.4826 * float(np.median(np.abs(logs - centre))) * np.sqrt(np.pi / 2 / len(logs))
    return DepthScale(float(np.exp(centre)), float(np.hypot(noise, _NETWORK_SD)), len(logs))


def align_depths(depths: np.ndarray, depths_m: np.ndarray) -> float | None:
    """Metres per unit at which two lists of depths agree best.

    Args:
        depths: (points,) in the path's unit, positive.
        depths_m: (points,) the network's, metres.

    Returns:
        The scale; None if too few points lie within 10 m.
    """
    near = np.isfinite(depths_m) & (depths_m > 0) & (depths_m < _FARTHEST)
    if near.sum() < _LEAST_POINTS:
        return None
    ratios = depths_m / depths
    # The nearest half comes first, since a network that ends at 10 m puts all that is farther there.
    nearest_first = np.flatnonzero(near)[np.argsort(depths[near])]
    scale = float(np.median(ratios[nearest_first[: len(nearest_first) // 2]]))
    for _ in range(_ROUNDS):
        inside = near & (depths * scale < _FARTHEST)
        if inside.sum() < _LEAST_POINTS:
            return None
        scale = float(np.median(ratios[inside]))
    inside = near & (depths * scale < _FARTHEST)
    if inside.sum() < _LEAST_POINTS:
        return None

    def cost(log_factor: float) -> float:
        squared = (np.exp(log_factor) * scale * depths[inside] - depths_m[inside]) ** 2
        return float(np.mean(squared / (squared + _TOLERANCE**2)))

    best = minimize_scalar(cost, bounds=(-np.log(2), np.log(2)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(best.x) * scale) if best.fun <= cost(0.0) else scale


def with_depth(found: SegmentScale, depth: DepthScale | None, is_given: np.ndarray) -> tuple[SegmentScale, list[str]]:
    """Join the scale by people with that of the network by inverse variance of their logarithms.

    Sizes given by the user are better than any network and stay alone; a usual height of the camera is worse and goes.

    Args:
        found: by people, or without them.
        depth: of the network; None if it says nothing.
        is_given: (people,) bool: their height was given.

    Returns:
        The joint scale, and what the user should know.
    """
    if depth is None or found.source == "none needed" or (found.believed & is_given).any():
        return found, []
    if found.source != "people" or not np.isfinite(found.spread):
        joint = dataclasses.replace(
            found, metres_per_unit=depth.metres_per_unit, spread=depth.spread, source="depth", depth_spread=depth.spread
        )
        return joint, []
    weights = np.array([found.spread**-2, depth.spread**-2])
    logs = np.log([found.metres_per_unit, depth.metres_per_unit])
    expected = float(np.hypot(found.spread, depth.spread))
    excess = max(1.0, abs(float(logs[1] - logs[0])) / expected)
    joint = dataclasses.replace(
        found,
        metres_per_unit=float(np.exp(weights @ logs / weights.sum())),
        spread=float(weights.sum() ** -0.5 * excess),
        depth_spread=depth.spread,
    )
    if excess < _DISAGREEMENT:
        return joint, []
    ratio = depth.metres_per_unit / found.metres_per_unit
    return joint, [f"the depth network puts the scale at {ratio:.2f} times what people say: one of them is wrong"]


def _seen(
    points_cam: np.ndarray, K: np.ndarray, intrinsics: Intrinsics, people: MaskTracks, index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (points, 2) int and depths (points,) of the points inside the picture where nobody is."""
    points_cam = points_cam[points_cam[:, 2] > 0]
    if len(points_cam) == 0:
        return np.zeros((0, 2), dtype=int), np.zeros(0)
    zero = np.zeros(3)
    projected, _ = cv2.projectPoints(points_cam[:, None], zero, zero, K, np.array(intrinsics.distortion or [0.0] * 4))
    rounded = np.round(projected[:, 0])
    inside = np.all((rounded >= 0) & (rounded < np.array(intrinsics.size_px)), axis=1)
    pixels, depths = rounded[inside].astype(int), points_cam[inside, 2]
    free = np.asarray(people.union_at(index).to_array())[pixels[:, 1], pixels[:, 0]] == 0
    return pixels[free], depths[free]
