"""glTF 2.0, one binary file: everybody skinned and animated, the camera on its way, and the floor.

Blender, three.js, Unreal and Unity open it. Axes and units are the world's: y up, metres, seconds. The layout follows
the glTF 2.0 specification of the Khronos group.
"""

from pathlib import Path

import pygltflib

from nlf_pipeline.exporters.glb_buffers import GlbBuilder
from nlf_pipeline.exporters.glb_people import SharedSkin, add_person, person_node_name
from nlf_pipeline.exporters.glb_scenery import add_camera, add_floor
from nlf_pipeline.exporters.motion import Motion

__all__ = ["person_node_name", "write"]

_CLIP = "motion"


def write(motion: Motion, folder: Path) -> None:
    """Write {video_id}.glb; see `Exporter`. Key i of every track of all frames is at i / fps seconds.

    Who is not visible is scaled to nothing. What glTF has no place for is in `extras`: of the scene, of the camera, and
    of the node of each person's skeleton.
    """
    file = pygltflib.GLTF2(scene=0, asset=pygltflib.Asset(version="2.0", generator="nlf-pipeline"))
    builder = GlbBuilder(file, pygltflib.Animation(name=_CLIP))
    if motion.people:
        skin = SharedSkin.stored(builder, motion.skin)
        for person in motion.people:
            add_person(builder, motion, person, skin)
    add_camera(builder, motion)
    add_floor(builder, motion)
    file.scenes.append(pygltflib.Scene(name=motion.video_id, nodes=builder.roots, extras=_extras(motion)))
    if builder.tracks.channels:
        file.animations.append(builder.tracks)
    file.buffers.append(pygltflib.Buffer(byteLength=len(builder.blob)))
    file.set_binary_blob(bytes(builder.blob))
    file.save_binary(str(folder / f"{motion.video_id}.glb"))


def _extras(motion: Motion) -> dict[str, object]:
    return {
        "fps": motion.fps,
        "n_frames": motion.n_frames,
        "cuts": list(motion.cuts),
        "body_model": motion.body_model,
        "units": "metres, seconds",
        "joint_names": list(motion.joint_names),
    }
