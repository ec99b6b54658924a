"""Outlines of bodies made from points alone, against those of their meshes."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_kinds import joint_index
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.estimators.canonical_points import canonical_pose
from nlf_pipeline.geometry import pinhole_matrix, project
from nlf_pipeline.segmenters.nlf_silhouettes import BodyParts, nearest_first

SIZE_PX = (320, 400)
K = pinhole_matrix(600.0, SIZE_PX)
POSES = {
    "standing": {"left_shoulder": (0, 0, -75), "right_shoulder": (0, 0, 75)},
    "from the side, stepping": {
        "pelvis": (0, 80, 0), "left_hip": (-30, 0, 0), "right_hip": (25, 0, 0), "right_knee": (40, 0, 0),
        "left_shoulder": (30, 0, -70), "right_shoulder": (-30, 0, 70),
    },
    "bent over": {"spine1": (40, 0, 0), "spine2": (30, 0, 0), "left_elbow": (0, -60, 0)},
}  # fmt: skip


@pytest.fixture(scope="module")
def bodies(body_dir):
    """The body on the vertices that NLF is asked for, the whole body, and how the former are sorted."""
    subset, whole = (BodyMeshes(load_resting_body(body_dir, subset=part)) for part in (True, False))
    canonical = np.concatenate(
        [a[0] for a in subset.forward(canonical_pose(24)[None], np.zeros((1, 10)), np.zeros((1, 3)))]
    )
    return subset, whole, BodyParts.of(canonical)


def posed(body, turns_deg, at=(0.1, 0.1, 3.5)):
    """Vertices and joints, camera frame, of somebody who faces the camera but for his turns (degrees)."""
    pose = np.zeros((1, 24, 3))
    for name, angles in turns_deg.items():
        pose[0, joint_index(name)] = Rotation.from_euler("xyz", angles, degrees=True).as_rotvec()
    vertices, joints = (a[0].astype(np.float64) for a in body.forward(pose, np.zeros((1, 10)), np.zeros((1, 3))))
    return [a * [1, -1, -1] + at for a in (vertices, joints)]


def filled(vertices, faces):
    canvas = np.zeros(SIZE_PX[::-1], np.uint8)
    for triangle in np.round(project(vertices, K) * 16).astype(np.int32)[faces]:
        cv2.fillConvexPoly(canvas, triangle, (1,), shift=4)
    return canvas


@pytest.mark.parametrize("pose", POSES)
def test_silhouette_is_nearly_that_of_the_mesh(bodies, pose):
    subset, whole, parts = bodies
    found = parts.silhouette(np.concatenate(posed(subset, POSES[pose])), K, SIZE_PX)
    truth = filled(posed(whole, POSES[pose])[0], whole.faces)
    assert (found & truth).sum() / (found | truth).sum() > 0.88


def test_silhouette_holds_every_point(bodies):
    subset, _, parts = bodies
    points = np.concatenate(posed(subset, POSES["standing"]))
    found = cv2.dilate(parts.silhouette(points, K, SIZE_PX), np.ones((3, 3), np.uint8))
    columns, rows = np.round(project(points, K)).astype(int).T
    assert found[rows, columns].all()


def test_who_is_partly_or_wholly_out_of_sight_is_no_trouble(bodies):
    subset, _, parts = bodies
    half = parts.silhouette(np.concatenate(posed(subset, {}, (1.0, 0.1, 3.5))), K, SIZE_PX)
    assert half.sum() > 0 and half[:, :100].sum() == 0
    for away in ((9.0, 0.1, 3.5), (0.0, 0.0, -3.5), (0.0, 0.0, 0.0)):
        parts.silhouette(np.concatenate(posed(subset, {}, away)), K, SIZE_PX)
    assert parts.silhouette(np.concatenate(posed(subset, {}, (0.0, 0.0, -3.5))), K, SIZE_PX).sum() == 0


def test_nearer_people_hide_others():
    rng = np.random.default_rng(0)
    whole = [(rng.random((20, 30)) < 0.4).astype(np.uint8) for _ in range(3)]
    visible = nearest_first(whole, np.array([2.0, 1.0, 3.0]))
    np.testing.assert_array_equal(visible[1], whole[1])
    np.testing.assert_array_equal(visible[0], whole[0] * (1 - whole[1]))
    np.testing.assert_array_equal(np.sum(visible, axis=0), np.any(whole, axis=0))
    assert nearest_first([], np.zeros(0)) == []
