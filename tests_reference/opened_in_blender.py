"""`python opened_in_blender.py JOBS`: what Blender finds in files; a process of its own, as it may crash when it ends.

JOBS is JSON: the file to open -> the npz to write.
"""

import json
import os
import sys
from pathlib import Path

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np

from nlf_pipeline.exporters.fbx_in_blender import open_glb, stretch_keys


def open_file(path: Path) -> None:
    """Into an empty scene, as docs/recipes/blender.md says."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".glb":
        open_glb(path)
    elif path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
        stretch_keys(1 / bpy.context.scene.render.fps_base)  # which the importer forgets
    else:
        bpy.ops.import_anim.bvh(filepath=str(path), update_scene_fps=True)


def look(out: Path) -> None:
    """Note every skeleton, mesh and camera in all frames."""
    scene = bpy.context.scene
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    last = max([action.frame_range[1] for action in bpy.data.actions], default=0)
    found: dict[str, object] = {
        "fps": scene.render.fps / scene.render.fps_base,
        "metres": scene.unit_settings.scale_length,
        "armatures": [armature.name for armature in armatures],
        "others": [thing.name for thing in bpy.data.objects if thing.type not in ("ARMATURE", "CAMERA")],
    }
    heads: dict[str, list[list[tuple[float, ...]]]] = {bone.name: [] for a in armatures for bone in a.data.bones}
    cameras, vertices = [], []
    for frame in range(round(last) + 1):
        scene.frame_set(frame)
        for name, places in heads.items():
            places.append([tuple(armature.matrix_world @ armature.pose.bones[name].head) for armature in armatures])
        cameras += [[list(row) for row in scene_camera().matrix_world]] if bpy.data.cameras else []
        vertices.append([lowest_and_highest(armature) for armature in armatures])
    if bpy.data.cameras:
        found["fov_y"] = field_of_view()
    found |= {f"head {name}": places for name, places in heads.items()}
    np.savez(out, **{key: np.array(value) for key, value in found.items()}, cameras=cameras, extents=vertices)


def scene_camera() -> bpy.types.Object:
    (camera,) = [thing for thing in bpy.data.objects if thing.type == "CAMERA"]
    return camera


def field_of_view() -> float:
    """Vertical, of a picture of 16 to 9, radians."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 640, 360
    upper_right = scene_camera().data.view_frame(scene=scene)[0]
    return float(2 * np.arctan(upper_right[1] / -upper_right[2]))


def lowest_and_highest(armature: bpy.types.Object) -> list[list[float]]:
    """Corners of the box about the mesh that an armature moves, as drawn; zeros without one."""
    graph = bpy.context.evaluated_depsgraph_get()
    for thing in armature.children:
        if thing.type == "MESH":
            drawn = thing.evaluated_get(graph)
            places = np.array([drawn.matrix_world @ vertex.co for vertex in drawn.data.vertices])
            return [places.min(axis=0).tolist(), places.max(axis=0).tolist()]
    return [[0.0] * 3] * 2


if __name__ == "__main__":
    for source, out in json.loads(sys.argv[1]).items():
        open_file(Path(source))
        look(Path(out))
    sys.stdout.flush()
    os._exit(0)
