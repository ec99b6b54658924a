"""People of a USD stage: skinned meshes on animated skeletons (UsdSkel)."""

# pyright: reportAttributeAccessIssue=false
# (pxr describes its classes to no type checker)

import numpy as np
from pxr import Gf, Kind, Sdf, Tf, Usd, UsdGeom, UsdShade, UsdSkel, Vt
from scipy.spatial.transform import Rotation

from nlf_pipeline.exporters.colours import linear_light
from nlf_pipeline.exporters.motion import Motion, MovingPerson, Skin
from nlf_pipeline.exporters.quaternions import continuous_quaternions
from nlf_pipeline.geometry import rigid
from nlf_pipeline.meshes import Topology


def person_identifiers(motion: Motion) -> list[str]:
    """For everybody a name that USD allows for a prim, unique in the clip."""
    identifiers: list[str] = []
    for person in motion.people:
        identifier = Tf.MakeValidIdentifier(person.file_stem)
        while identifier in identifiers:
            identifier += f"_{person.person_id}"
        identifiers.append(identifier)
    return identifiers


def add_person(
    stage: Usd.Stage, path: Sdf.Path, motion: Motion, person: MovingPerson, material: UsdShade.Material
) -> None:
    """Add one person, invisible in frames in which nobody was seen.

    Args:
        stage: to add to.
        path: of the person's prim.
        motion: everybody's.
        person: whom to add.
        material: of the skin.
    """
    root = UsdSkel.Root.Define(stage, path)
    root.GetPrim().SetDisplayName(person.name)
    root.GetPrim().SetCustomDataByKey("person_id", person.person_id)
    Usd.ModelAPI(root.GetPrim()).SetKind(Kind.Tokens.component)
    for frame, is_visible in _steps(person.visible):
        root.CreateVisibilityAttr().Set(UsdGeom.Tokens.inherited if is_visible else UsdGeom.Tokens.invisible, frame)
    for frame, corners in enumerate(_extents(motion.skin, person)):
        root.CreateExtentAttr().Set(_vectors(corners), frame)
    joints = _joint_paths(motion)
    skeleton = UsdSkel.Skeleton.Define(stage, path.AppendChild(f"{path.name}_skeleton"))
    skeleton.CreateJointsAttr(joints)
    skeleton.CreateJointNamesAttr(list(motion.joint_names))
    skeleton.CreateBindTransformsAttr(_translations(person.joints_rest))
    skeleton.CreateRestTransformsAttr(_translations(_offsets(motion, person)))
    _add_mesh(stage, path.AppendChild(f"{path.name}_body"), motion.skin, person, skeleton, material)
    animation = UsdSkel.Animation.Define(stage, path.AppendChild(f"{path.name}_motion"))
    _animate(animation, motion, person, joints)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])


def _joint_paths(motion: Motion) -> list[str]:
    """Every joint's name behind those of its ancestors, as UsdSkel tells parents."""
    paths: list[str] = []
    for name, parent in zip(motion.joint_names, motion.joint_parents, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _offsets(motion: Motion, person: MovingPerson) -> np.ndarray:
    """(joints, 3) of the unposed body from each joint's parent; the root's from the origin."""
    parents = np.array(motion.joint_parents)
    return person.joints_rest - np.where(parents[:, None] < 0, 0, person.joints_rest[parents])


def _animate(animation: UsdSkel.Animation, motion: Motion, person: MovingPerson, joints: list[str]) -> None:
    """Rotations and, for the root's sake, translations of all joints in every frame, relative to their parents."""
    n_frames, n_joints = person.pose_rotvecs.shape[:2]
    quats = Rotation.from_rotvec(person.pose_rotvecs.reshape(-1, 3)).as_quat().reshape(n_frames, n_joints, 4)
    quats = continuous_quaternions(quats)
    offsets = np.repeat(_offsets(motion, person)[None], n_frames, axis=0)
    offsets[:, 0] += person.trans
    animation.CreateJointsAttr(joints)
    animation.CreateScalesAttr(Vt.Vec3hArray(n_joints, Gf.Vec3h(1, 1, 1)))
    rotations, translations = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    for frame, (turns, moves) in enumerate(zip(quats.astype(np.float32), offsets, strict=True)):
        rotations.Set(Vt.QuatfArray.FromNumpy(turns), frame)
        translations.Set(_vectors(moves), frame)


def _add_mesh(
    stage: Usd.Stage,
    path: Sdf.Path,
    skin: Skin,
    person: MovingPerson,
    skeleton: UsdSkel.Skeleton,
    material: UsdShade.Material,
) -> None:
    """The unposed body, skinned to the skeleton with four joints for each vertex."""
    vertices = person.vertices_rest
    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreatePointsAttr(_vectors(vertices))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(skin.faces), 3))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(skin.faces.ravel(), np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateNormalsAttr(_vectors(Topology.of(skin.faces, len(vertices)).normals(vertices)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateExtentAttr(_vectors(np.stack([vertices.min(axis=0), vertices.max(axis=0)])))
    mesh.CreateDisplayColorAttr([Gf.Vec3f(*linear_light(person.colour))])
    joints, weights = skin.strongest()
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateJointIndicesPrimvar(False, joints.shape[1]).Set(
        Vt.IntArray.FromNumpy(joints.ravel().astype(np.int32))
    )
    flat_weights = weights.ravel().astype(np.float32)
    binding.CreateJointWeightsPrimvar(False, joints.shape[1]).Set(Vt.FloatArray.FromNumpy(flat_weights))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _extents(skin: Skin, person: MovingPerson) -> np.ndarray:
    """(frames, 2, 3) lowest and highest corner of a box round the person.

    A skinned vertex is the weighted mean of where its joints would carry it. The mean of those joints lies in their
    box, and the vertex is not farther from it than the weighted mean of its distances from the joints at rest.
    """
    joints, weights = skin.strongest()
    distances = np.linalg.norm(person.vertices_rest[:, None] - person.joints_rest[joints], axis=-1)
    margin = np.sum(weights * distances, axis=1).max()
    return np.stack([person.joints.min(axis=1) - margin, person.joints.max(axis=1) + margin], axis=1)


def _steps(visible: np.ndarray) -> list[tuple[int, bool]]:
    """First frame of every run of frames that are visible or not, and which; none if all are visible."""
    if visible.all():
        return []
    starts = np.flatnonzero(np.diff(visible, prepend=~visible[:1]))
    return [(int(frame), bool(visible[frame])) for frame in starts]


def _translations(places: np.ndarray) -> Vt.Matrix4dArray:
    transforms = rigid(np.broadcast_to(np.eye(3), (len(places), 3, 3)), places)
    return Vt.Matrix4dArray([Gf.Matrix4d(T.T) for T in transforms])


def _vectors(values: np.ndarray) -> Vt.Vec3fArray:
    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, np.float32))
