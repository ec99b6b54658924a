import dataclasses
import itertools

import numpy as np
import pytest
from posed_landmarks import R_CAM_BODY, perfect_track, pose, walk
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.body_models import joint_index
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.landmark_tracks import (
    LandmarkTrack,
    PersonLandmarks,
    camera_track,
    resample,
    spread_points,
    spread_rotations,
)
from nlf_pipeline.estimators.placement import place, solve_translation, steady_depth
from nlf_pipeline.estimators.pose_prior import standing_prior
from nlf_pipeline.estimators.track_solve import SolveSettings, solve_tracks
from nlf_pipeline.estimators.windowed_solve import solve_windows, window_slices
from nlf_pipeline.geometry import project, rotation_between

HZ = 15.0
QUICK = SolveSettings(iterations=40)


@pytest.fixture(scope="module")
def body(body_dir):
    return LandmarkBody.load(body_dir)


def path(n: int, x: float = 0.0) -> np.ndarray:
    return np.array([x, 0.2, 5.0]) + np.linspace(0, 1, n)[:, None] * [0.3, 0, -0.8]


def error(body, solved, R, root) -> tuple[float, float]:
    """Mean joint error about the root, and mean root error, metres."""
    relative = np.linalg.norm(pose(body, solved.R)[0] - pose(body, R)[0], axis=-1).mean()
    return float(relative), float(np.linalg.norm(solved.root - root, axis=-1).mean())


def test_translation_is_exact_for_exact_observations():
    rng = np.random.default_rng(0)
    points, t = rng.normal(size=(6, 12, 3)), rng.normal(size=(6, 3)) + [0, 0, 8]
    seen = points + t[:, None]
    image = seen[..., :2] / seen[..., 2:]
    np.testing.assert_allclose(solve_translation(points, image, rng.uniform(0.1, 1, (6, 12))), t, atol=1e-9)


def test_translation_ignores_points_without_weight():
    rng = np.random.default_rng(1)
    points, t = rng.normal(size=(1, 12, 3)), np.array([[0.4, 0.1, 6.0]])
    image = (points + t[:, None])[..., :2] / (points + t[:, None])[..., 2:]
    weights = np.ones((1, 12))
    image[:, 3], weights[:, 3] = 9.0, 0.0
    np.testing.assert_allclose(solve_translation(points, image, weights), t, atol=1e-9)


def test_placing_shrugs_off_an_outlier():
    rng = np.random.default_rng(2)
    points, t = rng.normal(size=(3, 12, 3)), rng.normal(size=(3, 3)) + [0, 0, 6]
    image = (points + t[:, None])[..., :2] / (points + t[:, None])[..., 2:]
    image[:, 5] += 0.5
    weights = np.ones((3, 12))
    robust, plain = place(points, image, weights, 0.1), solve_translation(points, image, weights)
    assert np.linalg.norm(robust - t, axis=-1).max() < 0.1 * np.linalg.norm(plain - t, axis=-1).min()


def test_bursts_of_wrong_depth_are_levelled_along_the_ray():
    depth = np.linspace(5, 6, 60)
    right = np.stack([0.3 * depth, -0.1 * depth, depth], axis=-1)
    wrong, confidence = right.copy(), np.ones(60)
    wrong[30:33] *= 1.3
    confidence[30:33] = 0.4
    steady = steady_depth(wrong, confidence, 20.0)
    np.testing.assert_allclose(steady[:, :2] / steady[:, 2:], right[:, :2] / right[:, 2:])
    assert np.abs(steady[:, 2] - depth).max() < 0.1


def test_clean_walk_comes_back(body):
    R, root = walk(45, HZ, turn=0.7), path(45)
    track = perfect_track(body, R, root, HZ)
    weak_prior = SolveSettings(prior=1.0)
    relative, absolute = error(body, solve_tracks([track], body, standing_prior(), weak_prior)[0], R, root)
    assert relative < 0.010
    assert absolute < 0.010


def test_the_usual_prior_pulls_a_clean_walk_by_little(body):
    R, root = walk(30, HZ, turn=0.7), path(30)
    solved = solve_tracks([perfect_track(body, R, root, HZ)], body, standing_prior())[0]
    relative, absolute = error(body, solved, R, root)
    assert relative < 0.020
    assert absolute < 0.020
    assert np.abs(solved.betas).max() < 0.5


def test_noisy_walk_comes_back_better_than_it_was_seen(body):
    R, root = walk(45, HZ, turn=0.7), path(45)
    track = perfect_track(body, R, root, HZ, noise=0.05)
    relative, absolute = error(body, solve_tracks([track], body, standing_prior())[0], R, root)
    assert relative < 0.035
    assert absolute < 0.080


def test_feet_are_right_even_if_their_landmarks_show_no_depth(body):
    """What the landmark model says of the feet of people who walk away: hardly any depth, and of the wrong sign."""
    R, root = walk(30, HZ, turn=np.pi), path(30)
    track = perfect_track(body, R, root, HZ)
    feet, ankles = [29, 30, 31, 32], [27, 28, 27, 28]
    track.relative[:, feet, 2] = track.relative[:, ankles, 2] - 0.2 * (
        track.relative[:, feet, 2] - track.relative[:, ankles, 2]
    )
    solved = solve_tracks([track], body, standing_prior())[0]
    true, found = (pose(body, rotations)[0] for rotations in (R, solved.R))
    for ankle, toe in ((7, 10), (8, 11)):
        turns = rotation_between(true[:, toe] - true[:, ankle], found[:, toe] - found[:, ankle])
        assert np.rad2deg(Rotation.from_matrix(turns).magnitude()).max() < 30


def test_rotations_that_flip_between_instants_are_still_rotations():
    R = np.stack([np.diag([1.0, 1.0, 1.0]), np.diag([-1.0, -1.0, 1.0])] * 5)
    spread = spread_rotations(R, 37)
    np.testing.assert_allclose(spread @ np.swapaxes(spread, -1, -2), np.tile(np.eye(3), (37, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(spread), 1.0)
    np.testing.assert_allclose(spread[::4], R, atol=1e-9)


def test_people_solved_together_do_not_influence_each_other(body):
    tracks = [perfect_track(body, walk(n, HZ, turn), path(n, x), HZ, 0.03) for n, turn, x in ((20, 0, -1), (30, 2, 1))]
    together = solve_tracks(tracks, body, standing_prior(), QUICK)
    for track, result in zip(tracks, together, strict=True):
        alone = solve_tracks([track], body, standing_prior(), QUICK)[0]
        np.testing.assert_allclose(result.root, alone.root, atol=1e-3)
        np.testing.assert_allclose(result.R, alone.R, atol=5e-3)


def test_the_pull_of_a_wild_landmark_is_bounded(body):
    R, root = walk(20, HZ), path(20)
    found = []
    for offset in (0.0, 0.2, 0.6):  # of one wrist in one frame: none, a metre, three metres
        track = perfect_track(body, R, root, HZ)
        track.image[8, 16] += offset
        found.append(pose(body, solve_tracks([track], body, standing_prior(), QUICK)[0].R)[0])
    assert np.linalg.norm(found[1] - found[0], axis=-1).mean() < 0.02
    assert np.linalg.norm(found[2] - found[1], axis=-1).mean() < 0.01


def test_depth_of_hidden_landmarks_is_not_believed(body):
    R, root = walk(20, HZ, turn=0.4), path(20)
    track = perfect_track(body, R, root, HZ)
    effects = []
    for visibility in (1.0, 0.05):
        wrists = []
        for depth in (0.0, 0.4):
            seen = dataclasses.replace(track, relative=track.relative.copy(), visibility=track.visibility.copy())
            seen.relative[:, 15, 2] += depth
            seen.visibility[:, 15] = visibility
            solved = solve_tracks([seen], body, standing_prior())[0]
            wrists.append(pose(body, solved.R)[0][:, joint_index("left_wrist")])
        effects.append(np.linalg.norm(wrists[1] - wrists[0], axis=-1).mean())
    assert effects[1] < 0.2 * effects[0]


def test_short_tracks_and_none(body):
    assert solve_tracks([], body, standing_prior()) == []
    for n in (1, 2):
        solved = solve_tracks([perfect_track(body, walk(n, HZ), path(n), HZ)], body, standing_prior(), QUICK)[0]
        assert solved.R.shape == (n, 24, 3, 3)
        assert np.isfinite(solved.R).all()
        assert np.isfinite(solved.root).all()


def test_windows_cover_everything_and_overlap():
    for n in (1, 99, 100, 101, 177, 1000):
        windows = window_slices(n, 100, 40)
        assert windows[0].start == 0
        assert windows[-1].stop == n
        assert all(part.stop - part.start == min(n, 100) for part in windows)
        assert all(b.start <= a.stop - 40 for a, b in itertools.pairwise(windows))


def test_windows_agree_with_the_whole(body):
    R, root = walk(150, HZ, turn=0.5), path(150)
    track = perfect_track(body, R, root, HZ, noise=0.02)
    windowed = solve_windows([track], body, standing_prior(), QUICK, window=100)[0]
    whole = solve_tracks([track], body, standing_prior(), QUICK)[0]
    assert np.linalg.norm(windowed.root - whole.root, axis=-1).mean() < 0.01
    np.testing.assert_allclose(windowed.R @ np.swapaxes(windowed.R, -1, -2), np.eye(3) + 0 * windowed.R, atol=1e-5)
    assert windowed.betas.shape == (150, whole.betas.shape[-1])


def test_resampling_keeps_steady_motion_and_the_ends():
    n, speed = 61, np.array([0.01, -0.02, 0.03])
    relative = np.arange(n)[:, None, None] * speed + np.zeros((n, 33, 3))
    slow = resample(LandmarkTrack(relative, relative[..., :2], np.ones((n, 33)), hz=60.0), hz=20.0)
    assert slow.hz == pytest.approx(20.0)
    middle = slice(2, -2)  # the average is one-sided at the ends
    expected = np.linspace(0, n - 1, len(slow.relative))[:, None, None] * speed + np.zeros((1, 33, 3))
    np.testing.assert_allclose(slow.relative[middle], expected[middle], atol=1e-9)
    np.testing.assert_allclose(slow.relative[[0, -1]], expected[[0, -1]], atol=0.05)


def test_resampling_leaves_slow_and_tiny_tracks_alone():
    for n, hz in ((50, 15.0), (3, 60.0)):
        track = LandmarkTrack(np.zeros((n, 33, 3)), np.zeros((n, 33, 2)), np.ones((n, 33)), hz)
        assert resample(track, hz=20.0) is track


def test_hidden_landmarks_do_not_enter_the_average():
    n = 40
    relative, visibility = np.zeros((n, 33, 3)), np.ones((n, 33))
    relative[20, 5], visibility[20, 5] = 1.0, 0.0
    hidden = resample(LandmarkTrack(relative, relative[..., :2], visibility, 60.0), hz=20.0)
    seen = resample(LandmarkTrack(relative, relative[..., :2], np.ones((n, 33)), 60.0), hz=20.0)
    assert np.abs(hidden.relative).max() < 0.2 * np.abs(seen.relative).max()


def test_spreading_brings_smooth_motion_back():
    t, t_slow = np.linspace(0, 1, 61), np.linspace(0, 1, 21)
    np.testing.assert_allclose(spread_points(np.sin(3 * t_slow)[:, None], 61)[:, 0], np.sin(3 * t), atol=1e-5)

    def rotations(times: np.ndarray) -> np.ndarray:
        return Rotation.from_rotvec(np.stack([np.sin(times), 2 * times, times**2], axis=-1)).as_matrix()

    np.testing.assert_allclose(spread_rotations(rotations(t_slow), 61), rotations(t), atol=1e-4)


@pytest.mark.parametrize("distortion", [[], [0.1, -0.05, 0.001, -0.002]])
def test_landmarks_seen_off_axis_get_camera_axes(body, distortion):
    import cv2

    lens = Intrinsics((1280, 720), (900.0, 910.0), (639.5, 359.5), distortion, "calibrated")
    points = pose(body, walk(4, HZ))[1]
    hips = points[:, 23:25].mean(axis=1, keepdims=True)
    in_camera = points - hips + np.array([1.8, 0.4, 5.0])
    K, coefficients = lens.K, np.array(distortion or [0.0] * 4)
    image_px = cv2.projectPoints(in_camera.reshape(-1, 3), np.zeros(3), np.zeros(3), K, coefficients)[0]
    if not distortion:
        np.testing.assert_allclose(image_px.reshape(4, 33, 2), project(in_camera, K), atol=1e-6)
    ray = in_camera[..., :2] / in_camera[..., 2:]
    R_cam_straight = rotation_between(np.array([0, 0, 1.0]), np.append(ray[0, 23:25].mean(0), 1))
    straight_on = (points - hips) @ R_cam_straight
    person = PersonLandmarks(image_px.reshape(4, 33, 2), straight_on, np.ones((4, 33)), np.ones(4, dtype=bool))
    track = camera_track(person, slice(0, 4), lens, HZ)
    np.testing.assert_allclose(track.image, ray, atol=1e-4)
    np.testing.assert_allclose(track.relative, points - hips, atol=5e-3)


def test_frames_without_landmarks_are_bridged_invisibly():
    n = 5
    image_px = np.arange(n)[:, None, None] * np.ones((1, 33, 2))
    found = np.array([True, True, False, True, True])
    image_px[~found] = 0
    person = PersonLandmarks(image_px, np.ones((n, 33, 3)), np.ones((n, 33)), found)
    lens = Intrinsics((100, 100), (1.0, 1.0), (0.0, 0.0), [], "user")
    track = camera_track(person, slice(0, n), lens, 30.0)
    np.testing.assert_allclose(track.image[2], 2.0, atol=1e-6)
    np.testing.assert_array_equal(track.visibility[:, 0], found)


def test_the_prior_is_symmetric_between_left_and_right():
    prior, mirror = standing_prior(), np.diag([-1.0, 1.0, 1.0])
    for left, right in ((1, 2), (4, 5), (13, 14), (16, 17), (18, 19), (22, 23)):
        np.testing.assert_allclose(mirror @ prior.R_mean[left] @ mirror, prior.R_mean[right], atol=1e-12)
        np.testing.assert_allclose(prior.spread[left], prior.spread[right])


def test_camera_axes_of_the_walk(body):
    joints = pose(body, walk(1, HZ))[0][0]
    assert joints[15, 1] < joints[0, 1] < joints[7, 1]  # y down: head, pelvis, ankle
    assert np.linalg.det(R_CAM_BODY) == pytest.approx(1)
