"""The real camera in a side view: a small frustum with the video's picture on its image plane."""

import cv2
import moderngl
import numpy as np

from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.renderers import RealCamera
from nlf_pipeline.renderers.camera_trail import MOST_POINTS, trail_ahead
from nlf_pipeline.renderers.shaders import PLAIN_FRAGMENT, PLAIN_VERTEX

DEPTH = 0.55
"""Metres from the camera to its image plane as drawn."""
LINE_COLOUR = (45, 52, 62)
LINE_WIDTH_PX, TRAIL_WIDTH_PX = 2.0, 1.4
"""At 720 lines; they grow with the picture."""
TRAIL_COLOUR = (120, 128, 140)
PICTURE_WIDTH_PX = 256
NEAR, FAR = 0.8, 2.0
"""Metres between the view and the real camera over which the glyph appears."""


def glyph_opacity(T_world_cam: np.ndarray, real_camera: RealCamera) -> float:
    """In [0, 1]: 0 where the view is at the real camera, inside its own frustum."""
    distance = np.linalg.norm(T_world_cam[:3, 3] - real_camera.T_world_cam[:3, 3])
    share = np.clip((distance - NEAR) / (FAR - NEAR), 0, 1)
    return float(share * share * (3 - 2 * share))


def frustum(real_camera: RealCamera) -> np.ndarray:
    """(5, 3) world: the camera's centre, then the corners of its image plane from the top left, clockwise."""
    width_px, height_px = real_camera.size_px
    right, bottom = width_px - 0.5, height_px - 0.5
    corners_px = np.array([[-0.5, -0.5, 1], [right, -0.5, 1], [right, bottom, 1], [-0.5, bottom, 1]])
    rays = corners_px @ np.linalg.inv(real_camera.K).T
    return transform_points(real_camera.T_world_cam, np.concatenate([np.zeros((1, 3)), rays * DEPTH]))


def ribbons(starts: np.ndarray, ends: np.ndarray, T_world_cam: np.ndarray, focal_px: float, width_px: float):
    """Lines as flat quads that face the view and keep their width in pixels.

    Args:
        starts: (lines, 3) world.
        ends: (lines, 3) world.
        T_world_cam: (4, 4) of the view.
        focal_px: of the view.
        width_px: of the lines.

    Returns:
        (lines * 6, 3) world: two triangles each.
    """
    T_cam_world = invert_rigid(T_world_cam)
    a, b = transform_points(T_cam_world, starts), transform_points(T_cam_world, ends)
    across = np.cross(b - a, (a + b) / 2)
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9) * (width_px / 2 / focal_px)
    side_a, side_b = across * a[:, 2:], across * b[:, 2:]
    quads = np.stack([a - side_a, a + side_a, b + side_b, a - side_a, b + side_b, b - side_b], axis=1)
    return transform_points(T_world_cam, quads.reshape(-1, 3))


def drawn_points(real_camera: RealCamera, T_world_cam: np.ndarray) -> list[np.ndarray]:
    """The corners (points, 3), world, of each thing that is drawn of `real_camera` in the view `T_world_cam` (4, 4)."""
    if glyph_opacity(T_world_cam, real_camera) == 0:
        return []
    points = frustum(real_camera)
    return [np.concatenate([points, _up_mark(points)]), np.concatenate(trail_ahead(real_camera.trail, T_world_cam))]


class CameraPainter:
    """Draws the glyph into whatever is being drawn."""

    def __init__(self, ctx: moderngl.Context, size_px: tuple[int, int]) -> None:
        self._ctx, self._magnification = ctx, max(size_px[1] / 720, 0.5)
        self._program = ctx.program(vertex_shader=PLAIN_VERTEX, fragment_shader=PLAIN_FRAGMENT)
        self._vertices = ctx.buffer(reserve=(MOST_POINTS + 10) * 6 * 5 * 4, dynamic=True)
        self._mesh = ctx.vertex_array(self._program, [(self._vertices, "3f 2f", "position", "texture_position")])
        self._line_texture = ctx.texture((1, 1), 3, data=bytes(LINE_COLOUR), alignment=1)
        self._trail_texture = ctx.texture((1, 1), 3, data=bytes(TRAIL_COLOUR), alignment=1)
        self._picture: moderngl.Texture | None = None

    def draw(self, real_camera: RealCamera, T_world_cam: np.ndarray, K: np.ndarray, clip_world: np.ndarray) -> None:
        """Draw the frustum and the trail of `real_camera` as seen from `T_world_cam` (4, 4) with `K` (3, 3).

        They fade out where the view comes near the real camera, and would be inside the frustum.
        """
        opacity = glyph_opacity(T_world_cam, real_camera)
        if opacity == 0:
            return
        self._program["clip_world"] = tuple(clip_world.T.ravel())
        self._program["opacity"] = opacity
        self._ctx.disable(moderngl.CULL_FACE)
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        points = frustum(real_camera)
        order = [1, 2, 3, 1, 3, 4]
        uv = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]])
        self._draw(points[order], uv, self._upload(real_camera.image))
        ups = _up_mark(points)
        starts = np.concatenate([points[[0, 0, 0, 0]], points[1:5], ups[:2]])
        ends = np.concatenate([points[1:5], points[[2, 3, 4, 1]], ups[1:]])
        for (a, b), width_px, texture in (
            (trail_ahead(real_camera.trail, T_world_cam), TRAIL_WIDTH_PX, self._trail_texture),
            ((starts, ends), LINE_WIDTH_PX, self._line_texture),
        ):
            lines = ribbons(a, b, T_world_cam, K[0, 0], width_px * self._magnification)
            self._draw(lines, np.zeros((len(lines), 2)), texture)
        self._ctx.disable(moderngl.BLEND)

    def _upload(self, image: np.ndarray) -> moderngl.Texture:
        height_px = max(round(image.shape[0] / image.shape[1] * PICTURE_WIDTH_PX), 1)
        small = cv2.resize(image, (PICTURE_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
        if self._picture is None:
            self._picture = self._ctx.texture((PICTURE_WIDTH_PX, height_px), 3, alignment=1)
            self._picture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
            self._picture.repeat_x = self._picture.repeat_y = False
        self._picture.write(small, alignment=1)
        self._picture.build_mipmaps()
        return self._picture

    def _draw(self, positions: np.ndarray, uv: np.ndarray, texture: moderngl.Texture) -> None:
        if not len(positions):
            return
        texture.use()
        self._vertices.write(np.concatenate([positions, uv], axis=-1).astype(np.float32).tobytes())
        self._mesh.render(moderngl.TRIANGLES, vertices=len(positions))


def _up_mark(points: np.ndarray) -> np.ndarray:
    """(3, 3) world: a small roof over the frustum's top edge, which tells up from down."""
    left, right, up = points[1], points[2], points[1] - points[4]
    apex = (left + right) / 2 + 0.22 * up
    return np.stack([left + 0.3 * (right - left), apex, left + 0.7 * (right - left)])
