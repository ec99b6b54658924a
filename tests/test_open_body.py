import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from smplfitter.pt import BodyFitter, BodyModel

from nlf_pipeline.body_models import N_BETAS, SMPL_JOINT_NAMES, SMPL_PARENTS, SUBSET_SIZE, BodyMeshes, load_body_model
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES, landmark_index
from nlf_pipeline.open_body.decimation import vertex_areas
from nlf_pipeline.open_body.landmark_regressor import landmark_regressor
from nlf_pipeline.open_body.makehuman import data_folder, read_rig
from nlf_pipeline.open_body.smpl_rig import MAX_INFLUENCES, mirrored_joints

MIRROR_X = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(body_dir):
    return load_body_model(body_dir)


@pytest.fixture(scope="module")
def template(model):
    return model.v_template.numpy().astype(np.float64)


@pytest.fixture(scope="module")
def landmarks(body_dir):
    return np.load(body_dir / "landmark_regressor.npy")


def joint(model, name):
    return model.J_template.numpy()[SMPL_JOINT_NAMES.index(name)]


def by_name(points) -> dict[str, np.ndarray]:
    return dict(zip(BLAZEPOSE_LANDMARK_NAMES, points, strict=True))


def random_bodies(n, seed):
    """People standing, sitting, reaching: (n, 24, 3) rotation vectors, (n, 10) betas, (n, 3) positions."""
    rng = np.random.default_rng(seed)
    index = SMPL_JOINT_NAMES.index
    pose = rng.normal(0, 0.15, (n, len(SMPL_JOINT_NAMES), 3))
    turn = Rotation.from_rotvec(np.outer(rng.uniform(-np.pi, np.pi, n), [0, 1, 0]))
    pose[:, 0] = (turn * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    for prefix, sign in (("left_", 1), ("right_", -1)):
        pose[:, index(prefix + "shoulder"), 2] -= sign * rng.uniform(0, 1.3, n)
        pose[:, index(prefix + "elbow"), 1] -= sign * rng.uniform(0, 1.5, n)
        pose[:, index(prefix + "hip"), 0] -= rng.uniform(0, 1.2, n)
        pose[:, index(prefix + "knee"), 0] += rng.uniform(0, 1.5, n)
    return pose, rng.normal(size=(n, N_BETAS)), rng.normal(size=(n, 3))


def test_smplfitter_loads_the_folder_unmodified(body_dir):
    model = BodyModel("smpl", "neutral", model_root=str(body_dir))
    assert list(model.kintree_parents) == list(SMPL_PARENTS)
    assert model.num_betas == N_BETAS
    assert 5500 < model.num_vertices < 6500
    assert np.array_equal(np.unique(model.faces), np.arange(model.num_vertices))


def test_the_skin_is_moved_by_few_joints_whose_weights_sum_to_one(model):
    weights = model.weights.numpy()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert weights.min() >= 0
    assert np.count_nonzero(weights, axis=1).max() <= MAX_INFLUENCES


def test_the_body_is_mirror_symmetric(model, template, landmarks):
    distances, image = map(np.asarray, KDTree(template).query(template * MIRROR_X))
    assert distances.max() < 1e-6
    assert np.array_equal(image[image], np.arange(len(image)))
    directions = model.shapedirs.numpy()
    np.testing.assert_allclose(directions[image] * MIRROR_X[:, None], directions, atol=1e-6)
    weights, joints = model.weights.numpy(), model.J_template.numpy()
    np.testing.assert_allclose(weights[image][:, mirrored_joints()], weights, atol=1e-6)
    np.testing.assert_allclose(joints[mirrored_joints()] * MIRROR_X, joints, atol=1e-6)
    swap = {"left": "right", "right": "left"}
    names = ["_".join(swap.get(word, word) for word in name.split("_")) for name in BLAZEPOSE_LANDMARK_NAMES]
    points = landmarks @ template
    np.testing.assert_allclose(points[[landmark_index(name) for name in names]] * MIRROR_X, points, atol=1e-3)


def test_the_body_stands_in_t_pose_facing_plus_z(model, template):
    arm = np.array([joint(model, f"left_{name}") for name in ("shoulder", "elbow", "wrist", "hand")])
    assert np.all(np.diff(arm[:, 0]) > 0.08)
    assert np.ptp(arm[:, 1:], axis=0).max() < 0.01
    leg = np.array([joint(model, f"left_{name}") for name in ("hip", "knee", "ankle")])
    assert np.all(np.diff(leg[:, 1]) < -0.3)
    assert np.ptp(leg[:, [0, 2]], axis=0).max() < 0.01
    assert joint(model, "left_foot")[2] > joint(model, "left_ankle")[2] + 0.1
    assert 1.6 < np.ptp(template[:, 1]) < 1.8


def test_first_betas_are_stature_and_weight(model):
    betas = np.random.default_rng(0).normal(size=(300, N_BETAS))
    vertices = model.v_template.numpy() + np.einsum("vik,nk->nvi", model.shapedirs.numpy(), betas)
    stature = np.ptp(vertices[..., 1], axis=1)
    assert np.corrcoef(stature, betas[:, 0])[0, 1] > 0.99
    assert 0.08 < stature.std() < 0.13
    heavy, light = (model.v_template.numpy() + sign * 2 * model.shapedirs.numpy()[..., 1] for sign in (1, -1))
    waist = np.abs(model.v_template.numpy()[:, 1] - joint(model, "spine2")[1]) < 0.05
    waist &= model.weights.numpy()[:, :10].sum(axis=1) > 0.9
    assert np.ptp(heavy[waist, 0]) > 1.1 * np.ptp(light[waist, 0])


def test_the_subset_is_a_mesh_of_different_vertices_on_the_body(body_dir, model, template):
    subset = np.load(body_dir / f"vertex_subset_{SUBSET_SIZE}.npz")
    assert len(np.unique(subset["i_verts"])) == SUBSET_SIZE
    assert subset["i_verts"].max() < model.num_vertices
    assert np.array_equal(np.unique(subset["faces"]), np.arange(SUBSET_SIZE))
    area = vertex_areas(template[subset["i_verts"]], subset["faces"]).sum()
    assert area == pytest.approx(vertex_areas(template, model.faces).sum(), rel=0.05)


def test_joints_follow_from_the_posed_subset(body_dir, model):
    regressor = load_body_model(body_dir, subset=True).J_regressor_post_lbs.numpy()
    np.testing.assert_allclose(regressor.sum(axis=1), 1, atol=1e-5)
    vertices, joints = BodyMeshes(model).forward(*random_bodies(40, seed=1))
    subset = np.load(body_dir / f"vertex_subset_{SUBSET_SIZE}.npz")["i_verts"]
    errors = np.linalg.norm(regressor @ vertices[:, subset] - joints, axis=-1).mean(axis=0)
    assert errors.max() < 0.010
    assert errors.mean() < 0.004


@pytest.mark.parametrize("with_joints", [True, False])
def test_parameters_are_found_again_from_the_subset(body_dir, model, with_joints):
    few = load_body_model(body_dir, subset=True)
    pose, betas, trans = random_bodies(40, seed=2)
    vertices, joints = BodyMeshes(few).forward(pose, betas, trans)
    with torch.inference_mode():
        fit = BodyFitter(few).fit(
            torch.as_tensor(vertices),
            torch.as_tensor(joints) if with_joints else None,
            num_iter=3,
            beta_regularizer=0.05,
            requested_keys=["pose_rotvecs", "shape_betas", "trans"],
        )
    found, _ = BodyMeshes(model).forward(
        fit["pose_rotvecs"].numpy().reshape(40, -1, 3), fit["shape_betas"].numpy(), fit["trans"].numpy()
    )
    truth, _ = BodyMeshes(model).forward(pose, betas, trans)
    errors = np.linalg.norm(found - truth, axis=-1).mean(axis=1)
    assert errors.mean() < 0.007
    assert errors.max() < 0.015


def test_the_infant_is_found_again(model):
    pose, betas, trans = random_bodies(10, seed=3)
    arguments = [torch.as_tensor(a, dtype=torch.float32) for a in (pose.reshape(10, -1), betas * 0.3, trans)]
    with torch.inference_mode():
        truth = model(*arguments, kid_factor=torch.full((10,), 0.5))
        fit = BodyFitter(model, enable_kid=True).fit(
            truth["vertices"], truth["joints"], num_iter=3, beta_regularizer=0.1, kid_regularizer=0.1,
            requested_keys=["shape_betas", "kid_factor"],
        )  # fmt: skip
    np.testing.assert_allclose(fit["kid_factor"].numpy(), 0.5, atol=0.06)


def test_landmarks_lie_where_they_should(model, template, landmarks):
    np.testing.assert_allclose(landmarks.sum(axis=1), 1, atol=1e-6)
    assert landmarks.min() >= 0
    at = by_name(landmarks @ template)
    for name, point in at.items():
        if "left" in name:
            assert point[0] > 0.015, name
        if name in SMPL_JOINT_NAMES:
            np.testing.assert_allclose(point, joint(model, name), atol=1e-3, err_msg=name)
    head, wrist = joint(model, "head"), joint(model, "left_wrist")
    assert at["nose"][2] == pytest.approx(template[:, 2][template[:, 1] > head[1] - 0.05].max())
    assert at["nose"][2] > head[2] + 0.1
    assert abs(at["nose"][0]) < 1e-3
    assert at["left_eye_inner"][0] < at["left_eye"][0] < at["left_eye_outer"][0] < at["left_ear"][0]
    assert at["left_ear"][2] < at["left_eye"][2] - 0.06
    assert at["mouth_left"][1] < at["nose"][1] - 0.02 < at["nose"][1] < at["left_eye"][1] - 0.02
    assert at["left_pinky"][2] < at["left_index"][2] - 0.05 < at["left_index"][2] < at["left_thumb"][2]
    for finger in ("pinky", "index", "thumb"):
        assert 0.05 < at[f"left_{finger}"][0] - wrist[0] < 0.12
    assert at["left_heel"][2] < joint(model, "left_ankle")[2] < at["left_foot_index"][2] - 0.15
    assert max(at["left_heel"][1], at["left_foot_index"][1]) < template[:, 1].min() + 0.04


def test_face_landmarks_lie_on_the_features_of_the_base_mesh(body_dir, template, landmarks):
    mesh = np.load(body_dir / "base_mesh.npz")
    eyeball = mesh["mean"][mesh["eye_vertices_left"]]
    at = by_name(landmarks @ template)
    pupil = [*eyeball[:, :2].mean(axis=0), eyeball[:, 2].max()]
    assert np.linalg.norm(at["left_eye"] - pupil) < 0.005
    bones = read_rig(data_folder())
    for landmark, bone in (("left_index", "finger2-1.L"), ("left_pinky", "finger5-1.L"), ("left_thumb", "finger1-3.L")):
        knuckle = mesh["mean"][bones[bone].head_vertices].mean(axis=0)
        assert np.linalg.norm(at[landmark] - knuckle) < 0.010, landmark


def test_landmarks_are_found_on_bodies_of_any_size_and_place(model, template, landmarks):
    scale, offset = 1.2, np.array([0.3, -2.0, 1.0])
    weights, joints = model.weights.numpy(), model.J_regressor_post_lbs.numpy().astype(np.float64)
    found = landmark_regressor(template * scale + offset, weights, joints) @ (template * scale + offset)
    np.testing.assert_allclose(found, (landmarks @ template) * scale + offset, atol=2e-3)


@pytest.mark.parametrize(("beta", "value"), [(0, 2.0), (0, -2.0), (1, 2.0), (2, -2.0)])
def test_landmarks_found_on_another_person_are_the_same_points(model, template, landmarks, beta, value):
    shaped = template + value * model.shapedirs.numpy()[..., beta]
    weights, joints = model.weights.numpy(), model.J_regressor_post_lbs.numpy().astype(np.float64)
    found = landmark_regressor(shaped, weights, joints) @ shaped
    assert np.linalg.norm(found - landmarks @ shaped, axis=1).max() < 0.025


def test_the_base_mesh_posed_alike_coincides_with_the_model(body_dir, model):
    mesh = np.load(body_dir / "base_mesh.npz")
    pose, betas, trans = random_bodies(3, seed=4)
    vertices, joints = BodyMeshes(model).forward(pose, betas, trans)
    for k in range(3):
        rest = model.J_template.numpy() + model.J_shapedirs.numpy() @ betas[k]
        rotations = [Rotation.from_rotvec(pose[k, 0])]
        for i in range(1, len(SMPL_PARENTS)):
            rotations.append(rotations[SMPL_PARENTS[i]] * Rotation.from_rotvec(pose[k, i]))
        shaped = mesh["mean"] + np.tensordot(betas[k], mesh["shapedirs"], axes=1)
        carried = [rotations[i].apply(shaped - rest[i]) + joints[k, i] for i in range(len(SMPL_PARENTS))]
        posed = np.einsum("vj,jvi->vi", mesh["weights"], np.array(carried))
        np.testing.assert_allclose(posed[mesh["kept_vertices"]], vertices[k], atol=1e-5)


def test_eyes_of_the_base_mesh_are_left_and_right(body_dir):
    mesh = np.load(body_dir / "base_mesh.npz")
    assert mesh["mean"][mesh["eye_vertices_left"], 0].min() > 0.01
    assert mesh["mean"][mesh["eye_vertices_right"], 0].max() < -0.01
    both = np.concatenate([mesh["eye_vertices_left"], mesh["eye_vertices_right"]])
    assert np.array_equal(np.unique(mesh["eye_faces"]), np.sort(both))
    assert not np.isin(mesh["body_faces"], both).any()


BUILD = """
import sys
from pathlib import Path
from nlf_pipeline.build_body import build_body
build_body(out=Path(sys.argv[1]))
"""


def test_the_body_does_not_depend_on_how_many_threads_add_up(body_dir, tmp_path):
    few = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path / "body")], check=True, env=few)
    names = sorted(path.name for path in body_dir.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "body").iterdir())
    assert [(tmp_path / "body" / name).read_bytes() for name in names] == [
        (body_dir / name).read_bytes() for name in names
    ]
