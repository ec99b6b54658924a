from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, rigid, transform_points
from nlf_pipeline.plan_view import plan_view

FPS, SIZE_PX = 25.0, (640, 360)
LEAD_IN_FRAMES = 75
UP = np.array([0.0, 1.0, 0.0])


def make_people(paths, visible, seed=0):
    """Bodies whose joints are clouds of a person's size around (people, frames, 2) floor positions."""
    rng = np.random.default_rng(seed)
    n_people, n_frames, _ = paths.shape
    cloud = rng.uniform([-0.35, 0, -0.35], [0.35, 1.7, 0.35], (n_people, 1, 24, 3))
    joints = cloud + np.insert(paths, 1, 0, axis=-1)[:, :, None]
    return Bodies(
        person_ids=np.arange(n_people),
        fps=FPS,
        body_model="open",
        pose_rotvecs=np.zeros((n_people, n_frames, 24, 3)),
        betas=np.zeros((n_people, 10)),
        trans=joints[:, :, 0],
        joints=joints,
        visible=visible,
        filled=np.zeros_like(visible),
        foot_contacts=np.zeros((n_people, n_frames, 2), bool),
    )


def make_cameras(n_frames, eye=(0.3, 1.6, 0.2), distortion=()):
    T = look_at(np.array(eye), np.array([0.0, 0.9, -5.0]), UP)
    T[:3, :3] = T[:3, :3] @ Rotation.from_rotvec([0, 0, 0.05]).as_matrix()  # real cameras are never quite level
    K = pinhole_matrix(600.0, SIZE_PX)
    return Cameras(
        np.tile(T, (n_frames, 1, 1)), np.tile(K, (n_frames, 1, 1)), np.array(distortion, float), np.array(SIZE_PX)
    )


def walking(n_people, n_frames, seed, speed=1.5):
    rng = np.random.default_rng(seed)
    turns = rng.normal(0, 0.1, (n_people, n_frames)).cumsum(axis=1) + rng.uniform(0, 6.3, (n_people, 1))
    steps = speed / FPS * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    return rng.uniform([-2, -7], [2, -4], (n_people, 1, 2)) + steps.cumsum(axis=1)


def planned(folder: Path, people: Bodies, cameras: Cameras, **options):
    people.save(folder / "bodies.npz")
    cameras.save(folder / "cameras.npz")
    plan_view(bodies=folder / "bodies.npz", cameras=folder / "cameras.npz", out=folder / "view.npz", **options)
    return Cameras.load(folder / "view.npz")


def pixels(view: Cameras, people: Bodies) -> np.ndarray:
    """(people, frames, joints, 2), NaN where invisible."""
    points_cam = transform_points(invert_rigid(view.T_world_cam)[None], people.joints)
    assert (points_cam[:, LEAD_IN_FRAMES:, :, 2][people.visible[:, LEAD_IN_FRAMES:]] > 0).all()
    return np.where(people.visible[..., None, None], project(points_cam, view.K[None, :, None]), np.nan)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.floats(-170, 170),
    st.floats(25, 90),
    st.floats(0, 60),
)
def test_everybody_visible_is_in_frame_and_the_camera_above_the_floor(
    tmp_path, n_people, seed, azimuth_deg, fov_deg, elevation_deg
):
    n_frames = 220
    rng = np.random.default_rng(seed)
    visible = np.repeat(rng.random((n_people, n_frames // 20)) > 0.4, 20, axis=1)
    visible[0, 100] = True
    people = make_people(walking(n_people, n_frames, seed), visible, seed)
    view = planned(
        tmp_path, people, make_cameras(n_frames), azimuth_deg=azimuth_deg, fov_deg=fov_deg, elevation_deg=elevation_deg
    )
    uv = pixels(view, people)[:, LEAD_IN_FRAMES:]
    margin = 0.03 * np.array(SIZE_PX)
    assert np.nanmin(uv / margin) >= 1
    assert (np.nanmax(uv, axis=(0, 1, 2)) <= SIZE_PX - margin).all()
    assert (view.T_world_cam[:, 1, 3] > 0.29).all()
    assert not view.distortion.size
    R = view.T_world_cam[:, :3, :3]
    assert np.allclose(R @ np.swapaxes(R, 1, 2), np.eye(3), atol=1e-5)
    assert np.allclose(R[LEAD_IN_FRAMES:, 1, 0], 0, atol=1e-5), "level after the lead-in"


def test_it_starts_at_the_real_camera_and_ends_at_the_azimuth_asked_for(tmp_path):
    n_frames = 200
    people = make_people(np.tile([0.3, -5.0], (1, n_frames, 1)), np.ones((1, n_frames), bool))
    cameras = make_cameras(n_frames, distortion=(-0.1, 0.02, 0, 0))
    view = planned(tmp_path, people, cameras, azimuth_deg=70.0)
    assert np.array_equal(view.T_world_cam[0], cameras.T_world_cam[0])
    assert np.array_equal(view.K[0], cameras.K[0])
    assert np.array_equal(view.size_px, cameras.size_px)
    centre = people.joints[0, 0].mean(axis=0)
    real, side = cameras.T_world_cam[0, :3, 3] - centre, view.T_world_cam[-1, :3, 3] - centre
    turned = np.arctan2(side[0], side[2]) - np.arctan2(real[0], real[2])
    assert np.rad2deg(turned) == pytest.approx(70, abs=2)
    assert side @ cameras.T_world_cam[0, :3, 0] > 0, "to the right of the real camera"


def test_it_does_not_jump_when_people_come_and_go(tmp_path):
    n_frames = 400
    paths = np.tile(np.array([[[0.0, -5.0]], [[6.0, -9.0]], [[-5.0, -3.0]]]), (1, n_frames, 1))
    visible = np.ones((3, n_frames), bool)
    visible[1, :180], visible[2, 250:] = False, False
    view = planned(tmp_path, make_people(paths, visible), make_cameras(n_frames))
    position = view.T_world_cam[:, :3, 3]
    assert np.ptp(position[100:], axis=0).max() > 1, "the scene asks for a real move"
    assert np.linalg.norm(np.diff(position, 2, axis=0), axis=1).max() * FPS**2 < 12
    turn = Rotation.from_matrix(np.swapaxes(view.T_world_cam[:-1, :3, :3], 1, 2) @ view.T_world_cam[1:, :3, :3])
    assert np.rad2deg(turn.magnitude()).max() * FPS < 90


def test_turning_the_world_turns_the_plan(tmp_path):
    n_frames = 150
    people = make_people(walking(2, n_frames, 5), np.ones((2, n_frames), bool))
    cameras = make_cameras(n_frames)
    T = rigid(Rotation.from_rotvec(1.1 * UP).as_matrix(), np.array([3.0, 0.0, -2.0]))
    turned_people = Bodies(**{**vars(people), "joints": transform_points(T, people.joints)})
    turned_cameras = Cameras(T @ cameras.T_world_cam, cameras.K, cameras.distortion, cameras.size_px)
    view = planned(tmp_path, people, cameras)
    turned = planned(tmp_path, turned_people, turned_cameras)
    assert np.allclose(turned.T_world_cam, T @ view.T_world_cam, atol=2e-4)


def test_a_short_clip_still_reaches_the_side(tmp_path):
    n_frames = 20
    people = make_people(np.tile([0.0, -5.0], (1, n_frames, 1)), np.ones((1, n_frames), bool))
    view = planned(tmp_path, people, make_cameras(n_frames))
    assert np.rad2deg(np.arctan2(view.T_world_cam[-1, 0, 3], view.T_world_cam[-1, 2, 3] + 5)) > 50


@pytest.mark.parametrize("n_people", [0, 2])
def test_without_people_it_is_the_real_camera_undistorted(tmp_path, n_people):
    people = make_people(np.zeros((n_people, 8, 2)), np.zeros((n_people, 8), bool))
    cameras = make_cameras(8, distortion=(-0.1, 0.02, 0, 0))
    view = planned(tmp_path, people, cameras)
    assert np.array_equal(view.T_world_cam, cameras.T_world_cam)
    assert np.array_equal(view.K, cameras.K)
    assert not view.distortion.size


def test_wrong_input_is_named(tmp_path):
    people = make_people(np.zeros((1, 8, 2)), np.ones((1, 8), bool))
    with pytest.raises(UserError, match="8 frames"):
        planned(tmp_path, people, make_cameras(9))
    with pytest.raises(UserError, match="fov_deg is 0"):
        planned(tmp_path, people, make_cameras(8), fov_deg=0)
