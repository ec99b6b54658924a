"""Body models that only registered users have: files of the published layout, made from the open body.

Keys and shapes are those of SMPL version 1.1.0 (basicmodel_*.pkl) and SMPL-X version 1.1 (SMPLX_*.npz); the surface,
shape space and rig are MakeHuman's.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from nlf_pipeline.body_kinds import MODEL_FILES, SMPLX_JOINT_NAMES, SMPLX_PARENTS
from nlf_pipeline.open_body.makehuman import data_folder, read_rig
from nlf_pipeline.open_body.regressors import convex_weights
from nlf_pipeline.open_body.smpl_rig import joint_of_bone, limit_influences

N_SMPL_VERTICES, N_SMPLX_VERTICES = 6890, 10475
N_SHAPES, N_EXPRESSIONS = 300, 100
SMPL_NAMES = {
    gender: f"basicmodel_{part}_lbs_10_207_0_v1.1.0.pkl"
    for gender, part in (("neutral", "neutral"), ("female", "f"), ("male", "m"))
}
_FINGERS = {"finger1": "thumb", "finger2": "index", "finger3": "middle", "finger4": "ring", "finger5": "pinky"}
_SIDES = {"L": "left", "R": "right"}
_POSE_SHAPES_M, _SMALL_SHAPES_M, _EXPRESSION_M = 1e-4, 2e-4, 2e-3


@dataclass(frozen=True)
class Humanoid:
    """A body of any number of vertices and joints."""

    vertices: np.ndarray
    shapedirs: np.ndarray
    weights: np.ndarray
    regressor: np.ndarray
    faces: np.ndarray
    parents: tuple[int, ...]

    def with_vertices(self, n: int) -> "Humanoid":
        """With `n` vertices: new ones in the middle of the largest faces, which are cut into three."""
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        cut = np.argsort(-areas, kind="stable")[: n - len(self.vertices)]
        corners, new = self.faces[cut], len(self.vertices) + np.arange(len(cut))
        parts = [np.column_stack([corners[:, k], corners[:, (k + 1) % 3], new]) for k in range(3)]
        grown = [np.concatenate([v, v[corners].mean(axis=1)]) for v in (self.vertices, self.shapedirs, self.weights)]
        regressor = np.pad(self.regressor, ((0, 0), (0, len(cut))))
        faces = np.concatenate([np.delete(self.faces, cut, axis=0), *parts])
        return Humanoid(*grown, regressor, faces, self.parents)

    def arrays(self, n_expressions: int) -> dict:
        """The arrays that both layouts have, with 300 shapes, `n_expressions` more, and pose-dependent shapes."""
        rng, n, n_joints = np.random.default_rng(5), len(self.vertices), len(self.parents)
        shapes = rng.normal(0, _SMALL_SHAPES_M, (n, 3, N_SHAPES + n_expressions)).astype(np.float32)
        shapes[..., : self.shapedirs.shape[-1]] = self.shapedirs
        shapes[..., N_SHAPES:] = rng.normal(0, _EXPRESSION_M, (n, 3, n_expressions))
        tree = np.stack([np.array(self.parents), np.arange(n_joints)]).astype(np.uint32)  # the root's parent: 2^32 - 1
        return {
            "v_template": self.vertices,
            "shapedirs": shapes,
            "posedirs": rng.normal(0, _POSE_SHAPES_M, (n, 3, 9 * (n_joints - 1))).astype(np.float32),
            "weights": self.weights,
            "f": self.faces.astype(np.uint32),
            "kintree_table": tree,
        }


def write_smpl(folder: Path, body_dir: Path, gender: str = "neutral") -> Path:
    """Write `folder`/smpl/basicmodel_*.pkl, made from the open body in `body_dir`; returns the file."""
    body = _open_body(body_dir).with_vertices(N_SMPL_VERTICES)
    values = body.arrays(0) | {
        "J_regressor": sp.csc_matrix(body.regressor),
        "J": body.regressor @ body.vertices,
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }
    path = folder / "smpl" / SMPL_NAMES[gender]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(values, protocol=2))
    return path


def write_smplx(folder: Path, body_dir: Path, gender: str = "neutral") -> Path:
    """Write `folder`/smplx/SMPLX_*.npz, made from the open body in `body_dir`; returns the file."""
    body = _with_face_and_fingers(_open_body(body_dir), body_dir).with_vertices(N_SMPLX_VERTICES)
    names = np.empty(1, dtype=object)
    names[0] = {name: k for k, name in enumerate(SMPLX_JOINT_NAMES)}
    values = body.arrays(N_EXPRESSIONS) | {
        "J_regressor": body.regressor,
        "joint2num": names,  # the published files have such pickled entries; nobody has to read them
        "hands_meanl": np.zeros(45),
        "hands_meanr": np.zeros(45),
        "hands_componentsl": np.eye(45),
        "hands_componentsr": np.eye(45),
        "lmk_faces_idx": np.zeros(51, np.int64),
        "lmk_bary_coords": np.full((51, 3), 1 / 3),
    }
    path = folder / "smplx" / f"SMPLX_{gender.upper()}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **values)
    return path


def _open_body(body_dir: Path) -> Humanoid:
    values = pickle.loads((body_dir / MODEL_FILES["smpl"]).read_bytes())
    parents = tuple(int(parent) for parent in values["kintree_table"][0].astype(np.int32))
    names = ("v_template", "shapedirs", "weights")
    arrays = [values[name].astype(np.float64) for name in names]
    return Humanoid(*arrays, values["J_regressor"].toarray(), values["f"].astype(np.int64), parents)


def _with_face_and_fingers(body: Humanoid, body_dir: Path) -> Humanoid:
    """The same surface on SMPL-X's 55 joints, whose places and weights come from MakeHuman's own bones."""
    base, bones = np.load(body_dir / "base_mesh.npz"), read_rig(data_folder())
    weights = np.zeros((len(base["mean"]), len(SMPLX_JOINT_NAMES)))
    for name, bone in bones.items():
        np.add.at(weights[:, SMPLX_JOINT_NAMES.index(_joint_of(name))], bone.skinned_vertices, bone.skinning_weights)
    places = {_joint_of(name): base["mean"][bone.head_vertices].mean(axis=0) for name, bone in reversed(bones.items())}
    regressor = np.zeros((len(SMPLX_JOINT_NAMES), len(body.vertices)))
    regressor[:22] = body.regressor[:22]
    for joint in range(22, len(SMPLX_JOINT_NAMES)):
        place = places[SMPLX_JOINT_NAMES[joint]]
        near = np.argsort(np.linalg.norm(body.vertices - place, axis=1), kind="stable")[:60]
        regressor[joint, near] = convex_weights(body.vertices[None, near], place[None])
    kept = limit_influences(weights[base["kept_vertices"]])
    return Humanoid(body.vertices, body.shapedirs, kept, regressor, body.faces, SMPLX_PARENTS)


def _joint_of(bone: str) -> str:
    stem, _, side = bone.partition(".")
    part, _, number = stem.partition("-")
    if part in _FINGERS and number:
        return f"{_SIDES[side]}_{_FINGERS[part]}{number}"
    if stem == "jaw":
        return "jaw"
    if stem == "eye":
        return f"{_SIDES[side]}_eye_smplhf"
    joint = joint_of_bone(bone)
    return joint if joint in SMPLX_JOINT_NAMES else f"{_SIDES[side]}_wrist"
