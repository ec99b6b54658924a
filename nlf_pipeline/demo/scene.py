"""Draws the demo scene: a yard, people with their shadows, and who is seen at each pixel."""

from dataclasses import dataclass

import moderngl
import numpy as np

from nlf_pipeline.demo import shaders
from nlf_pipeline.demo.skins import SkinnedMesh
from nlf_pipeline.demo.yard import YARD_FRAGMENT
from nlf_pipeline.geometry import invert_rigid, look_at
from nlf_pipeline.offscreen import Canvas, projection_matrix

_TO_SUN = np.array([-0.50, 0.80, 0.52]) / np.linalg.norm([-0.50, 0.80, 0.52])
_LIT_CENTRE = np.array([0.0, 0.9, -6.4])
"""Middle of the region where people cast shadows, world."""
_LIT_EXTENT = 9.5
"""Side of that region seen from the sun, metres."""
_SUN_DISTANCE, _SUN_REACH = 15.0, 30.0
_SHADOW_HEIGHT, _ARM_SPAN = 2.2, 2.0
"""No higher and no wider than this do people cast shadows, metres."""
_SHADOW_SIZE_PX = 2048
_ALPHA_TO_COVERAGE = 0x809E
"""GL_SAMPLE_ALPHA_TO_COVERAGE: the hems that the fragment shader cuts are anti-aliased too."""
_BACKDROP_UNIT, _SHADOW_UNIT = 0, 1
_LAYOUT = ("3f 3f 3f 1f 1f 4f 4f", "position", "normal", "colour", "material", "cover", "joints", "weights")


@dataclass(frozen=True)
class Camera:
    """A pinhole camera."""

    T_world_cam: np.ndarray
    """(4, 4)."""
    K: np.ndarray
    """(3, 3) pixels."""


@dataclass(frozen=True)
class Picture:
    """One frame."""

    image: np.ndarray
    """(height, width, 3) uint8 RGB."""
    people: np.ndarray
    """(height, width) uint8: k + 1 where person k is seen at the centre of the pixel, 0 elsewhere."""


class DemoScene:
    """A yard with people in it."""

    def __init__(self, size_px: tuple[int, int], people: list[SkinnedMesh]) -> None:
        """Upload the `people`, in their T-pose, for pictures of `size_px` (width, height)."""
        self.size_px = size_px
        self._canvas = Canvas(size_px)
        self._ctx = self._canvas.ctx
        self._id_canvas = Canvas(size_px, samples=1, ctx=self._ctx)
        self._backdrop = self._ctx.texture(size_px, 4, dtype="f2")
        self._backdrop_target = self._ctx.framebuffer([self._backdrop])
        self._backdrop_camera: Camera | None = None
        self._shadow_map = self._ctx.depth_texture((_SHADOW_SIZE_PX, _SHADOW_SIZE_PX))
        self._shadow_map.compare_func = "<="
        self._shadow_target = self._ctx.framebuffer(depth_attachment=self._shadow_map)

        self._bodies = _Drawer(self._ctx, shaders.BODY_VERTEX, shaders.BODY_FRAGMENT)
        self._shadows = _Drawer(self._ctx, shaders.BODY_VERTEX, shaders.SHADOW_FRAGMENT)
        self._ids = _Drawer(self._ctx, shaders.BODY_VERTEX, shaders.ID_FRAGMENT)
        for mesh in people:
            vertices, faces = _upload(self._ctx, mesh)
            for drawer in (self._bodies, self._shadows, self._ids):
                drawer.add(vertices, faces)
        screen = self._ctx.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4").tobytes())
        self._patches = self._ctx.buffer(reserve=len(people) * 6 * 2 * 4, dynamic=True)
        self._yard = _Drawer(self._ctx, shaders.SCREEN_VERTEX, YARD_FRAGMENT)
        self._background = _Drawer(self._ctx, shaders.SCREEN_VERTEX, shaders.SCREEN_FRAGMENT)
        self._floor = _Drawer(self._ctx, shaders.FLOOR_VERTEX, shaders.FLOOR_FRAGMENT)
        for drawer, corners in ((self._yard, screen), (self._background, screen), (self._floor, self._patches)):
            drawer.add(corners, None, ("2f", "corner"))

    def draw(self, camera: Camera, bones: np.ndarray, soles: np.ndarray) -> Picture:
        """Draw one frame.

        Args:
            camera: where from. The yard is painted anew only when this is another object than the last.
            bones: (people, joints, 3, 4) maps from the T-pose to the world.
            soles: (people, points, 3) under the feet, world, at most shaders.MAX_SOLES in all: the floor is darker
                around them.
        """
        world_to_clip = projection_matrix(camera.K, self.size_px) @ invert_rigid(camera.T_world_cam)
        lighting = {"to_light": _light_matrix(), "light_extent": _LIT_EXTENT, "shadow_map": _SHADOW_UNIT}
        self._ctx.enable(moderngl.DEPTH_TEST)
        self._shadow_target.use()
        self._shadow_target.clear()
        self._shadows.draw_people(bones, world_to_clip=_light_matrix())
        if self._backdrop_camera is not camera:
            self._backdrop_target.use()
            self._yard.draw(**_ray_uniforms(camera, self.size_px))
            self._backdrop_camera = camera

        self._canvas.begin()
        self._backdrop.use(_BACKDROP_UNIT)
        self._shadow_map.use(_SHADOW_UNIT)
        self._draw_ground(soles, **lighting, world_to_clip=world_to_clip, backdrop=_BACKDROP_UNIT)
        self._ctx.enable_direct(_ALPHA_TO_COVERAGE)
        self._bodies.draw_people(bones, **lighting, world_to_clip=world_to_clip, eye=camera.T_world_cam[:3, 3])
        self._ctx.disable_direct(_ALPHA_TO_COVERAGE)
        image = self._canvas.read()[..., :3]

        self._id_canvas.begin()
        self._ids.draw_people(bones, world_to_clip=world_to_clip)
        return Picture(image, self._id_canvas.read()[..., 0])

    def release(self) -> None:
        """Free the OpenGL context."""
        self._canvas.release()

    def _draw_ground(self, soles: np.ndarray, **uniforms: object) -> None:
        """The backdrop, and over it the patches of floor on which shadows fall."""
        points = soles.reshape(-1, 3)
        places = np.concatenate([points, np.zeros((shaders.MAX_SOLES - len(points), 3))])
        self._patches.write(_floor_patches(soles).astype("f4").tobytes())
        self._ctx.disable(moderngl.DEPTH_TEST)
        self._background.draw(**uniforms)
        self._floor.draw(**uniforms, n_soles=len(points), soles=places.T)
        self._ctx.enable(moderngl.DEPTH_TEST)


class _Drawer:
    """A program and the vertex arrays it draws."""

    def __init__(self, ctx: moderngl.Context, vertex_shader: str, fragment_shader: str) -> None:
        self._ctx = ctx
        self._program = ctx.program(vertex_shader=vertex_shader, fragment_shader=fragment_shader)
        self._arrays: list[moderngl.VertexArray] = []

    def add(self, vertices: moderngl.Buffer, faces: moderngl.Buffer | None, layout: tuple[str, ...] = _LAYOUT) -> None:
        """Draw `faces` of `vertices`; attributes of `layout` that the program lacks are passed over."""
        self._arrays.append(self._ctx.vertex_array(self._program, [(vertices, *layout)], faces, skip_errors=True))

    def draw(self, **uniforms: object) -> None:
        """Draw everything."""
        self._set(to_sun=_TO_SUN, **uniforms)
        for array in self._arrays:
            array.render()

    def draw_people(self, bones: np.ndarray, **uniforms: object) -> None:
        """Draw the outside of person k with bones[k] (joints, 3, 4)."""
        self._set(to_sun=_TO_SUN, **uniforms)
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


def _upload(ctx: moderngl.Context, mesh: SkinnedMesh) -> tuple[moderngl.Buffer, moderngl.Buffer]:
    strongest = np.argsort(-mesh.weights, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(mesh.weights, strongest, axis=1)
    columns = [mesh.vertices, mesh.normals, mesh.colours, mesh.materials, mesh.cover, strongest, weights]
    return ctx.buffer(np.column_stack(columns).astype("f4").tobytes()), ctx.buffer(mesh.faces.astype("u4").tobytes())


def _light_matrix() -> np.ndarray:
    """(4, 4) from the world to the clip coordinates of the sun's orthographic view."""
    T_sun_world = invert_rigid(look_at(_LIT_CENTRE + _SUN_DISTANCE * _TO_SUN, _LIT_CENTRE, np.array([0.0, 1.0, 0.0])))
    scale = np.diag([2 / _LIT_EXTENT, -2 / _LIT_EXTENT, 2 / _SUN_REACH, 1.0])
    scale[2, 3] = -1
    return scale @ T_sun_world


def _ray_uniforms(camera: Camera, size_px: tuple[int, int]) -> dict[str, object]:
    (fx, _, cx), (_, fy, cy), _ = camera.K
    return {
        "pinhole": (fx, fy, cx, cy),
        "R_world_cam": camera.T_world_cam[:3, :3],
        "eye": camera.T_world_cam[:3, 3],
        "height_px": float(size_px[1]),
    }


def _floor_patches(soles: np.ndarray) -> np.ndarray:
    """(people, 6, 2) two triangles each, x and z, around (people, points, 3) soles and as far as shadows fall."""
    centre = soles[..., [0, 2]].mean(axis=1)
    shadow_end = centre - _SHADOW_HEIGHT / _TO_SUN[1] * _TO_SUN[[0, 2]]
    low, high = np.minimum(centre, shadow_end) - _ARM_SPAN / 2, np.maximum(centre, shadow_end) + _ARM_SPAN / 2
    corners = np.stack(
        [low, np.stack([high[:, 0], low[:, 1]], -1), np.stack([low[:, 0], high[:, 1]], -1), high], axis=1
    )
    return corners[:, [0, 1, 2, 1, 3, 2]]
