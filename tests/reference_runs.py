"""A finished run as small as can be, to be written in the reference pipeline's form and read again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rlemasklib import RLEMask
from synthetic_videos import write_video
from walkers import walking_people

from nlf_pipeline.artefacts import Bodies, Cameras, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.export_reference import export_reference
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FramePredictions, writing_predictions

SIZE_PX = (64, 48)
FPS = 25.0


@dataclass(frozen=True)
class FinishedRun:
    """Where its files are."""

    results: Path
    body: Path

    def export(self, out: Path, **options) -> Path:
        names = ("masks.json", "people_mask.json", "predictions.xz", "bodies.npz", "world_cameras.npz")
        files = {name.partition(".")[0]: self.results / name for name in (*names, "view_cameras.npz")}
        export_reference(
            video=self.results / "clip.mp4", video_facts=self.results / "video.json", body=self.body, out=out,
            **files, **options,
        )  # fmt: skip
        return out


def finish_run(
    results: Path, body: Path, meshes: BodyMeshes, visible: np.ndarray, cuts: tuple[int, ...] = ()
) -> FinishedRun:
    """People who walk before a moving camera, and are seen, masked and estimated where `visible` (people, frames)."""
    n, frames = visible.shape
    results.mkdir(parents=True)
    pictures = [np.full((*SIZE_PX[::-1], 3), 10 * t, np.uint8) for t in range(frames)]
    write_video(results / "clip.mp4", (np.arange(frames) / FPS).tolist(), pictures)
    VideoFacts("walk", *SIZE_PX, FPS, frames, list(cuts)).save(results / "video.json")
    eyes = np.stack([np.linspace(-0.5, 0.5, frames), np.full(frames, 1.5), np.full(frames, 6.0)], axis=-1)
    T = np.stack([look_at(eye, np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0])) for eye in eyes])
    K = np.tile(pinhole_matrix(60.0, SIZE_PX), (frames, 1, 1))
    Cameras(T, K, np.zeros(0), np.array(SIZE_PX)).save(results / "world_cameras.npz")
    Cameras(T, K, np.zeros(0), np.array(SIZE_PX)).save(results / "view_cameras.npz")
    ones = np.ones(1)
    SceneCameras(invert_rigid(T[:1]) @ T, K, np.zeros(0), np.array(SIZE_PX), ones, 0 * ones, np.ones(n)).save(
        results / "cameras.npz"
    )
    walks = walking_people(meshes, n, frames, FPS)
    posed = [meshes.forward(walk.pose_rotvecs, walk.betas, walk.trans) for walk in walks]
    shape = n, frames, meshes.model.num_joints, 3
    Bodies(
        person_ids=np.arange(1, n + 1),
        fps=FPS,
        body_model="open",
        pose_rotvecs=np.array([walk.pose_rotvecs for walk in walks], np.float32).reshape(shape),
        betas=np.array([walk.betas for walk in walks], np.float32).reshape(n, -1) if n else np.zeros((0, 10)),
        trans=np.array([walk.trans for walk in walks], np.float32).reshape(n, frames, 3),
        joints=np.array([joints for _, joints in posed], np.float32).reshape(shape),
        visible=visible,
        filled=np.zeros_like(visible),
        foot_contacts=np.zeros((n, frames, 2), dtype=bool),
    ).save(results / "bodies.npz")
    in_camera = [tuple(transform_points(invert_rigid(T), points) for points in pair) for pair in posed]
    _write_predictions(results / "predictions.xz", in_camera, visible, meshes)
    masks = tuple(_masks(joints, K[0], seen) for (_, joints), seen in zip(in_camera, visible, strict=True))
    for name in ("masks.json", "people_mask.json"):
        MaskTracks(SIZE_PX, FPS, frames, tuple(range(1, n + 1)), masks).save(results / name)
    return FinishedRun(results, body)


def _write_predictions(
    path: Path, people: list[tuple[np.ndarray, ...]], visible: np.ndarray, meshes: BodyMeshes
) -> None:
    n, frames = visible.shape
    with writing_predictions(path, np.arange(1, n + 1), FPS, frames) as sink:
        for t in range(frames):
            seen = visible[:, t, None, None]
            vertices = np.array([v[t] for v, _ in people]).reshape(n, meshes.model.num_vertices, 3) * seen
            joints = np.array([j[t] for _, j in people]).reshape(n, meshes.model.num_joints, 3) * seen
            spreads = [np.full(points.shape[:2], 0.03, np.float32) * seen[..., 0] for points in (vertices, joints)]
            sink.append(FramePredictions(vertices, joints, spreads[0], spreads[1], visible[:, t]))


def _masks(joints: np.ndarray, K: np.ndarray, visible: np.ndarray) -> list[RLEMask | None]:
    """The box about the joints, where the person is seen."""
    masks: list[RLEMask | None] = []
    for points, seen in zip(joints, visible, strict=True):
        low, high = (f(project(points, K), axis=0) for f in (np.min, np.max))
        corner = np.clip(np.floor(low), 0, np.array(SIZE_PX) - 2)
        sides = np.maximum(np.ceil(np.minimum(high, np.array(SIZE_PX) - 1) - corner), 1)
        masks.append(RLEMask.from_bbox([*corner, *sides], imsize=SIZE_PX) if seen else None)
    return masks
