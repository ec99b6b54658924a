"""The side view's laws: everybody in frame, no jumps, shots apart, the real camera first."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, rigid, transform_points
from nlf_pipeline.plan_view import lead_in_span, plan_view
from nlf_pipeline.viewing.lead_in import unwrapped

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


def standing(places, n_frames):
    """(people, frames, 2) of people who stay at (x, z)."""
    return np.tile(np.array(places, float)[:, None], (1, n_frames, 1))


def make_cameras(n_frames, eye=(0.3, 1.6, 0.2), distortion=()):
    T = look_at(np.array(eye), np.array([0.0, 0.9, -5.0]), UP)
    T[:3, :3] = T[:3, :3] @ Rotation.from_rotvec([0, 0, 0.05]).as_matrix()  # real cameras are never quite level
    K = pinhole_matrix(600.0, SIZE_PX)
    return Cameras(
        np.tile(T, (n_frames, 1, 1)), np.tile(K, (n_frames, 1, 1)), np.array(distortion, float), np.array(SIZE_PX)
    )


def moving_cameras(n_frames, seed, speed=1.0, turning=0.5):
    """A camera that walks and turns at random, smoothly, and zooms a little; speeds in metres and radians a second."""
    rng = np.random.default_rng(seed)
    cameras = make_cameras(n_frames)

    def smooth(size):
        noise = gaussian_filter1d(rng.normal(size=(n_frames + 200, 3)), 15, axis=0)[100:-100]
        return size * noise / np.abs(noise).max() / FPS

    T = cameras.T_world_cam.copy()
    T[:, :3, 3] += smooth(speed).cumsum(axis=0) * [1, 0.1, 1]
    T[:, :3, :3] = T[:, :3, :3] @ Rotation.from_rotvec(smooth(turning).cumsum(axis=0) * [0.3, 1, 0.2]).as_matrix()
    K = cameras.K.copy()
    K[:, [0, 1], [0, 1]] *= np.linspace(1, 1.2, n_frames)[:, None]
    return dataclasses.replace(cameras, T_world_cam=T, K=K)


def walking(n_people, n_frames, seed, speed=1.5):
    rng = np.random.default_rng(seed)
    turns = rng.normal(0, 0.1, (n_people, n_frames)).cumsum(axis=1) + rng.uniform(0, 6.3, (n_people, 1))
    steps = speed / FPS * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    return rng.uniform([-2, -7], [2, -4], (n_people, 1, 2)) + steps.cumsum(axis=1)


def coming_and_going(n_people, n_frames, rng):
    """(people, frames) of people who are there for stretches of 1-60 frames; somebody is there at some time."""
    stretches = [np.repeat(rng.random(n_frames) > 0.4, rng.integers(1, 60, n_frames)) for _ in range(n_people)]
    visible = np.stack([there[:n_frames] for there in stretches])
    visible[0, n_frames // 2] = True
    return visible


def planned(folder: Path, people: Bodies, cameras: Cameras, cuts=(), **options):
    people.save(folder / "bodies.npz")
    cameras.save(folder / "cameras.npz")
    VideoFacts("v", *SIZE_PX, FPS, len(cameras.T_world_cam), cuts=list(cuts)).save(folder / "video.json")
    plan_view(
        bodies=folder / "bodies.npz",
        cameras=folder / "cameras.npz",
        video_facts=folder / "video.json",
        out=folder / "view.npz",
        **options,
    )
    return Cameras.load(folder / "view.npz")


def part(people: Bodies, cameras: Cameras, frames: slice) -> tuple[Bodies, Cameras]:
    """Some frames of both."""
    by_frame = ("pose_rotvecs", "trans", "joints", "visible", "filled", "foot_contacts")
    return (
        dataclasses.replace(people, **{name: getattr(people, name)[:, frames] for name in by_frame}),
        dataclasses.replace(cameras, T_world_cam=cameras.T_world_cam[frames], K=cameras.K[frames]),
    )


def side_start(visible: np.ndarray) -> int:
    """The first frame of a first shot in which the view is all at the side."""
    return int(np.ceil(sum(lead_in_span(visible.shape[1], int(np.argmax(visible.any(axis=0))), LEAD_IN_FRAMES))))


def pixels(view: Cameras, people: Bodies, start: int) -> np.ndarray:
    """(people, frames from `start`, joints, 2), NaN where invisible."""
    points_cam = transform_points(invert_rigid(view.T_world_cam[start:])[None], people.joints[:, start:])
    visible = people.visible[:, start:]
    assert (points_cam[..., 2][visible] > 0).all()
    return np.where(visible[..., None, None], project(points_cam, view.K[None, start:, None]), np.nan)


def assert_in_frame(view: Cameras, people: Bodies, start: int) -> None:
    uv = pixels(view, people, start)
    margin = 0.03 * np.array(SIZE_PX)
    seen = ~np.isnan(uv)
    assert (uv >= margin)[seen].all()
    assert (uv <= SIZE_PX - margin)[seen].all()


def speeds(view: Cameras) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Metres and radians a second from frame to frame, and metres a second squared."""
    position = view.T_world_cam[:, :3, 3]
    turn = Rotation.from_matrix(np.swapaxes(view.T_world_cam[:-1, :3, :3], 1, 2) @ view.T_world_cam[1:, :3, :3])
    return (
        np.linalg.norm(np.diff(position, axis=0), axis=1) * FPS,
        turn.magnitude() * FPS,
        np.linalg.norm(np.diff(position, 2, axis=0), axis=1) * FPS**2,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.floats(-170, 170),
    st.floats(25, 90),
    st.floats(0, 75),
    st.floats(0, 5),
)
def test_everybody_visible_is_in_frame_and_the_camera_above_the_floor(
    tmp_path, n_people, seed, azimuth_deg, fov_deg, elevation_deg, smoothing_s
):
    n_frames = 260
    rng = np.random.default_rng(seed)
    visible = coming_and_going(n_people, n_frames, rng)
    people = make_people(walking(n_people, n_frames, seed, speed=rng.uniform(0, 3)), visible, seed)
    view = planned(
        tmp_path,
        people,
        moving_cameras(n_frames, seed),
        azimuth_deg=azimuth_deg,
        fov_deg=fov_deg,
        elevation_deg=elevation_deg,
        smoothing_s=smoothing_s,
    )
    start = side_start(visible)
    assert_in_frame(view, people, start)
    assert (view.T_world_cam[start:, 1, 3] > 0.29).all()
    assert not view.distortion.size
    R = view.T_world_cam[:, :3, :3]
    assert np.allclose(R @ np.swapaxes(R, 1, 2), np.eye(3), atol=1e-9)
    assert np.allclose(R[start:], R[-1], atol=1e-9), "it keeps its direction"
    assert np.allclose(R[-1, 1, 0], 0, atol=1e-9), "level"


def test_it_starts_at_the_real_camera_and_ends_at_the_azimuth_asked_for(tmp_path):
    n_frames = 200
    people = make_people(standing([[0.3, -5.0]], n_frames), np.ones((1, n_frames), bool))
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


@pytest.mark.parametrize("seed", range(4))
def test_it_departs_with_the_motion_of_the_real_camera(tmp_path, seed):
    n_frames = 200
    cameras = moving_cameras(n_frames, seed)
    people = make_people(standing([[0, -5], [1, -6]], n_frames), np.ones((2, n_frames), bool))
    view = planned(tmp_path, people, cameras)
    assert np.array_equal(view.T_world_cam[0], cameras.T_world_cam[0])
    assert np.allclose(speeds(view)[0][:2], speeds(cameras)[0][:2], atol=0.03)
    change = np.linalg.inv(cameras.T_world_cam[:5]) @ view.T_world_cam[:5]
    assert np.abs(change - np.eye(4)).max() < 0.01, "the real camera's own path, not its first pose"


@pytest.mark.parametrize("seed", range(12))
def test_nothing_jumps_whatever_the_camera_and_the_people_do(tmp_path, seed):
    n_frames = 300
    rng = np.random.default_rng(seed)
    visible = coming_and_going(3, n_frames, rng)
    cameras = moving_cameras(n_frames, seed, speed=2.0, turning=2.0)
    view = planned(tmp_path, make_people(walking(3, n_frames, seed), visible), cameras, azimuth_deg=120.0)
    speed, turning, acceleration = speeds(view)
    real_speed, real_turning, real_acceleration = speeds(cameras)
    assert speed.max() < real_speed.max() + 20, "half around people who are up to 20 m away, within 3 s"
    assert turning.max() < real_turning.max() + 3
    assert acceleration.max() < real_acceleration.max() + 25, "a jump of 5 cm would be 31"
    assert acceleration[side_start(visible) :].max() < 20


def test_a_camera_that_turns_its_back_on_the_people_does_not_make_the_view_spin_round(tmp_path):
    n_frames = 200
    cameras, people = make_cameras(n_frames), make_people(standing([[0, -5]], n_frames), np.ones((1, n_frames), bool))
    turns = Rotation.from_rotvec(np.linspace(2.5, 5.5, n_frames)[:, None] * UP)
    cameras.T_world_cam[:, :3, :3] = turns.as_matrix() @ cameras.T_world_cam[:, :3, :3]
    view = planned(tmp_path, people, cameras)
    assert speeds(view)[1].max() < 5, "radians a second"
    assert_in_frame(view, people, LEAD_IN_FRAMES)


def test_it_does_not_jump_when_people_come_and_go(tmp_path):
    n_frames = 400
    paths = standing([[0.0, -5.0], [6.0, -9.0], [-5.0, -3.0]], n_frames)
    visible = np.ones((3, n_frames), bool)
    visible[1, :180], visible[2, 250:] = False, False
    view = planned(tmp_path, make_people(paths, visible), make_cameras(n_frames))
    calm = planned(tmp_path, make_people(paths, np.ones_like(visible)), make_cameras(n_frames))
    assert np.ptp(view.T_world_cam[100:, :3, 3], axis=0).max() > 1, "the scene asks for a real move"
    speed, turning, acceleration = speeds(view)
    assert acceleration.max() < 12
    assert np.rad2deg(turning).max() < 90
    assert speed[LEAD_IN_FRAMES:].max() < 6
    assert speeds(calm)[0][LEAD_IN_FRAMES:].max() < 1e-6, "people who stay do not move it"


def test_a_single_frame_of_absence_makes_no_difference(tmp_path):
    n_frames = 300
    visible = np.ones((2, n_frames), bool)
    people = make_people(walking(2, n_frames, 3), visible)
    view = planned(tmp_path, people, make_cameras(n_frames))
    visible[:, 150] = False
    gap = planned(tmp_path, dataclasses.replace(people, visible=visible), make_cameras(n_frames))
    assert np.linalg.norm(gap.T_world_cam[:, :3, 3] - view.T_world_cam[:, :3, 3], axis=1).max() < 0.1


def test_it_goes_along_with_somebody_who_walks_far_without_backing_off(tmp_path):
    n_frames, speed = 400, 3.0
    x = np.linspace(0, speed * n_frames / FPS, n_frames)
    walk = np.stack([x, np.full(n_frames, -5.0)], axis=-1)[None]
    still = planned(tmp_path, make_people(standing([[0, -5]], n_frames), np.ones((1, n_frames), bool)),
                    make_cameras(n_frames))  # fmt: skip
    cameras = make_cameras(n_frames)
    cameras.T_world_cam[:, 0, 3] += x
    people = make_people(walk, np.ones((1, n_frames), bool))
    view = planned(tmp_path, people, cameras)
    assert_in_frame(view, people, LEAD_IN_FRAMES)
    relative = view.T_world_cam[LEAD_IN_FRAMES:, :3, 3] - people.joints[0, LEAD_IN_FRAMES:].mean(axis=1)
    expected = still.T_world_cam[-1, :3, 3] - make_people(walk * 0 + [0, -5], people.visible).joints[0, -1].mean(axis=0)
    assert np.linalg.norm(relative - expected, axis=1).max() < 0.2


def test_somebody_estimated_absurdly_far_away_does_not_make_everybody_tiny(tmp_path):
    n_frames = 300
    paths = standing([[0, -5], [1, -6], [0, -5.5]], n_frames)
    people = make_people(paths, np.ones((3, n_frames), bool))
    stray = paths.copy()
    stray[2, :, 1] = -80
    stray[0, 140:150, 1] = -200
    view = planned(tmp_path, make_people(stray, np.ones((3, n_frames), bool)), make_cameras(n_frames))
    expected = planned(tmp_path, people, make_cameras(n_frames))
    distance = np.linalg.norm(view.T_world_cam[:, :3, 3] - expected.T_world_cam[:, :3, 3], axis=1)
    assert distance.max() < 1.5


def test_people_who_are_all_far_away_are_shown(tmp_path):
    n_frames = 160
    people = make_people(standing([[-20, -60], [25, -90], [0, -75]], n_frames), np.ones((3, n_frames), bool))
    assert_in_frame(planned(tmp_path, people, make_cameras(n_frames)), people, LEAD_IN_FRAMES)


def test_the_real_camera_is_shown_too_where_that_costs_little(tmp_path):
    n_frames = 160
    people = make_people(standing([[-3, -3], [3, -7], [2, -2]], n_frames), np.ones((3, n_frames), bool))
    cameras = make_cameras(n_frames)
    view = planned(tmp_path, people, cameras, azimuth_deg=80.0)
    eye = transform_points(invert_rigid(view.T_world_cam[-1]), cameras.T_world_cam[-1, :3, 3][None])[0]
    assert eye[2] > 0
    assert (project(eye, view.K[-1]) > 0).all() and (project(eye, view.K[-1]) < SIZE_PX).all()
    assert_in_frame(view, people, LEAD_IN_FRAMES)


def test_turning_the_world_turns_the_plan(tmp_path):
    n_frames = 150
    people = make_people(walking(2, n_frames, 5), np.ones((2, n_frames), bool))
    cameras = moving_cameras(n_frames, 2)
    T = rigid(Rotation.from_rotvec(1.1 * UP).as_matrix(), np.array([3.0, 0.0, -2.0]))
    turned_people = dataclasses.replace(people, joints=transform_points(T, people.joints))
    turned_cameras = dataclasses.replace(cameras, T_world_cam=T @ cameras.T_world_cam)
    view = planned(tmp_path, people, cameras)
    turned = planned(tmp_path, turned_people, turned_cameras)
    assert np.allclose(turned.T_world_cam, T @ view.T_world_cam, atol=1e-6)


def test_shots_are_planned_apart(tmp_path):
    bounds = [0, 120, 121, 180, 480, 520]
    rng = np.random.default_rng(8)
    visible = coming_and_going(3, bounds[-1], rng)
    visible[:, bounds[4] :] = False
    people = make_people(walking(3, bounds[-1], 8), visible)
    cameras = moving_cameras(bounds[-1], 8)
    together = planned(tmp_path, people, cameras, cuts=bounds[1:-1])
    shots = [slice(*pair) for pair in itertools.pairwise(bounds)]
    for first_frame, shot in zip([True, False, False, True, True], shots, strict=True):
        if first_frame:
            alone = planned(tmp_path, *part(people, cameras, shot))
            assert np.array_equal(together.T_world_cam[shot], alone.T_world_cam)
            assert np.array_equal(together.K[shot], alone.K)
        elif visible[:, shot].any():
            start = shot.start
            assert not np.allclose(together.T_world_cam[start], cameras.T_world_cam[start], atol=0.1)
            people_here, view_here = part(people, together, shot)
            assert_in_frame(view_here, people_here, 0)


def test_what_happens_in_one_shot_does_not_touch_another(tmp_path):
    n_frames, cut = 200, 90
    people = make_people(walking(2, n_frames, 1), np.ones((2, n_frames), bool))
    cameras = make_cameras(n_frames)
    view = planned(tmp_path, people, cameras, cuts=[cut])
    people.joints[:, :cut] += [30.0, 0, 40.0]
    other = planned(tmp_path, people, cameras, cuts=[cut])
    assert np.array_equal(view.T_world_cam[cut:], other.T_world_cam[cut:])
    assert not np.allclose(view.T_world_cam[:cut], other.T_world_cam[:cut])


def test_it_waits_with_the_real_camera_for_the_first_person(tmp_path):
    n_frames = 400
    visible = np.ones((1, n_frames), bool)
    visible[:, :120] = False
    cameras = moving_cameras(n_frames, 1)
    people = make_people(standing([[0, -5]], n_frames), visible)
    view = planned(tmp_path, people, cameras)
    assert np.array_equal(view.T_world_cam[:121], cameras.T_world_cam[:121])
    assert_in_frame(view, people, 120 + LEAD_IN_FRAMES)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 20])
def test_a_short_clip_still_reaches_the_side(tmp_path, n_frames):
    people = make_people(standing([[0, -5]], n_frames), np.ones((1, n_frames), bool))
    cameras = make_cameras(n_frames)
    view = planned(tmp_path, people, cameras)
    assert np.array_equal(view.T_world_cam[0], cameras.T_world_cam[0])
    if n_frames > 1:
        assert np.rad2deg(np.arctan2(view.T_world_cam[-1, 0, 3], view.T_world_cam[-1, 2, 3] + 5)) > 50


@pytest.mark.parametrize("n_people", [0, 2])
def test_without_people_it_is_the_real_camera_undistorted(tmp_path, n_people):
    people = make_people(np.zeros((n_people, 8, 2)), np.zeros((n_people, 8), bool))
    cameras = make_cameras(8, distortion=(-0.1, 0.02, 0, 0))
    view = planned(tmp_path, people, cameras, cuts=[3])
    assert np.array_equal(view.T_world_cam, cameras.T_world_cam)
    assert np.array_equal(view.K, cameras.K)
    assert not view.distortion.size


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_unwrapped_rotations_stay_the_same_and_do_not_jump(seed):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3) / 2
    angles = np.linspace(0.3, 0.3 + rng.uniform(1, 5), 60)
    rotations = Rotation.from_rotvec(np.outer(angles, axis / np.linalg.norm(axis)))
    rotvecs = unwrapped(rotations.as_rotvec())
    assert (Rotation.from_rotvec(rotvecs).inv() * rotations).magnitude().max() < 1e-6
    assert np.linalg.norm(np.diff(rotvecs, axis=0), axis=1).max() < 0.2


def test_wrong_input_is_named(tmp_path):
    people = make_people(np.zeros((1, 8, 2)), np.ones((1, 8), bool))
    with pytest.raises(UserError, match=r"9 frames.*8, 9"):
        planned(tmp_path, people, make_cameras(9))
    with pytest.raises(UserError, match="fov_deg is 0"):
        planned(tmp_path, people, make_cameras(8), fov_deg=0)
    with pytest.raises(UserError, match="lead_in_s is -1"):
        planned(tmp_path, people, make_cameras(8), lead_in_s=-1)
