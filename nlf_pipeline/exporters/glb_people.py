"""People in a glTF file: each a skeleton of its own at the scene's root, a skinned mesh, and their tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pygltflib
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES, SMPLX_JOINT_NAMES
from nlf_pipeline.exporters.colours import linear_light
from nlf_pipeline.exporters.glb_buffers import JUMP_AHEAD_FRAMES, GlbBuilder, intervals
from nlf_pipeline.exporters.motion import Motion, MovingPerson, Skin
from nlf_pipeline.exporters.quaternions import continuous_quaternions
from nlf_pipeline.meshes import Topology

CAMERA_NODE, FLOOR_NODE = "camera", "floor"
_MESH_SUFFIX, _PERSON_SUFFIX = ": body", " (person)"
_TAKEN = {CAMERA_NODE, FLOOR_NODE, *SMPL_JOINT_NAMES, *SMPLX_JOINT_NAMES}
_INFLUENCES = 4
"""Joints per vertex, as many as every engine takes."""
_FULL_WEIGHT = np.iinfo(np.uint16).max
_UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def person_node_name(person: MovingPerson) -> str:
    """Name of the node that holds a person's skeleton, which is at the scene's root; no other node has it.

    It is the person's name unless another node is called so. three.js keeps it in `userData.name`, as it changes names
    with spaces.
    """
    is_taken = person.name.casefold() in _TAKEN or person.name.endswith((_MESH_SUFFIX, _PERSON_SUFFIX))
    return person.name + _PERSON_SUFFIX if is_taken else person.name


@dataclass(frozen=True)
class SharedSkin:
    """What everybody's mesh has in common, by index of accessor."""

    topology: Topology
    indices: int
    joints: int
    weights: int

    @classmethod
    def stored(cls, builder: GlbBuilder, skin: Skin) -> "SharedSkin":
        """Store faces, joints and weights once for everybody."""
        joints, weights = quantised_weights(skin)
        n_vertices = len(joints)
        return cls(
            Topology.of(skin.faces, n_vertices),
            builder.add_indices(skin.faces, n_vertices),
            builder.add_array(joints, "VEC4", pygltflib.ARRAY_BUFFER),
            builder.add_array(weights, "VEC4", pygltflib.ARRAY_BUFFER, normalized=True),
        )


def quantised_weights(skin: Skin) -> tuple[np.ndarray, np.ndarray]:
    """The four strongest joints of each vertex.

    Returns:
        (vertices, 4) uint8 joints, 0 where the weight is 0 as glTF asks, and (vertices, 4) uint16 weights, of which
        each row sums to 65535, which stands for 1.
    """
    joints, weights = skin.strongest(_INFLUENCES)
    exact = weights * _FULL_WEIGHT
    whole = np.floor(exact).astype(np.int64)
    order = np.argsort(whole - exact, axis=1, kind="stable")  # largest remainders first
    missing = _FULL_WEIGHT - whole.sum(axis=1, keepdims=True)
    np.put_along_axis(whole, order, np.take_along_axis(whole, order, axis=1) + (np.arange(_INFLUENCES) < missing), 1)
    return np.where(whole > 0, joints, 0).astype(np.uint8), whole.astype(np.uint16)


def add_person(builder: GlbBuilder, motion: Motion, person: MovingPerson, skin: SharedSkin) -> None:
    """Add a person's skeleton, mesh and tracks.

    The skeleton's node stands on the floor at the origin, in T-pose and with it the mesh: `vertices_rest` and
    `joints_rest` raised until the feet touch the floor. The tracks move the joints to where they are in the world.

    Args:
        builder: of the file.
        motion: everybody's.
        person: one of them.
        skin: stored before.
    """
    raised = np.array([0.0, -person.vertices_rest[:, 1].min(), 0.0])
    joints_rest = person.joints_rest + raised
    bones = np.array([joints_rest[j] - (joints_rest[p] if p >= 0 else 0) for j, p in enumerate(motion.joint_parents)])
    joints = _add_joints(builder, motion, bones)
    root = pygltflib.Node(name=person_node_name(person), children=joints[:1], extras=_extras(person))
    root_index = builder.add_node(root)
    _add_mesh(builder, person, person.vertices_rest + raised, joints_rest, skin, (root_index, joints))
    seconds = np.arange(motion.n_frames) / motion.fps
    builder.add_track(joints[0], "translation", seconds, person.trans + person.joints_rest[0], bones[0])
    for node, rotvecs in zip(joints, person.pose_rotvecs.swapaxes(0, 1), strict=True):
        turns = continuous_quaternions(Rotation.from_rotvec(rotvecs).as_quat())
        builder.add_track(node, "rotation", seconds, turns, _UPRIGHT)
    _add_visibility(builder, root_index, person.visible, motion.fps)


def _add_joints(builder: GlbBuilder, motion: Motion, bones: np.ndarray) -> list[int]:
    """Nodes of all joints at rest, each with its offset (joints, 3) from its parent; their indices, in order."""
    first, parents = len(builder.file.nodes), np.array(motion.joint_parents)
    for joint, name in enumerate(motion.joint_names):
        children = (first + np.flatnonzero(parents == joint)).tolist()
        builder.add_node(pygltflib.Node(name=name, translation=bones[joint].tolist(), children=children), at_root=False)
    return list(range(first, len(builder.file.nodes)))


def _add_mesh(
    builder: GlbBuilder,
    person: MovingPerson,
    vertices: np.ndarray,
    joints_rest: np.ndarray,
    skin: SharedSkin,
    skeleton: tuple[int, Sequence[int]],
) -> None:
    """The mesh, at the scene's root beside its skeleton (root, joints), as what is above it would be ignored."""
    file, (root, joints) = builder.file, skeleton
    look = pygltflib.PbrMetallicRoughness(
        baseColorFactor=[*linear_light(person.colour), 1.0], metallicFactor=0.0, roughnessFactor=0.8
    )
    file.materials.append(pygltflib.Material(name=person.name, pbrMetallicRoughness=look))
    attributes = pygltflib.Attributes(
        POSITION=builder.add_vertices(vertices, bounded=True),
        NORMAL=builder.add_vertices(_unit_normals(skin.topology, vertices)),
        JOINTS_0=skin.joints,
        WEIGHTS_0=skin.weights,
    )
    primitive = pygltflib.Primitive(attributes=attributes, indices=skin.indices, material=len(file.materials) - 1)
    name = person.name + _MESH_SUFFIX
    file.meshes.append(pygltflib.Mesh(name=name, primitives=[primitive]))
    to_joints = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    to_joints[:, 3, :3] = -joints_rest  # columns follow one another, as in all of glTF
    inverses = builder.add_array(to_joints.reshape(-1, 16), "MAT4")
    file.skins.append(
        pygltflib.Skin(name=person_node_name(person), joints=list(joints), skeleton=root, inverseBindMatrices=inverses)
    )
    builder.add_node(pygltflib.Node(name=name, mesh=len(file.meshes) - 1, skin=len(file.skins) - 1))


def _unit_normals(topology: Topology, vertices: np.ndarray) -> np.ndarray:
    """(vertices, 3) smooth unit normals; upwards where there is no surface."""
    normals = topology.normals(vertices)
    return np.where(np.linalg.norm(normals, axis=-1, keepdims=True) > 0.5, normals, [0.0, 1.0, 0.0])


def _add_visibility(builder: GlbBuilder, node: int, visible: np.ndarray, fps: float) -> None:
    """Shrink a person to nothing while out of sight; glTF names this as the way to hide what is animated."""
    changes = np.flatnonzero(np.concatenate([[True], visible[1:] != visible[:-1]]))
    scale = np.repeat(visible[changes, None].astype(np.float64), 3, axis=1)
    seconds = np.maximum(changes - JUMP_AHEAD_FRAMES, 0) / fps
    builder.add_track(node, "scale", seconds, scale, (1.0, 1.0, 1.0), "STEP")


def _extras(person: MovingPerson) -> dict[str, object]:
    left, right = person.foot_contacts.T
    return {
        "person_id": person.person_id,
        "file_stem": person.file_stem,
        "betas": person.betas.tolist(),
        "visible": intervals(person.visible),
        "filled": intervals(person.filled),
        "left_foot_planted": intervals(left),
        "right_foot_planted": intervals(right),
    }
