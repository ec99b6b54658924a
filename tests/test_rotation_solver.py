"""Turning and zooming cameras are recovered from points, and what cannot be known is said to be unknown."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from turning_tracks import FOCAL_PX, N_FRAMES, SIZE_PX, Shot, follow, rotation_errors_deg, sweep, turning_shot

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import distort, undistort
from nlf_pipeline.cameras.turning.rotation_adjustment import adjust
from nlf_pipeline.cameras.turning.rotation_pairs import gather_pairs, spread_keyframes
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera, pair_errors, pair_jacobian
from nlf_pipeline.cameras.turning.rotation_solver import TooFewPointsError, solve_rotation
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion

GUESS = Lens(450.0)
ZOOM_PX = FOCAL_PX * (1 + 0.5 * np.sin(np.linspace(0, 3, N_FRAMES)))


def relative_focal_errors(motion: WindowMotion, shot: Shot) -> np.ndarray:
    return np.abs(motion.focal_px / shot.focal_px - 1)


def angles_deg(R: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.rad2deg(Rotation.from_matrix(np.swapaxes(R, -1, -2) @ other).magnitude())


@pytest.fixture(scope="module")
def pan() -> PointTracks:
    return follow(turning_shot(), outliers=0.2)


@pytest.fixture(scope="module")
def pan_motion(pan: PointTracks) -> WindowMotion:
    return solve_rotation(pan, GUESS)


def test_recovers_a_pan_in_spite_of_people_walking_about(pan_motion: WindowMotion):
    shot = turning_shot()
    assert pan_motion.motion_class == "rotation" and pan_motion.is_focal_observable and pan_motion.tracked.all()
    assert relative_focal_errors(pan_motion, shot).max() < 0.003
    assert rotation_errors_deg(pan_motion, shot).max() < 0.08
    assert pan_motion.k1 == 0
    np.testing.assert_allclose(pan_motion.T_window_cam[0], np.eye(4), atol=1e-12)
    assert not pan_motion.T_window_cam[:, :3, 3].any()


def test_residuals_are_as_large_as_the_noise(pan_motion: WindowMotion):
    loud = solve_rotation(follow(turning_shot(), noise_px=0.6), GUESS)
    assert 3 < np.median(loud.residual_px) / np.median(pan_motion.residual_px) < 5


def test_keeps_a_known_focal_length(pan: PointTracks):
    motion = solve_rotation(pan, Lens(FOCAL_PX * 1.03, is_known=True))
    assert np.all(motion.focal_px == FOCAL_PX * 1.03)
    exact = solve_rotation(pan, Lens(FOCAL_PX, is_known=True))
    assert rotation_errors_deg(exact, turning_shot()).max() < 0.06


@pytest.mark.parametrize("yaw_deg", [0.0, 0.5])
def test_a_tiny_pan_does_not_tell_the_focal_length(yaw_deg: float):
    shot = turning_shot(yaw_deg)
    motion = solve_rotation(follow(shot), Lens(FOCAL_PX * 1.1))
    assert not motion.is_focal_observable
    assert np.all(motion.focal_px == FOCAL_PX * 1.1)
    assert rotation_errors_deg(motion, shot).max() < 0.1


@pytest.mark.parametrize("lens", [GUESS, Lens(FOCAL_PX, is_known=True)])
def test_recovers_a_zoom(lens: Lens):
    shot = turning_shot(40, ZOOM_PX)
    motion = solve_rotation(follow(shot), lens)
    assert motion.motion_class == "rotation_zoom" and motion.is_focal_observable
    assert relative_focal_errors(motion, shot).max() < 0.006
    assert rotation_errors_deg(motion, shot).max() < 0.1
    if lens.is_known:
        np.testing.assert_allclose(motion.focal_px[0], FOCAL_PX, rtol=1e-3)


def test_a_zoom_without_a_turn_tells_ratios_only():
    shot = turning_shot(0, ZOOM_PX)
    motion = solve_rotation(follow(shot), Lens(500.0))
    assert motion.motion_class == "rotation_zoom" and not motion.is_focal_observable
    np.testing.assert_allclose(motion.focal_px[0], 500, rtol=2e-3)
    np.testing.assert_allclose(motion.focal_px / motion.focal_px[0], ZOOM_PX / ZOOM_PX[0], rtol=5e-3)


@pytest.mark.parametrize("k1", [-0.1, 0.06])
@pytest.mark.parametrize("focal_px", [FOCAL_PX, ZOOM_PX], ids=["constant", "zoom"])
def test_recovers_distortion(k1: float, focal_px: np.ndarray | float):
    shot = turning_shot(60, focal_px, k1)
    motion = solve_rotation(follow(shot), GUESS)
    assert abs(motion.k1 - k1) < 0.01
    assert relative_focal_errors(motion, shot).max() < 0.015
    assert motion.motion_class == ("rotation_zoom" if np.ndim(focal_px) else "rotation")


@pytest.mark.parametrize("yaw_deg", [0.5, 5.0])
def test_does_not_invent_distortion(yaw_deg: float):
    assert solve_rotation(follow(turning_shot(yaw_deg)), GUESS).k1 == 0


def test_turning_the_picture_turns_the_rotations(pan: PointTracks, pan_motion: WindowMotion):
    portrait = replace(
        pan,
        size_px=(SIZE_PX[1], SIZE_PX[0]),
        points_px=tuple(np.stack([SIZE_PX[1] - 1 - x[:, 1], x[:, 0]], axis=1) for x in pan.points_px),
    )
    motion = solve_rotation(portrait, GUESS)
    Q = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert angles_deg(Q @ pan_motion.T_window_cam[:, :3, :3] @ Q.T, motion.T_window_cam[:, :3, :3]).max() < 0.03
    np.testing.assert_allclose(motion.focal_px, pan_motion.focal_px, rtol=2e-3)


def test_mirrored_pictures_give_mirrored_rotations(pan: PointTracks, pan_motion: WindowMotion):
    flip = np.array([SIZE_PX[0] - 1, 0], np.float32)
    mirrored = replace(pan, points_px=tuple(flip + x * np.float32([-1, 1]) for x in pan.points_px))
    motion = solve_rotation(mirrored, GUESS)
    M = np.diag([-1.0, 1.0, 1.0])
    assert angles_deg(M @ pan_motion.T_window_cam[:, :3, :3] @ M, motion.T_window_cam[:, :3, :3]).max() < 0.02
    np.testing.assert_allclose(motion.focal_px, pan_motion.focal_px, rtol=1e-3)


def test_time_backwards_gives_the_path_backwards(pan: PointTracks, pan_motion: WindowMotion):
    motion = solve_rotation(replace(pan, ids=pan.ids[::-1], points_px=pan.points_px[::-1]), GUESS)
    expected = (np.linalg.inv(pan_motion.T_window_cam[-1]) @ pan_motion.T_window_cam)[::-1]
    assert angles_deg(expected[:, :3, :3], motion.T_window_cam[:, :3, :3]).max() < 0.05


def test_the_seed_settles_everything(pan: PointTracks, pan_motion: WindowMotion):
    again = solve_rotation(pan, GUESS)
    np.testing.assert_array_equal(again.T_window_cam, pan_motion.T_window_cam)


def test_frames_without_points_are_interpolated_and_marked():
    shot = turning_shot(30)
    tracks = follow(shot)
    blind = np.zeros(N_FRAMES, dtype=bool)
    blind[[0, 20, 21, 22, 59]] = True
    empty = np.zeros(0, int), np.zeros((0, 2), np.float32)
    holed = PointTracks(
        0,
        SIZE_PX,
        tuple(empty[0] if b else ids for b, ids in zip(blind, tracks.ids, strict=True)),
        tuple(empty[1] if b else x for b, x in zip(blind, tracks.points_px, strict=True)),
    )
    motion = solve_rotation(holed, GUESS)
    np.testing.assert_array_equal(motion.tracked, ~blind)
    np.testing.assert_array_equal(np.isnan(motion.residual_px), blind)
    assert np.all(np.isfinite(motion.T_window_cam))
    inside = slice(1, 59)
    truth = replace(shot, R_cam_world=shot.R_cam_world[inside], focal_px=shot.focal_px[inside])
    T_first = np.linalg.inv(motion.T_window_cam[1])
    assert rotation_errors_deg(replace(motion, T_window_cam=T_first @ motion.T_window_cam[inside]), truth).max() < 0.2
    np.testing.assert_array_equal(motion.T_window_cam[59], motion.T_window_cam[58])


def test_where_the_tracks_break_the_longer_part_counts(pan: PointTracks):
    ids = tuple(ids + (10**7 if frame < 20 else 0) for frame, ids in enumerate(pan.ids))
    motion = solve_rotation(replace(pan, ids=ids), GUESS)
    assert not motion.tracked[:20].any() and motion.tracked[20:].all()


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_few_frames(n_frames: int, pan: PointTracks):
    tracks = pan.window(0, n_frames)
    if n_frames == 1:
        with pytest.raises(TooFewPointsError, match="1 frame"):
            solve_rotation(tracks, GUESS)
    else:
        motion = solve_rotation(tracks, GUESS)
        assert motion.T_window_cam.shape == (n_frames, 4, 4) and motion.tracked.all()


@pytest.mark.parametrize("n_points", [0, 5, 15])
def test_few_points_are_refused(n_points: int, pan: PointTracks):
    few = replace(
        pan, ids=tuple(ids[:n_points] for ids in pan.ids), points_px=tuple(x[:n_points] for x in pan.points_px)
    )
    with pytest.raises(TooFewPointsError):
        solve_rotation(few, GUESS)


def test_a_turn_of_more_than_full_circle():
    shot = Shot(sweep(400, 160), np.full(160, FOCAL_PX))
    motion = solve_rotation(follow(shot), GUESS)
    assert relative_focal_errors(motion, shot).max() < 0.003
    assert rotation_errors_deg(motion, shot).max() < 0.3


def test_a_wide_turn_refutes_a_bad_guess_even_if_tracks_are_poor():
    shot = Shot(sweep(150, 80), np.full(80, 831.0))
    motion = solve_rotation(follow(shot, noise_px=1.5, n_points=8000), Lens(550.0))
    assert motion.is_focal_observable
    assert relative_focal_errors(motion, shot).max() < 0.05


def test_jacobian_agrees_with_differences():
    shot = turning_shot(40, np.linspace(500, 650, N_FRAMES), -0.15)
    tracks = follow(shot, outliers=0)
    pairs = gather_pairs(tracks, spread_keyframes(tracks), 0, planar_only=True).select(np.array([3]))
    a, b = int(pairs.first[0]), int(pairs.second[0])
    camera = TurningCamera(shot.R_cam_world[pairs.frames], shot.focal_px[pairs.frames], -0.12)

    def errors(step: np.ndarray) -> np.ndarray:
        R, focal_px = camera.R_cam_window.copy(), camera.focal_px.copy()
        R[a] = Rotation.from_rotvec(step[:3]).as_matrix() @ R[a]
        R[b] = Rotation.from_rotvec(step[3:6]).as_matrix() @ R[b]
        focal_px[a] *= np.exp(step[6])
        focal_px[b] *= np.exp(step[7])
        return pair_errors(pairs, TurningCamera(R, focal_px, camera.k1 + step[8]))[pairs.valid]

    h = 1e-6
    numeric = np.stack([(errors(h * e) - errors(-h * e)) / (2 * h) for e in np.eye(9)], axis=-1)
    np.testing.assert_allclose(pair_jacobian(pairs, camera)[pairs.valid], numeric, rtol=1e-6, atol=1e-4)


def test_adjustment_is_at_rest_at_the_truth():
    shot = turning_shot(40)
    tracks = follow(shot, noise_px=0.0, outliers=0)
    pairs = gather_pairs(tracks, spread_keyframes(tracks), 0, planar_only=False)
    R = shot.R_cam_world[pairs.frames]
    adjusted = adjust(pairs, TurningCamera(R, shot.focal_px[pairs.frames], 0.0), "shared", k1=True)
    assert adjusted.median_px < 1e-3
    np.testing.assert_allclose(adjusted.camera.focal_px, FOCAL_PX, rtol=1e-5)
    np.testing.assert_allclose(adjusted.camera.R_cam_window, R, atol=1e-6)


@pytest.mark.parametrize("k1", [-0.25, -0.1, 0.0, 0.2])
def test_distortion_is_undone(k1: float):
    u = np.random.default_rng(0).uniform(-0.7, 0.7, (200, 2))
    np.testing.assert_allclose(undistort(distort(u, k1), k1), u, atol=1e-9)
