"""Put everybody into one world: y up, floor at y = 0, planted feet at rest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, BodyFits, Cameras, Floor, Ground, SceneCameras, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.filtering import track_segments
from nlf_pipeline.fitting.foot_locking import FloorView, lock_feet
from nlf_pipeline.fitting.soles import Soles, find_soles
from nlf_pipeline.geometry import rigid, rotation_between, transform_points


def world(
    *,
    fits: Path,
    cameras: Path,
    ground: Path,
    video_facts: Path,
    body: Path,
    bodies_out: Path,
    cameras_out: Path,
    contacts: bool = True,
) -> None:
    """Put bodies and cameras into a gravity-aligned world, and let planted feet rest on its floor.

    The origin is the point of the floor under the first camera, which looks towards -z. After a cut it is under the
    first camera of the new shot: nothing ties the places of two shots together.

    Args:
        fits: fits.npz.
        cameras: cameras.npz.
        ground: ground.json. If its floor was assumed rather than seen, nobody is moved onto it; if it is uneven, feet
            rest at the heights where they are.
        video_facts: video.json.
        body: folder with the body model.
        bodies_out: bodies.npz to write.
        cameras_out: world_cameras.npz to write.
        contacts: hold planted feet still; without it they are only marked.
    """
    people, scene, facts = BodyFits.load(fits), SceneCameras.load(cameras), VideoFacts.load(video_facts)
    shots, floors = facts.shots(), Ground.load(ground).floors
    if len(floors) != len(shots):
        raise ArtefactError(
            f"{ground} has {len(floors)} floors, the clip has {len(shots)} shots. Delete it and run again."
        )
    T_world_scene = _worlds_from_scenes(shots, floors, scene.T_scene_cam)
    T_world_cam = T_world_scene @ scene.T_scene_cam
    bodies = _empty_bodies(people, facts.fps, BodyKind.of(body).name)
    meshes = BodyMeshes(load_resting_body(body, subset=True))
    for k in range(len(people.person_ids)):
        feet = find_soles(meshes, people.betas[k])
        for segment in track_segments(people.visible[k], shots, 0):
            floor = _floor_at(segment.start, shots, floors)
            _place(bodies, people, k, segment, feet, _Stage(T_world_scene[segment.start], T_world_cam, floor, contacts))
    bodies.save(bodies_out)
    Cameras(T_world_cam, scene.K, scene.distortion, scene.size_px).save(cameras_out)


def _empty_bodies(people: BodyFits, fps: float, body_model: str) -> Bodies:
    return Bodies(
        person_ids=people.person_ids,
        fps=fps,
        body_model=body_model,
        pose_rotvecs=np.zeros_like(people.pose_rotvecs),
        betas=people.betas,
        trans=np.zeros_like(people.trans),
        joints=np.zeros_like(people.joints),
        visible=people.visible,
        filled=people.filled,
        foot_contacts=np.zeros((*people.visible.shape, 2), dtype=bool),
    )


@dataclass(frozen=True)
class _Stage:
    """Where people of one shot stand, and who looks on."""

    T_world_scene: np.ndarray
    T_world_cam: np.ndarray
    """(frames, 4, 4) of the whole clip."""
    floor: Floor
    contacts: bool
    """Planted feet are to be held."""


def _place(bodies: Bodies, people: BodyFits, k: int, segment: slice, feet: Soles, stage: _Stage) -> None:
    """Fill in one person's frames, without gap or cut, in `bodies`: a function of his fit, the floor and the camera."""
    R_floor_world = _levelling(stage.floor, stage.T_world_scene)
    T_floor_scene = rigid(R_floor_world, np.zeros(3)) @ stage.T_world_scene
    pose = people.pose_rotvecs[k, segment].copy()
    pose[:, 0] = _turned(T_floor_scene[:3, :3], pose[:, 0])
    root = transform_points(T_floor_scene, people.joints[k, segment, 0].astype(np.float64))
    view = FloorView(
        centres=stage.T_world_cam[segment, :3, 3] @ R_floor_world.T,
        fps=bodies.fps,
        seen=~people.filled[k, segment],
        level=stage.floor.kind != "uneven",
    )
    locked = lock_feet(pose, root, feet, view, stage.contacts and stage.floor.source == "feet")
    joints = locked.joints @ R_floor_world
    bodies.pose_rotvecs[k, segment] = locked.pose_rotvecs
    bodies.pose_rotvecs[k, segment, 0] = _turned(R_floor_world.T, locked.pose_rotvecs[:, 0])
    bodies.trans[k, segment] = joints[:, 0] - feet.joints_rest[0]
    bodies.joints[k, segment] = joints
    bodies.foot_contacts[k, segment] = locked.contacts


def _levelling(floor: Floor, T_world_scene: np.ndarray) -> np.ndarray:
    """(3, 3) rotation of the world that makes a slope level, about the world's origin, which lies on it."""
    if floor.kind != "slope":
        return np.eye(3)
    return rotation_between(T_world_scene[:3, :3] @ np.array(floor.normal), np.array([0.0, 1.0, 0.0]))


def _turned(R: np.ndarray, rotvecs: np.ndarray) -> np.ndarray:
    """(n, 3) rotation vectors after a rotation (3, 3)."""
    return (Rotation.from_matrix(R) * Rotation.from_rotvec(rotvecs)).as_rotvec()


def _worlds_from_scenes(shots: list[slice], floors: list[Floor], T_scene_cam: np.ndarray) -> np.ndarray:
    """(frames, 4, 4) T_world_scene of the shot that each frame belongs to."""
    T = np.tile(np.eye(4), (len(T_scene_cam), 1, 1))
    for shot, floor in zip(shots, floors, strict=True):
        T[shot] = world_from_scene(np.array(floor.normal), floor.offset_m, T_scene_cam[shot.start], floor.world_up)
    return T


def _floor_at(frame: int, shots: list[slice], floors: list[Floor]) -> Floor:
    return next(floor for shot, floor in zip(shots, floors, strict=True) if shot.start <= frame < shot.stop)


def world_from_scene(
    normal: np.ndarray, offset: float, T_scene_cam: np.ndarray, up: np.ndarray | None = None
) -> np.ndarray:
    """Transform from the scene to the world.

    Args:
        normal: (3,) unit normal of the floor, up, scene frame.
        offset: of the floor: normal · x = offset, metres.
        T_scene_cam: (4, 4) first camera.
        up: (3,) unit vector against gravity, scene frame; None: the normal.

    Returns:
        (4, 4) T_world_scene.
    """
    up = normal if up is None else up
    centre, forward, image_up = T_scene_cam[:3, 3], T_scene_cam[:3, 2], -T_scene_cam[:3, 1]
    ahead = forward - up * (up @ forward)
    if np.linalg.norm(ahead) < 1e-3:  # it looks straight down (or up): ahead is where its picture's top is (or bottom)
        ahead = -np.sign(up @ forward) * (image_up - up * (up @ image_up))
    z = -ahead / np.linalg.norm(ahead)
    R_world_scene = np.stack([np.cross(up, z), up, z])
    below = centre - up * ((normal @ centre - offset) / (normal @ up))
    return rigid(R_world_scene, -R_world_scene @ below)
