"""What stands behind the people, as light: the yard of shader code, painted anew or baked into textures."""

from dataclasses import dataclass
from typing import Protocol

import moderngl
import numpy as np

from nlf_pipeline.demo.drawing import Camera, Drawer, ShadowMap
from nlf_pipeline.demo.shaders import LIGHT_AND_NOISE, SCREEN_VERTEX, SHADOW
from nlf_pipeline.demo.yard import RAYS, WALL_TOP, WALL_Z, YARD_FRAGMENT, YARD_SURFACES

_SCREEN = np.array([-1, -1, 3, -1, -1, 3], "f4")
"""One triangle over the whole picture."""
_MAX_SIDE_PX = 8192
"""Of a baked texture."""
_WHOLE_MIPMAPS = 64
"""Sides are multiples of this, so that mipmaps lie exactly over one another."""
_ANISOTROPY = 8.0
"""The floor is seen at a slant: this much longer than wide is a pixel's footprint on it at the most."""


class Backdrop(Protocol):
    """Paints the yard."""

    texture: moderngl.Texture
    """The picture: light, and the fraction of it that comes from the sun."""

    def paint(self, camera: Camera) -> None:
        """Show the yard as `camera` sees it."""
        ...


class PaintedYard:
    """Computed at every pixel, nine times: too slow for a camera that moves."""

    def __init__(self, ctx: moderngl.Context, size_px: tuple[int, int]) -> None:
        """Get ready for pictures of `size_px` (width, height)."""
        self._size_px = size_px
        self.texture = ctx.texture(size_px, 4, dtype="f2")
        self._target = ctx.framebuffer([self.texture])
        self._yard = Drawer(ctx, SCREEN_VERTEX, YARD_FRAGMENT)
        self._yard.add(ctx.buffer(_SCREEN.tobytes()), None, ("2f", "corner"))
        self._camera: Camera | None = None

    def paint(self, camera: Camera) -> None:
        """Show the yard as `camera` sees it; nothing is done if this object was also given the last time."""
        if self._camera is not camera:
            self._target.use()
            self._yard.draw(**camera.ray_uniforms(self._size_px))
            self._camera = camera


@dataclass(frozen=True)
class _Surface:
    """A part of the yard, and the plane it is baked onto."""

    index: int
    """0 is the floor in (x, z), 1 the wall in (x, y), 2 the sky in (azimuth, elevation); the shaders' numbers too."""
    low: tuple[float, float]
    high: tuple[float, float]
    """Corners in those coordinates, metres or radians."""
    bottom_left: tuple[float, float, float]
    top_right: tuple[float, float, float]
    """Corners, in the world, of the rectangle through which it is seen."""
    texel: float
    """Side of a texel where the picture is 1280 pixels wide: half a pixel's footprint, or a whole one up close."""

    def uniforms(self, texel_scale: float) -> tuple[tuple[int, int], dict[str, object]]:
        """Size of the texture in pixels, and where the shaders find the surface."""
        low, high = np.array(self.low), np.array(self.high)
        texel = max(self.texel * texel_scale, (high - low).max() / _MAX_SIDE_PX)
        width_px, height_px = _WHOLE_MIPMAPS * np.ceil((high - low) / texel / _WHOLE_MIPMAPS).astype(int)
        return (int(width_px), int(height_px)), {"surface": self.index, "low": low, "high": high}

    def triangles(self) -> np.ndarray:
        """(6, 3) corners of two triangles that make up the rectangle."""
        fractions = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 1), (0, 1, 1)])
        return self.bottom_left + fractions * np.subtract(self.top_right, self.bottom_left)


_BAKED_X, _SEEN_X = 18.0, 90.0
"""Floor and wall are baked so far to either side, metres, and repeat as far as they are seen."""
_FRONT_Z, _SKY_TOP = -1.5, 60.0
_SURFACES = (
    _Surface(0, (-_BAKED_X, WALL_Z), (_BAKED_X, _FRONT_Z), (-_SEEN_X, 0, WALL_Z), (_SEEN_X, 0, _FRONT_Z), 0.006),
    _Surface(1, (-_BAKED_X, 0), (_BAKED_X, WALL_TOP), (-_SEEN_X, 0, WALL_Z), (_SEEN_X, WALL_TOP, WALL_Z), 0.006),
    _Surface(2, (-1.4, 0), (1.4, 0.5), (-_SEEN_X, WALL_TOP, WALL_Z), (_SEEN_X, _SKY_TOP, WALL_Z), 0.0007),
)
"""What a camera sees that stands ten metres or more in front of the wall and looks towards it."""

_BAKE = (
    LIGHT_AND_NOISE
    + SHADOW
    + YARD_SURFACES
    + """
uniform int surface;
uniform vec2 low;
uniform vec2 high;
uniform vec2 size;
uniform float light_extent;
out vec4 colour;
vec4 light_at(vec2 p) {
    if (surface == 0) return ground(p);
    if (surface == 1) return lit_wall(p);
    return vec4(sky(vec3(cos(p.y) * sin(p.x), sin(p.y), -cos(p.y) * cos(p.x))), 0.0);
}
void main() {
    vec4 light = vec4(0.0);
    for (int i = 0; i < 4; i++) {
        vec2 offset = (vec2(i % 2, i / 2) - 0.5) / 2.0;
        light += light_at(mix(low, high, (gl_FragCoord.xy + offset) / size)) / 4.0;
    }
    colour = light;
    if (surface == 2) return;
    vec2 p = mix(low, high, gl_FragCoord.xy / size);
    vec3 place = surface == 0 ? vec3(p.x, 0.004, p.y) : vec3(p, WALL_Z + 0.004);
    float from_sun = light.a * sunlit(place, 0.035, light_extent, 12), left = from_sun + 1.0 - light.a;
    colour = vec4(light.rgb * left, from_sun / max(left, 1e-4));
}
"""
)
_PLANE_VERTEX = """
#version 330
in vec3 place;
uniform mat4 world_to_clip;
void main() { gl_Position = world_to_clip * vec4(place, 1.0); }
"""
_VIEW = (
    "#version 330"
    + RAYS
    + f"const float WALL_Z = {WALL_Z};"
    + """
uniform int surface;
uniform vec2 low;
uniform vec2 high;
uniform sampler2D baked;
out vec4 colour;
void main() {
    vec3 d = ray_through(gl_FragCoord.xy);
    vec2 p;
    if (surface == 0) p = (eye - eye.y / d.y * d).xz;
    else if (surface == 1) p = (eye + (WALL_Z - eye.z) / d.z * d).xy;
    else p = vec2(atan(d.x, -d.z), asin(d.y));
    colour = texture(baked, (p - low) / (high - low));
}
"""
)


class BakedYard:
    """Floor, wall and sky as textures with mipmaps: quick, and what is finer than a pixel fades, not shimmers."""

    def __init__(self, ctx: moderngl.Context, size_px: tuple[int, int], shadows: ShadowMap) -> None:
        """Bake.

        Args:
            ctx: the context to draw with.
            size_px: (width, height) of the pictures.
            shadows: the shadows of what stands in the yard for good; they are baked too.
        """
        self._ctx, self._size_px = ctx, size_px
        self.texture = ctx.texture(size_px, 4, dtype="f2")
        self._resolved = ctx.framebuffer([self.texture])
        self._target = ctx.framebuffer([ctx.renderbuffer(size_px, 4, samples=4, dtype="f2")])
        baker = Drawer(ctx, SCREEN_VERTEX, _BAKE)
        baker.add(ctx.buffer(_SCREEN.tobytes()), None, ("2f", "corner"))
        self._parts: list[tuple[Drawer, moderngl.Texture, dict[str, object]]] = []
        for surface in _SURFACES:
            texture_px, place = surface.uniforms(1280 / max(size_px))
            texture = ctx.texture(texture_px, 4, dtype="f2")
            ctx.framebuffer([texture]).use()
            baker.draw(**place, **shadows.bind(0), size=np.array(texture_px, np.float64))
            texture.build_mipmaps()
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            texture.anisotropy, texture.repeat_y = _ANISOTROPY, False
            viewer = Drawer(ctx, _PLANE_VERTEX, _VIEW)
            viewer.add(ctx.buffer(surface.triangles().astype("f4").tobytes()), None, ("3f", "place"))
            self._parts.append((viewer, texture, place))

    def paint(self, camera: Camera) -> None:
        """Show the yard as `camera` sees it."""
        self._target.use()
        self._ctx.disable(moderngl.DEPTH_TEST)
        for viewer, texture, place in self._parts:
            texture.use(0)
            uniforms = camera.ray_uniforms(self._size_px) | place
            viewer.draw(**uniforms, baked=0, world_to_clip=camera.world_to_clip(self._size_px))
        self._ctx.enable(moderngl.DEPTH_TEST)
        self._ctx.copy_framebuffer(self._resolved, self._target)
