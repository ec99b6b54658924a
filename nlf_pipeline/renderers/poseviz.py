"""Bodies as PoseViz draws them: meshes with their edges, three lights, a checkered ground.

PoseViz's own headless mode writes an mp4 that is one frame late and lacks the last scene, lays the
video half transparent over the bodies, and gives everybody the same colour. So its renderables are
drawn here, one view at a time, and put over the untouched image. They work in millimetres.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid
from nlf_pipeline.offscreen import Canvas, projection_matrix
from nlf_pipeline.renderers import ViewFrame
from nlf_pipeline.renderers.compositing import composite

MM_PER_M = 1000.0
NEAR_MM, FAR_MM = 50.0, 200_000.0
WHITE = (1.0, 1.0, 1.0, 1.0)
CLEAR = (0.0, 0.0, 0.0, 0.0)


class PosevizRenderer:
    """PoseViz's renderables; bodies filled in over gaps look like the others, and the real camera is not drawn."""

    def __init__(self) -> None:
        try:
            from poseviz.gl import renderables  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise UserError(
                f"The renderer 'poseviz' is not installed ({error}). "
                f"Install it with: {sys.executable} -m pip install -e '.[poseviz]'"
            ) from error
        self._renderables = renderables

    def render(
        self, views: Iterable[ViewFrame], faces: np.ndarray, size_px: tuple[int, int], opacity: float
    ) -> Iterator[np.ndarray]:
        """One (height, width, 3) uint8 RGB picture per view, in order; see `Renderer`."""
        canvas = Canvas(size_px)
        try:
            ground = self._renderables.GroundPlaneRenderable(canvas.ctx, 0.0, world_up=(0, 1, 0))
            meshes: list[Any] = []
            for view in views:
                while len(meshes) < len(view.vertices):
                    meshes.append(self._renderables.MeshRenderable(canvas.ctx, faces, max_instances=1))
                canvas.begin(WHITE if view.image is None else CLEAR)
                self._draw(view, meshes, ground if view.image is None else None, size_px)
                drawn = canvas.read()
                if view.image is None:
                    yield cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB)
                else:
                    picture = view.image.copy()
                    composite(picture, cv2.convertScaleAbs(drawn, alpha=opacity), (0, 0, *size_px))
                    yield picture
        finally:
            canvas.release()

    def _draw(self, view: ViewFrame, meshes: list[Any], ground: Any, size_px: tuple[int, int]) -> None:
        T_cam_world = invert_rigid(view.T_world_cam)
        T_cam_world[:3, 3] *= MM_PER_M
        # Not PoseViz's own matrix: that mirrors the principal point and is half a pixel off.
        clip_world = projection_matrix(view.K, size_px, NEAR_MM, FAR_MM) @ T_cam_world
        self._renderables.ShaderRenderable._current_view = T_cam_world.T.astype(np.float32).tobytes()
        columns = np.ascontiguousarray(clip_world.T)
        if ground is not None:
            ground.render(columns)
        for mesh, vertices, colour in zip(meshes, view.vertices, view.colours, strict=False):
            mesh.update(vertices * MM_PER_M, color_data=tuple(colour))
            mesh.render(columns)
