import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from registered_bodies import N_SMPL_VERTICES, N_SMPLX_VERTICES, SMPL_NAMES
from smplfitter.pt import BodyFitter, BodyModel

from nlf_pipeline.body_kinds import BodyKind, body_files, skeleton
from nlf_pipeline.body_models import N_BETAS, SUBSET_SIZE, BodyMeshes, load_body_model, load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.import_body import import_body

FAMILIES = ("smpl", "smplx")
N_VERTICES = {"smpl": N_SMPL_VERTICES, "smplx": N_SMPLX_VERTICES}


def copied(registered_dir: Path, folder: Path, family: str) -> Path:
    """A registered user's folder of one family that a test may spoil; returns the model's file."""
    shutil.copytree(registered_dir / family, folder / family)
    return next((folder / family).iterdir())


@pytest.mark.parametrize("family", FAMILIES)
def test_folder_is_complete_and_says_what_it_holds(imported_dirs, family):
    assert {path.name for path in (imported_dirs[family]).iterdir()} == set(body_files(family))
    kind = BodyKind.of(imported_dirs[family])
    assert kind.name == f"{family}-female-10"
    model = load_body_model(imported_dirs[family])
    assert (kind.n_vertices, kind.n_betas) == (model.num_vertices, model.num_betas) == (N_VERTICES[family], N_BETAS)
    assert list(skeleton(kind.n_joints)[0]) == model.joint_names
    assert list(kind.parents) == model.kintree_parents
    assert load_body_model(imported_dirs[family], subset=True).num_vertices == SUBSET_SIZE


@pytest.mark.parametrize("family", FAMILIES)
def test_bodies_are_those_of_the_users_file(registered_dir, imported_dirs, tmp_path, family):
    path = copied(registered_dir, tmp_path, family)
    np.save(path.with_name("kid_template.npy"), np.zeros((N_VERTICES[family], 3)))
    own = BodyModel(family, "female", model_root=str(path.parent), num_betas=N_BETAS)
    ours, resting = load_body_model(imported_dirs[family]), load_resting_body(imported_dirs[family])
    rng = np.random.default_rng(0)
    pose, betas = rng.normal(0, 0.3, (3, own.num_joints, 3)), rng.normal(size=(3, N_BETAS))
    wanted = BodyMeshes(own).forward(pose, betas, np.ones((3, 3)))
    for model in (ours, resting):
        for found, true in zip(BodyMeshes(model).forward(pose, betas, np.ones((3, 3))), wanted, strict=True):
            np.testing.assert_allclose(found, true, atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_template_is_the_unposed_body(imported_dirs, family):
    """smplfitter's own v_template is not, for models whose shape depends on the pose."""
    body = BodyMeshes(load_body_model(imported_dirs[family]))
    n_joints = body.model.num_joints
    vertices, _ = body.forward(np.zeros((1, n_joints, 3)), np.zeros(N_BETAS), np.zeros((1, 3)))
    np.testing.assert_allclose(body.template, vertices[0], atol=1e-6)
    assert np.abs(body.model.v_template.numpy() - vertices[0]).max() > 1e-3


def test_kid_template_is_taken_along(registered_dir, tmp_path):
    path = copied(registered_dir, tmp_path, "smpl")
    infant = 0.4 * pickle.loads(path.read_bytes())["v_template"]
    np.save(path.with_name("kid_template.npy"), infant)
    import_body(source=tmp_path, out=tmp_path / "out", gender="female")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "kid_template.npy"), infant)
    BodyFitter(load_body_model(tmp_path / "out"), enable_kid=True)
    np.save(path.with_name("kid_template.npy"), infant[:-1])
    with pytest.raises(UserError, match=r"kid_template.*\(6889, 3\), expected \(6890, 3\)"):
        import_body(source=tmp_path, out=tmp_path / "again", gender="female")


def test_without_kid_template_a_model_still_loads(imported_dirs):
    model = load_body_model(imported_dirs["smpl"])
    assert not model.kid_shapedir.any()
    with pytest.raises(ValueError, match="kid"):
        BodyFitter(model, enable_kid=True)


@pytest.mark.parametrize(
    ("family", "told"),
    [
        ("smpl", r"basicmodel_m_lbs.*there: basicmodel_f_lbs.*register at https://smpl\.is\.tue\.mpg\.de"),
        ("smplx", r"SMPLX_MALE\.npz.*there: SMPLX_FEMALE\.npz.*register at https://smpl-x\.is\.tue\.mpg\.de"),
    ],
)
def test_missing_file_is_told_with_its_cure(registered_dir, tmp_path, family, told):
    with pytest.raises(UserError, match=told):
        import_body(source=registered_dir, out=tmp_path / "out", family=family, gender="male")
    with pytest.raises(UserError, match="there: nothing"):
        import_body(source=tmp_path, out=tmp_path / "out", family=family)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>"])
@pytest.mark.parametrize("family", FAMILIES)
def test_file_that_is_no_model_is_refused(tmp_path, family, content):
    path = tmp_path / family / {"smpl": SMPL_NAMES["neutral"], "smplx": "SMPLX_NEUTRAL.npz"}[family]
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"could not be read as SMPL.*Download it anew"):
        import_body(source=tmp_path, out=tmp_path / "out", family=family)
    assert not (tmp_path / "out").exists()


def test_truncated_file_is_refused(registered_dir, tmp_path):
    path = copied(registered_dir, tmp_path, "smplx")
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(UserError, match="could not be read as SMPL-X"):
        import_body(source=tmp_path, out=tmp_path / "out", family="smplx", gender="female")
    assert not (tmp_path / "out").exists()


def test_model_of_another_family_is_refused(body_dir, registered_dir, tmp_path):
    (tmp_path / "smpl").mkdir()
    shutil.copyfile(body_dir / SMPL_NAMES["neutral"], tmp_path / "smpl" / SMPL_NAMES["neutral"])
    with pytest.raises(UserError, match=r"is not SMPL version 1\.1\.0.*found 6004 vertices.*expected 6890"):
        import_body(source=tmp_path, out=tmp_path / "out")
    path = copied(registered_dir, tmp_path, "smplx")
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "joint2num"}
    np.savez(path, **arrays | {"posedirs": arrays["posedirs"][..., :207]})
    with pytest.raises(UserError, match="SMPL-X"):
        import_body(source=tmp_path, out=tmp_path / "out", family="smplx", gender="female")
    assert not (tmp_path / "out").exists()


def test_number_of_betas_is_the_users_as_far_as_the_file_has_them(registered_dir, tmp_path):
    import_body(source=registered_dir, out=tmp_path / "out", gender="female", betas=40)
    model = load_body_model(tmp_path / "out", subset=True)
    assert model.num_betas == 40 and BodyKind.of(tmp_path / "out").name == "smpl-female-40"
    own = pickle.loads((registered_dir / "smpl" / SMPL_NAMES["female"]).read_bytes())["shapedirs"][..., :40]
    np.testing.assert_allclose(model.shapedirs, torch.as_tensor(own)[model.vertex_subset], atol=1e-7)
    with pytest.raises(UserError, match="has 300 shape parameters, found betas = 301"):
        import_body(source=registered_dir, out=tmp_path / "more", gender="female", betas=301)


def test_expressions_are_no_shapes(registered_dir, tmp_path):
    """Files of SMPL-X have 300 shapes and 100 expressions, the first ones published 10 and 10."""
    with pytest.raises(UserError, match="has 300 shape parameters, found betas = 310"):
        import_body(source=registered_dir, out=tmp_path / "out", family="smplx", gender="female", betas=310)
    path = copied(registered_dir, tmp_path, "smplx")
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "joint2num"}
    np.savez(path, **arrays | {"shapedirs": arrays["shapedirs"][..., :20]})
    with pytest.raises(UserError, match="has 10 shape parameters, found betas = 11"):
        import_body(source=tmp_path, out=tmp_path / "out", family="smplx", gender="female", betas=11)
