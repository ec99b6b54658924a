"""Bodies with moderngl, off screen: on a GPU, or on the CPU with Mesa's llvmpipe.

Only the boxes around the bodies are drawn and read back; the rest of a picture is never touched.
"""

from collections.abc import Iterable, Iterator, Sequence

import moderngl
import numpy as np

from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.meshes import Topology
from nlf_pipeline.offscreen import Canvas, projection_matrix
from nlf_pipeline.renderers import ViewFrame
from nlf_pipeline.renderers.camera_glyph import CameraPainter, drawn_points
from nlf_pipeline.renderers.compositing import NEAR, composite, covering_box, separate_boxes
from nlf_pipeline.renderers.floor import FloorPainter, contact_shadow
from nlf_pipeline.renderers.shaders import BODY_FRAGMENT, BODY_VERTEX

GAMMA = 2.2


class ModernglRenderer:
    """Lit, anti-aliased bodies over images, or over a floor."""

    def render(
        self, views: Iterable[ViewFrame], faces: np.ndarray, size_px: tuple[int, int], opacity: float
    ) -> Iterator[np.ndarray]:
        """One (height, width, 3) uint8 RGB picture per view, in order; see `Renderer`."""
        canvas = Canvas(size_px)
        try:
            topology = Topology.of(faces, int(faces.max(initial=-1)) + 1)
            bodies = BodyPainter(canvas, topology)
            floor = FloorPainter(canvas.ctx, size_px)
            for view in views:
                surfaces = [topology.normals_and_areas(vertices) for vertices in view.vertices]
                normals = [normals for normals, _ in surfaces]
                if view.image is None:
                    shadows = [contact_shadow(v, areas) for v, (_, areas) in zip(view.vertices, surfaces, strict=True)]
                    yield bodies.draw_over(floor.draw(view, shadows), view, normals, 1.0)
                else:
                    yield bodies.draw_over(view.image, view, normals, opacity)
        finally:
            canvas.release()


class BodyPainter:
    """Draws the bodies of a view over a picture."""

    def __init__(self, canvas: Canvas, topology: Topology) -> None:
        self._canvas = canvas
        ctx = canvas.ctx
        n_vertices = topology.n_vertices
        self._program = ctx.program(vertex_shader=BODY_VERTEX, fragment_shader=BODY_FRAGMENT)
        self._positions = ctx.buffer(reserve=max(n_vertices, 1) * 12, dynamic=True)
        self._normals = ctx.buffer(reserve=max(n_vertices, 1) * 12, dynamic=True)
        self._mesh = ctx.vertex_array(
            self._program,
            [(self._positions, "3f", "position"), (self._normals, "3f", "normal")],
            index_buffer=ctx.buffer(topology.faces.astype(np.int32).tobytes()),
        )
        self._camera_painter = CameraPainter(ctx, canvas.size_px)

    def draw_over(
        self, picture: np.ndarray, view: ViewFrame, normals: Sequence[np.ndarray], opacity: float
    ) -> np.ndarray:
        """A copy of `picture` (height, width, 3) uint8 with the bodies of `view`, of `normals`, on it.

        Bodies are drawn opaque among themselves and then blended once, so that the opacity is the
        same everywhere, whatever overlaps.
        """
        picture = picture.copy()
        size_px, T_cam_world = self._canvas.size_px, invert_rigid(view.T_world_cam)
        shown = [*view.vertices]
        seen_camera = view.real_camera if view.image is None else None
        if seen_camera is not None:
            shown += drawn_points(seen_camera, view.T_world_cam)
        boxes_px = separate_boxes(covering_box(transform_points(T_cam_world, s), view.K, size_px) for s in shown)
        if not boxes_px:
            return picture
        self._canvas.begin(boxes_px=boxes_px)
        clip_world = projection_matrix(view.K, size_px, near=NEAR) @ T_cam_world
        self._draw_bodies(view, normals, clip_world, opacity)
        if seen_camera is not None:
            self._camera_painter.draw(seen_camera, view.T_world_cam, view.K, clip_world)
        for box_px in boxes_px:
            composite(picture, self._canvas.read(box_px), box_px)
        return picture

    def _draw_bodies(
        self, view: ViewFrame, normals: Sequence[np.ndarray], clip_world: np.ndarray, opacity: float
    ) -> None:
        self._canvas.ctx.enable(moderngl.CULL_FACE)
        right, _, forward, eye = view.T_world_cam[:3].T
        key_light = 0.45 * right - 0.55 * forward + np.array([0, 0.9, 0])
        self._program["clip_world"] = tuple(clip_world.T.ravel())
        self._program["eye"] = tuple(eye)
        self._program["key_light"] = tuple(key_light / np.linalg.norm(key_light))
        opacities = np.ones(len(view.vertices)) if view.opacities is None else view.opacities
        for vertices, own_normals, colour, own_opacity in zip(
            view.vertices, normals, view.colours, opacities, strict=True
        ):
            self._program["albedo"] = tuple(colour**GAMMA)
            self._program["opacity"] = float(opacity * own_opacity)
            self._positions.write(np.ascontiguousarray(vertices, np.float32))
            self._normals.write(np.ascontiguousarray(own_normals, np.float32))
            self._mesh.render(moderngl.TRIANGLES)
