"""What exporters write: everybody with a skin and a skeleton, and the camera, in one world on one clock."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_kinds import skeleton
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.filtering import fill_linear
from nlf_pipeline.kinematics import global_rotations, joint_positions
from nlf_pipeline.renderers.palette import person_colours

_MAX_STEM = 40
_DEVICES = ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
"""What Windows lets no file be called, whatever its ending."""
_OTHER_STEMS = ("camera", *_DEVICES)
"""No person's: `camera` is a file that exporters write beside those of people."""


@dataclass(frozen=True)
class Skin:
    """What everybody's mesh shares. Pose-dependent shape is left out, as no exchange format has it."""

    faces: np.ndarray
    """(faces, 3) int32 vertex indices, counter-clockwise from outside."""
    weights: np.ndarray
    """(vertices, joints) float32, each row sums to 1."""

    def strongest(self, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
        """The n joints that move each vertex most.

        Returns:
            (vertices, n) int joint indices and (vertices, n) float64 weights, which sum to 1.
        """
        joints = np.argsort(-self.weights, axis=1, kind="stable")[:, :n]
        weights = np.take_along_axis(self.weights, joints, axis=1).astype(np.float64)
        return joints, weights / weights.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class MovingPerson:
    """One person's body and motion in all frames of the clip.

    Where `visible` is false nobody was seen: between two sightings the pose is interpolated, before the first and after
    the last it is held.
    """

    person_id: int
    name: str
    """What the user calls the person; any text, unique in the clip."""
    file_stem: str
    """The name in ASCII letters, digits, - and _, unique in the clip, and a file's name on every system."""
    colour: np.ndarray
    """(3,) sRGB in [0, 1], as in all pictures."""
    betas: np.ndarray
    """(betas,)."""
    vertices_rest: np.ndarray
    """(vertices, 3) the unposed body (T-pose, y up, facing +z, pelvis near the origin), metres."""
    joints_rest: np.ndarray
    """(joints, 3) of the unposed body, metres."""
    pose_rotvecs: np.ndarray
    """(frames, joints, 3) parent-relative rotation vectors, radians; the root's turns body axes to world axes."""
    trans: np.ndarray
    """(frames, 3) SMPL's translation, world, metres: the root joint is at joints_rest[0] + trans."""
    joints: np.ndarray
    """(frames, joints, 3) world, metres."""
    visible: np.ndarray
    """(frames,) bool."""
    filled: np.ndarray
    """(frames,) bool: interpolated over a short gap; subset of `visible`."""
    foot_contacts: np.ndarray
    """(frames, 2) bool: left, right foot planted on the floor."""


@dataclass(frozen=True)
class Motion:
    """Everybody and the camera in the world: right-handed, y up, floor at y = 0, metres, seconds."""

    video_id: str
    fps: float
    body_model: str
    """Name of the body model, see docs/bodies.md."""
    skin: Skin
    people: tuple[MovingPerson, ...]
    cameras: Cameras
    """Of every frame."""
    cuts: tuple[int, ...]
    """First frame of every shot but the first; every shot has a world of its own."""

    @property
    def n_frames(self) -> int:
        """Of the clip."""
        return len(self.cameras.T_world_cam)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """In order."""
        return skeleton(self.skin.weights.shape[1])[0]

    @property
    def joint_parents(self) -> tuple[int, ...]:
        """Index of each joint's parent, -1 for the root."""
        return skeleton(self.skin.weights.shape[1])[1]


def make_motion(
    video_id: str, bodies: Bodies, cameras: Cameras, meshes: BodyMeshes, names: Mapping[int, str], cuts: Sequence[int]
) -> Motion:
    """Bring everybody's shape and motion together.

    Args:
        video_id: of the clip.
        bodies: everybody's motion in the world.
        cameras: the camera's, in as many frames.
        meshes: the body model that `bodies` belong to.
        names: what the user calls people, by id; others are "person 1" ...
        cuts: first frame of every shot but the first.
    """
    ids = bodies.person_ids.tolist()
    titles = _distinct([names.get(person_id) or f"person {person_id}" for person_id in ids])
    stems = _distinct(
        [_file_stem(title, person_id) for title, person_id in zip(titles, ids, strict=True)], _OTHER_STEMS
    )
    directions = np.asarray(meshes.model.shapedirs, np.float64)[..., : bodies.betas.shape[-1]]
    colours = person_colours(len(ids))
    people = []
    for row, person_id in enumerate(ids):
        joints_rest = meshes.joints_rest(bodies.betas[row])
        pose, trans = _continuous(bodies.pose_rotvecs[row], bodies.trans[row], bodies.visible[row])
        person = MovingPerson(
            person_id=person_id,
            name=titles[row],
            file_stem=stems[row],
            colour=colours[row],
            betas=bodies.betas[row],
            vertices_rest=meshes.template + directions @ bodies.betas[row],
            joints_rest=joints_rest,
            pose_rotvecs=pose,
            trans=trans,
            joints=joint_positions(global_rotations(pose), joints_rest[0] + trans, joints_rest),
            visible=bodies.visible[row],
            filled=bodies.filled[row],
            foot_contacts=bodies.foot_contacts[row],
        )
        people.append(person)
    skin = Skin(meshes.faces, np.asarray(meshes.model.weights, np.float32))
    return Motion(video_id, float(bodies.fps), bodies.body_model, skin, tuple(people), cameras, tuple(cuts))


def _continuous(pose: np.ndarray, trans: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pose and translation without what is undefined: interpolated between sightings, held before and after them."""
    seen = np.flatnonzero(visible)
    if len(seen) in (0, len(visible)):
        return (pose, trans) if len(seen) else (np.zeros_like(pose), np.zeros_like(trans))
    if len(seen) == 1:
        return np.repeat(pose[seen], len(pose), axis=0), np.repeat(trans[seen], len(trans), axis=0)
    at = np.clip(np.arange(len(visible)), seen[0], seen[-1])
    turned = [Slerp(seen, Rotation.from_rotvec(pose[seen, joint]))(at).as_rotvec() for joint in range(pose.shape[1])]
    filled = np.where(visible[:, None, None], pose, np.stack(turned, axis=1))
    return filled, fill_linear(trans, visible)


def _file_stem(name: str, person_id: int) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", ascii_only)[:_MAX_STEM].strip("_-") or f"person_{person_id}"


def _distinct(names: Sequence[str], reserved: Sequence[str] = ()) -> list[str]:
    """The names, with numbers behind those that come again or are reserved, whatever the case of their letters."""
    taken = set(reserved)
    result = []
    for name in names:
        candidate, number = name, 2
        while candidate.casefold() in taken:
            candidate, number = f"{name}_{number}", number + 1
        taken.add(candidate.casefold())
        result.append(candidate)
    return result
