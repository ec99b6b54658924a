"""Draws the demo scene: a yard, people with their shadows, and who is seen at each pixel."""

from dataclasses import dataclass

import moderngl
import numpy as np

from nlf_pipeline.demo import shaders
from nlf_pipeline.demo.backdrops import Backdrop, BakedYard, PaintedYard
from nlf_pipeline.demo.drawing import BODY_LAYOUT, TO_SUN, Camera, Drawer, ShadowMap
from nlf_pipeline.demo.furniture import Box, FurnitureDrawer
from nlf_pipeline.demo.skins import SkinnedMesh
from nlf_pipeline.offscreen import Canvas

_SHADOWS_OF_PEOPLE = (9.5, 2048)
"""Extent in metres and size in pixels of the shadow map: all of the cast's region, sharp."""
_SHADOWS_IN_THE_YARD = (26.0, 4096)
_SHADOW_HEIGHT, _ARM_SPAN = 2.2, 2.0
"""No higher and no wider than this do people cast shadows, metres."""
_ALPHA_TO_COVERAGE = 0x809E
"""GL_SAMPLE_ALPHA_TO_COVERAGE: the hems that the fragment shader cuts are anti-aliased too."""
_BACKDROP_UNIT, _SHADOW_UNIT = 0, 1


@dataclass(frozen=True)
class Picture:
    """One frame."""

    image: np.ndarray
    """(height, width, 3) uint8 RGB."""
    people: np.ndarray
    """(height, width) uint8: k + 1 where person k is seen at the centre of the pixel, 0 elsewhere."""


class DemoScene:
    """A yard with people in it."""

    def __init__(
        self,
        size_px: tuple[int, int],
        people: list[SkinnedMesh],
        furniture: tuple[Box, ...] = (),
        moving_camera: bool = False,
    ) -> None:
        """Upload what there is to draw.

        Args:
            size_px: (width, height) of the pictures.
            people: in their T-pose.
            furniture: what stands in the yard.
            moving_camera: bake the yard, so that pictures from ever new places are quick to draw. The exact colours
                of the yard differ a little.
        """
        self.size_px = size_px
        self._canvas = Canvas(size_px)
        self._ctx = self._canvas.ctx
        self._id_canvas = Canvas(size_px, samples=1, ctx=self._ctx)
        self._shadow_map = ShadowMap(self._ctx, *(_SHADOWS_IN_THE_YARD if furniture else _SHADOWS_OF_PEOPLE))
        self._furniture = FurnitureDrawer(self._ctx, furniture)
        self._backdrop = self._make_backdrop(moving_camera)

        self._bodies = Drawer(self._ctx, shaders.BODY_VERTEX, shaders.BODY_FRAGMENT)
        self._shadows = Drawer(self._ctx, shaders.BODY_VERTEX, shaders.SHADOW_FRAGMENT)
        self._ids = Drawer(self._ctx, shaders.BODY_VERTEX, shaders.ID_FRAGMENT)
        for mesh in people:
            vertices, faces = _upload(self._ctx, mesh)
            for drawer in (self._bodies, self._shadows, self._ids):
                drawer.add(vertices, faces, BODY_LAYOUT)
        screen = self._ctx.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4").tobytes())
        self._patches = self._ctx.buffer(reserve=len(people) * 6 * 2 * 4, dynamic=True)
        self._background = Drawer(self._ctx, shaders.SCREEN_VERTEX, shaders.SCREEN_FRAGMENT)
        self._floor = Drawer(self._ctx, shaders.FLOOR_VERTEX, shaders.FLOOR_FRAGMENT)
        for drawer, corners in ((self._background, screen), (self._floor, self._patches)):
            drawer.add(corners, None, ("2f", "corner"))

    def _make_backdrop(self, moving_camera: bool) -> Backdrop:
        if not moving_camera:
            return PaintedYard(self._ctx, self.size_px)
        self._begin_shadows()
        return BakedYard(self._ctx, self.size_px, self._shadow_map)

    def draw(self, camera: Camera, bones: np.ndarray, soles: np.ndarray) -> Picture:
        """Draw one frame.

        Args:
            camera: where from. Without `moving_camera`, the yard is painted anew only when this is another object
                than the last.
            bones: (people, joints, 3, 4) maps from the T-pose to the world.
            soles: (people, points, 3) under the feet, world, at most shaders.MAX_SOLES in all: the floor is darker
                around them.
        """
        world_to_clip = camera.world_to_clip(self.size_px)
        self._begin_shadows()
        self._shadows.draw_people(bones, world_to_clip=self._shadow_map.world_to_clip)
        self._backdrop.paint(camera)

        self._canvas.begin()
        self._backdrop.texture.use(_BACKDROP_UNIT)
        lighting = self._shadow_map.bind(_SHADOW_UNIT)
        self._draw_ground(soles, **lighting, world_to_clip=world_to_clip, backdrop=_BACKDROP_UNIT)
        self._furniture.draw(**lighting, world_to_clip=world_to_clip)
        self._ctx.enable_direct(_ALPHA_TO_COVERAGE)
        self._bodies.draw_people(bones, **lighting, world_to_clip=world_to_clip, eye=camera.T_world_cam[:3, 3])
        self._ctx.disable_direct(_ALPHA_TO_COVERAGE)
        image = self._canvas.read()[..., :3]

        self._id_canvas.begin()
        self._furniture.hide(world_to_clip)
        self._ids.draw_people(bones, world_to_clip=world_to_clip)
        return Picture(image, self._id_canvas.read()[..., 0])

    def release(self) -> None:
        """Free the OpenGL context."""
        self._canvas.release()

    def _begin_shadows(self) -> None:
        """Start the sun's view with what always stands in it."""
        self._ctx.enable(moderngl.DEPTH_TEST)
        self._shadow_map.begin()
        self._furniture.hide(self._shadow_map.world_to_clip)

    def _draw_ground(self, soles: np.ndarray, **uniforms: object) -> None:
        """The backdrop, and over it the patches of floor on which shadows fall."""
        points = soles.reshape(-1, 3)
        places = np.concatenate([points, np.zeros((shaders.MAX_SOLES - len(points), 3))])
        self._patches.write(_floor_patches(soles).astype("f4").tobytes())
        self._ctx.disable(moderngl.DEPTH_TEST)
        self._background.draw(**uniforms)
        self._floor.draw(**uniforms, n_soles=len(points), soles=places.T)
        self._ctx.enable(moderngl.DEPTH_TEST)


def _upload(ctx: moderngl.Context, mesh: SkinnedMesh) -> tuple[moderngl.Buffer, moderngl.Buffer]:
    strongest = np.argsort(-mesh.weights, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(mesh.weights, strongest, axis=1)
    columns = [mesh.vertices, mesh.normals, mesh.colours, mesh.materials, mesh.cover, strongest, weights]
    return ctx.buffer(np.column_stack(columns).astype("f4").tobytes()), ctx.buffer(mesh.faces.astype("u4").tobytes())


def _floor_patches(soles: np.ndarray) -> np.ndarray:
    """(people, 6, 2) two triangles each, x and z, around (people, points, 3) soles and as far as shadows fall."""
    centre = soles[..., [0, 2]].mean(axis=1)
    shadow_end = centre - _SHADOW_HEIGHT / TO_SUN[1] * TO_SUN[[0, 2]]
    low, high = np.minimum(centre, shadow_end) - _ARM_SPAN / 2, np.maximum(centre, shadow_end) + _ARM_SPAN / 2
    corners = np.stack(
        [low, np.stack([high[:, 0], low[:, 1]], -1), np.stack([low[:, 0], high[:, 1]], -1), high], axis=1
    )
    return corners[:, [0, 1, 2, 1, 3, 2]]
