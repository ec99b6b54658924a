"""Windows of one path, each in its own frame and unit, come back as that path."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.windows import window_joining
from nlf_pipeline.cameras.windows.window_joining import PlacedWindow, join_windows
from nlf_pipeline.cameras.windows.window_motion import WindowMotion
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points

N_FRAMES = 120
OVERLAP = 20


def true_path(still=slice(0, 0)):
    t = np.linspace(0, 3, N_FRAMES)
    turn = np.stack([0.1 * np.sin(3 * t), 0.4 * t, 0.05 * np.cos(2 * t)], axis=-1)
    speed = np.stack([np.cos(t), 0.1 * np.sin(5 * t), 0.5 + 0 * t], axis=-1) * 0.05
    speed[still] = 0
    T = rigid(Rotation.from_rotvec(turn).as_matrix(), np.cumsum(speed, axis=0))
    return invert_rigid(T[0]) @ T


def window(T, start, stop, scale, motion_class="general", ids=range(200)):
    """Frames start-stop of the path `T`, in their own axes and unit."""
    points = np.random.default_rng(0).uniform(-4, 4, (200, 3)) + [0, 0, 6]
    own = invert_rigid(T[start]) @ T[start:stop]
    own[:, :3, 3] *= scale
    ids = np.array(ids, dtype=int)
    seen = transform_points(invert_rigid(T[start]), points[ids]) * scale if len(ids) else np.zeros((0, 3))
    if motion_class != "general":
        ids, seen = np.zeros(0, int), np.zeros((0, 3))
    n = stop - start
    motion = WindowMotion(motion_class, own, np.full(n, 500.0), 0.0, True, np.ones(n, bool), np.zeros(n), ids, seen)
    return PlacedWindow(start, motion)


def windows(T, scales, **options):
    n = N_FRAMES // len(scales)
    bounds = [(max(0, k * n - OVERLAP), (k + 1) * n) for k in range(len(scales))]
    return [window(T, a, b, s, **options) for (a, b), s in zip(bounds, scales, strict=True)]


@pytest.mark.parametrize("ids", [range(200), []])
def test_windows_with_units_of_their_own_become_one_path(ids):
    T = true_path()
    path = join_windows(windows(T, [1.0, 3.0, 0.2], ids=ids))
    np.testing.assert_allclose(path.T_scene_cam, T, atol=1e-6)
    assert np.all(path.segment == 0) and np.all(path.tracked)
    np.testing.assert_allclose(path.focal_px, 500)
    if len(ids):
        np.testing.assert_allclose(path.points[:200], path.points[-200:], atol=1e-6)


def test_a_small_error_is_spread_over_the_overlap():
    T = true_path()
    first, second = windows(T, [1.0, 1.0])
    bent = second.motion.T_window_cam.copy()
    bent[:, 0, 3] += 0.05 * np.linspace(-1, 1, len(bent))
    bent = WindowMotion(
        "general", bent, *[getattr(second.motion, f) for f in list(second.motion.__dataclass_fields__)[2:]]
    )
    path = join_windows([first, PlacedWindow(second.start, bent)])
    extra = np.linalg.norm(np.diff(path.T_scene_cam[:, :3, 3] - T[:, :3, 3], axis=0), axis=-1)
    assert extra.max() < 0.005


def test_standing_first_and_walking_then_needs_no_second_unit():
    T = true_path(still=slice(0, 70))
    first, second = window(T, 0, 60, 1.0, "rotation"), window(T, 40, N_FRAMES, 1.0)
    path = join_windows([first, second])
    np.testing.assert_allclose(path.T_scene_cam, T, atol=1e-6)
    assert np.all(path.segment == 0)


def test_walking_standing_walking_gives_two_units():
    T = true_path(still=slice(35, 85))
    parts = [window(T, 0, 50, 1.0), window(T, 36, 84, 1.0, "rotation"), window(T, 64, N_FRAMES, 2.0, ids=[])]
    path = join_windows(parts)
    np.testing.assert_array_equal(path.segment, np.repeat([0, 1], [84, N_FRAMES - 84]))
    steps = np.linalg.inv(path.T_scene_cam[83]) @ path.T_scene_cam[84:]
    truth = np.linalg.inv(T[83]) @ T[84:]
    np.testing.assert_allclose(steps[:, :3, :3], truth[:, :3, :3], atol=1e-9)
    np.testing.assert_allclose(steps[:, :3, 3], 2 * truth[:, :3, 3], atol=1e-9)


def replaced(placed, **changes):
    return PlacedWindow(placed.start, dataclasses.replace(placed.motion, **changes))


def test_the_first_step_in_a_new_unit_is_whole():
    """The window before was refused and taken to turn only, though the camera moved while both overlap."""
    T = true_path()
    parts = [window(T, 0, 40, 1.0), window(T, 30, 80, 1.0, "rotation"), window(T, 60, N_FRAMES, 3.0, ids=[])]
    parts[1].motion.T_window_cam[:, :3, 3] = 0
    path = join_windows(parts)
    np.testing.assert_array_equal(path.segment, np.repeat([0, 1], [80, N_FRAMES - 80]))
    steps = np.linalg.norm(np.diff(path.T_scene_cam[79:, :3, 3], axis=0), axis=-1)
    np.testing.assert_allclose(steps, 3 * np.linalg.norm(np.diff(T[79:, :3, 3], axis=0), axis=-1), atol=1e-9)


def test_a_camera_that_stops_stays_where_it_has_arrived():
    T = true_path()
    standing = window(T, 60, N_FRAMES, 1.0, "rotation")
    standing.motion.T_window_cam[:, :3, 3] = 0
    path = join_windows([window(T, 0, 80, 1.0), standing])
    np.testing.assert_allclose(path.T_scene_cam[80:, :3, 3], np.tile(T[79, :3, 3], (N_FRAMES - 80, 1)), atol=1e-9)


def test_without_shared_frames_the_path_goes_on_from_the_last_pose():
    T = true_path()
    first, second = window(T, 0, 50, 1.0), window(T, 50, N_FRAMES, 2.0)
    path = join_windows([first, second])
    np.testing.assert_allclose(path.T_scene_cam[49], T[49], atol=1e-9)
    np.testing.assert_allclose(path.T_scene_cam[50:], T[49] @ second.motion.T_window_cam, atol=1e-9)
    np.testing.assert_array_equal(path.segment, np.repeat([0, 1], [50, N_FRAMES - 50]))


def test_shared_frames_are_as_well_known_as_the_better_window_knows_them():
    T = true_path()
    n, lost = 60, np.arange(60) >= 50
    first, second = window(T, 0, n, 1.0), window(T, 40, N_FRAMES, 1.0)
    first = replaced(first, tracked=~lost, residual_px=np.where(lost, np.nan, 0.5))
    second = replaced(second, residual_px=np.full(N_FRAMES - 40, 2.0))
    path = join_windows([first, second])
    assert path.tracked.all()
    np.testing.assert_array_equal(path.residual_px, np.repeat([0.5, 2.0], [40, N_FRAMES - 40]))


def test_a_long_way_has_several_units_though_nothing_breaks(monkeypatch):
    monkeypatch.setattr(window_joining, "_LONGEST_SEGMENT", 60)
    T = true_path()
    path = join_windows(windows(T, [1.0, 3.0, 0.2, 1.0]))
    np.testing.assert_allclose(path.T_scene_cam, T, atol=1e-6)
    np.testing.assert_array_equal(path.segment, np.repeat([0, 1], [60, 60]))
    np.testing.assert_array_equal(path.point_segment, np.repeat([0, 1], [400, 400]))
    still = join_windows(windows(T, [1.0, 1.0, 1.0, 1.0], motion_class="rotation"))
    assert np.all(still.segment == 0)
    unlike = [window(T, 0, 60, 1.0), window(T, 60, 120, 2.0)]
    np.testing.assert_array_equal(join_windows(unlike).segment, np.repeat([0, 1], [60, 60]))
