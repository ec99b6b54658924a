"""BVH: one skeleton per file with its motion, for animation tools.

One file per person; metres, y up. The joints are those of the body model, at rest in T-pose facing +z. The root's
offset is 0 and its position channels are where the pelvis is in the world, so that readers which add the offset and
readers which replace it agree. Every joint turns about z, then x, then y, each time about its own axes: in this order
neither arms that hang or point forwards nor knees that bend make angles jump. Angles run on beyond 180 degrees, so that
tools which interpolate them do not spin. The format cannot hide anybody: where nobody was seen the pose goes on.
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.exporters.motion import Motion, MovingPerson, Skin
from nlf_pipeline.exporters.tables import text_rows

_DECIMALS = 6
"""Of metres and degrees: a micrometre, and far less than that at the end of a limb."""
_SINGULAR_COSINE = 1e-5
"""Below it the first and the last angle of a rotation are not known apart."""
_SHORTEST_END_M = 0.01


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{file_stem}.bvh for everybody; see `Exporter`."""
    order = depth_first(motion.joint_parents)
    for person in motion.people:
        angles = [continuous_zxy(Rotation.from_rotvec(person.pose_rotvecs[:, joint])) for joint in order]
        rows = np.concatenate([person.joints[:, 0], *map(np.degrees, angles)], axis=1)
        with (folder / f"{person.file_stem}.bvh").open("w", encoding="ascii", newline="\n") as file:
            file.write("HIERARCHY\n")
            file.writelines(_joint_lines(motion, person, 0, ""))
            file.write(f"MOTION\nFrames: {len(rows)}\nFrame Time: {1 / motion.fps:.10f}\n")
            file.writelines(f"{row}\n" for row in text_rows(rows, _DECIMALS, " "))


def depth_first(parents: tuple[int, ...], root: int = 0) -> list[int]:
    """Joints in the order of the hierarchy: every joint before its children, branch after branch."""
    children = [joint for joint, parent in enumerate(parents) if parent == root]
    return [root, *(joint for child in children for joint in depth_first(parents, child))]


def continuous_zxy(rotations: Rotation) -> np.ndarray:
    """Angles of Rz(z) Rx(x) Ry(y) that run on without jumps.

    A rotation has two triples of angles, (z, x, y) and (z + pi, pi - x, y + pi). Of the first frame the smaller is
    taken, of every other that which is nearer to the frame before.

    Args:
        rotations: of all frames.

    Returns:
        (frames, 3) z, x, y in radians.
    """
    R = rotations.as_matrix()
    cosine = np.hypot(R[:, 2, 0], R[:, 2, 2])
    x = np.arctan2(R[:, 2, 1], cosine)
    known = cosine > _SINGULAR_COSINE
    first = np.stack([np.arctan2(-R[:, 0, 1], R[:, 1, 1]), x, np.arctan2(-R[:, 2, 0], R[:, 2, 2])], axis=-1)
    y, flipped = np.zeros(len(R)), np.zeros(len(R), dtype=bool)
    if known.any():
        chosen, which = _nearest_triples(first[known])
        y = np.interp(np.arange(len(R)), np.flatnonzero(known), chosen[:, 2])
        flipped[known] = which
    # Where z and y are not known apart, y runs on from its neighbours, and z is what is left.
    R_zx = R @ Rotation.from_euler("y", -y[:, None]).as_matrix()
    angles = np.stack([np.arctan2(R_zx[:, 1, 0], R_zx[:, 0, 0]), np.where(flipped, np.pi - x, x), y], axis=-1)
    return np.unwrap(angles, axis=0)


def _nearest_triples(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(frames, 3) triples that run on, and (frames,) where that is the second of the two there are."""
    second = np.array([np.pi, np.pi, np.pi]) + first * (1, -1, 1)
    stay = np.abs(_wrapped(first[1:] - first[:-1])).sum(axis=1)
    change = np.abs(_wrapped(second[1:] - first[:-1])).sum(axis=1)
    start = np.abs(_wrapped(second[0])).sum() < np.abs(first[0]).sum()
    # Taking the other triple in both of two frames leaves their distance as it is.
    flipped = np.logical_xor.accumulate(np.concatenate([[start], change < stay]))
    chosen = np.where(flipped[:, None], second, first)
    chosen[0] = _wrapped(chosen[0])
    return np.unwrap(chosen, axis=0), flipped


def _wrapped(angles: np.ndarray) -> np.ndarray:
    return (angles + np.pi) % (2 * np.pi) - np.pi


def _joint_lines(motion: Motion, person: MovingPerson, joint: int, indent: str) -> list[str]:
    parent = motion.joint_parents[joint]
    rest = person.joints_rest
    offset = np.zeros(3) if parent < 0 else rest[joint] - rest[parent]
    channels = "3 Zrotation Xrotation Yrotation"
    if parent < 0:
        channels = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
    inner = f"{indent}\t"
    lines = [
        f"{indent}{'ROOT' if parent < 0 else 'JOINT'} {motion.joint_names[joint]}\n{indent}{{\n",
        f"{inner}OFFSET {_triple(offset)}\n{inner}CHANNELS {channels}\n",
    ]
    children = [child for child, its_parent in enumerate(motion.joint_parents) if its_parent == joint]
    for child in children:
        lines += _joint_lines(motion, person, child, inner)
    if not children:
        end = _end_offset(person, motion.skin, joint, parent)
        lines.append(f"{inner}End Site\n{inner}{{\n{inner}\tOFFSET {_triple(end)}\n{inner}}}\n")
    return [*lines, f"{indent}}}\n"]


def _triple(offset: np.ndarray) -> str:
    return next(text_rows(offset[None], _DECIMALS, " "))


def _end_offset(person: MovingPerson, skin: Skin, joint: int, parent: int) -> np.ndarray:
    """(3,) where a limb ends: as far along its last bone as its skin reaches."""
    bone = person.joints_rest[joint] - person.joints_rest[parent]
    direction = bone / np.linalg.norm(bone)
    strongest = skin.weights.argmax(axis=1) == joint
    reach = (person.vertices_rest[strongest] - person.joints_rest[joint]) @ direction
    return direction * max(reach.max(initial=0), _SHORTEST_END_M)
