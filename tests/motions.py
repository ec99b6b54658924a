"""Motions to export: people of a plain blocky body who walk about before a camera, without a body model's files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_kinds import skeleton
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.exporters.motion import Motion, make_motion
from nlf_pipeline.geometry import look_at
from nlf_pipeline.kinematics import global_rotations, joint_positions

FPS = 25.0
SIZE_PX = (640, 360)
PELVIS_REST = (0.01, -0.21, 0.03)
"""Not the origin, as in SMPL: who forgets that the body turns about it is found out."""
_BONES = {
    "hip": (0.06, -0.09, 0.0), "spine1": (0, 0.11, -0.02), "knee": (0.04, -0.38, 0.0), "spine2": (0, 0.13, 0.0),
    "ankle": (-0.01, -0.40, -0.04), "spine3": (0, 0.06, 0.02), "foot": (0.04, -0.06, 0.12), "neck": (0, 0.21, -0.03),
    "collar": (0.08, 0.11, -0.02), "head": (0, 0.09, 0.05), "shoulder": (0.10, 0.04, -0.01),
    "elbow": (0.26, -0.01, -0.02), "wrist": (0.25, 0.01, 0.0), "hand": (0.08, -0.01, -0.01), "jaw": (0, -0.01, 0.02),
    "eye_smplhf": (0.03, 0.05, 0.06), "index1": (0.10, 0.0, 0.02), "middle1": (0.10, 0.0, 0.0),
    "ring1": (0.09, 0.0, -0.02), "pinky1": (0.08, 0.0, -0.04), "thumb1": (0.04, -0.02, 0.03),
}  # fmt: skip
"""From the parent joint, on the left side, metres; other joints are the next knuckle."""
_KNUCKLE = (0.03, 0.0, 0.0)
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
_SIDES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
"""Triangles of a box with these corners, counter-clockwise from outside."""


def moving_people(
    n_people: int = 2,
    n_frames: int = 20,
    *,
    names: Mapping[int, str] | None = None,
    visible: np.ndarray | None = None,
    cuts: Sequence[int] = (),
    n_joints: int = 24,
    fps: float = FPS,
    static_camera: bool = False,
    zooming: bool = False,
    video_id: str = "walk",
    seed: int = 0,
) -> Motion:
    """People with ids 1, 2 ... who walk on the floor in ways of their own, and a camera that goes round them.

    Args:
        n_people: how many.
        n_frames: of the clip.
        names: what the user calls people, by id.
        visible: (people, frames) bool; the values elsewhere are nonsense, as in real files. By default everybody
            always, or, where there are cuts, in the shots in turn.
        cuts: first frames of shots; the camera jumps there.
        n_joints: 24 or 55.
        fps: frames per second.
        static_camera: it stays where it is in each shot.
        zooming: the focal length changes.
        video_id: of the clip.
        seed: of what is random.
    """
    random = np.random.default_rng(seed)
    seen = _in_turn(n_people, n_frames, cuts) if visible is None else visible
    meshes = BodyMeshes(cast(Any, blocky_body(n_joints)))
    betas = random.uniform(-1, 1, (n_people, 10))
    pose, trans = _walks(random, n_people, n_frames, n_joints, meshes.joints_rest(betas), fps)
    pose[~seen] = random.normal(size=pose[~seen].shape)
    trans[~seen] = random.normal(size=trans[~seen].shape) * 100
    bodies = Bodies(
        person_ids=np.arange(1, n_people + 1),
        fps=fps,
        body_model="open",
        pose_rotvecs=pose,
        betas=betas,
        trans=trans,
        joints=_joints(pose, trans, meshes.joints_rest(betas)),
        visible=seen,
        filled=seen & (np.arange(n_frames) % 7 == 3),
        foot_contacts=_steps(n_people, n_frames),
    )
    cameras = _cameras(n_frames, cuts, static_camera, zooming)
    return make_motion(video_id, bodies, cameras, meshes, names or {}, cuts)


def _in_turn(n_people: int, n_frames: int, cuts: Sequence[int]) -> np.ndarray:
    """(people, frames) bool: each is in one shot, or in every so many."""
    shots = np.searchsorted(cuts, np.arange(n_frames), side="right")
    return shots == np.arange(n_people)[:, None] % (len(cuts) + 1)


def _steps(n_people: int, n_frames: int) -> np.ndarray:
    """(people, frames, 2) bool: feet are planted in turn, five frames each."""
    left = np.arange(n_frames) // 5 % 2 == 0
    return np.tile(np.stack([left, ~left], axis=-1), (n_people, 1, 1))


@dataclass(frozen=True)
class BlockyBody:
    """What `BodyMeshes` needs of a body model at rest: a box about every joint, skinned to up to four joints."""

    faces: np.ndarray
    weights: np.ndarray
    v_template: np.ndarray
    posedirs: np.ndarray
    shapedirs: np.ndarray
    J_template: np.ndarray
    J_shapedirs: np.ndarray

    @property
    def num_joints(self) -> int:
        return len(self.J_template)

    @property
    def num_vertices(self) -> int:
        return len(self.v_template)


def blocky_body(n_joints: int = 24) -> BlockyBody:
    """In T-pose, facing +z, y up, pelvis at PELVIS_REST; betas make it taller and wider."""
    names, parents = skeleton(n_joints)
    joints = np.zeros((n_joints, 3))
    for joint, (name, parent) in enumerate(zip(names, parents, strict=True)):
        side, _, part = name.partition("_")
        bone = np.array(_BONES.get(part or name, _KNUCKLE)) * ((-1 if side == "right" else 1), 1, 1)
        joints[joint] = PELVIS_REST if parent < 0 else joints[parent] + bone
    vertices, weights = [], []
    for joint in range(n_joints):
        vertices.append(joints[joint] + _CORNERS * (0.05, 0.04, 0.03))
        for corner in range(len(_CORNERS)):
            row = np.zeros(n_joints)
            for near, weight in zip(_ancestors(joint, parents)[:4], (9, 4 + corner, 1 + corner, corner), strict=False):
                row[near] += weight
            weights.append(row / row.sum())
    template = np.concatenate(vertices)
    stretch = np.linspace(0.03, 0.003, 10)  # every beta stretches along one axis, joints and vertices alike
    axes = np.eye(3)[np.arange(10) % 3 - 2]
    return BlockyBody(
        faces=np.concatenate([_SIDES + len(_CORNERS) * joint for joint in range(n_joints)]).astype(np.int32),
        weights=np.array(weights, np.float32),
        v_template=template,
        posedirs=np.zeros((len(template), 3, 9 * (n_joints - 1))),
        shapedirs=np.einsum("vc,bc,b->vcb", template, axes, stretch),
        J_template=joints,
        J_shapedirs=np.einsum("jc,bc,b->jcb", joints, axes, stretch),
    )


def _ancestors(joint: int, parents: Sequence[int]) -> list[int]:
    return [joint, *(_ancestors(parents[joint], parents) if parents[joint] >= 0 else [])]


def _walks(
    random: np.random.Generator, n_people: int, n_frames: int, n_joints: int, joints_rest: np.ndarray, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """(people, frames, joints, 3) smooth poses and (people, frames, 3) translations of people who walk in arcs."""
    seconds = np.arange(n_frames)[:, None, None] / fps
    pose, trans = np.zeros((n_people, n_frames, n_joints, 3)), np.zeros((n_people, n_frames, 3))
    for person in range(n_people):
        swing, rate, phase = (random.uniform(low, high, (n_joints, 3)) for low, high in ((0, 0.5), (2, 6), (0, 6)))
        pose[person] = swing * np.sin(rate * seconds + phase)
        turn, speed, start = random.uniform(-1, 1), random.uniform(0.5, 1.5), random.uniform(-np.pi, np.pi)
        heading = start + turn * seconds[:, 0, 0]
        upright = Rotation.from_rotvec(pose[person, :, 0] * 0.2)
        pose[person, :, 0] = (Rotation.from_euler("y", heading[:, None]) * upright).as_rotvec()
        steps = speed / fps * np.stack([np.sin(heading), 0 * heading, np.cos(heading)], axis=-1)
        pelvis = np.array([1.2 * person - 1.0, 0.95, -4 - 0.3 * person]) + np.cumsum(steps, axis=0)
        trans[person] = pelvis - joints_rest[person, 0]
    return pose, trans


def _joints(pose: np.ndarray, trans: np.ndarray, joints_rest: np.ndarray) -> np.ndarray:
    everybody = zip(pose, trans, joints_rest, strict=True)
    joints = [joint_positions(global_rotations(turns), rest[0] + path, rest) for turns, path, rest in everybody]
    return np.array(joints).reshape(pose.shape)


def _cameras(n_frames: int, cuts: Sequence[int], static: bool, zooming: bool) -> Cameras:
    """A camera at eye level that looks at where people start; at every cut it jumps."""
    width_px, height_px = SIZE_PX
    poses = np.zeros((n_frames, 4, 4))
    for frame in range(n_frames):
        shot = int(np.searchsorted(cuts, frame, side="right"))
        angle = 0.8 * shot + (0 if static else 0.01 * frame)
        eye = np.array([5 * np.sin(angle), 1.6 + 0.3 * shot, -4 + 5 * np.cos(angle)])
        poses[frame] = look_at(eye, np.array([0.0, 1.0, -4.0]), np.array([0.02, 1.0, 0.0]))
    K = np.array([[500.0, 0, (width_px - 1) / 2], [0, 500.0, (height_px - 1) / 2], [0, 0, 1]])
    Ks = np.repeat(K[None], n_frames, axis=0)
    if zooming:
        Ks[:, [0, 1], [0, 1]] *= np.linspace(1, 1.5, n_frames)[:, None]
    return Cameras(T_world_cam=poses, K=Ks, distortion=np.zeros(0), size_px=np.array(SIZE_PX))
