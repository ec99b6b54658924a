"""The files of a body folder: the model in SMPL's layout, and what this project computes beside any such model."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from smplfitter.common import ModelData
from smplfitter.pt import BodyModel

from nlf_pipeline.body_kinds import MODEL_FILES, SMPL_PARENTS, SUBSET_SIZE, BodyFamily, layout_of
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.files import atomic_path
from nlf_pipeline.open_body.construction import OpenBody, PosableBaseMesh
from nlf_pipeline.open_body.decimation import decimate_to
from nlf_pipeline.open_body.landmark_regressor import landmark_regressor
from nlf_pipeline.open_body.regressors import post_lbs_joint_regressor

KID_TEMPLATE_FILE = "kid_template.npy"
_N_POSE_BLEND_SHAPES = 207


def save_smpl_layout(body: OpenBody, folder: Path) -> None:
    """Write `body` to `folder` as the two files that SMPL's loaders read; it has no pose-dependent shape."""
    n = len(body.v_template)
    kinematic_tree = np.stack([np.array(SMPL_PARENTS), np.arange(len(SMPL_PARENTS))])
    values = {
        "v_template": body.v_template.astype(np.float32),
        "shapedirs": body.shapedirs.astype(np.float32),
        "posedirs": np.zeros((n, 3, _N_POSE_BLEND_SHAPES), np.float32),
        "J_regressor": sp.csc_matrix(body.J_regressor),
        "J": body.J_regressor @ body.v_template,
        "weights": body.weights.astype(np.float32),
        "f": body.faces.astype(np.uint32),
        "kintree_table": kinematic_tree.astype(np.uint32),
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }
    _save_pickle(values, folder / MODEL_FILES["smpl"])
    save_array(body.kid_template.astype(np.float32), folder / KID_TEMPLATE_FILE)


def save_registered_model(model: ModelData, family: BodyFamily, n_betas: int, folder: Path) -> None:
    """Write to `folder` what this project needs of a user's own `model`, under its neutral file's name.

    Only the first `n_betas` shape directions are kept, in single precision: reading a user's own file takes seconds.
    """
    n_parents = len(model.kintree_parents)
    unturned = np.tile(np.eye(3).ravel(), n_parents - 1)
    values = {
        # smplfitter takes this off when it reads a file, and will again
        "v_template": (model.v_template + model.posedirs @ unturned).astype(np.float32),
        "shapedirs": model.shapedirs[..., :n_betas].astype(np.float32),
        "posedirs": model.posedirs.astype(np.float32),
        "J_regressor": model.J_regressor_post_lbs,
        "weights": model.weights.astype(np.float32),
        "f": model.faces.astype(np.uint32),
        "kintree_table": np.stack([np.array(model.kintree_parents), np.arange(n_parents)]).astype(np.uint32),
    }
    layout = layout_of(family)
    if layout == "smpl":
        _save_pickle(values | {"J_regressor": sp.csc_matrix(values["J_regressor"])}, folder / MODEL_FILES[layout])
    else:
        with atomic_path(folder / MODEL_FILES[layout]) as temporary, temporary.open("wb") as file:
            np.savez(file, **values)


def _save_pickle(values: dict[str, Any], path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pickle.dump(values, file, protocol=4)


def save_base_mesh(base: PosableBaseMesh, folder: Path) -> None:
    """Write `base` to `folder`/base_mesh.npz, field name = key."""
    with atomic_path(folder / "base_mesh.npz") as temporary:
        np.savez_compressed(
            temporary,
            mean=base.mean.astype(np.float32),
            shapedirs=base.shapedirs.astype(np.float32),
            weights=base.weights.astype(np.float32),
            body_faces=base.body_faces.astype(np.int32),
            eye_faces=base.eye_faces.astype(np.int32),
            eye_vertices_left=base.eye_vertices_left.astype(np.int32),
            eye_vertices_right=base.eye_vertices_right.astype(np.int32),
            kept_vertices=base.kept_vertices.astype(np.int32),
        )


def save_derived_files(model: BodyModel, shape: np.ndarray, folder: Path) -> None:
    """Write to `folder` what follows from its `model`: vertex subset, its joint regressor, landmark regressor.

    Args:
        model: the whole body.
        shape: (vertices, 3) on which the subset is chosen. The slightest change may change the choice.
        folder: where the model is.
    """
    kept, faces = decimate_to(shape, np.asarray(model.faces), SUBSET_SIZE)
    with atomic_path(folder / f"vertex_subset_{SUBSET_SIZE}.npz") as temporary:
        np.savez_compressed(temporary, i_verts=kept, faces=faces.astype(np.int32))
    save_array(
        post_lbs_joint_regressor(model, kept, np.random.default_rng(0)),
        folder / f"vertex_subset_joint_regr_post_lbs_{SUBSET_SIZE}.npy",
    )
    weights, joints = model.weights.numpy(), model.J_regressor_post_lbs.numpy().astype(np.float64)
    save_array(landmark_regressor(BodyMeshes(model).template, weights, joints), folder / "landmark_regressor.npy")


def save_array(values: np.ndarray, path: Path) -> None:
    """Write `values` to `path` (npy), atomically."""
    with atomic_path(path) as temporary:
        np.save(temporary, values)
