"""What is around the people in a glTF file: the camera on its way, and the floor."""

import numpy as np
import pygltflib
from scipy.spatial.transform import Rotation

from nlf_pipeline.exporters.axes import CAM_OPENGL
from nlf_pipeline.exporters.glb_buffers import JUMP_AHEAD_FRAMES, GlbBuilder
from nlf_pipeline.exporters.glb_people import CAMERA_NODE, FLOOR_NODE
from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.exporters.quaternions import continuous_quaternions

_NEAR, _FAR = 0.05, 1000.0
_MARGIN = 2.0
"""Floor shown around where people go, metres."""
_MAX_TILES = 64
"""Along each side."""
_TILE_COLOURS = {"light": 0.48, "dark": 0.36}
"""Linear grey."""


def add_camera(builder: GlbBuilder, motion: Motion) -> None:
    """Add the camera and its way.

    glTF knows a fixed field of view about the image's centre: it is the one of the median focal length. The intrinsic
    matrix is in the node's extras, with the focal length of every frame if the camera zooms.
    """
    cameras = motion.cameras
    width_px, height_px = (int(side) for side in cameras.size_px)
    fx_px, fy_px = (np.median(cameras.K[:, axis, axis]) for axis in (0, 1))
    lens = pygltflib.Perspective(
        yfov=float(2 * np.arctan(height_px / (2 * fy_px))),
        aspectRatio=float(width_px * fy_px / (height_px * fx_px)),
        znear=_NEAR,
        zfar=_FAR,
    )
    builder.file.cameras.append(pygltflib.Camera(type="perspective", perspective=lens, name=CAMERA_NODE))
    positions = cameras.T_world_cam[:, :3, 3]
    turns = Rotation.from_matrix((cameras.T_world_cam @ CAM_OPENGL)[:, :3, :3]).as_quat()
    turns = continuous_quaternions(turns)
    node = pygltflib.Node(
        name=CAMERA_NODE,
        camera=0,
        translation=positions[0].tolist(),
        rotation=turns[0].tolist(),
        extras=_extras(motion),
    )
    index = builder.add_node(node)
    seconds, frames = _keys(motion)
    builder.add_track(index, "translation", seconds, positions[frames], positions[0].tolist())
    builder.add_track(index, "rotation", seconds, turns[frames], turns[0].tolist())


def _keys(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Times of keys, and the frame that each shows, with two more before each cut so that nothing blends over it."""
    frames, cuts = np.arange(motion.n_frames), np.array(motion.cuts, dtype=int)
    times = np.concatenate([frames, cuts - 2 * JUMP_AHEAD_FRAMES, cuts - JUMP_AHEAD_FRAMES])
    shown = np.concatenate([frames, cuts - 1, cuts])
    order = np.argsort(times)
    return times[order] / motion.fps, shown[order]


def _extras(motion: Motion) -> dict[str, object]:
    cameras = motion.cameras
    focals_px = cameras.K[:, [0, 1], [0, 1]]
    zooms = np.ptp(focals_px, axis=0).max() > 0
    return {
        "size_px": cameras.size_px.tolist(),
        "K": np.median(cameras.K, axis=0).tolist(),
        "distortion": cameras.distortion.tolist(),
        "focal_px": focals_px[:, 0].round(3).tolist() if zooms else [],
    }


def add_floor(builder: GlbBuilder, motion: Motion) -> None:
    """Add a chequered floor where people go, at y = 0, of square tiles of 1 m, or of 2, 4 ... m where it is large."""
    tile, columns, rows = _floor_tiles(motion)
    x, z = np.meshgrid(columns * tile, rows * tile)
    vertices = np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=-1)
    corners = np.arange(x.size).reshape(x.shape)
    a, b, c, d = corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(*a.shape, 2, 3)
    is_dark = (columns[:-1] + rows[:-1, None]) % 2 == 1
    attributes = {
        "POSITION": builder.add_vertices(vertices, bounded=True),
        "NORMAL": builder.add_vertices(np.tile([0.0, 1.0, 0.0], (len(vertices), 1))),
    }
    primitives = []
    for name, chosen in (("light", ~is_dark), ("dark", is_dark)):
        look = pygltflib.PbrMetallicRoughness(
            baseColorFactor=[*[_TILE_COLOURS[name]] * 3, 1.0], metallicFactor=0.0, roughnessFactor=1.0
        )
        builder.file.materials.append(pygltflib.Material(name=f"floor, {name}", pbrMetallicRoughness=look))
        primitive = pygltflib.Primitive(
            attributes=pygltflib.Attributes(**attributes),
            indices=builder.add_indices(faces[chosen].reshape(-1, 3), len(vertices)),
            material=len(builder.file.materials) - 1,
        )
        primitives.append(primitive)
    builder.file.meshes.append(pygltflib.Mesh(name=FLOOR_NODE, primitives=primitives))
    builder.add_node(pygltflib.Node(name=FLOOR_NODE, mesh=len(builder.file.meshes) - 1, extras={"tile_m": tile}))


def _floor_tiles(motion: Motion) -> tuple[float, np.ndarray, np.ndarray]:
    """Side of a tile, metres, and borders of the tiles along x and z, in tiles."""
    seen = [person.joints[person.visible].reshape(-1, 3) for person in motion.people]
    places = np.concatenate([np.zeros((1, 3)), *seen])[:, [0, 2]]
    low, high = places.min(axis=0) - _MARGIN, places.max(axis=0) + _MARGIN
    tile = 2.0 ** max(0, np.ceil(np.log2((high - low).max() / (_MAX_TILES - 2))))
    columns, rows = (np.arange(np.floor(a / tile), np.ceil(b / tile) + 1) for a, b in zip(low, high, strict=True))
    return tile, columns, rows
