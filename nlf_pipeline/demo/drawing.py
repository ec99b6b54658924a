"""What the parts of the demo scene draw with: cameras, programs and the sun's shadow map."""

from dataclasses import dataclass

import moderngl
import numpy as np

from nlf_pipeline.geometry import invert_rigid, look_at
from nlf_pipeline.offscreen import projection_matrix

TO_SUN = np.array([-0.50, 0.80, 0.52]) / np.linalg.norm([-0.50, 0.80, 0.52])
_LIT_CENTRE = np.array([0.0, 0.9, -6.4])
"""Middle of the region where shadows are cast, world."""
_SUN_DISTANCE, _SUN_REACH = 15.0, 30.0
BODY_LAYOUT = ("3f 3f 3f 1f 1f 4f 4f", "position", "normal", "colour", "material", "cover", "joints", "weights")


@dataclass(frozen=True)
class Camera:
    """A pinhole camera."""

    T_world_cam: np.ndarray
    """(4, 4)."""
    K: np.ndarray
    """(3, 3) pixels."""

    def world_to_clip(self, size_px: tuple[int, int]) -> np.ndarray:
        """(4, 4) OpenGL's clip matrix for a picture of `size_px` (width, height)."""
        return projection_matrix(self.K, size_px) @ invert_rigid(self.T_world_cam)

    def ray_uniforms(self, size_px: tuple[int, int]) -> dict[str, object]:
        """What the shaders' `ray_through` needs, for a picture of `size_px` (width, height)."""
        (fx, _, cx), (_, fy, cy), _ = self.K
        return {
            "pinhole": (fx, fy, cx, cy),
            "R_world_cam": self.T_world_cam[:3, :3],
            "eye": self.T_world_cam[:3, 3],
            "height_px": float(size_px[1]),
        }


class Drawer:
    """A program and the vertex arrays it draws."""

    def __init__(self, ctx: moderngl.Context, vertex_shader: str, fragment_shader: str) -> None:
        """Compile the program."""
        self._ctx = ctx
        self._program = ctx.program(vertex_shader=vertex_shader, fragment_shader=fragment_shader)
        self._arrays: list[moderngl.VertexArray] = []

    def add(
        self, vertices: moderngl.Buffer, faces: moderngl.Buffer | None, layout: tuple[str, ...] = BODY_LAYOUT
    ) -> None:
        """Draw `faces` of `vertices`; attributes of `layout` that the program lacks are passed over."""
        self._arrays.append(self._ctx.vertex_array(self._program, [(vertices, *layout)], faces, skip_errors=True))

    def draw(self, **uniforms: object) -> None:
        """Draw everything."""
        self._set(to_sun=TO_SUN, **uniforms)
        for array in self._arrays:
            array.render()

    def draw_people(self, bones: np.ndarray, **uniforms: object) -> None:
        """Draw the outside of person k with bones[k] (joints, 3, 4)."""
        self._set(to_sun=TO_SUN, **uniforms)
        self._ctx.enable(moderngl.CULL_FACE)
        for k, (array, maps) in enumerate(zip(self._arrays, bones, strict=True)):
            self._set(bones=maps, person=(k + 1) / 255)
            array.render()
        self._ctx.disable(moderngl.CULL_FACE)

    def _set(self, **uniforms: object) -> None:
        """Set those uniforms that the program uses; matrices in their last two axes, columns first as GL wants."""
        for name, value in uniforms.items():
            uniform = self._program.get(name, None)
            if isinstance(uniform, moderngl.Uniform):
                array = np.asarray(value)
                columns = np.swapaxes(array, -1, -2) if array.ndim > 1 else array
                uniform.write(columns.astype("i4" if array.dtype.kind == "i" else "f4").tobytes())


class ShadowMap:
    """What the sun sees: where it is sunny, and where something is in the way."""

    def __init__(self, ctx: moderngl.Context, extent: float, side_px: int) -> None:
        """Make an empty map.

        Args:
            ctx: the context to draw with.
            extent: side of the region where shadows are cast, seen from the sun, metres.
            side_px: side of the map.
        """
        self._extent = extent
        self._map = ctx.depth_texture((side_px, side_px))
        self._map.compare_func = "<="
        self._target = ctx.framebuffer(depth_attachment=self._map)

    @property
    def world_to_clip(self) -> np.ndarray:
        """(4, 4) from the world to the clip coordinates of the sun's orthographic view."""
        T_sun_world = invert_rigid(
            look_at(_LIT_CENTRE + _SUN_DISTANCE * TO_SUN, _LIT_CENTRE, np.array([0.0, 1.0, 0.0]))
        )
        scale = np.diag([2 / self._extent, -2 / self._extent, 2 / _SUN_REACH, 1.0])
        scale[2, 3] = -1
        return scale @ T_sun_world

    def begin(self) -> None:
        """Clear the map; what is drawn next, with `world_to_clip`, casts shadows."""
        self._target.use()
        self._target.clear()

    def bind(self, unit: int) -> dict[str, object]:
        """Put the map on a texture unit; returns the uniforms that the shaders' `sunlit` needs."""
        self._map.use(unit)
        return {"to_light": self.world_to_clip, "light_extent": self._extent, "shadow_map": unit}
