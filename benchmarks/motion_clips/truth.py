"""The truth of a clip: everybody's bodies and motion, and the camera."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from motion_clips.moving import animate
from motion_clips.specs import Camera, MotionClip
from motion_clips.steps import RestFeet
from motion_clips.terrain import terrain_of
from motion_clips.wandering import wander
from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_models import N_BETAS, BodyMeshes, joint_index
from nlf_pipeline.geometry import focal_from_fov, look_at, pinhole_matrix

SIZE_PX = (1280, 720)
_FOV_DEG = 55.0
_CAMERA_HEIGHT = 1.6
_PITCH_DEG = 10.0
_DISTANCE = 6.0
"""From the camera to the people, metres."""
_ANKLES = (joint_index("left_ankle"), joint_index("right_ankle"))
_TOES = (joint_index("left_foot"), joint_index("right_foot"))
_PLACES = 0
_CAMERA = 777
"""First numbers of the seeds, so that nothing random depends on anything else."""


@dataclass(frozen=True)
class Area:
    """Where a person walks."""

    centre_xz: tuple[float, float]
    radius: float


def true_bodies(clip: MotionClip, meshes: BodyMeshes) -> Bodies:
    """Everybody's motion.

    Args:
        clip: the clip.
        meshes: of the whole body, which stands on the floor with its lowest vertex.
    """
    people = [_person(clip, meshes, k) for k in range(clip.n_people)]
    stacked = lambda field, *shape: np.stack([p[field] for p in people]) if people else np.zeros((0, *shape))  # noqa: E731
    n, joints = clip.n_frames, meshes.model.num_joints
    return Bodies(
        person_ids=np.arange(1, clip.n_people + 1),
        fps=clip.fps,
        body_model="open",
        pose_rotvecs=stacked(0, n, joints, 3),
        betas=stacked(1, N_BETAS),
        trans=stacked(2, n, 3),
        joints=stacked(3, n, joints, 3),
        visible=np.ones((clip.n_people, n), dtype=bool),
        filled=np.zeros((clip.n_people, n), dtype=bool),
        foot_contacts=stacked(4, n, 2).astype(bool),
    )


def _person(clip: MotionClip, meshes: BodyMeshes, k: int) -> tuple[np.ndarray, ...]:
    """Pose, betas, trans, joints and planted feet of person k."""
    rng = np.random.default_rng([clip.seed, k, _PLACES])
    betas = np.clip(0.7 * rng.normal(size=N_BETAS), -1.5, 1.5)
    feet = rest_feet(meshes, betas)
    area = areas(clip)[k]
    terrain = terrain_of(clip)
    pace = 1.0 if terrain is None else terrain.pace
    path = wander(rng, pace * clip.n_frames / clip.fps, np.array(area.centre_xz), area.radius).at_pace(pace)
    motion = animate(rng, path, feet, np.arange(clip.n_frames) / clip.fps, clip.fps, terrain)
    trans = motion.root - feet.joints[0]
    joints = meshes.forward(motion.pose_rotvecs, betas, trans, vertices=False)[1].astype(np.float64)
    return motion.pose_rotvecs, betas, trans, joints, motion.planted


def rest_feet(meshes: BodyMeshes, betas: np.ndarray) -> RestFeet:
    """The unposed body's joints and the lowest vertex of each of its feet."""
    rest, _ = meshes.forward(np.zeros((1, meshes.model.num_joints, 3)), betas, np.zeros((1, 3)))
    weights = meshes.model.weights.numpy()
    on_foot = [weights[:, ankle] + weights[:, toe] > 0.5 for ankle, toe in zip(_ANKLES, _TOES, strict=True)]
    soles_y = np.array([rest[0, own, 1].min() for own in on_foot], dtype=np.float64)
    return RestFeet(meshes.joints_rest(betas).astype(np.float64), soles_y)


def areas(clip: MotionClip) -> list[Area]:
    """One area per person, before a camera at the origin that looks towards -z."""
    n = clip.n_people
    if clip.layout == "in_line":
        return [Area((0.25 * (-1) ** k, -(_DISTANCE + 2.0 * (k - (n - 1) / 2))), 0.8) for k in range(n)]
    stagger = 0.6 if n > 1 else 0.0
    return [Area((1.2 * (k - (n - 1) / 2), -(_DISTANCE + stagger * (-1) ** k)), 0.9) for k in range(n)]


def true_cameras(clip: MotionClip) -> Cameras:
    """The camera, level with people's heads, looking down a little; moving, it sways by 1.2 m in somebody's hands."""
    n = clip.n_frames
    K = pinhole_matrix(focal_from_fov(_FOV_DEG, SIZE_PX), SIZE_PX)
    T_world_cam = camera_path(clip.camera, n, clip.fps, np.random.default_rng([clip.seed, _CAMERA]))
    return Cameras(T_world_cam, np.repeat(K[None], n, axis=0), np.zeros(0), np.array(SIZE_PX))


def camera_path(camera: Camera, n_frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(frames, 4, 4) T_world_cam."""
    t = np.arange(n_frames) / fps
    eye = np.tile([0.0, _CAMERA_HEIGHT, 0.0], (n_frames, 1))
    target = np.array([0, _CAMERA_HEIGHT - _DISTANCE * np.tan(np.deg2rad(_PITCH_DEG)), -_DISTANCE])
    up = np.array([0.0, 1.0, 0.0])
    if camera == "static":
        return np.stack([look_at(place, target, up) for place in eye])

    def shake(size: float, seconds: float) -> np.ndarray:
        noise = gaussian_filter1d(rng.normal(size=(n_frames + 400, 3)), seconds * fps, axis=0)[200:-200]
        return size * (noise - noise[0]) / noise.std()

    sway = 2 * np.pi / 16 * t
    eye[:, 0] += 1.2 * np.sin(sway)
    eye[:, 2] -= 0.5 * (1 - np.cos(0.7 * sway))
    eye += shake(0.04, 0.5) + shake(0.004, 0.08)
    T_world_cam = np.stack([look_at(place, target, up) for place in eye])
    turns = Rotation.from_rotvec(shake(0.015, 0.4) + shake(0.0015, 0.06)).as_matrix()
    T_world_cam[:, :3, :3] = T_world_cam[:, :3, :3] @ turns
    return T_world_cam
