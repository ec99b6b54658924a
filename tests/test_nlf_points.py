"""The points of a body that NLF is asked for, and the options of NLF."""

from dataclasses import replace

import numpy as np
import pytest

from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import BodyMeshes, joint_index, load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.canonical_points import canonical_points, canonical_pose, published_points
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.estimators.nlf_release import lens_coefficients


@pytest.fixture(scope="module")
def body(body_dir):
    return BodyMeshes(load_resting_body(body_dir, subset=True))


@pytest.fixture(scope="module")
def kind(body_dir):
    return BodyKind.of(body_dir)


def in_canonical_pose(body, betas):
    """Vertices and joints of a body of some shape, float64."""
    pose = canonical_pose(body.model.num_joints)[None]
    vertices, joints = body.forward(pose, np.asarray(betas)[None], np.zeros((1, 3)))
    return vertices[0].astype(np.float64), joints[0].astype(np.float64)


def reference_of(joints):
    """What a release says whose own selection of vertices means nothing to the body."""
    return np.concatenate([np.full((7, 3), 9.0), joints])


def test_legs_are_spread_and_arms_raised_alike(body):
    _, joints = in_canonical_pose(body, np.zeros(body.model.num_betas))

    def direction(start, end):
        bone = joints[joint_index(end)] - joints[joint_index(start)]
        return np.rad2deg(np.arctan2(bone[1], bone[0]))

    # From hanging straight down and from straight out to the side.
    assert direction("left_hip", "left_knee") == pytest.approx(-90 + 40, abs=6)
    assert direction("right_hip", "right_knee") == pytest.approx(-90 - 40, abs=6)
    assert direction("left_elbow", "left_wrist") == pytest.approx(30, abs=8)
    assert 180 - direction("right_elbow", "right_wrist") == pytest.approx(30, abs=8)


def test_a_body_that_is_the_reference_gives_its_own_points(body, kind):
    vertices, joints = in_canonical_pose(body, np.zeros(body.model.num_betas))
    found = canonical_points(reference_of(joints), body, kind)
    np.testing.assert_allclose(found, np.concatenate([vertices, joints]), atol=1e-6)


def test_a_body_that_is_the_reference_moved_gives_its_own_points_moved(body, kind):
    vertices, joints = in_canonical_pose(body, np.zeros(body.model.num_betas))
    shift = np.array([0.1, -0.4, 0.05])
    found = canonical_points(reference_of(joints + shift), body, kind)
    np.testing.assert_allclose(found, np.concatenate([vertices, joints]) + shift, atol=1e-5)


def test_a_body_takes_the_shape_that_the_reference_has(body, kind):
    vertices, joints = in_canonical_pose(body, [1.5, -1.0, 0.5, *[0] * (body.model.num_betas - 3)])
    average, _ = in_canonical_pose(body, np.zeros(body.model.num_betas))
    found = canonical_points(reference_of(joints), body, kind)
    np.testing.assert_allclose(found[len(vertices) :], joints, atol=1e-9)
    off, off_before = (np.linalg.norm(at - vertices, axis=-1) for at in (found[: len(vertices)], average))
    assert off.mean() < 0.01 and off.mean() < 0.3 * off_before.mean()


def test_joints_are_the_references_whatever_they_are_and_limbs_go_with_them(body, kind):
    vertices, joints = in_canonical_pose(body, np.zeros(body.model.num_betas))
    moved = joints.copy()
    hand = [joint_index(f"left_{name}") for name in ("wrist", "hand")]
    moved[hand, 1] += 0.03
    found = canonical_points(reference_of(moved), body, kind)
    np.testing.assert_allclose(found[len(vertices) :], moved, atol=1e-9)
    weights = np.asarray(body.model.weights)
    on_hand, on_leg = weights[:, hand].sum(axis=1) > 0.99, weights[:, joint_index("right_ankle")] > 0.99
    assert (found[: len(vertices)] - vertices)[on_hand, 1].mean() == pytest.approx(0.03, abs=0.005)
    assert np.abs((found[: len(vertices)] - vertices)[on_leg]).max() < 0.005


def test_smpls_own_mesh_takes_the_references_vertices(body, kind):
    reference = np.random.default_rng(0).normal(size=(kind.n_vertices + kind.n_joints, 3))
    found = canonical_points(reference, body, replace(kind, family="smpl"))
    np.testing.assert_array_equal(found[: -kind.n_joints], reference[np.asarray(body.model.vertex_subset)])
    np.testing.assert_array_equal(found[-kind.n_joints :], reference[-kind.n_joints :])
    # The open body's vertices are others, even if they are as many.
    assert not np.allclose(canonical_points(reference, body, kind)[: -kind.n_joints], found[: -kind.n_joints])


@pytest.mark.parametrize("family", ["smpl", "smplx"])
def test_registered_bodies_give_their_own_points(imported_dirs, family):
    body = BodyMeshes(load_resting_body(imported_dirs[family], subset=True))
    kind = BodyKind.of(imported_dirs[family])
    vertices, joints = in_canonical_pose(body, np.zeros(body.model.num_betas))
    found = canonical_points(reference_of(joints), body, kind)
    assert len(joints) == {"smpl": 24, "smplx": 55}[family]
    np.testing.assert_allclose(found, np.concatenate([vertices, joints]), atol=1e-5)


def test_published_points_are_vertices_then_joints(tmp_path):
    assert published_points(tmp_path, "smpl") is None
    parts = {"canonical_verts": np.zeros((5, 3)), "canonical_joints": np.ones((2, 3))}
    for name, values in parts.items():
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "smpl.npy", values)
    found = published_points(tmp_path, "smpl")
    assert found is not None
    np.testing.assert_array_equal(found, np.repeat([0.0, 1.0], [5, 2])[:, None] * np.ones(3))
    np.save(tmp_path / "canonical_joints" / "smpl.npy", np.zeros(4))
    with pytest.raises(UserError, match=r"shape \(4,\)"):
        published_points(tmp_path, "smpl")
    (tmp_path / "canonical_joints" / "smpl.npy").write_text("text")
    with pytest.raises(UserError, match="cannot be read"):
        published_points(tmp_path, "smpl")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], [0, 0, 0, 0, 0]),
        ([1, 2, 3, 4], [1, 2, 3, 4, 0]),  # four alone would be a fisheye lens
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        (list(range(1, 9)), list(range(1, 9))),
        ([*range(1, 13), 0, 0], list(range(1, 13))),
    ],
)
def test_lens_coefficients_are_never_four(given, wanted):
    assert lens_coefficients([float(c) for c in given]).tolist() == wanted


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_aug": 0}, {"batch_size": 0}, {"internal_batch_size": -1}, {"antialias_factor": 3},
        {"default_fov_degrees": 180.0}, {"detector_threshold": 1.5}, {"detector_nms_iou_threshold": -0.1},
        {"max_detections": -1}, {"default_fov_degrees": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=f"nlf.{next(iter(wrong))} is "):
        NlfOptions(**wrong)
