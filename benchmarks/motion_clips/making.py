"""Make a clip: predictions.xz, cameras.npz and video.json as the workflow writes them, and the truth beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motion_clips.errors import PersonErrors, draw_errors
from motion_clips.estimates import Estimates, TrueTrack, estimate
from motion_clips.mishaps import UNSEEN, Mishaps, draw_kinds, hide, spoil, steal, useless_frames
from motion_clips.specs import MotionClip
from motion_clips.terrain import Terrain
from motion_clips.truth import SIZE_PX, true_bodies, true_cameras
from nlf_pipeline.artefacts import Bodies, Cameras, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.fitting.pose_fitting import one_torch_thread
from nlf_pipeline.geometry import invert_rigid
from nlf_pipeline.predictions import FramePredictions, writing_predictions

CHUNK_FRAMES = 128
_THEFTS, _KINDS, _ERRORS, _VERTICES = 97, 98, 99, 100
"""Numbers in the seeds, so that nothing random depends on anything else."""


@dataclass(frozen=True)
class MotionTruth:
    """What a clip's folder says about the truth."""

    bodies: Bodies
    cameras: Cameras
    mishaps: Mishaps
    T_world_scene: np.ndarray
    """(4, 4) from the scene frame of the clip's cameras to the true world."""
    terrain: Terrain | None = None
    """The floor; None: level."""

    @classmethod
    def load(cls, folder: Path, terrain: Terrain | None = None) -> "MotionTruth":
        """Read a folder that `make_clip` wrote, of a clip on that floor."""
        cameras, scene = Cameras.load(folder / "true_cameras.npz"), SceneCameras.load(folder / "cameras.npz")
        return cls(
            Bodies.load(folder / "true_bodies.npz"),
            cameras,
            Mishaps.load(folder / "mishaps.npz"),
            cameras.T_world_cam[0] @ invert_rigid(scene.T_scene_cam[0]),
            terrain,
        )


def make_clip(clip: MotionClip, folder: Path, body: Path) -> Path:
    """Write everything about a clip into `folder`, which is returned.

    The estimates are made and written a few seconds at a time, so a long clip needs little memory.

    Args:
        clip: the clip.
        folder: where to write.
        body: folder with the body model.
    """
    with one_torch_thread():
        bodies, cameras = true_bodies(clip, BodyMeshes(load_body_model(body))), true_cameras(clip)
        mishaps = _mishaps(clip, bodies, cameras)
        T_scene_world = invert_rigid(cameras.T_world_cam[0])
        T_scene_world[:3, 3] += clip.scene_origin
        SceneCameras(
            T_scene_cam=T_scene_world @ cameras.T_world_cam,
            K=cameras.K,
            distortion=cameras.distortion,
            size_px=cameras.size_px,
            metres_per_unit=np.ones(1),
            scale_spread=np.zeros(1),
            person_scale=np.ones(clip.n_people),
        ).save(folder / "cameras.npz")
        VideoFacts(folder.name, *SIZE_PX, clip.fps, clip.n_frames).save(folder / "video.json")
        bodies.save(folder / "true_bodies.npz")
        cameras.save(folder / "true_cameras.npz")
        mishaps.save(folder / "mishaps.npz")
        meshes = BodyMeshes(load_body_model(body, subset=True))
        ids = bodies.person_ids
        with writing_predictions(folder / "predictions.xz", ids, clip.fps, clip.n_frames) as sink:
            for frame in clip_frames(clip, meshes, bodies, cameras, mishaps):
                sink.append(frame)
    return folder


def _mishaps(clip: MotionClip, bodies: Bodies, cameras: Cameras) -> Mishaps:
    kinds = np.zeros(bodies.visible.shape, dtype=np.int64)
    for k in range(clip.n_people):
        kinds[k] = draw_kinds(np.random.default_rng([clip.seed, k, _KINDS]), clip.errors, clip.n_frames, clip.fps)
    if clip.errors.lose_hidden:
        kinds = hide(kinds, bodies, cameras)
    kinds, shown = steal(np.random.default_rng([clip.seed, _THEFTS]), kinds, bodies, cameras, clip.errors.thefts)
    return Mishaps(spoil(kinds, clip.spoiled), shown)


def clip_frames(
    clip: MotionClip, meshes: BodyMeshes, bodies: Bodies, cameras: Cameras, mishaps: Mishaps
) -> Iterator[FramePredictions]:
    """Every frame of everybody.

    Args:
        clip: the clip.
        meshes: on the vertices that predictions carry.
        bodies: the true ones.
        cameras: the true ones.
        mishaps: what goes wrong.
    """
    kinds = mishaps.kinds
    errors = [
        draw_errors(np.random.default_rng([clip.seed, k, _ERRORS]), clip.errors, kinds[k], clip.fps)
        for k in range(clip.n_people)
    ]
    valid, factors = ~np.isin(kinds, UNSEEN), useless_frames(kinds.shape, clip.spoiled)
    for start in range(0, clip.n_frames, CHUNK_FRAMES):
        part = slice(start, min(start + CHUNK_FRAMES, clip.n_frames))
        people = [
            _person(clip, meshes, bodies, cameras, errors[k], mishaps.shown[k], k, part) for k in range(clip.n_people)
        ]
        for i in range(part.stop - part.start):
            yield _frame(meshes, people, i, valid[:, start + i], factors[:, start + i])


def _person(
    clip: MotionClip,
    meshes: BodyMeshes,
    bodies: Bodies,
    cameras: Cameras,
    errors: PersonErrors,
    shown: np.ndarray,
    k: int,
    part: slice,
) -> Estimates:
    who, frames = shown[part], np.arange(part.start, part.stop)
    track = TrueTrack(
        bodies.pose_rotvecs[who, frames], bodies.betas[who], bodies.joints[who, frames, 0], cameras.T_world_cam[part]
    )
    rng = np.random.default_rng([clip.seed, k, _VERTICES, part.start])
    return estimate(meshes, track, errors, part, clip.errors.vertex, rng)


def _frame(
    meshes: BodyMeshes, people: list[Estimates], i: int, valid: np.ndarray, factors: np.ndarray
) -> FramePredictions:
    """Frame i of a chunk: zeros where there is no estimate."""
    vertices, joints = meshes.model.num_vertices, meshes.model.num_joints

    def stacked(field: str, *shape: int) -> np.ndarray:
        if not people:
            return np.zeros((0, *shape), np.float32)
        values = np.stack([getattr(person, field)[i] for person in people])
        values[~valid] = 0
        return values * factors.astype(np.float32).reshape(-1, *[1] * len(shape))

    return FramePredictions(
        vertices=stacked("vertices", vertices, 3),
        joints=stacked("joints", joints, 3),
        vertex_uncertainties=stacked("vertex_uncertainties", vertices),
        joint_uncertainties=stacked("joint_uncertainties", joints),
        valid=valid,
    )
