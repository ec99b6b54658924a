"""The arrays and tracks of a glTF file under construction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pygltflib

Element = Literal["SCALAR", "VEC3", "VEC4", "MAT4"]
Path = Literal["translation", "rotation", "scale"]
Interpolation = Literal["LINEAR", "STEP"]
_COMPONENT_TYPES = {
    np.dtype(np.uint8): pygltflib.UNSIGNED_BYTE,
    np.dtype(np.uint16): pygltflib.UNSIGNED_SHORT,
    np.dtype(np.uint32): pygltflib.UNSIGNED_INT,
    np.dtype(np.float32): pygltflib.FLOAT,
}
JUMP_AHEAD_FRAMES = 1 / 16
"""What jumps in a frame jumps so much before it: the frame's time, rounded, must not come before the jump."""
_ALIGNMENT = 4
_SAME = 1e-7
"""Tracks that differ by less from what they are compared with are the same: float32's resolution at 1."""


@dataclass
class GlbBuilder:
    """A glTF file that arrays, nodes and tracks are put into."""

    file: pygltflib.GLTF2
    tracks: pygltflib.Animation
    roots: list[int] = field(default_factory=list)
    """Nodes that have no parent."""
    blob: bytearray = field(default_factory=bytearray)
    times: dict[bytes, int] = field(default_factory=dict)
    """Accessors of times, by their content."""

    def add_array(
        self,
        array: np.ndarray,
        element: Element,
        target: int | None = None,
        normalized: bool = False,
        bounded: bool = False,
    ) -> int:
        """Store an array and return the index of its accessor.

        Args:
            array: (count, ...) uint8, uint16, uint32 or float32; each row is an `element`.
            element: the type of a row.
            target: ARRAY_BUFFER for vertices, ELEMENT_ARRAY_BUFFER for indices.
            normalized: integers stand for [0, 1].
            bounded: state minimum and maximum, which glTF asks of positions and times.
        """
        view = pygltflib.BufferView(buffer=0, byteOffset=len(self.blob), byteLength=array.nbytes, target=target)
        self.file.bufferViews.append(view)
        self.blob += np.ascontiguousarray(array).tobytes()
        self.blob += bytes(-len(self.blob) % _ALIGNMENT)
        rows = array.reshape(len(array), -1)
        accessor = pygltflib.Accessor(
            bufferView=len(self.file.bufferViews) - 1,
            byteOffset=None,
            componentType=_COMPONENT_TYPES[array.dtype],
            normalized=normalized or None,
            count=len(array),
            type=element,
            min=rows.min(axis=0).tolist() if bounded else [],
            max=rows.max(axis=0).tolist() if bounded else [],
        )
        self.file.accessors.append(accessor)
        return len(self.file.accessors) - 1

    def add_vertices(self, array: np.ndarray, bounded: bool = False) -> int:
        """Store (vertices, 3) positions or normals as float32 and return the index of their accessor."""
        return self.add_array(array.astype(np.float32), "VEC3", pygltflib.ARRAY_BUFFER, bounded=bounded)

    def add_indices(self, faces: np.ndarray, n_vertices: int) -> int:
        """Store (faces, 3) vertex indices and return the index of their accessor."""
        # The highest number is reserved in every type.
        kind = np.uint16 if n_vertices <= np.iinfo(np.uint16).max else np.uint32
        return self.add_array(faces.ravel().astype(kind), "SCALAR", pygltflib.ELEMENT_ARRAY_BUFFER)

    def add_times(self, seconds: np.ndarray) -> int:
        """Store ascending times of keys, equal ones once, and return the index of their accessor."""
        content = seconds.astype(np.float32)
        if content.tobytes() not in self.times:
            self.times[content.tobytes()] = self.add_array(content, "SCALAR", bounded=True)
        return self.times[content.tobytes()]

    def add_node(self, node: pygltflib.Node, at_root: bool = True) -> int:
        """Add a node and return its index; `at_root`: it has no parent."""
        self.file.nodes.append(node)
        index = len(self.file.nodes) - 1
        if at_root:
            self.roots.append(index)
        return index

    def add_track(
        self,
        node: int,
        path: Path,
        seconds: np.ndarray,
        values: np.ndarray,
        at_rest: Sequence[float],
        interpolation: Interpolation = "LINEAR",
    ) -> None:
        """Animate a node; what never differs from the node at rest gets no track, and what is constant a single key.

        Args:
            node: its index.
            path: which part of its transform.
            seconds: (keys,) ascending.
            values: (keys, 3 or 4).
            at_rest: what the node itself has there.
            interpolation: between keys.
        """
        if np.abs(values - at_rest).max(initial=0) < _SAME:
            return
        if np.abs(values - values[0]).max() < _SAME:
            seconds, values = np.zeros(1), values[:1]
        output = self.add_array(values.astype(np.float32), "VEC4" if path == "rotation" else "VEC3")
        self.tracks.samplers.append(
            pygltflib.AnimationSampler(input=self.add_times(seconds), output=output, interpolation=interpolation)
        )
        target = pygltflib.AnimationChannelTarget(node=node, path=path)
        channel = pygltflib.AnimationChannel(sampler=len(self.tracks.samplers) - 1, target=target)
        self.tracks.channels.append(channel)


def intervals(flags: np.ndarray) -> list[list[int]]:
    """[start, stop) of every run of true values in (n,) bool."""
    steps = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=-1).tolist()
