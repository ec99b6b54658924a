"""Drawing a scene as a camera sees it, and who covers which pixels."""

import cv2
import moderngl
import numpy as np

from camera_clips.scenes import Scene, person
from nlf_pipeline.geometry import invert_rigid, pinhole_matrix
from nlf_pipeline.offscreen import Canvas, projection_matrix

_SKY = (0.75, 0.85, 0.95, 0.0)
_VERTEX = """
#version 330
in vec3 position;
in vec2 texture_position;
uniform mat4 world_to_clip;
uniform vec3 place;
out vec2 uv;
void main() {
    uv = texture_position;
    gl_Position = world_to_clip * vec4(position + place, 1.0);
}
"""
_FRAGMENT = """
#version 330
in vec2 uv;
uniform sampler2D picture;
uniform float is_person;
out vec4 colour;
// The bias makes up for mipmaps that blur oblique surfaces; the finer grid drawn on takes the aliasing.
void main() { colour = vec4(texture(picture, uv, -1.0).rgb, is_person); }
"""


class ScenePainter:
    """Draws one scene with people in it, without distortion."""

    def __init__(self, scene: Scene, size_px: tuple[int, int], supersampling: int, ctx: moderngl.Context) -> None:
        """Load a scene.

        Args:
            scene: what to draw.
            size_px: (width, height).
            supersampling: drawn pixels per pixel and axis.
            ctx: where to draw.
        """
        self.size_px = size_px
        self._supersampling = supersampling
        self._canvas = Canvas((size_px[0] * supersampling, size_px[1] * supersampling), samples=1, ctx=ctx)
        self._program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._surfaces = [(self._upload(s.vertices), self._texture(s.texture)) for s in scene.surfaces]
        self._person = self._upload(person())
        self._clothes = [self._texture(picture) for picture in scene.clothes]

    def draw(
        self, T_world_cam: np.ndarray, K: np.ndarray, people: np.ndarray, rows: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw one picture.

        Args:
            T_world_cam: (4, 4).
            K: (3, 3), pixels.
            people: (people, 3) where they stand.
            rows: from, to (exclusive), to draw only these rows.

        Returns:
            (height, width, 3) uint8 RGB and (height, width) bool, people; height is that of the rows.
        """
        n, (top, bottom) = self._supersampling, rows or (0, self.size_px[1])
        size_px = (self.size_px[0] * n, self.size_px[1] * n)
        K_fine = np.diag([n, n, 1.0]) @ K
        K_fine[:2, 2] += (n - 1) / 2  # pixel centres are whole numbers
        world_to_clip = projection_matrix(K_fine, size_px) @ invert_rigid(T_world_cam)
        self._program["world_to_clip"].write(np.ascontiguousarray(world_to_clip.T, dtype="f4").tobytes())  # type: ignore[union-attr]
        box_px = (0, top * n, size_px[0], (bottom - top) * n)
        self._canvas.begin(_SKY, [box_px])
        self._set(is_person=0.0, place=(0.0, 0.0, 0.0))
        for triangles, texture in self._surfaces:
            texture.use()
            triangles.render()
        for k, place in enumerate(people):
            self._set(is_person=1.0, place=tuple(place.tolist()))
            self._clothes[k % len(self._clothes)].use()
            self._person.render()
        fine = self._canvas.read(box_px)
        coarse_px = (self.size_px[0], bottom - top)
        picture = cv2.resize(fine[..., :3], coarse_px, interpolation=cv2.INTER_AREA) if n > 1 else fine[..., :3]
        covered = cv2.resize(fine[..., 3], coarse_px, interpolation=cv2.INTER_AREA) if n > 1 else fine[..., 3]
        return picture, covered > 0

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            self._program[name].value = value  # type: ignore[union-attr]

    def _upload(self, vertices: np.ndarray) -> moderngl.VertexArray:
        buffer = self._canvas.ctx.buffer(vertices.astype("f4").tobytes())
        return self._canvas.ctx.vertex_array(self._program, [(buffer, "3f 2f", "position", "texture_position")])

    def _texture(self, picture: np.ndarray) -> moderngl.Texture:
        texture = self._canvas.ctx.texture(picture.shape[1::-1], 3, picture.tobytes())
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        return texture


class DistortedView:
    """Bends a pinhole picture that is large enough into that of a lens with radial distortion."""

    def __init__(self, K: np.ndarray, k1: float, size_px: tuple[int, int]) -> None:
        """Prepare for a lens.

        Args:
            K: (3, 3) of the distorted picture, pixels.
            k1: OpenCV's first coefficient.
            size_px: (width, height) of the distorted picture.
        """
        v, u = np.mgrid[: size_px[1], : size_px[0]].astype(np.float64)
        distorted = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]], axis=-1)
        straight = undistort(distorted, k1)
        half_px = np.ceil(np.abs(straight).max((0, 1)) * [K[0, 0], K[1, 1]]).astype(int) + 2
        self.size_px = (int(2 * half_px[0]), int(2 * half_px[1]))
        """(width, height) of the pinhole picture to draw."""
        self.K = pinhole_matrix(float(K[0, 0]), self.size_px)
        """Its intrinsics."""
        self._from_px = (straight * K[0, 0] + self.K[:2, 2]).astype(np.float32)

    def bend(self, picture: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pinhole picture (height, width, 3) and people's pixels (height, width) as the lens shows them."""
        bent = cv2.remap(picture, self._from_px, None, cv2.INTER_CUBIC)
        return bent, cv2.remap(covered.astype(np.float32), self._from_px, None, cv2.INTER_LINEAR) > 0


def undistort(distorted: np.ndarray, k1: float) -> np.ndarray:
    """Points (..., 2) at unit depth without their distortion x (1 + k1 |x|^2); Newton's method on the radius.

    Raises:
        ValueError: if no straight ray reaches a point, because the distortion folds over.
    """
    radius_distorted = np.linalg.norm(distorted, axis=-1)
    radius = radius_distorted.copy()
    for _ in range(30):
        radius -= (radius * (1 + k1 * radius**2) - radius_distorted) / (1 + 3 * k1 * radius**2)
    if (
        not np.allclose(radius * (1 + k1 * radius**2), radius_distorted, atol=1e-9)
        or (1 + 3 * k1 * radius**2).min() < 0
    ):
        raise ValueError(f"k1 {k1} folds the picture over at its corners")
    return distorted * np.where(radius_distorted > 0, radius / np.maximum(radius_distorted, 1e-12), 1.0)[..., None]
