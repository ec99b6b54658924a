"""Everything that a finished run leaves behind, made from people whose walk is known, and ways to spoil it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rlemasklib import RLEMask
from walkers import SIZE_PX, Walk, camera_path, write_inputs
from walkers import Errors as EstimatorErrors

from nlf_pipeline.artefacts import (
    Bodies,
    BodyFits,
    CameraPath,
    CameraReport,
    Cameras,
    CameraWindow,
    Floor,
    Ground,
    IdentityDoubt,
    IdentityDoubts,
    Intrinsics,
    SceneCameras,
    VideoFacts,
)
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.geometry import invert_rigid, pinhole_matrix, project, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.report import report
from nlf_pipeline.reporting.quality import QualityReport
from nlf_pipeline.video import writing_video

FPS = 30.0
LEVEL = tuple((camera_path(1)[0, :3, :3].T @ [0.0, 1.0, 0.0]).tolist())
GOOD_FLOOR = Floor(LEVEL, -1.6, "feet", 1.0, 0.01, 40)
Spoil = Callable[[Bodies], Bodies]


@dataclass(frozen=True)
class Scene:
    """How the files are to differ from a good result."""

    spoil: Spoil = lambda bodies: bodies
    cuts: tuple[int, ...] = ()
    repaired: float = 0.0
    """Share of everybody's frames."""
    focal_source: str = "user"
    confidence: float = 1.0
    spread: float = 0.0
    notes: tuple[str, ...] = ()
    floor: Floor = GOOD_FLOOR
    doubts: list[IdentityDoubt] = field(default_factory=list)
    errors: EstimatorErrors | None = None
    """Of the single estimates."""


def result_of(walks: list[Walk], frames: int) -> Bodies:
    """The truth as a result."""
    empty = np.zeros((0, frames, 24, 3))
    stacked = [np.stack([getattr(walk, name) for walk in walks]) if walks else None for name in ("trans", "planted")]
    trans, planted = (np.zeros((0, frames, 3)) if stacked[0] is None else stacked[0]), stacked[1]
    shown = np.ones((len(walks), frames), bool)
    return Bodies(
        person_ids=np.arange(1, len(walks) + 1),
        fps=FPS,
        body_model="open",
        pose_rotvecs=np.stack([walk.pose_rotvecs for walk in walks]) if walks else empty,
        betas=np.stack([walk.betas for walk in walks]) if walks else np.zeros((0, 10)),
        trans=trans,
        joints=np.stack([walk.joints for walk in walks]) if walks else empty,
        visible=shown,
        filled=np.zeros_like(shown),
        foot_contacts=np.zeros((0, frames, 2), bool) if planted is None else planted,
    )


def write_run(folder: Path, meshes: BodyMeshes, walks: list[Walk], frames: int, scene: Scene) -> None:
    """Write every file of a run into `folder`; pictures, masks and error-free estimates that are there already stay."""
    T_world_cam = camera_path(frames)
    good = result_of(walks, frames)
    bodies = scene.spoil(good)
    if scene.errors or not (folder / "predictions.xz").exists():
        write_inputs(folder, meshes, walks, T_world_cam, scene.errors or EstimatorErrors(), FPS)
    VideoFacts("walkers", *SIZE_PX, FPS, frames, cuts=list(scene.cuts)).save(folder / "video.json")
    K = np.repeat(pinhole_matrix(1000.0, SIZE_PX)[None], frames, axis=0)
    bodies.save(folder / "bodies.npz")
    Cameras(T_world_cam, K, np.zeros(0), np.array(SIZE_PX)).save(folder / "world_cameras.npz")
    repaired = np.zeros(bodies.visible.shape, bool)
    repaired[:, : round(scene.repaired * frames)] = True
    n = len(walks)
    BodyFits(
        good.person_ids, good.pose_rotvecs, good.betas, good.trans, good.joints, bodies.visible, bodies.filled,
        repaired & bodies.visible & ~bodies.filled, np.ones(n),
    ).save(folder / "fits.npz")  # fmt: skip
    still, one = np.tile(np.eye(4), (frames, 1, 1)), np.zeros(frames, int)
    assert (T_world_cam == T_world_cam[0]).all()
    SceneCameras(
        still, K, np.zeros(0), np.array(SIZE_PX), np.ones(1), np.array([scene.spread]), np.ones(n)
    ).save(folder / "cameras.npz")  # fmt: skip
    CameraPath(still, np.full(frames, scene.confidence), one, np.zeros((0, 3)), np.zeros(0, int)).save(
        folder / "camera_path.npz"
    )
    window = CameraWindow(
        0, frames, "static", scene.focal_source, 0.1, None, None, 1.0, [], list(scene.notes)  # type: ignore[arg-type]
    )  # fmt: skip
    CameraReport([window]).save(folder / "camera_report.json")
    Intrinsics(SIZE_PX, (1000.0, 1000.0), (639.5, 359.5), [], scene.focal_source).save(  # type: ignore[arg-type]
        folder / "intrinsics.json"
    )
    Ground([scene.floor] * (len(scene.cuts) + 1)).save(folder / "ground.json")
    IdentityDoubts(scene.doubts).save(folder / "identity_doubts.json")
    if (folder / "clip.mp4").exists():
        return
    masks_of(good, T_world_cam, K).save(folder / "masks.json")
    with writing_video(folder / "clip.mp4", FPS) as sink:
        for t in range(frames):
            sink.append_data(np.full((*SIZE_PX[::-1], 3), 60 + t % 100, np.uint8))


def masks_of(bodies: Bodies, T_world_cam: np.ndarray, K: np.ndarray) -> MaskTracks:
    """A box around everybody in every frame in which there is a body."""
    joints = project(transform_points(invert_rigid(T_world_cam), bodies.joints), K[0]) if len(bodies.joints) else []
    tracks = [[_box(points) if seen else None for points, seen in zip(*both, strict=True)] for both in zip(
        joints, bodies.visible, strict=True)]  # fmt: skip
    ids = tuple(bodies.person_ids.tolist())
    return MaskTracks(SIZE_PX, FPS, bodies.visible.shape[1], ids, tuple(tuple(track) for track in tracks))


def _box(points: np.ndarray) -> RLEMask:
    inside = np.zeros(SIZE_PX[::-1], np.uint8)
    left, top = np.clip(points.min(axis=0), 0, np.array(SIZE_PX) - 2).astype(int)
    right, bottom = np.clip(points.max(axis=0), 2, np.array(SIZE_PX)).astype(int)
    inside[top:bottom, left:right] = 1
    return RLEMask.from_array(inside)


def make_report(folder: Path, body: Path, **options: Path) -> tuple[QualityReport, str]:
    """Run the stage on what `write_run` wrote: the figures, and the page."""
    names = {
        "video": "clip.mp4", "video_facts": "video.json", "masks": "masks.json", "doubts": "identity_doubts.json",
        "intrinsics": "intrinsics.json", "camera_path": "camera_path.npz", "camera_report": "camera_report.json",
        "cameras": "cameras.npz", "predictions": "predictions.xz", "fits": "fits.npz", "ground": "ground.json",
        "bodies": "bodies.npz", "world_cameras": "world_cameras.npz", "html_out": "report.html",
        "json_out": "report.json",
    }  # fmt: skip
    report(**{key: folder / name for key, name in names.items()}, body=body, **options)
    return QualityReport.load(folder / "report.json"), (folder / "report.html").read_text(encoding="utf-8")


def moved(bodies: Bodies, row: int, by: np.ndarray) -> Bodies:
    """One person moved by `by`, (frames, 3) metres."""
    trans, joints = bodies.trans.copy(), bodies.joints.copy()
    trans[row] += by
    joints[row] += by[:, None]
    return replace(bodies, trans=trans, joints=joints)
