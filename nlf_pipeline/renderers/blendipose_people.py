"""People in BlendiPose's scene: one mesh each, kept from view to view."""

from dataclasses import dataclass, field
from typing import Any

import blendipose.util  # pyright: ignore[reportMissingImports]
import numpy as np
from blendipose.blendify import scene  # pyright: ignore[reportMissingImports]
from blendipose.blendify.colors import UniformColors  # pyright: ignore[reportMissingImports]
from blendipose.blendify.materials import PrincipledBSDFMaterial  # pyright: ignore[reportMissingImports]

from nlf_pipeline.renderers import ViewFrame

GAMMA = 2.2
MM_PER_M = 1000.0


@dataclass
class _Person:
    mesh: Any
    rgba: np.ndarray
    """(4,) as Blender mixes it: linear RGB, and alpha of one surface."""
    vertices_before: dict[int, np.ndarray] = field(default_factory=dict)
    """Stream of views -> (vertices, 3) Blender's axes, metres; only if the person was seen in the last view there."""


class People:
    """The meshes of everybody seen so far; those not in a view are hidden."""

    def __init__(self, faces: np.ndarray, motion_blur: bool) -> None:
        self._faces, self._motion_blur = faces, motion_blur
        self._people: dict[int, _Person] = {}

    def update(self, view: ViewFrame, fps: float) -> None:
        """Pose and paint the people of `view`.

        Args:
            view: who is where.
            fps: Blender's, in which it reads the speeds that blur the people.
        """
        rows = range(len(view.vertices)) if view.person_rows is None else view.person_rows.tolist()
        for row, person in self._people.items():
            person.mesh._blender_object.hide_render = row not in rows
            if row not in rows or view.starts_shot:
                person.vertices_before.pop(view.stream, None)
        colours = blender_colours(view)
        for row, vertices_world, rgba in zip(rows, view.vertices, colours, strict=True):
            vertices = blendipose.util.world_to_blender(vertices_world * MM_PER_M)
            person = self._people.get(row)
            if person is None:
                person = self._people[row] = _Person(self._new_mesh(vertices, rgba), rgba)
            elif not np.array_equal(rgba, person.rgba):
                person.mesh.update_colors(UniformColors(rgba))
                person.rgba = rgba
            person.mesh.update_vertices(vertices)
            if self._motion_blur:
                before = person.vertices_before.get(view.stream, vertices)
                speeds = np.ascontiguousarray((vertices - before) * fps, np.float32)
                person.mesh._blender_mesh.attributes["velocity"].data.foreach_set("vector", speeds.ravel())
                person.vertices_before[view.stream] = vertices

    def _new_mesh(self, vertices: np.ndarray, rgba: np.ndarray) -> Any:
        """With the surface that BlendiPose gives people."""
        material = PrincipledBSDFMaterial(specular=1.0, metallic=0.25, roughness=0.54)
        mesh = scene.renderables.add_mesh(vertices, self._faces, material, UniformColors(rgba))
        blender_mesh = mesh._blender_mesh
        blender_mesh.polygons.foreach_set("use_smooth", np.ones(len(blender_mesh.polygons), bool))
        if self._motion_blur:
            blender_mesh.attributes.new(name="velocity", type="FLOAT_VECTOR", domain="POINT")
        return mesh


def blender_colours(view: ViewFrame) -> np.ndarray:
    """(bodies, 4) linear RGB, and the alpha of one surface.

    One sees through the front and the back of a body: two surfaces of alpha a cover 1 - (1 - a)^2.
    """
    opacities = np.ones(len(view.vertices)) if view.opacities is None else view.opacities
    return np.column_stack([view.colours**GAMMA, 1 - np.sqrt(1 - opacities)])
