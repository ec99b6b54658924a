"""Plain materials of a USD stage."""

# pyright: reportAttributeAccessIssue=false
# (pxr describes its classes to no type checker)

import numpy as np
from pxr import Gf, Sdf, Usd, UsdShade

from nlf_pipeline.exporters.colours import linear_light

_ROUGHNESS = 0.7


def add_material(stage: Usd.Stage, path: Sdf.Path, colour: np.ndarray) -> UsdShade.Material:
    """A matt material of one colour (3,), sRGB in [0, 1]."""
    material = UsdShade.Material.Define(stage, path)
    shader = UsdShade.Shader.Define(stage, path.AppendChild("Surface"))
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(Gf.Vec3f(*linear_light(colour)))
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(_ROUGHNESS)
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    return material
