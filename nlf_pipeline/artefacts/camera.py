"""Lenses, camera paths and the evidence behind them."""

import math
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

import numpy as np

from nlf_pipeline.artefact_files import ArrayArtefact, JsonArtefact

FocalSource = Literal["user", "metadata", "calibrated", "assumed"]
MotionClass = Literal["static", "rotation", "rotation_zoom", "general"]


@dataclass(frozen=True)
class Intrinsics(JsonArtefact):
    """intrinsics.json: one pinhole camera with OpenCV distortion, and where the focal length came from."""

    size_px: tuple[int, int]
    """(width, height)."""
    focal_px: tuple[float, float]
    """(fx, fy), before `zoom`."""
    principal_point_px: tuple[float, float]
    """(cx, cy), the centre of the top left pixel being (0, 0)."""
    distortion: list[float]
    """OpenCV's k1 k2 p1 p2 [k3 ...]; empty for none."""
    focal_source: FocalSource
    """The least certain of all shots."""
    zoom: list[float] = field(default_factory=list)
    """For each frame the factor on `focal_px`; empty if it is the same throughout."""

    @property
    def K(self) -> np.ndarray:  # noqa: N802  (the field's name for it)
        """(3, 3) intrinsic matrix without zoom, pixels."""
        (fx, fy), (cx, cy) = self.focal_px, self.principal_point_px
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)

    def K_frames(self, n_frames: int) -> np.ndarray:  # noqa: N802
        """(n_frames, 3, 3) intrinsic matrix of every frame, pixels."""
        Ks = np.repeat(self.K[None], n_frames, axis=0)
        if self.zoom:
            Ks[:, [0, 1], [0, 1]] *= np.array(self.zoom)[:, None]
        return Ks


@dataclass(frozen=True)
class CameraPath(ArrayArtefact):
    """camera_path.npz: the camera's path in the scene frame of each shot (axes of its first camera), up to scale."""

    T_scene_cam: np.ndarray
    """(frames, 4, 4) float64; the identity in the first frame of every shot. The unit of length is arbitrary."""
    confidence: np.ndarray
    """(frames,) float64 in [0, 1]: 0 = guessed, 1 = well supported by the evidence."""
    segment: np.ndarray
    """(frames,) int64, ascending from 0: frames of one segment share a unit of length. A segment ends at a cut, and
    where parts of a long shot could not be brought or kept to one scale; its unit holds from the last frame before
    it."""
    points: np.ndarray
    """(points, 3) float64 static points of the background, scene frame, in the unit of their segment's path."""
    point_segment: np.ndarray
    """(points,) int64: the segment in whose part of the scene they lie."""


@dataclass(frozen=True)
class Gate:
    """A test that a camera solution has to pass."""

    name: str
    """What was measured."""
    value: float | None
    """None if it could not be measured."""
    limit: float
    """What the value is held to."""
    passed: bool
    """Whether it kept to it."""

    @classmethod
    def at_least(cls, name: str, value: float, limit: float) -> Self:
        """Passed by values from `limit` on; what is not finite fails."""
        return cls(name, *cls._judged(value, value >= limit, limit))

    @classmethod
    def at_most(cls, name: str, value: float, limit: float) -> Self:
        """Passed by values up to `limit`; what is not finite fails."""
        return cls(name, *cls._judged(value, value <= limit, limit))

    @staticmethod
    def _judged(value: float, passed: bool, limit: float) -> tuple[float | None, float, bool]:
        is_measured = math.isfinite(value)
        return (float(value) if is_measured else None), limit, is_measured and bool(passed)


@dataclass(frozen=True)
class CameraWindow:
    """How the camera was found in frames solved together, a shot or a part of one. Pixels: at a longer side of 640."""

    start: int
    """First frame."""
    stop: int
    """The frame after the last."""
    motion_class: MotionClass
    """How the camera moves."""
    focal_source: FocalSource
    """Where its focal length came from."""
    displacement_px: float
    """Largest median displacement of the background from where it was first seen."""
    rotation_residual_px: float | None
    """What a camera that only turns and zooms leaves unexplained: 90th percentile over points and keyframe pairs."""
    residual_px: float | None
    """Median distance between where points are seen and where the solution puts them."""
    coverage: float
    """Share of frames with enough points to find the camera; in the others it is interpolated."""
    gates: list[Gate]
    """Tests that the solution was put to."""
    notes: list[str]
    """What the user should know: fallbacks, what could not be determined."""
    evidence: dict[str, float] = field(default_factory=dict)
    """What else the tracker measured, by name; pixels as above."""


@dataclass(frozen=True)
class CameraReport(JsonArtefact):
    """camera_report.json: the evidence behind intrinsics.json and camera_path.npz."""

    windows: list[CameraWindow]
    """In order; together they cover the clip."""

    @property
    def motion_class(self) -> MotionClass:
        """The most general of all windows."""
        for motion in reversed(get_args(MotionClass)):
            if any(window.motion_class == motion for window in self.windows):
                return motion
        return "static"


@dataclass(frozen=True)
class SceneCameras(ArrayArtefact):
    """cameras.npz: camera path and intrinsics in the scene frame of each shot (axes of its first camera), metres."""

    T_scene_cam: np.ndarray
    """(frames, 4, 4) float64, metres."""
    K: np.ndarray
    """(frames, 3, 3) float64 intrinsic matrix, pixels."""
    distortion: np.ndarray
    """(coefficients,) float64 OpenCV's k1 k2 p1 p2 [k3 ...]."""
    size_px: np.ndarray
    """(2,) int64: width, height."""
    metres_per_unit: np.ndarray
    """(segments,) float64 scale applied to the camera path."""
    scale_spread: np.ndarray
    """(segments,) float64 relative standard deviation of that scale, people's unknown sizes included; 0 where the
    camera does not move and it has no meaning, infinite where nothing shows it and the path stays in its unit."""
    person_scale: np.ndarray
    """(people,) float64 factor about the camera that brings each person's predictions to these metres; 1 where nothing
    about sizes was given, and then `fit` may still find a better one."""


@dataclass(frozen=True)
class Cameras(ArrayArtefact):
    """world_cameras.npz, view_cameras.npz: cameras in the gravity-aligned world."""

    T_world_cam: np.ndarray
    """(frames, 4, 4) float64, metres; maps camera axes (OpenCV) to the world."""
    K: np.ndarray
    """(frames, 3, 3) float64 intrinsic matrix, pixels."""
    distortion: np.ndarray
    """(coefficients,) float64 OpenCV's k1 k2 p1 p2 [k3 ...]; empty for none."""
    size_px: np.ndarray
    """(2,) int64: width, height."""
