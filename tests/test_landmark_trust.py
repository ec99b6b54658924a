import dataclasses

import numpy as np
import pytest
from posed_landmarks import pose, walk
from scipy.spatial.transform import Rotation

from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.estimators.landmark_trust import apparent_sizes, without_wrong_sizes
from nlf_pipeline.geometry import pinhole_matrix, project

FPS, FRAMES = 25.0, 60
SHOTS = [slice(0, FRAMES)]
K = pinhole_matrix(1000.0, (1280, 720))


@pytest.fixture(scope="module")
def body(body_dir) -> LandmarkBody:
    return LandmarkBody.load(body_dir)


def walker(body: LandmarkBody, depth: np.ndarray) -> PersonLandmarks:
    """Seen without errors, at the depths (frames,)."""
    points = pose(body, walk(FRAMES, FPS, turn=0.5))[1]
    root = np.stack([0.3 + 0 * depth, 0 * depth, depth], axis=-1)
    return PersonLandmarks(
        project(points + root[:, None], K), points, np.ones(points.shape[:2]), np.ones(FRAMES, dtype=bool)
    )


def test_size_is_the_focal_length_over_the_distance(body):
    depth = np.linspace(4, 9, FRAMES)
    person = walker(body, depth)
    np.testing.assert_allclose(apparent_sizes(person.image_px, person.relative), 1000 / depth, rtol=0.06)


def test_size_does_not_depend_on_the_pose(body):
    person = walker(body, np.full(FRAMES, 6.0))
    squat = person.relative * [1, 0.5, 1]
    sizes = apparent_sizes(project(squat + [0, 0, 6.0], K), squat)
    np.testing.assert_allclose(sizes, 1000 / 6, rtol=0.06)


def test_people_who_run_towards_the_camera_are_believed(body):
    person = walker(body, np.linspace(12, 3, FRAMES))  # 3.8 m/s
    assert without_wrong_sizes(person, SHOTS, FPS).found.all()


@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_bodies_squeezed_into_a_part_of_them_are_not(body, factor: float):
    person = walker(body, np.linspace(6, 5, FRAMES))
    image_px, found = person.image_px.copy(), person.found.copy()
    image_px[20:23] *= factor
    found[14:20] = False
    kept = without_wrong_sizes(dataclasses.replace(person, image_px=image_px, found=found), SHOTS, FPS)
    assert np.flatnonzero(~kept.found).tolist() == [*range(14, 23)]
    assert kept.image_px is image_px


def test_a_cut_is_no_reason_for_doubt(body):
    person = walker(body, np.where(np.arange(FRAMES) < 55, 4.0, 9.0))
    assert without_wrong_sizes(person, [slice(0, 55), slice(55, FRAMES)], FPS).found.all()
    assert not without_wrong_sizes(person, SHOTS, FPS).found[55:].any()


def test_nobody_and_points_are_no_trouble(body):
    person = walker(body, np.full(FRAMES, 6.0))
    nobody = dataclasses.replace(person, found=np.zeros(FRAMES, dtype=bool))
    assert not without_wrong_sizes(nobody, SHOTS, FPS).found.any()
    point = dataclasses.replace(person, image_px=0 * person.image_px, relative=0 * person.relative)
    assert without_wrong_sizes(point, SHOTS, FPS).found.all()


def test_size_does_not_depend_on_the_direction_of_view(body):
    """The landmarks are as if seen straight on, wherever the person is in the picture."""
    person = walker(body, np.full(FRAMES, 6.0))
    R = Rotation.from_rotvec([0, 0.4, 0]).as_matrix()
    image_px = project((person.relative + [0, 0, 6.0]) @ R.T, K)
    sizes = apparent_sizes(image_px, person.relative)
    assert np.ptp(np.log(sizes)) < 0.1
