"""What stands in the yard for good: planters, a bench, lamp posts, crates. All of it is made of boxes."""

from dataclasses import dataclass
from enum import IntEnum

import moderngl
import numpy as np

from nlf_pipeline.demo.drawing import Drawer
from nlf_pipeline.demo.shaders import LIGHT_AND_NOISE, SHADOW
from nlf_pipeline.demo.skins import Rgb
from nlf_pipeline.demo.turns import turn_y

_LAYOUT = ("3f 3f 3f 3f 1f", "place", "place_normal", "local", "paint", "kind")
_CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, -1), (1, 1), (-1, 1)]) / 2


class Finish(IntEnum):
    """How the fragment shader treats a box; the same numbers stand there."""

    STONE = 0
    WOOD = 1
    LEAVES = 2
    METAL = 3


@dataclass(frozen=True)
class Box:
    """An upright box."""

    centre: tuple[float, float, float]
    """World, metres."""
    size: tuple[float, float, float]
    """Along its own x, y and z."""
    colour: Rgb
    finish: Finish
    turn: float = 0.0
    """About the world's y, radians."""

    def vertices(self) -> np.ndarray:
        """(36, 13) corners of twelve triangles: position, normal, position in the box, colour, finish."""
        rows, R = [], turn_y(self.turn).as_matrix()
        for axis in range(3):
            for side in (-1, 1):
                local = np.insert(_CORNERS, axis, side / 2, axis=1) * self.size
                normal = np.broadcast_to(side * R[:, axis], (6, 3))
                paint = np.broadcast_to([*self.colour, self.finish], (6, 4))
                rows.append(np.column_stack([local @ R.T + self.centre, normal, local, paint]))
        return np.concatenate(rows)


_CONCRETE, _OAK, _PINE = (0.36, 0.35, 0.32), (0.26, 0.15, 0.07), (0.42, 0.29, 0.15)
_BOX_TREE, _IRON, _GLASS = (0.10, 0.20, 0.05), (0.05, 0.06, 0.06), (0.80, 0.78, 0.70)


def _planter(x: float, z: float, length: float, turn: float = 0.0) -> tuple[Box, ...]:
    return (
        Box((x, 0.24, z), (length, 0.48, 0.55), _CONCRETE, Finish.STONE, turn),
        Box((x, 0.66, z), (length - 0.10, 0.40, 0.45), _BOX_TREE, Finish.LEAVES, turn),
    )


def _lamp(x: float, z: float) -> tuple[Box, ...]:
    return (
        Box((x, 0.15, z), (0.26, 0.30, 0.26), _IRON, Finish.METAL),
        Box((x, 1.80, z), (0.09, 3.00, 0.09), _IRON, Finish.METAL),
        Box((x, 3.42, z), (0.24, 0.30, 0.24), _GLASS, Finish.METAL),
        Box((x, 3.60, z), (0.34, 0.06, 0.34), _IRON, Finish.METAL),
    )


def _bench(x: float, z: float) -> tuple[Box, ...]:
    slats = [Box((x, 0.45, z + dz), (1.7, 0.04, 0.11), _OAK, Finish.WOOD) for dz in (-0.14, 0.0, 0.14)]
    back = [Box((x, y, z - 0.24), (1.7, 0.11, 0.04), _OAK, Finish.WOOD) for y in (0.64, 0.79)]
    legs = [Box((x + dx, 0.215, z - 0.02), (0.06, 0.43, 0.44), _IRON, Finish.METAL) for dx in (-0.7, 0.7)]
    posts = [Box((x + dx, 0.62, z - 0.28), (0.05, 0.46, 0.04), _IRON, Finish.METAL) for dx in (-0.7, 0.7)]
    return (*slats, *back, *legs, *posts)


FURNITURE = (
    *_planter(-5.6, -10.4, 2.0),
    *_planter(5.2, -10.7, 1.6),
    *_planter(-4.9, -5.3, 1.2, turn=1.2),
    *_planter(5.0, -4.9, 1.2, turn=-1.0),
    *_lamp(-3.4, -10.1),
    *_lamp(7.6, -9.8),
    *_bench(0.2, -10.5),
    Box((9.8, 0.40, -10.6), (1.0, 0.80, 0.8), _PINE, Finish.WOOD, turn=0.25),
    Box((9.7, 1.05, -10.6), (0.7, 0.50, 0.6), _PINE, Finish.WOOD, turn=-0.35),
    Box((-9.2, 0.35, -9.6), (1.1, 0.70, 0.9), _PINE, Finish.WOOD, turn=-0.4),
    Box((-10.6, 0.55, -10.6), (0.9, 1.10, 0.9), _PINE, Finish.WOOD, turn=0.15),
)
"""Nobody of the cast walks into it."""

_VERTEX = """
#version 330
in vec3 place;
in vec3 place_normal;
in vec3 local;
in vec3 paint;
in float kind;
uniform mat4 world_to_clip;
out vec3 world;
out vec3 world_normal;
out vec3 rest;
out vec3 albedo;
flat out int finish;
void main() {
    world = place;
    world_normal = place_normal;
    rest = local;
    albedo = paint;
    finish = int(kind + 0.5);
    gl_Position = world_to_clip * vec4(place, 1.0);
}
"""
_FRAGMENT = (
    LIGHT_AND_NOISE
    + SHADOW
    + """
in vec3 world;
in vec3 world_normal;
in vec3 rest;
in vec3 albedo;
flat in int finish;
uniform float light_extent;
out vec4 colour;
// Noise that fades to its mean where its grains are smaller than a pixel.
float grain(vec3 p) {
    vec3 footprint = fwidth(p);
    return mix(noise(p), 0.5, smoothstep(0.3, 0.9, max(footprint.x, max(footprint.y, footprint.z))));
}
vec3 textured(vec3 p) {
    if (finish == 0) return albedo * (0.45 + 0.6 * grain(p * 5.0) + 0.3 * grain(p * 23.0) + 0.2 * grain(p * 90.0));
    if (finish == 1)
        return albedo * (0.35 + 0.7 * grain(p * vec3(2.5, 30.0, 30.0)) + 0.6 * grain(p * vec3(9.0, 110.0, 110.0)));
    if (finish == 2) return albedo * (0.2 + 1.0 * grain(p * 9.0) + 1.0 * grain(p * 31.0) + 0.7 * grain(p * 80.0));
    return albedo * (0.8 + 0.4 * grain(p * 12.0));
}
void main() {
    vec3 n = normalize(world_normal);
    float direct = max(dot(n, to_sun), 0.0) * sunlit(world + 0.02 * n, 0.03, light_extent, 6);
    float near_floor = smoothstep(-0.1, 0.4, world.y);
    vec3 ambient = mix(BOUNCE, SKY, 0.5 + 0.5 * n.y) * (0.6 + 0.4 * near_floor);
    colour = vec4(encode(textured(rest + 40.0) * (ambient + SUN * direct)), 1.0);
}
"""
)
_DEPTH_FRAGMENT = """
#version 330
out vec4 colour;
void main() { colour = vec4(0.0, 0.0, 0.0, 1.0); }
"""


class FurnitureDrawer:
    """Draws boxes: as they look, and as what hides things."""

    def __init__(self, ctx: moderngl.Context, boxes: tuple[Box, ...]) -> None:
        """Upload the boxes."""
        self._looks = Drawer(ctx, _VERTEX, _FRAGMENT)
        self._depths = Drawer(ctx, _VERTEX, _DEPTH_FRAGMENT)
        if boxes:
            vertices = ctx.buffer(np.concatenate([box.vertices() for box in boxes]).astype("f4").tobytes())
            self._looks.add(vertices, None, _LAYOUT)
            self._depths.add(vertices, None, _LAYOUT)

    def draw(self, **uniforms: object) -> None:
        """Draw the boxes with `world_to_clip` and the uniforms of a bound ShadowMap."""
        self._looks.draw(**uniforms)

    def hide(self, world_to_clip: np.ndarray) -> None:
        """Draw the boxes in black, for their depth."""
        self._depths.draw(world_to_clip=world_to_clip)
