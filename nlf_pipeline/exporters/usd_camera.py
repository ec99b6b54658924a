"""The moving, zooming camera of a USD stage."""

# pyright: reportAttributeAccessIssue=false
# (pxr describes its classes to no type checker)

from collections.abc import Sequence

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, Vt

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.exporters.axes import CAM_OPENGL

_SENSOR_WIDTH_M = 0.036
_TENTHS = 10.0
"""USD gives lengths of a lens in tenths of the unit of length."""
_JUMP_FRAMES = 1e-3
_CLIPPING_RANGE_M = (0.05, 1000.0)


def add_camera(stage: Usd.Stage, path: Sdf.Path, cameras: Cameras, cuts: Sequence[int]) -> None:
    """A camera that sees what the clip's does, but for its distortion, which lies beside as `userProperties`."""
    camera = UsdGeom.Camera.Define(stage, path)
    shown = _shown(len(cameras.K), cuts)
    to_world, T_world_gl = camera.AddTransformOp(), cameras.T_world_cam @ CAM_OPENGL
    for time, frame in shown:
        to_world.Set(Gf.Matrix4d(T_world_gl[frame].T), time)  # USD multiplies rows by matrices
    camera.CreateClippingRangeAttr(Gf.Vec2f(*_CLIPPING_RANGE_M))
    for name, values in lens(cameras.K, cameras.size_px).items():
        _set(camera.GetPrim().GetAttribute(name), values, shown)
    prim = camera.GetPrim()
    size = prim.CreateAttribute("userProperties:size_px", Sdf.ValueTypeNames.Int2)
    size.Set(Gf.Vec2i(*cameras.size_px.tolist()))
    distortion = prim.CreateAttribute("userProperties:distortion", Sdf.ValueTypeNames.DoubleArray)
    distortion.Set(Vt.DoubleArray(cameras.distortion.tolist()))


def lens(K: np.ndarray, size_px: np.ndarray) -> dict[str, np.ndarray]:
    """USD's parameters of a pinhole camera in every frame.

    The sensor is 36 mm wide, as nobody knows the real one. The principal point, which USD has not, becomes an offset of
    the sensor: to the right and up is positive, and moves the point to the left and down.

    Args:
        K: (frames, 3, 3) pixels, the centre of the top left one being (0, 0).
        size_px: (2,) width, height.

    Returns:
        (frames,) each, in tenths of a metre.
    """
    width_px, height_px = size_px
    width = np.full(len(K), _SENSOR_WIDTH_M * _TENTHS)
    focal = K[:, 0, 0] * width / width_px
    height = focal * height_px / K[:, 1, 1]
    return {
        "focalLength": focal,
        "horizontalAperture": width,
        "verticalAperture": height,
        "horizontalApertureOffset": width * (0.5 - (K[:, 0, 2] + 0.5) / width_px),
        "verticalApertureOffset": height * ((K[:, 1, 2] + 0.5) / height_px - 0.5),
    }


def _shown(n_frames: int, cuts: Sequence[int]) -> list[tuple[float, int]]:
    """Time codes and the frames shown there: a shot's last one again just before a cut, so that nothing blends."""
    return [(float(frame), frame) for frame in range(n_frames)] + [(cut - _JUMP_FRAMES, cut - 1) for cut in cuts]


def _set(attribute: Usd.Attribute, values: np.ndarray, shown: Sequence[tuple[float, int]]) -> None:
    """One value where all are the same, else one for every time code."""
    stored = values.astype(np.float32)
    if np.all(stored == stored[:1]):
        attribute.Set(float(stored[0]))
        return
    for time, frame in shown:
        attribute.Set(float(stored[frame]), time)
