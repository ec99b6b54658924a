"""One frozen dataclass per file that passes between stages, each with `save` and `load`.

Array artefacts are npz files without pickles: field name = key, plus `format_version`. The
others are JSON. Person k is row k in every artefact and in every frame of a video. Where
`visible` is false the values are undefined, but finite. docs/conventions.md has frames and axes.
"""

import dataclasses
import itertools
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.files import atomic_path

FocalSource = Literal["user", "metadata", "calibrated", "assumed"]
MotionClass = Literal["static", "rotation", "rotation_zoom", "general"]


def missing_artefact(path: Path, kind: type) -> ArtefactError:
    """The error for a file that an earlier stage should have written."""
    return ArtefactError(f"{path}: not found, expected a {kind.__name__} file. Run the workflow again to make it.")


class _ArrayArtefact:
    """Saving to and loading from npz, by field name."""

    format_version: ClassVar[int] = 1

    def save(self, path: Path) -> None:
        """Write the fields to `path` (npz), atomically."""
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, format_version=np.array(self.format_version), **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`; raises ArtefactError if it is missing, damaged or of another kind or version."""
        if not Path(path).is_file():
            raise missing_artefact(path, cls)
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                values = dict(archive)
        except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ArtefactError(f"{path} is not a readable npz file ({error}). Delete it and run again.") from error
        version = int(values.pop("format_version", np.array(-1)))
        kinds = {f.name: f.type for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        if version != cls.format_version or kinds.keys() != values.keys():
            raise ArtefactError(
                f"{path} is not a {cls.__name__} of format {cls.format_version}: found format {version}, "
                f"missing {sorted(kinds.keys() - values.keys())}, unexpected {sorted(values.keys() - kinds.keys())}. "
                "Delete it and run again."
            )
        return cls(**{name: value if kinds[name] is np.ndarray else value.item() for name, value in values.items()})


class _JsonArtefact:
    """Saving to and loading from JSON, by field name."""

    format_version: ClassVar[int] = 1

    def save(self, path: Path) -> None:
        """Write the fields to `path` (JSON, sorted by field order), atomically."""
        write_json({"format_version": self.format_version, **dataclasses.asdict(self)}, path)  # type: ignore[call-overload]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`; raises ArtefactError if it is missing, damaged or of another kind or version."""
        values = read_json(path, cls)
        names = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        if values.pop("format_version", None) != cls.format_version or values.keys() != names:
            raise ArtefactError(
                f"{path} is not a {cls.__name__} of format {cls.format_version}. Delete it and run again."
            )
        return cls(**values)


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write `values` to `path` as indented JSON, atomically. NaN is refused."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, kind: type) -> dict[str, Any]:
    """The object in the JSON file `path`; raises ArtefactError naming `kind` if there is none."""
    if not Path(path).is_file():
        raise missing_artefact(path, kind)
    try:
        values = json.loads(Path(path).read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} is not readable JSON ({error}). Delete it and run again.") from error
    if not isinstance(values, dict):
        raise ArtefactError(
            f"{path} is not a {kind.__name__}: found a {type(values).__name__}. Delete it and run again."
        )
    return values


@dataclass(frozen=True)
class VideoFacts(_JsonArtefact):
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
class Intrinsics(_JsonArtefact):
    """intrinsics.json: one pinhole camera with OpenCV distortion, and where the focal length came from."""

    size_px: tuple[int, int]
    """(width, height)."""
    focal_px: tuple[float, float]
    """(fx, fy)."""
    principal_point_px: tuple[float, float]
    """(cx, cy), the centre of the top left pixel being (0, 0)."""
    distortion: list[float]
    """OpenCV's k1 k2 p1 p2 [k3 ...]; empty for none."""
    focal_source: FocalSource

    @property
    def K(self) -> np.ndarray:  # noqa: N802  (the field's name for it)
        """(3, 3) intrinsic matrix, pixels."""
        (fx, fy), (cx, cy) = self.focal_px, self.principal_point_px
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64)


@dataclass(frozen=True)
class CameraPath(_ArrayArtefact):
    """camera_path.npz: the camera's path in the scene frame (axes of the first camera), up to scale."""

    T_scene_cam: np.ndarray
    """(frames, 4, 4) float64; unit of length arbitrary."""
    confidence: np.ndarray
    """(frames,) in [0, 1]: 0 = guessed, 1 = well supported by the evidence."""
    motion_class: MotionClass
    background_motion_px: float
    """Largest median motion of the background against the first frame: evidence for the class."""


@dataclass(frozen=True)
class SceneCameras(_ArrayArtefact):
    """cameras.npz: camera path and intrinsics, in metres, in the scene frame (axes of the first camera)."""

    T_scene_cam: np.ndarray
    """(frames, 4, 4) float64, metres."""
    K: np.ndarray
    """(frames, 3, 3) pixels."""
    distortion: np.ndarray
    """(coefficients,) OpenCV's k1 k2 p1 p2 [k3 ...]."""
    size_px: np.ndarray
    """(2,) int: width, height."""
    metres_per_unit: float
    """Scale applied to the camera path."""
    scale_spread: float
    """Relative standard deviation of that scale; 0 where the camera does not move and it has no meaning."""


@dataclass(frozen=True)
class Cameras(_ArrayArtefact):
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
class BodyFits(_ArrayArtefact):
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
class Ground(_JsonArtefact):
    """ground.json: the floor in the scene frame: points x with normal · x = offset."""

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
class Bodies(_ArrayArtefact):
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
