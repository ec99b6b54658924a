"""One frozen dataclass per file that passes between stages, each with `save` and `load`.

Array artefacts are npz files without pickles: field name = key, plus `format_version`. The
others are JSON. Person k is row k in every artefact and in every frame of a video. Where
`visible` is false the values are undefined, but finite. docs/conventions.md has frames and axes.
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

import numpy as np

from nlf_pipeline.artefact_files import ArrayArtefact, JsonArtefact

FocalSource = Literal["user", "metadata", "calibrated", "assumed"]
MotionClass = Literal["static", "rotation", "rotation_zoom", "general"]


@dataclass(frozen=True)
class VideoFacts(JsonArtefact):
    """video.json: what `fetch` found in the source and what it wrote to clip.mp4."""

    video_id: str
    width_px: int
    height_px: int
    fps: float
    """Constant frame rate of clip.mp4, frames per second."""
    n_frames: int
    """Frames in clip.mp4; every one decodes."""
    cuts: list[int] = field(default_factory=list)
    """Index of the first frame of every shot but the first, ascending."""
    has_audio: bool = False
    focal_px: float | None = None
    """Focal length found in the file's metadata, in pixels of clip.mp4."""
    source: str = ""
    """File name or URL the clip was made from."""
    source_fps: float = 0.0
    source_rotation_deg: int = 0
    """Clockwise rotation that the source's metadata asked for; applied in clip.mp4."""
    variable_frame_rate: bool = False
    """True if the source's frames were unevenly spaced and were resampled to `fps`."""
    time_range: list[float] | None = None
    """Start and end of the clip in the source, seconds."""
    warnings: list[str] = field(default_factory=list)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return self.width_px, self.height_px

    def shots(self) -> list[slice]:
        """Frame ranges between cuts, in order; together they cover the clip."""
        bounds = [0, *self.cuts, self.n_frames]
        return [slice(start, stop) for start, stop in itertools.pairwise(bounds) if stop > start]


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
    """(frames,) in [0, 1]: 0 = guessed, 1 = well supported by the evidence."""
    segment: np.ndarray
    """(frames,) int, ascending from 0: frames of one segment share a unit of length. A segment ends at a cut, and where
    parts of a long shot could not be brought or kept to one scale; its unit holds from the last frame before it."""
    points: np.ndarray
    """(points, 3) static points of the background, scene frame, in the unit of their segment's path."""
    point_segment: np.ndarray
    """(points,) int: the segment in whose part of the scene they lie."""


@dataclass(frozen=True)
class Gate:
    """A test that a camera solution has to pass."""

    name: str
    value: float | None
    """None if it could not be measured."""
    limit: float
    passed: bool

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
    stop: int
    """Frames start .. stop - 1."""
    motion_class: MotionClass
    focal_source: FocalSource
    displacement_px: float
    """Largest median displacement of the background from where it was first seen."""
    rotation_residual_px: float | None
    """What a camera that only turns and zooms leaves unexplained: 90th percentile over points and keyframe pairs."""
    residual_px: float | None
    """Median distance between where points are seen and where the solution puts them."""
    coverage: float
    """Share of frames with enough points to find the camera; in the others it is interpolated."""
    gates: list[Gate]
    notes: list[str]
    """What the user should know: fallbacks, what could not be determined."""


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
    """(frames, 3, 3) pixels."""
    distortion: np.ndarray
    """(coefficients,) OpenCV's k1 k2 p1 p2 [k3 ...]."""
    size_px: np.ndarray
    """(2,) int: width, height."""
    metres_per_unit: np.ndarray
    """(segments,) scale applied to the camera path."""
    scale_spread: np.ndarray
    """(segments,) relative standard deviation of that scale, people's unknown sizes included; 0 where the camera does
    not move and it has no meaning, infinite where nothing shows it and the path stays in its unit."""
    person_scale: np.ndarray
    """(people,) factor about the camera that brings each person's predictions to these metres; 1 where nothing about
    sizes was given, and then `fit` may still find a better one."""


@dataclass(frozen=True)
class Cameras(ArrayArtefact):
    """world_cameras.npz, view_cameras.npz: cameras in the gravity-aligned world."""

    T_world_cam: np.ndarray
    """(frames, 4, 4) float64, metres; maps camera axes (OpenCV) to the world."""
    K: np.ndarray
    """(frames, 3, 3) pixels."""
    distortion: np.ndarray
    """(coefficients,) OpenCV's k1 k2 p1 p2 [k3 ...]; empty for none."""
    size_px: np.ndarray
    """(2,) int: width, height."""


@dataclass(frozen=True)
class BodyFits(ArrayArtefact):
    """fits.npz: one SMPL-family body per person, in the scene frame (axes of the first camera), metres."""

    person_ids: np.ndarray
    """(people,) int."""
    pose_rotvecs: np.ndarray
    """(people, frames, joints, 3) parent-relative rotation vectors, radians."""
    betas: np.ndarray
    """(people, betas)."""
    trans: np.ndarray
    """(people, frames, 3) SMPL's translation: joint j = linear blend skinning + trans, metres."""
    joints: np.ndarray
    """(people, frames, joints, 3) metres."""
    visible: np.ndarray
    """(people, frames) bool: a body was estimated, or filled in over a short gap."""
    filled: np.ndarray
    """(people, frames) bool: interpolated over a short gap; subset of `visible`."""
    scale_correction: np.ndarray
    """(people,) factor by which each person's estimates were scaled about the camera."""


@dataclass(frozen=True)
class Floor:
    """The floor of one shot: points x of its scene frame with normal · x = offset."""

    normal: tuple[float, float, float]
    """Unit normal pointing up, scene frame."""
    offset_m: float
    source: Literal["feet", "camera"]
    """'camera': too few feet were seen; level camera and a usual height are assumed."""
    inlier_fraction: float
    spread_m: float
    """Median absolute distance of the inliers from the plane."""
    n_points: int


@dataclass(frozen=True)
class Ground(JsonArtefact):
    """ground.json: the floor of every shot."""

    floors: list[Floor]
    """One per shot, in order."""


@dataclass(frozen=True)
class Bodies(ArrayArtefact):
    """bodies.npz: everybody's motion in the world: y up, floor at y = 0, metres."""

    person_ids: np.ndarray
    """(people,) int."""
    fps: float
    body_model: str
    """Name of the body model the parameters belong to: 'open', 'smpl', ..."""
    pose_rotvecs: np.ndarray
    """(people, frames, joints, 3) parent-relative rotation vectors, radians."""
    betas: np.ndarray
    """(people, betas)."""
    trans: np.ndarray
    """(people, frames, 3) SMPL's translation, world, metres."""
    joints: np.ndarray
    """(people, frames, joints, 3) world, metres."""
    visible: np.ndarray
    """(people, frames) bool."""
    filled: np.ndarray
    """(people, frames) bool: interpolated over a short gap; subset of `visible`."""
    foot_contacts: np.ndarray
    """(people, frames, 2) bool: left, right foot planted on the floor."""
