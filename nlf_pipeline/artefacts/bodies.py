"""Bodies, the floor under them, and the world they are in."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from nlf_pipeline.artefact_files import ArrayArtefact, JsonArtefact


@dataclass(frozen=True)
class BodyFits(ArrayArtefact):
    """fits.npz: one SMPL-family body per person, in the scene frame (axes of the first camera), metres."""

    person_ids: np.ndarray
    """(people,) int64."""
    pose_rotvecs: np.ndarray
    """(people, frames, joints, 3) float32 parent-relative rotation vectors, radians."""
    betas: np.ndarray
    """(people, betas) float32 shape parameters."""
    trans: np.ndarray
    """(people, frames, 3) float32 SMPL's translation: joint j = linear blend skinning + trans, metres."""
    joints: np.ndarray
    """(people, frames, joints, 3) float32 metres."""
    visible: np.ndarray
    """(people, frames) bool: a body was estimated, or filled in over a short gap."""
    filled: np.ndarray
    """(people, frames) bool: interpolated over a short gap; subset of `visible`."""
    repaired: np.ndarray
    """(people, frames) bool: an estimate was there, but it was an outlier and was replaced, or had left and right
    swapped and was put right; subset of `visible`, disjoint from `filled`."""
    scale_correction: np.ndarray
    """(people,) float64 factor by which each person's estimates were scaled about the camera."""


FloorKind = Literal["flat", "slope", "uneven"]


@dataclass(frozen=True)
class Floor:
    """The floor of one shot: points x of its scene frame with normal · x = offset."""

    normal: tuple[float, float, float]
    """Unit normal pointing up, scene frame."""
    offset_m: float
    """Metres."""
    source: Literal["feet", "camera"]
    """'camera': too few feet were seen; level camera and a usual height are assumed."""
    inlier_fraction: float
    """Of the planted feet."""
    spread_m: float
    """Median absolute distance of the inliers from the plane."""
    n_points: int
    """Feet seen planted, each stance once."""
    kind: FloorKind = "flat"
    """'flat': level. 'slope': one plane that is not level. 'uneven': stairs, steps, bumps; the plane is the level one
    through the height where most feet stood."""
    up: tuple[float, float, float] | None = None
    """Unit vector against gravity, scene frame: the world's y axis. None: the normal, unless the floor slopes."""
    up_source: Literal["feet", "bodies", "camera"] = "feet"
    """What showed which way is up: the feet's plane, upright bodies, or the camera alone, taken to be held level."""
    slope_deg: float = 0.0
    """Angle between the plane of the planted feet and the level that bodies and camera show; judged of every kind."""
    slope_sd_deg: float = 0.0
    """Standard deviation of that angle: how surely the feet's plane and the level are known."""
    levels_m: list[float] = field(default_factory=list)
    """Heights above the plane at which feet were planted, ascending, apart by 8 cm or more; one of them on a plane."""
    planted_spread_m: float = 0.0
    """Standard deviation of the heights of all planted feet about the plane."""

    @property
    def world_up(self) -> np.ndarray:
        """(3,) the world's y axis in the scene frame."""
        return np.array(self.normal if self.up is None else self.up, dtype=np.float64)


@dataclass(frozen=True)
class Ground(JsonArtefact):
    """ground.json: the floor of every shot."""

    floors: list[Floor]
    """One per shot, in order."""


@dataclass(frozen=True)
class Bodies(ArrayArtefact):
    """bodies.npz: everybody's motion in the world: y up, floor at y = 0, metres."""

    person_ids: np.ndarray
    """(people,) int64."""
    fps: float
    """Frames per second; frame i is at i / fps."""
    body_model: str
    """Name of the body model the parameters belong to, which its folder has too: 'open', 'smplx-female-10' ..."""
    pose_rotvecs: np.ndarray
    """(people, frames, joints, 3) float32 parent-relative rotation vectors, radians."""
    betas: np.ndarray
    """(people, betas) float32 shape parameters."""
    trans: np.ndarray
    """(people, frames, 3) float32 SMPL's translation, world, metres."""
    joints: np.ndarray
    """(people, frames, joints, 3) float32 world, metres."""
    visible: np.ndarray
    """(people, frames) bool: the person has a body in this frame."""
    filled: np.ndarray
    """(people, frames) bool: interpolated over a short gap; subset of `visible`."""
    foot_contacts: np.ndarray
    """(people, frames, 2) bool: left, right foot planted on the floor."""
