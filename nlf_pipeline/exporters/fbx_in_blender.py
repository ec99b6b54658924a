"""`python -m nlf_pipeline.exporters.fbx_in_blender GLB FOLDER`: the FBX files of a glTF file of ours, by Blender.

It needs a process of its own: Blender keeps one scene per process, and may crash when the process ends.
"""

import functools
import math
import os
import sys
from datetime import datetime
from pathlib import Path

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np

from nlf_pipeline.workflow.joblog import die_with_parent

_OPTIONS = {
    "apply_scale_options": "FBX_SCALE_ALL",  # metres, which the file says, instead of nodes scaled by 100
    "axis_forward": "-Z",
    "axis_up": "Y",
    "object_types": {"ARMATURE", "MESH", "CAMERA"},
    "use_custom_props": True,
    "add_leaf_bones": False,
    "bake_anim_use_nla_strips": False,
    "bake_anim_use_all_actions": False,
    "bake_anim_simplify_factor": 0.0,
}
_REST_FRAME = -1


def write_fbx(glb: Path, folder: Path) -> None:
    """Write {video_id}.fbx with all that is in `glb`, and people/{stem}.fbx with one person each.

    Engines that make one character of every file need the latter.
    """
    open_glb(glb)
    _forget_the_time()
    _rest_before_the_start()
    bpy.ops.export_scene.fbx(filepath=str(folder / f"{glb.stem}.fbx"), **_OPTIONS)
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    if armatures:
        (folder / "people").mkdir()
    for armature in armatures:
        for thing in bpy.data.objects:
            thing.select_set(thing == armature or thing.parent == armature)
        path = folder / "people" / f"{armature['file_stem']}.fbx"
        bpy.ops.export_scene.fbx(filepath=str(path), use_selection=True, **_OPTIONS)


def open_glb(glb: Path) -> None:
    """Open a glTF file of ours in an empty scene: frame i of the scene is frame i of the clip."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(glb), disable_bone_shape=True)
    scene = bpy.context.scene
    stretch_keys(scene["fps"] * scene.render.fps_base / scene.render.fps)
    scene.render.fps = round(scene["fps"])
    scene.render.fps_base = scene.render.fps / scene["fps"]
    scene.frame_start, scene.frame_end = 0, max(scene["n_frames"] - 1, 0)
    (camera,) = [thing for thing in bpy.data.objects if thing.type == "CAMERA"]
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = camera["size_px"]
    # The film has the picture's shape, so that it does not matter which of its sides a reader takes.
    lens = camera.data
    aspect = scene.render.resolution_x / scene.render.resolution_y
    angle_x = 2 * math.atan(math.tan(lens.angle_y / 2) * aspect)
    lens.sensor_fit, lens.sensor_height = "HORIZONTAL", lens.sensor_width / aspect
    lens.angle_x = angle_x


def stretch_keys(factor: float) -> None:
    """Bring keys, which Blender has put where its own frame rate has them, to the frames of the clip."""
    for action in bpy.data.actions:
        for curve in action.fcurves:
            points = np.zeros(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", points)
            points[::2] = np.round(points[::2] * factor, 3)
            curve.keyframe_points.foreach_set("co", points)
            curve.update()


def _forget_the_time() -> None:
    """Have Blender write the same bytes whenever it writes the same motion."""
    from io_scene_fbx import export_fbx_bin  # pyright: ignore[reportMissingImports]

    header = export_fbx_bin.fbx_header_elements
    export_fbx_bin.fbx_header_elements = functools.partial(header, time=datetime(1970, 1, 1))


def _rest_before_the_start() -> None:
    """Show everybody in T-pose in the frame before the first, from which Blender takes what the file says unanimated.

    Where people are out of sight in that frame, and so of no size, files cannot be opened.
    """
    for armature in (thing for thing in bpy.data.objects if thing.type == "ARMATURE" and thing.animation_data):
        for curve in armature.animation_data.action.fcurves:
            is_one = curve.data_path.endswith("scale") or (
                curve.data_path.endswith("rotation_quaternion") and curve.array_index == 0
            )
            curve.keyframe_points.insert(_REST_FRAME, float(is_one))
    bpy.context.scene.frame_set(_REST_FRAME)


if __name__ == "__main__":
    die_with_parent()
    write_fbx(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)
