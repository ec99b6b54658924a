"""People who walk with exactly planted feet, and what an estimator with NLF's kind of errors makes of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import CameraPath, Intrinsics, SceneCameras, VideoFacts
from nlf_pipeline.body_models import SMPL_PARENTS, BodyMeshes, joint_index
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, transform_points
from nlf_pipeline.kinematics import from_smpl_pose
from nlf_pipeline.predictions import FramePredictions, writing_predictions

STEP_S = 0.56
HALF_STANCE_S = 0.35
SIZE_PX = (1280, 720)
CAMERA_HEIGHT = 1.6


@dataclass(frozen=True)
class Walk:
    """The truth: y up, floor at y = 0."""

    pose_rotvecs: np.ndarray
    betas: np.ndarray
    trans: np.ndarray
    joints: np.ndarray
    planted: np.ndarray
    """(frames, 2) bool."""


@dataclass(frozen=True)
class Errors:
    """An estimator's errors; the default is none."""

    slow_turn: float = 0.0
    """Of every joint, radians, changing within half a second; also of everything else called slow."""
    fast_turn: float = 0.0
    slow_size: float = 0.0
    """Relative, of size and distance together: the picture stays as it is."""
    vertex: float = 0.0
    """Of every vertex on its own, metres."""
    sizes: tuple[float, ...] = ()
    """Constant factor of every person about the camera."""
    missing: tuple[tuple[int, int, int], ...] = ()
    """(person, first, stop) frames without an estimate."""
    jumps: tuple[tuple[int, int, float], ...] = ()
    """(person, frame, factor about the camera) of gross errors."""


NLF_GRADE = Errors(slow_turn=0.06, fast_turn=0.006, slow_size=0.02, vertex=0.003)


def walk(meshes: BodyMeshes, betas: np.ndarray, frames: int, fps: float, place: tuple[float, float, float]) -> Walk:
    """Walk in a circle of 0.8 m about (x, z), beginning at an angle; place = (x, z, angle)."""
    n_joints = meshes.model.num_joints
    rest_vertices, rest = meshes.forward(np.zeros((1, n_joints, 3)), betas, np.zeros((1, 3)))
    rest, sole = rest[0].astype(np.float64), float(rest_vertices[0, :, 1].min())
    t, omega = np.arange(frames) / fps, 0.95

    def at(time: np.ndarray) -> tuple[np.ndarray, Rotation]:
        angle = place[2] + omega * time
        spot = np.stack([place[0] + 0.8 * np.cos(angle), 0 * angle, place[1] - 0.8 * np.sin(angle)], -1)
        return spot, Rotation.from_rotvec(np.stack([0 * angle, angle + np.pi, 0 * angle], -1))

    spot, heading = at(t)
    ankles, turns, planted = [], [], np.zeros((frames, 2), bool)
    for foot, ankle in enumerate((7, 8)):
        beat = np.floor(t / (2 * STEP_S) + foot / 2) * 2 * STEP_S - foot * STEP_S
        into = np.clip((t - beat - 2 * HALF_STANCE_S) / (2 * STEP_S - 2 * HALF_STANCE_S), 0, 1)
        share = into**3 * (into * (6 * into - 15) + 10)
        planted[:, foot] = into == 0
        (a, turn_a), (b, turn_b) = at(beat + HALF_STANCE_S), at(beat + 2 * STEP_S + HALF_STANCE_S)
        side = rest[ankle] * [1, 0, 1] - rest[0] * [1, 0, 1]
        a, b = a + turn_a.apply(side), b + turn_b.apply(side)
        spread = turn_b * turn_a.inv()
        turns.append(Rotation.from_rotvec(share[:, None] * spread.as_rotvec()) * turn_a)
        ankles.append(a + share[:, None] * (b - a))
        ankles[-1][:, 1] = rest[ankle, 1] - sole + 0.08 * np.sin(np.pi * share) ** 2
    pelvis = spot + [0, rest[0, 1] - sole - 0.07, 0]
    world = np.tile(heading.as_matrix()[:, None], (1, 24, 1, 1))
    for foot, (hip, knee, ankle, toes) in enumerate(((1, 4, 7, 10), (2, 5, 8, 11))):
        from_hip = ankles[foot] - pelvis - heading.apply(rest[hip] - rest[0])
        world[:, hip], world[:, knee] = _bend_leg(rest[knee] - rest[hip], rest[ankle] - rest[knee], from_hip, heading)
        world[:, ankle] = world[:, toes] = turns[foot].as_matrix()
        arm = np.array([0.0, 0.0, (-1) ** (foot + 1) * 1.2])
        for joint in (16 + foot, 18 + foot, 20 + foot, 22 + foot):
            world[:, joint] = (heading * Rotation.from_rotvec(arm)).as_matrix()
    pose = _parent_relative(world, n_joints)
    trans = pelvis - rest[0]
    joints = meshes.forward(pose, betas, trans, vertices=False)[1].astype(np.float64)
    return Walk(pose, betas, trans, joints, planted)


def _bend_leg(thigh: np.ndarray, shank: np.ndarray, target: np.ndarray, heading: Rotation) -> tuple[np.ndarray, ...]:
    """Global rotations of thigh and shank that bring the ankle to `target` from the hip, by bisecting the knee."""
    low, high = np.zeros(len(target)), np.full(len(target), 2.5)
    wanted = np.linalg.norm(target, axis=-1)
    for _ in range(60):
        middle = (low + high) / 2
        knee = Rotation.from_rotvec(np.stack([middle, 0 * middle, 0 * middle], -1))
        too_far = np.linalg.norm(thigh + knee.apply(shank), axis=-1) > wanted
        low, high = np.where(too_far, middle, low), np.where(too_far, high, middle)
    reach = thigh + knee.apply(shank)

    def axes(direction: np.ndarray, x: np.ndarray) -> np.ndarray:
        z = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
        x = x - z * np.sum(x * z, -1, keepdims=True)
        x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        return np.stack([x, np.cross(z, x), z], -1)

    right = np.tile([1.0, 0, 0], (len(target), 1))
    hip = axes(target, heading.apply(right)) @ np.swapaxes(axes(reach, right), -1, -2)
    return hip, hip @ knee.as_matrix()


def _parent_relative(world: np.ndarray, n_joints: int) -> np.ndarray:
    local = world.copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            local[:, joint] = np.swapaxes(world[:, parent], -1, -2) @ world[:, joint]
    local = from_smpl_pose(local, n_joints)
    return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(*local.shape[:2], 3)


def walking_people(meshes: BodyMeshes, n: int, frames: int, fps: float) -> list[Walk]:
    """Up to three people of different build, side by side, 5-7 m in front of `camera_path`."""
    rng = np.random.default_rng(3)
    places = [(-1.3, -5.2, 0.0), (0.2, -6.6, 2.0), (1.5, -5.6, 4.0)]
    return [
        walk(meshes, rng.normal(0, 0.6, meshes.model.num_betas).astype(np.float32), frames, fps, places[k])
        for k in range(n)
    ]


def camera_path(frames: int, moving: bool = False, travel: float = 1.0) -> np.ndarray:
    """(frames, 4, 4) T_world_cam, 1.6 m above the floor, looking at the people, 8 degrees down.

    Moving, it goes 0.6 m to the right and almost back, and 0.3 m forward, times `travel`.
    """
    eyes = np.tile([0.0, CAMERA_HEIGHT, 0.0], (frames, 1))
    if moving:
        eyes[:, 0] += travel * 0.6 * np.sin(np.linspace(0, 3, frames))
        eyes[:, 2] -= travel * 0.3 * np.linspace(0, 1, frames) ** 2
    target = np.array([0.0, CAMERA_HEIGHT - 6 * np.tan(np.deg2rad(8)), -6.0])
    return np.stack([look_at(eye, target, np.array([0.0, 1.0, 0.0])) for eye in eyes])


def write_inputs(
    folder: Path,
    meshes: BodyMeshes,
    walks: list[Walk],
    T_world_cam: np.ndarray,
    errors: Errors,
    fps: float,
    cuts: tuple[int, ...] = (),
    T_scene_world: np.ndarray | None = None,
) -> None:
    """Write predictions.xz, cameras.npz and video.json; the scene has the first camera's axes unless one is given."""
    frames = len(T_world_cam)
    T_scene_cam = (invert_rigid(T_world_cam[0]) if T_scene_world is None else T_scene_world) @ T_world_cam
    K = np.repeat(pinhole_matrix(1000.0, SIZE_PX)[None], frames, axis=0)
    SceneCameras(T_scene_cam, K, np.zeros(0), np.array(SIZE_PX), np.ones(1), np.zeros(1), np.ones(len(walks))).save(
        folder / "cameras.npz"
    )
    VideoFacts("walkers", *SIZE_PX, fps, frames, cuts=list(cuts)).save(folder / "video.json")
    people = [_predict(meshes, walks[k], invert_rigid(T_world_cam), errors, k, fps) for k in range(len(walks))]
    valid = np.ones((len(walks), frames), bool)
    for person, first, stop in errors.missing:
        valid[person, first:stop] = False
    with writing_predictions(folder / "predictions.xz", np.arange(1, len(walks) + 1), fps, frames) as sink:
        for i in range(frames):
            seen = valid[:, i, None, None]
            vertices = np.stack([v[i] for v, _ in people]) * seen if people else np.zeros((0, 1024, 3))
            joints = np.stack([j[i] for _, j in people]) * seen if people else np.zeros((0, 24, 3))
            uncertain = [np.full(points.shape[:2], 0.03, np.float32) for points in (vertices, joints)]
            sink.append(FramePredictions(vertices, joints, *uncertain, valid[:, i]))


def _predict(
    meshes: BodyMeshes, truth: Walk, T_cam_world: np.ndarray, errors: Errors, k: int, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """(frames, vertices, 3) and (frames, joints, 3), camera frame."""
    rng, frames, n_joints = np.random.default_rng([7, k]), len(truth.trans), meshes.model.num_joints

    def slow(*shape: int) -> np.ndarray:
        noise = gaussian_filter1d(rng.normal(size=(frames + 200, *shape)), 0.5 * fps, axis=0)[100:-100]
        return noise / np.sqrt((noise**2).mean())

    turn = errors.slow_turn * slow(n_joints, 3) + errors.fast_turn * rng.normal(size=(frames, n_joints, 3))
    pose = Rotation.from_rotvec(truth.pose_rotvecs.reshape(-1, 3)) * Rotation.from_rotvec(turn.reshape(-1, 3))
    pose_rotvecs = pose.as_rotvec().reshape(frames, n_joints, 3)
    vertices, joints = meshes.forward(pose_rotvecs, truth.betas, truth.trans)
    vertices = vertices + errors.vertex * rng.normal(size=vertices.shape)
    scale = np.exp(errors.slow_size * slow()) * (errors.sizes[k] if errors.sizes else 1)
    for person, frame, factor in errors.jumps:
        scale[frame] *= factor if person == k else 1
    return tuple(transform_points(T_cam_world, p) * scale[:, None, None] for p in (vertices, joints))


def background_points(n: int, floor: bool = True) -> np.ndarray:
    """(3 n, 3) world: on the floor (or above it), on a wall behind the people, and on things in between."""
    rng = np.random.default_rng(5)
    across, up, away = rng.uniform(-4, 4, (3, n)), rng.uniform(0, 1.2, (3, n)), rng.uniform(-11, -2, (3, n))
    up[0] = 0 if floor else rng.uniform(0, 3, n)
    up[1], away[1] = 2.5 * up[1], -11
    return np.stack([across, up, away], -1).reshape(-1, 3)


def write_camera_path(
    folder: Path, T_world_cam: np.ndarray, metres_per_unit: np.ndarray, segment: np.ndarray, points: np.ndarray
) -> None:
    """Write intrinsics.json and camera_path.npz, each segment in its own unit; (n, 3) world `points` seen in all."""
    T_scene_cam = invert_rigid(T_world_cam[0]) @ T_world_cam
    steps = invert_rigid(T_scene_cam[:-1]) @ T_scene_cam[1:]
    steps[:, :3, 3] /= metres_per_unit[segment[1:], None]
    T = [np.eye(4)]
    for step in steps:
        T.append(T[-1] @ step)
    in_units = []
    for s, unit in enumerate(metres_per_unit):
        anchor = max(0, int(np.flatnonzero(segment == s)[0]) - 1)
        near = transform_points(invert_rigid(T_world_cam[anchor]), points) / unit
        in_units.append(transform_points(T[anchor], near))
    owner = np.repeat(np.arange(len(metres_per_unit)), len(points))
    CameraPath(np.stack(T), np.ones(len(T)), segment, np.concatenate(in_units), owner).save(folder / "camera_path.npz")
    K = pinhole_matrix(1000.0, SIZE_PX)
    Intrinsics(SIZE_PX, (1000.0, 1000.0), (float(K[0, 2]), float(K[1, 2])), [], "user").save(folder / "intrinsics.json")


def lowest_point(meshes: BodyMeshes, body: Walk) -> np.ndarray:
    """(frames,) height of the lowest vertex."""
    return meshes.forward(body.pose_rotvecs, body.betas, body.trans)[0][..., 1].min(axis=1)


TOES = [joint_index("left_foot"), joint_index("right_foot")]
