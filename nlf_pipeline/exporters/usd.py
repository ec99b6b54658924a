"""OpenUSD: everybody as a skinned body with an animated skeleton, the camera and the floor. y up, metres."""

# pyright: reportAttributeAccessIssue=false
# (pxr describes its classes to no type checker)

from pathlib import Path

import numpy as np
from pxr import Gf, Kind, Sdf, Usd, UsdGeom, UsdShade, Vt

from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.exporters.usd_camera import add_camera
from nlf_pipeline.exporters.usd_materials import add_material
from nlf_pipeline.exporters.usd_people import add_person, person_identifiers

_FLOOR_COLOUR = (0.5, 0.5, 0.5)
_FLOOR_MARGIN_M = 3.0


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{video_id}.usdc, docs/exports.md. Frame i is time code i."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(motion.fps)
    stage.SetFramesPerSecond(motion.fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(motion.n_frames - 1)
    world = UsdGeom.Xform.Define(stage, "/World").GetPrim()
    world.SetDisplayName(motion.video_id)
    world.SetCustomDataByKey("cuts", Vt.IntArray(list(motion.cuts)))
    world.SetCustomDataByKey("body_model", motion.body_model)
    stage.SetDefaultPrim(world)
    Usd.ModelAPI(world).SetKind(Kind.Tokens.assembly)
    for part in ("People", "Materials"):
        UsdGeom.Scope.Define(stage, f"/World/{part}")
    Usd.ModelAPI(stage.GetPrimAtPath("/World/People")).SetKind(Kind.Tokens.group)
    add_camera(stage, Sdf.Path("/World/Camera"), motion.cameras, motion.cuts)
    _add_floor(stage, motion)
    for person, identifier in zip(motion.people, person_identifiers(motion), strict=True):
        material = add_material(stage, Sdf.Path(f"/World/Materials/{identifier}"), person.colour)
        add_person(stage, Sdf.Path(f"/World/People/{identifier}"), motion, person, material)
    stage.GetRootLayer().Export(str(folder / f"{motion.video_id}.usdc"))


def _add_floor(stage: Usd.Stage, motion: Motion) -> None:
    """A square at y = 0 under everybody who is seen and the camera."""
    seen = [person.joints[person.visible].reshape(-1, 3) for person in motion.people]
    places = np.concatenate([motion.cameras.T_world_cam[:, :3, 3], *seen])[:, [0, 2]]
    (x0, z0), (x1, z1) = places.min(axis=0) - _FLOOR_MARGIN_M, places.max(axis=0) + _FLOOR_MARGIN_M
    corners = [Gf.Vec3f(*map(float, corner)) for corner in ((x0, 0, z0), (x0, 0, z1), (x1, 0, z1), (x1, 0, z0))]
    floor = UsdGeom.Mesh.Define(stage, "/World/Floor")
    floor.CreatePointsAttr(corners)
    floor.CreateFaceVertexCountsAttr([4])
    floor.CreateFaceVertexIndicesAttr([0, 1, 2, 3])
    floor.CreateExtentAttr([corners[0], corners[2]])
    floor.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    floor.CreateDoubleSidedAttr(True)
    material = add_material(stage, Sdf.Path("/World/Materials/floor"), np.array(_FLOOR_COLOUR))
    UsdShade.MaterialBindingAPI.Apply(floor.GetPrim()).Bind(material)
