import dataclasses
import functools

import numpy as np
import pytest
from room_tracks import FOCAL_PX, SyntheticWindow, make_window
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Gate
from nlf_pipeline.cameras.tracks.keyframes import choose_keyframes
from nlf_pipeline.cameras.travelling.general_gates import gate_general
from nlf_pipeline.cameras.travelling.general_solver import NoModel, solve_general, track_all_frames
from nlf_pipeline.cameras.travelling.keyframe_mapping import map_keyframes
from nlf_pipeline.cameras.travelling.two_view_checks import check_two_views
from nlf_pipeline.cameras.travelling.view_graph import select_keyframes, thin_keyframes
from nlf_pipeline.cameras.travelling.zoom_mapping import interpolate_focals
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.geometry import rigid

GUESS = Lens(0.87 * 640)
N_FRAMES = 40


@functools.cache
def window(**options) -> SyntheticWindow:
    return make_window(n_frames=N_FRAMES, **options)


@functools.cache
def solved(lens: Lens = GUESS, seed: int = 0, **options) -> WindowMotion:
    tracks = window(**options).tracks
    return solve_general(tracks, lens, choose_keyframes(tracks), seed)


@functools.cache
def zooming() -> tuple[SyntheticWindow, np.ndarray]:
    """A walk while the lens zooms in, and its keyframes."""
    truth = make_window(n_frames=N_FRAMES, focal_px=FOCAL_PX * np.linspace(1, 1.6, N_FRAMES))
    return truth, choose_keyframes(truth.tracks)


def gates(motion: WindowMotion, **options) -> list[Gate]:
    tracks = window(**options).tracks
    return gate_general(tracks, choose_keyframes(tracks), motion)


def failed(found: list[Gate]) -> set[str]:
    return {gate.name for gate in found if not gate.passed}


def path_error(motion: WindowMotion, truth: SyntheticWindow) -> float:
    """Root mean square distance after similarity alignment, over the length of the path."""
    centres, true = motion.T_window_cam[:, :3, 3], truth.T_world_cam[:, :3, 3]
    a, b = centres - centres.mean(0), true - true.mean(0)
    R, _ = Rotation.align_vectors(b, a)
    turned = R.apply(a)
    scale = np.sum(turned * b) / np.sum(a * a)
    length = np.linalg.norm(np.diff(true, axis=0), axis=1).sum()
    return float(np.sqrt(np.mean(np.sum((scale * turned - b) ** 2, axis=1))) / length)


def turn_error_deg(motion: WindowMotion, truth: SyntheticWindow) -> float:
    """Largest error of the rotations from the first camera."""
    true = truth.T_world_cam[0, :3, :3].T @ truth.T_world_cam[:, :3, :3]
    return float(
        np.rad2deg(Rotation.from_matrix(np.swapaxes(true, 1, 2) @ motion.T_window_cam[:, :3, :3]).magnitude().max())
    )


def test_path_focal_length_and_points_are_recovered() -> None:
    motion, truth = solved(), window()
    assert path_error(motion, truth) < 0.003
    assert turn_error_deg(motion, truth) < 0.1
    assert motion.is_focal_observable
    np.testing.assert_allclose(motion.focal_px, FOCAL_PX, rtol=0.01)
    assert motion.tracked.all()
    assert np.nanmax(motion.residual_px) < 0.6
    np.testing.assert_array_equal(motion.T_window_cam[0], np.eye(4))
    T_cam0_world = np.linalg.inv(truth.T_world_cam[0])
    places = truth.points[motion.point_ids] @ T_cam0_world[:3, :3].T + T_cam0_world[:3, 3]
    scale = np.median(np.linalg.norm(places, axis=1) / np.linalg.norm(motion.points, axis=1))
    assert np.median(np.linalg.norm(scale * motion.points - places, axis=1)) < 0.05


def test_a_good_model_passes_its_gates() -> None:
    assert not failed(gates(solved()))


def test_the_same_seed_gives_the_same_answer() -> None:
    tracks = window().tracks
    again = solve_general(tracks, GUESS, choose_keyframes(tracks))
    for field in dataclasses.fields(WindowMotion):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(solved(), field.name))


def test_a_known_lens_is_kept() -> None:
    lens = Lens(FOCAL_PX * 1.01, is_known=True)
    motion = solved(lens)
    assert not failed(gates(motion))
    np.testing.assert_array_equal(motion.focal_px, lens.focal_px)
    assert motion.k1 == 0.0
    assert not motion.is_focal_observable
    assert path_error(motion, window()) < 0.003


def test_a_wrong_known_focal_length_is_turned_away() -> None:
    wrong = Lens(1.4 * FOCAL_PX, is_known=True)
    assert "focal length against best, relative change" in failed(gates(solved(wrong)))


def test_lens_distortion_is_found_beside_a_known_focal_length() -> None:
    motion = solved(Lens(FOCAL_PX, is_known=True), k1=-0.15)
    assert motion.k1 == pytest.approx(-0.15, abs=0.01)
    np.testing.assert_array_equal(motion.focal_px, FOCAL_PX)
    assert path_error(motion, window(k1=-0.15)) < 0.003


def test_a_known_distortion_is_kept() -> None:
    motion = solved(Lens(FOCAL_PX, -0.14, is_known=True), k1=-0.15)
    assert motion.k1 == -0.14


def test_lens_distortion_is_found() -> None:
    motion = solved(k1=-0.15)
    assert motion.k1 == pytest.approx(-0.15, abs=0.01)
    np.testing.assert_allclose(motion.focal_px, FOCAL_PX, rtol=0.01)
    assert path_error(motion, window(k1=-0.15)) < 0.003


def test_no_distortion_is_invented() -> None:
    assert solved().k1 == 0.0


@pytest.mark.parametrize("motion", ["still", "turn"])
def test_there_is_no_model_without_travel(motion) -> None:
    with pytest.raises(NoModel):
        solved(motion=motion)


def test_an_unobservable_focal_length_stays_the_guess() -> None:
    motion = solved(motion="forward", scene="plane")
    assert not motion.is_focal_observable
    np.testing.assert_array_equal(motion.focal_px, GUESS.focal_px)


@pytest.mark.parametrize("lens", [GUESS, Lens(FOCAL_PX, is_known=True)])
def test_zooming_while_walking_is_found(lens: Lens) -> None:
    truth, keyframes = zooming()
    motion = solve_general(truth.tracks, lens, keyframes)
    np.testing.assert_allclose(motion.focal_px, truth.focal_px, rtol=0.02)
    assert path_error(motion, truth) < 0.01
    assert turn_error_deg(motion, truth) < 0.3
    assert motion.motion_class == "general"
    assert motion.is_focal_observable != lens.is_known
    assert not failed(gate_general(truth.tracks, keyframes, motion))


def test_a_known_focal_length_is_the_first_keyframe_s_if_the_camera_zooms() -> None:
    truth, keyframes = zooming()
    lens = Lens(1.03 * FOCAL_PX, is_known=True)
    assert solve_general(truth.tracks, lens, keyframes).focal_px[0] == pytest.approx(lens.focal_px)


def test_gates_see_a_zoom_taken_for_one_focal_length() -> None:
    truth, keyframes = zooming()
    model = map_keyframes(truth.tracks, Lens(1.2 * FOCAL_PX, is_known=True), keyframes)
    assert failed(gate_general(truth.tracks, keyframes, track_all_frames(truth.tracks, model, False)))


@pytest.mark.parametrize("options", [{}, {"k1": -0.15}, {"motion": "forward"}])
def test_no_zoom_is_invented(options: dict) -> None:
    assert np.ptp(solved(**options).focal_px) == 0


def test_interpolated_focal_lengths_meet_the_keyframes() -> None:
    at = np.array([0, 4, 9, 11, 20, 30])
    focal_px = 500 * np.exp(0.02 * at)
    found = interpolate_focals(np.arange(40), at, focal_px)
    np.testing.assert_allclose(found[:31], 500 * np.exp(0.02 * np.arange(31)), rtol=1e-6)
    np.testing.assert_allclose(found[30:], focal_px[-1])
    np.testing.assert_array_equal(interpolate_focals(np.arange(3), at, np.full(6, 500.0)), 500.0)


def test_gates_see_a_path_with_wrong_rotations() -> None:
    good = solved()
    angles = np.deg2rad(np.linspace(0, 40, N_FRAMES))
    twist = Rotation.from_rotvec(angles[:, None] * [0, 0, 1]).as_matrix()
    bad = dataclasses.replace(good, T_window_cam=good.T_window_cam @ rigid(twist, np.zeros((N_FRAMES, 3))))
    assert failed(gates(bad)) >= {
        "sightings within 3 px",
        "rotation against two views / their noise, 90 %",
        "points fitting, model / two views, 10 %",
        "rotation solved again, change, deg",
    }


def test_two_views_are_trusted_less_the_noisier_they_are() -> None:
    tracks, noisy = window().tracks, window(noise_px=2.0).tracks
    keyframes, motion = choose_keyframes(tracks), solved()
    calm, shaken = (check_two_views(t, keyframes, motion, seed=1) for t in (tracks, noisy))
    assert np.median(shaken.turn_deg) > 2 * np.median(calm.turn_deg)
    assert max(calm.relative_turn(), shaken.relative_turn()) < 2
    assert check_two_views(tracks.window(0, 0 + 3), np.array([0, 2]), motion, seed=1).relative_turn() >= 0


def test_gates_see_a_bent_path() -> None:
    good = solved()
    T = good.T_window_cam.copy()
    length = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=1).sum()
    T[:, 1, 3] += 0.15 * length * np.sin(np.linspace(0, np.pi, N_FRAMES))
    assert "path solved again, change / length" in failed(gates(dataclasses.replace(good, T_window_cam=T)))


def test_gates_see_missing_frames_and_odd_lenses() -> None:
    good = solved()
    tracked = np.arange(N_FRAMES) < 0.8 * N_FRAMES
    bad = dataclasses.replace(good, tracked=tracked, focal_px=np.full(N_FRAMES, 0.3 * 640))
    assert failed(gates(bad)) >= {"frames with enough points", "shortest focal length / longer side"}


def test_frames_without_points_are_interpolated() -> None:
    tracks = window().tracks
    blind = [18, 19, 20]
    keyframes = np.setdiff1d(choose_keyframes(tracks), blind)
    ids = tuple(i[:0] if k in blind else i for k, i in enumerate(tracks.ids))
    points_px = tuple(p[:0] if k in blind else p for k, p in enumerate(tracks.points_px))
    motion = solve_general(dataclasses.replace(tracks, ids=ids, points_px=points_px), GUESS, keyframes)
    np.testing.assert_array_equal(np.flatnonzero(~motion.tracked), blind)
    assert np.isnan(motion.residual_px[blind]).all()
    assert path_error(motion, window()) < 0.005


def test_keyframes_are_thinned_where_neighbours_share_most() -> None:
    tracks = window().tracks
    every = np.arange(N_FRAMES)
    thin = thin_keyframes(tracks, every, 10)
    assert len(thin) == 10
    assert {0, N_FRAMES - 1} <= set(thin.tolist())
    np.testing.assert_array_equal(thin_keyframes(tracks, thin, 10), thin)
    assert len(select_keyframes(tracks, np.array([0, N_FRAMES - 1]))) >= 12


def test_terminal_stays_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    tracks = window().tracks.window(0, 24)
    motion = solve_general(tracks, GUESS, choose_keyframes(tracks))
    gate_general(tracks, choose_keyframes(tracks), motion)
    assert capfd.readouterr() == ("", "")
