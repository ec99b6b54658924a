"""The kinds of body models: families, skeletons, and the description that lies beside every model's files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from nlf_pipeline.artefact_files import JsonArtefact
from nlf_pipeline.errors import UserError

BodyFamily = Literal["open", "anny", "smpl", "smplx"]
"""'open', 'anny': made here from CC0 data, of adults and of all ages. 'smpl', 'smplx': for registered users."""
BodyGender = Literal["neutral", "female", "male"]
Layout = Literal["smpl", "smplx"]
"""Whose file layout and joints a model has; smplfitter's name of it."""

N_BETAS = 10
"""Shape parameters in use unless others are asked for; SMPL's files hold 300."""
MODEL_FILES: dict[Layout, str] = {
    "smpl": "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
    "smplx": "SMPLX_NEUTRAL.npz",
}
"""What smplfitter calls a model's file, which here is so called whatever the gender."""
KIND_FILE = "body.json"
SUBSET_SIZE = 1024
"""Vertices that predictions carry: enough to fit every part, a sixth of the work of a full mesh."""

SMPL_JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
N_SHARED_JOINTS = 22
"""Joints that all models have, first and in the same order: SMPL's without the hands."""
_FINGERS = tuple(f"{finger}{k}" for finger in ("index", "middle", "pinky", "ring", "thumb") for k in (1, 2, 3))
SMPLX_JOINT_NAMES = (
    *SMPL_JOINT_NAMES[:N_SHARED_JOINTS],
    *("jaw", "left_eye_smplhf", "right_eye_smplhf"),
    *(f"{side}_{finger}" for side in ("left", "right") for finger in _FINGERS),
)
_HEAD, _WRISTS = SMPL_JOINT_NAMES.index("head"), {"left": 20, "right": 21}


def _smplx_parent(joint: int) -> int:
    name = SMPLX_JOINT_NAMES[joint]
    if joint < N_SHARED_JOINTS:
        return SMPL_PARENTS[joint]
    side, _, finger = name.partition("_")
    if finger not in _FINGERS:
        return _HEAD
    return _WRISTS[side] if finger.endswith("1") else joint - 1


SMPLX_PARENTS = tuple(_smplx_parent(joint) for joint in range(len(SMPLX_JOINT_NAMES)))
_SKELETONS: dict[Layout, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "smpl": (SMPL_JOINT_NAMES, SMPL_PARENTS),
    "smplx": (SMPLX_JOINT_NAMES, SMPLX_PARENTS),
}


def joint_index(name: str) -> int:
    """Index of an SMPL joint by name; all but the hands are at the same index in every model."""
    return SMPL_JOINT_NAMES.index(name)


def skeleton(n_joints: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and parents of the joints of the model that has so many; a root's parent is -1.

    Raises:
        ValueError: if no model has so many joints.
    """
    for names, parents in _SKELETONS.values():
        if len(names) == n_joints:
            return names, parents
    raise ValueError(f"no body model has {n_joints} joints")


def body_joints(n_joints: int) -> int:
    """How many of a model's `n_joints` joints, the first ones, make up the body without its face and fingers."""
    return n_joints if n_joints == len(SMPL_JOINT_NAMES) else N_SHARED_JOINTS


def smpl_joints(n_joints: int) -> list[int]:
    """Where SMPL's 24 joints are among a model's `n_joints`: its hands are at the first knuckle of middle fingers."""
    names, _ = skeleton(n_joints)
    return [names.index(name if name in names else name.replace("hand", "middle1")) for name in SMPL_JOINT_NAMES]


def smpl_carriers(n_joints: int) -> list[int]:
    """For each of a model's `n_joints` joints the joint of SMPL with which it moves: itself, head, wrist or hand."""
    return [_carrier(name) for name in skeleton(n_joints)[0]]


def _carrier(name: str) -> int:
    if name in SMPL_JOINT_NAMES:
        return joint_index(name)
    side, _, finger = name.partition("_")
    if finger not in _FINGERS:
        return _HEAD
    return joint_index(f"{side}_wrist" if finger.startswith("thumb") else f"{side}_hand")


@dataclass(frozen=True)
class BodyKind(JsonArtefact):
    """body.json: which body model a folder holds. It is written last: where it is, the folder is complete."""

    family: BodyFamily
    gender: BodyGender
    n_betas: int
    """Shape parameters in use."""
    n_vertices: int
    """Of the whole mesh."""
    n_joints: int

    @property
    def layout(self) -> Layout:
        """Whose file layout, joints and smplfitter class the model has."""
        return layout_of(self.family)

    @property
    def name(self) -> str:
        """What results call the model: its folder's usual name."""
        return body_name(self.family, self.gender, self.n_betas)

    @property
    def parents(self) -> tuple[int, ...]:
        """(joints,) index of each joint's parent, -1 for the root."""
        return skeleton(self.n_joints)[1]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The kind of the model in `folder`; raises UserError if there is none."""
        if not (Path(folder) / KIND_FILE).is_file():
            raise UserError(f"{folder}: no body model found. Build it with: snakemake {Path(folder) / KIND_FILE}")
        return cls.load(Path(folder) / KIND_FILE)

    def check_made(self, body_model: str, path: Path) -> None:
        """Raise UserError if the bodies in `path`, of a model called `body_model`, are not of this kind."""
        if body_model != self.name:
            raise UserError(
                f"{path} has bodies of the model {body_model}, found the model {self.name}. Give its folder."
            )


def layout_of(family: BodyFamily) -> Layout:
    """Whose layout models of this family have."""
    return "smplx" if family == "smplx" else "smpl"


def body_name(family: BodyFamily, gender: BodyGender, n_betas: int) -> str:
    """Name of a body model and of its folder: `open` for the default, else such as `smplx-female-10`."""
    return "open" if (family, gender, n_betas) == ("open", "neutral", N_BETAS) else f"{family}-{gender}-{n_betas}"


def body_files(family: BodyFamily) -> list[str]:
    """Names of the files in a folder of this family; the first is written last."""
    return [
        KIND_FILE,
        MODEL_FILES[layout_of(family)],
        "kid_template.npy",
        f"vertex_subset_{SUBSET_SIZE}.npz",
        f"vertex_subset_joint_regr_post_lbs_{SUBSET_SIZE}.npy",
        "landmark_regressor.npy",
        *(["base_mesh.npz"] if family in ("open", "anny") else []),
    ]
