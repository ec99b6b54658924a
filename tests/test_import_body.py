import pickle
import shutil

import numpy as np
import pytest
from smplfitter.pt import BodyFitter

from nlf_pipeline.body_models import N_BETAS, SUBSET_SIZE, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.import_body import import_body
from nlf_pipeline.open_body.model_files import MODEL_FILE, save_derived_files


@pytest.fixture
def smpl_dir(body_dir, tmp_path):
    """A registered user's folder: the open body stands in for SMPL's female model."""
    folder = tmp_path / "body_models" / "smpl"
    folder.mkdir(parents=True)
    shutil.copyfile(body_dir / MODEL_FILE, folder / "basicmodel_f_lbs_10_207_0_v1.1.0.pkl")
    return folder


def test_a_users_model_gets_the_same_files(body_dir, smpl_dir, tmp_path):
    shutil.copyfile(body_dir / "kid_template.npy", smpl_dir / "kid_template.npy")
    out, derived = tmp_path / "imported", tmp_path / "derived"
    model = load_body_model(body_dir)
    save_derived_files(model, model.v_template.numpy().astype(np.float64), derived)
    import_body(source=smpl_dir.parent, out=out, gender="female")
    assert {path.name for path in out.iterdir()} == {path.name for path in body_dir.iterdir()} - {"base_mesh.npz"}
    assert (out / MODEL_FILE).read_bytes() == (body_dir / MODEL_FILE).read_bytes()
    for name in (f"vertex_subset_joint_regr_post_lbs_{SUBSET_SIZE}.npy", "landmark_regressor.npy"):
        assert (out / name).read_bytes() == (derived / name).read_bytes(), name
    assert (out / "kid_template.npy").read_bytes() == (body_dir / "kid_template.npy").read_bytes()
    assert load_body_model(out, subset=True).num_vertices == SUBSET_SIZE


def test_without_kid_template_a_model_still_loads(smpl_dir, tmp_path):
    import_body(source=smpl_dir.parent, out=tmp_path / "imported", gender="female")
    model = load_body_model(tmp_path / "imported")
    assert not model.kid_shapedir.any()
    with pytest.raises(ValueError, match="kid"):
        BodyFitter(model, enable_kid=True)


def test_a_missing_smpl_file_is_told_with_its_cure(smpl_dir, tmp_path):
    with pytest.raises(UserError, match=r"basicmodel_m_lbs.*basicmodel_f_lbs.*https://smpl\.is\.tue\.mpg\.de"):
        import_body(source=smpl_dir.parent, out=tmp_path / "imported", gender="male")
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>"])
def test_a_file_that_is_not_smpl_is_refused(smpl_dir, tmp_path, content):
    (smpl_dir / "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl").write_bytes(content)
    with pytest.raises(UserError, match="could not be read as SMPL"):
        import_body(source=smpl_dir.parent, out=tmp_path / "imported")
    assert not (tmp_path / "imported" / MODEL_FILE).exists()


def test_of_smpls_300_components_ten_are_used(smpl_dir, tmp_path):
    path = smpl_dir / "basicmodel_f_lbs_10_207_0_v1.1.0.pkl"
    values = pickle.loads(path.read_bytes())
    noise = np.random.default_rng(0).normal(0, 1e-3, (*values["v_template"].shape, 300))
    noise[..., :N_BETAS] = values["shapedirs"]
    path.with_name(MODEL_FILE).write_bytes(pickle.dumps({**values, "shapedirs": noise}))
    import_body(source=smpl_dir.parent, out=tmp_path / "imported")
    model = load_body_model(tmp_path / "imported", subset=True)
    assert model.num_betas == N_BETAS
    assert model.num_vertices == SUBSET_SIZE
