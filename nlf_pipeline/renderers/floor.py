"""The plain background of a side view: a checkered floor that fades out, and shadows on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import moderngl
import numpy as np

from nlf_pipeline.geometry import invert_rigid
from nlf_pipeline.offscreen import projection_matrix
from nlf_pipeline.renderers import ViewFrame
from nlf_pipeline.renderers.shaders import FLOOR_FRAGMENT, FLOOR_VERTEX, SHADOW_FRAGMENT, SHADOW_VERTEX
from nlf_pipeline.renderers.view_frames import looked_at

SHADOW_SIDE = 2.6
"""Metres; a shadow is a square texture of this size under the body."""
SHADOW_TEXELS = 64
SHADOW_HEIGHT = 0.35
"""Metres above the floor at which a part's shadow has faded to 37 %: only what is near darkens it."""
SHADOW_BLUR_TEXELS = 1.6


@dataclass(frozen=True)
class Shadow:
    """Darkness under one body."""

    centre: np.ndarray
    """(2,) x, z of its middle, metres."""
    darkness: np.ndarray
    """(texels along z, texels along x) float32 in [0, 1], zero at the rim."""


def contact_shadow(vertices: np.ndarray, vertex_areas: np.ndarray) -> Shadow:
    """Ambient shadow of a body on the floor: how much of its surface is above each point, and how near.

    Args:
        vertices: (vertices, 3) world, metres.
        vertex_areas: (vertices,) surface that each stands for, square metres.
    """
    centre = (vertices[:, [0, 2]].min(axis=0) + vertices[:, [0, 2]].max(axis=0)) / 2
    texels = (vertices[:, [0, 2]] - centre) / SHADOW_SIDE * SHADOW_TEXELS + SHADOW_TEXELS / 2
    column, row = np.clip(texels, 0, SHADOW_TEXELS - 1).astype(np.int64).T
    weights = vertex_areas * np.exp(-np.maximum(vertices[:, 1], 0) / SHADOW_HEIGHT)
    area = np.bincount(row * SHADOW_TEXELS + column, weights, minlength=SHADOW_TEXELS**2)
    cover = area.reshape(SHADOW_TEXELS, SHADOW_TEXELS).astype(np.float32) * (SHADOW_TEXELS / SHADOW_SIDE) ** 2
    near = cv2.GaussianBlur(cover, (0, 0), SHADOW_BLUR_TEXELS)
    wide = cv2.GaussianBlur(cover, (0, 0), 4 * SHADOW_BLUR_TEXELS)
    darkness = 1 - np.exp(-0.45 * near - 0.9 * wide)
    darkness[[0, -1], :] = 0
    darkness[:, [0, -1]] = 0
    return Shadow(centre, darkness)


class FloorPainter:
    """Draws the floor and the shadows of the bodies on it."""

    def __init__(self, ctx: moderngl.Context, size_px: tuple[int, int]) -> None:
        self._ctx, self._size_px = ctx, size_px
        self._target = ctx.framebuffer([ctx.renderbuffer(size_px, 4)])
        self._floor = ctx.program(vertex_shader=FLOOR_VERTEX, fragment_shader=FLOOR_FRAGMENT)
        self._shadow = ctx.program(vertex_shader=SHADOW_VERTEX, fragment_shader=SHADOW_FRAGMENT)
        triangle = ctx.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
        square = ctx.buffer(np.array([0, 0, 1, 0, 0, 1, 1, 1], np.float32).tobytes())
        self._whole_picture = ctx.vertex_array(self._floor, [(triangle, "2f", "corner")])
        self._square = ctx.vertex_array(self._shadow, [(square, "2f", "corner")])
        self._textures: moderngl.TextureArray | None = None

    def draw(self, view: ViewFrame, shadows: Sequence[Shadow]) -> np.ndarray:
        """The floor of a view with shadows on it, (height, width, 3) uint8 RGB."""
        self._upload(shadows)  # before anything is drawn: writing waits for what is being drawn
        self._target.use()
        self._ctx.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
        eye, R_world_cam = view.T_world_cam[:3, 3], view.T_world_cam[:3, :3]
        clip_cam = projection_matrix(view.K, self._size_px)
        self._floor["ray_clip"] = tuple((R_world_cam @ _cam_ray_from_clip(clip_cam)).T.ravel())
        self._floor["eye"] = tuple(eye)
        self._floor["centre"] = tuple(looked_at(view.T_world_cam, view.vertices))
        self._whole_picture.render(moderngl.TRIANGLES)
        self._shadow["clip_world"] = tuple((clip_cam @ invert_rigid(view.T_world_cam)).T.ravel())
        self._shadow["side"] = SHADOW_SIDE
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.DST_COLOR, moderngl.ZERO
        for number, shadow in enumerate(shadows):
            self._shadow["number"] = number
            self._shadow["centre"] = tuple(shadow.centre)
            self._square.render(moderngl.TRIANGLE_STRIP)
        self._ctx.disable(moderngl.BLEND)
        pixels = self._target.read(components=3, alignment=1)
        return np.frombuffer(pixels, np.uint8).reshape(*self._size_px[::-1], 3)[::-1]

    def _upload(self, shadows: Sequence[Shadow]) -> None:
        if not shadows:
            return
        if self._textures is None or self._textures.layers < len(shadows):
            self._textures = self._ctx.texture_array((SHADOW_TEXELS, SHADOW_TEXELS, len(shadows)), 1, dtype="f4")
            self._textures.repeat_x = self._textures.repeat_y = False
        layers = SHADOW_TEXELS, SHADOW_TEXELS, len(shadows)
        self._textures.write(np.stack([shadow.darkness for shadow in shadows]), viewport=(0, 0, 0, *layers))
        self._textures.use()


def _cam_ray_from_clip(clip_cam: np.ndarray) -> np.ndarray:
    """(3, 3) from (x, y, 1) in clip coordinates to directions in camera axes with z = 1."""
    return np.linalg.inv(np.array([clip_cam[0, :3], clip_cam[1, :3], [0, 0, 1]]))
