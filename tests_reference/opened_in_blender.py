"""`python opened_in_blender.py JOBS`: what Blender finds in files; a process of its own, as it may crash when it ends.

JOBS is a JSON list of [how, file to open, npz to write]; how: plain, or recipe, which is for glTF.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np
from bpy_extras.object_utils import world_to_camera_view  # pyright: ignore[reportMissingImports]
from mathutils import Vector  # pyright: ignore[reportMissingImports]

from nlf_pipeline.exporters.fbx_in_blender import open_glb, stretch_keys

RECIPE = Path(__file__).parents[1] / "docs/recipes/blender.md"


def open_file(path: Path) -> None:
    """Into an empty scene, as docs/recipes/blender.md says."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".glb":
        open_glb(path)
    elif path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
        stretch_keys(1 / bpy.context.scene.render.fps_base)  # which the importer forgets
    elif path.suffix == ".usdc":
        bpy.ops.wm.usd_import(filepath=str(path))
    else:
        bpy.ops.import_anim.bvh(filepath=str(path), update_scene_fps=True)


def open_by_recipe(glb: Path) -> None:
    """As a user who changes the paths of the script in docs/recipes/blender.md, in Blender's scene with a camera."""
    bpy.ops.wm.read_factory_settings()
    there = list(bpy.data.objects)
    (script,) = re.findall(r"```python\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    lines = [line for line in script.splitlines() if not line.startswith("VIDEO = ")]
    given = "\n".join(lines).replace("results/dance/export/glb/dance.glb", str(glb))
    exec(given, {"VIDEO": None})
    for thing in there:
        bpy.data.objects.remove(thing)


def look(out: Path) -> None:
    """Note every skeleton, mesh and camera in all frames."""
    scene = bpy.context.scene
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    last = max([action.frame_range[1] for action in bpy.data.actions], default=0)
    found: dict[str, Any] = {
        "fps": scene.render.fps / scene.render.fps_base,
        "metres": scene.unit_settings.scale_length,
        "armatures": [armature.name for armature in armatures],
        "others": [thing.name for thing in bpy.data.objects if thing.type not in ("ARMATURE", "CAMERA")],
    }
    found |= {f"head {bone.name}": [] for armature in armatures for bone in armature.data.bones}
    found |= {"cameras": [], "pixels": [], "extents": []}
    for frame in range(round(last) + 1):
        scene.frame_set(frame)
        for key in found:
            if key.startswith("head "):
                found[key].append([head(armature, key.removeprefix("head ")) for armature in armatures])
        found["extents"].append([lowest_and_highest(armature) for armature in armatures])
        for camera in (thing for thing in bpy.data.objects if thing.type == "CAMERA"):
            found["cameras"].append([list(row) for row in camera.matrix_world])
            found["pixels"].append([pixel(camera, head(armature, "pelvis")) for armature in armatures])
    np.savez(out, **{key: np.array(value) for key, value in found.items()})


def head(armature: bpy.types.Object, name: str) -> list[float]:
    """Where a bone begins, in Blender's world."""
    return list(armature.matrix_world @ armature.pose.bones[name].head)


def pixel(camera: bpy.types.Object, place: list[float]) -> list[float]:
    """Where a picture of 640 x 360 shows a place; the centre of the top left pixel is (0, 0)."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 640, 360
    right, up, _ = world_to_camera_view(scene, camera, Vector(place))
    return [right * 640 - 0.5, (1 - up) * 360 - 0.5]


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
    for how, source, out in json.loads(sys.argv[1]):
        (open_by_recipe if how == "recipe" else open_file)(Path(source))
        look(Path(out))
    sys.stdout.flush()
    os._exit(0)
