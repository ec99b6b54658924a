"""A slow, plain reader of binary glTF 2.0, by the specification: nodes, tracks, skins and cameras."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

_COMPONENTS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class PlainGltf:
    """One file with one scene and at most one animation."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        magic, version, length, json_length, json_kind = struct.unpack_from("<4sIIII", content)
        assert (magic, version, length, json_kind) == (b"glTF", 2, len(content), 0x4E4F534A)
        self.json: dict[str, Any] = json.loads(content[20 : 20 + json_length])
        start = 20 + json_length
        binary_length, binary_kind = struct.unpack_from("<II", content, start)
        assert (binary_kind, start + 8 + binary_length) == (0x004E4942, length)
        self.binary = content[start + 8 :]
        self.nodes: list[dict[str, Any]] = self.json["nodes"]
        self.roots: list[int] = self.json["scenes"][self.json["scene"]]["nodes"]

    def array(self, accessor: int) -> np.ndarray:
        """(count, width) raw numbers, or (count, 4, 4) matrices."""
        about = self.json["accessors"][accessor]
        view = self.json["bufferViews"][about["bufferView"]]
        width = _WIDTHS[about["type"]]
        numbers = np.frombuffer(
            self.binary, _COMPONENTS[about["componentType"]], about["count"] * width, view.get("byteOffset", 0)
        )
        rows = numbers.reshape(-1, width)
        return rows.reshape(-1, 4, 4).swapaxes(1, 2) if width == 16 else rows

    def root(self, name: str) -> int:
        """The only node of this name, which is at the root."""
        (found,) = [index for index, node in enumerate(self.nodes) if node.get("name") == name]
        assert found in self.roots
        return found

    def channels(self, node: int) -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
        """Times, values and interpolation of a node's tracks."""
        tracks = {}
        for animation in self.json.get("animations", []):
            for channel in animation["channels"]:
                if channel["target"]["node"] == node:
                    sampler = animation["samplers"][channel["sampler"]]
                    times = self.array(sampler["input"])[:, 0].astype(np.float64)
                    kind = sampler.get("interpolation", "LINEAR")
                    tracks[channel["target"]["path"]] = (times, self.array(sampler["output"]), kind)
        return tracks

    def local(self, node: int, seconds: float) -> np.ndarray:
        """(4, 4) a node's transform to its parent."""
        defaults = {"translation": (0, 0, 0), "rotation": (0, 0, 0, 1), "scale": (1, 1, 1)}
        parts = {path: np.array(self.nodes[node].get(path, value), float) for path, value in defaults.items()}
        for path, (times, values, kind) in self.channels(node).items():
            parts[path] = _sampled(times, values.astype(np.float64), kind, seconds, path == "rotation")
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_quat(parts["rotation"]).as_matrix() * parts["scale"]
        matrix[:3, 3] = parts["translation"]
        return matrix

    def globals(self, seconds: float) -> dict[int, np.ndarray]:
        """(4, 4) every node's transform to the world."""
        result: dict[int, np.ndarray] = {}

        def visit(node: int, above: np.ndarray) -> None:
            result[node] = above @ self.local(node, seconds)
            for child in self.nodes[node].get("children", []):
                visit(child, result[node])

        for root in self.roots:
            visit(root, np.eye(4))
        return result

    def skin(self, root: int) -> dict[str, Any]:
        """The only skin whose skeleton is the node `root`."""
        (found,) = [skin for skin in self.json["skins"] if skin["skeleton"] == root]
        return found

    def primitive(self, root: int) -> dict[str, Any]:
        """The mesh that the skeleton `root` moves."""
        index = self.json["skins"].index(self.skin(root))
        (node,) = [node for node in self.nodes if node.get("skin") == index]
        (primitive,) = self.json["meshes"][node["mesh"]]["primitives"]
        return primitive

    def skinned(self, root: int, seconds: float) -> np.ndarray:
        """(vertices, 3) of the mesh that the skeleton `root` moves, in the world."""
        skin, attributes = self.skin(root), self.primitive(root)["attributes"]
        transforms = self.globals(seconds)
        inverses = self.array(skin["inverseBindMatrices"])
        moved = np.array([transforms[node] @ inverses[k] for k, node in enumerate(skin["joints"])])
        positions, joints = self.array(attributes["POSITION"]), self.array(attributes["JOINTS_0"])
        weights = self.array(attributes["WEIGHTS_0"]) / 65535
        points = np.concatenate([positions, np.ones((len(positions), 1))], axis=1)
        return np.einsum("vk,vkab,vb->va", weights, moved[joints], points)[:, :3]


def _sampled(times: np.ndarray, values: np.ndarray, kind: str, seconds: float, turns: bool) -> np.ndarray:
    after = int(np.searchsorted(times, seconds, side="right"))
    if after == 0 or after == len(times) or kind == "STEP":
        return values[max(after - 1, 0)]
    share = (seconds - times[after - 1]) / (times[after] - times[after - 1])
    if turns:
        return Slerp([0, 1], Rotation.from_quat(values[after - 1 : after + 1]))(share).as_quat()
    return values[after - 1] + share * (values[after] - values[after - 1])
