"""The line behind the real camera in a side view."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.renderers import RealCamera, ViewFrame, make_renderer
from nlf_pipeline.renderers.camera_trail import MOST_POINTS, NEAR, STEP, CameraTrail, trail_ahead

UP = np.array([0.0, 1.0, 0.0])
SIZE_PX = (320, 180)
VIEW = look_at(np.array([0.0, 1.5, 6.0]), np.array([0.0, 1.0, 0.0]), UP)
K = pinhole_matrix(250.0, SIZE_PX)


def walk(n_frames, step):
    return np.stack([np.linspace(0, step * (n_frames - 1), n_frames), np.full(n_frames, 1.6), np.zeros(n_frames)], -1)


def trails(eyes, later_shots):
    trail = CameraTrail.of(eyes, later_shots)
    return [trail.until(frame) for frame in range(len(eyes))]


def test_a_trail_is_the_path_so_far_within_the_shot():
    eyes, cut = walk(60, 0.03), 35
    for frame, trail in enumerate(trails(eyes, [cut])):
        start = cut if frame >= cut else 0
        assert np.array_equal(trail[0], eyes[start])
        assert np.array_equal(trail[-1], eyes[frame])
        lengths = np.linalg.norm(np.diff(trail, axis=0), axis=1)
        assert (lengths[:-1] >= STEP).all()
        assert np.isclose(lengths.sum(), np.linalg.norm(eyes[frame] - eyes[start]))


def test_a_camera_that_shakes_in_one_place_leaves_none():
    eyes = walk(50, 0) + np.random.default_rng(0).uniform(-0.3, 0.3, (50, 3)) * STEP
    assert all(np.ptp(trail, axis=0).max() < STEP for trail in trails(eyes, []))
    assert all(len(trail) <= 2 for trail in trails(eyes, []))


def test_a_long_trail_forgets_its_beginning():
    *_, trail = trails(walk(MOST_POINTS + 300, 0.06), [])
    assert len(trail) == MOST_POINTS


def test_only_what_is_ahead_is_drawn():
    rng = np.random.default_rng(1)
    trail = rng.uniform(-8, 8, (300, 3))
    view = look_at(np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.0, 4.0]), UP)
    starts, ends = trail_ahead(trail, view)
    depths = transform_points(invert_rigid(view), np.concatenate([starts, ends]))[:, 2]
    assert len(starts) and (depths > NEAR).all()
    assert not len(trail_ahead(trail[:1], view)[0])


def test_the_trail_is_seen_where_the_camera_went():
    nobody = np.zeros((0, 3, 3)), np.zeros((0, 3))
    camera = look_at(np.array([1.5, 1.6, -1.0]), np.array([1.5, 1.6, -6.0]), UP)
    camera[:3, :3] = camera[:3, :3] @ Rotation.from_rotvec([0, 0, 0.1]).as_matrix()
    real = RealCamera(camera, pinhole_matrix(150, (160, 90)), (160, 90), np.full((9, 16, 3), 200, np.uint8))
    trail = np.linspace([-2.0, 1.6, -1.0], [1.5, 1.6, -1.0], 70)
    with_trail = dataclasses.replace(real, trail=trail)
    views = [ViewFrame(*nobody, VIEW, K, None, None, shown) for shown in (real, with_trail)]
    plain, drawn = make_renderer("moderngl").render(views, np.array([[0, 1, 2]]), SIZE_PX, 1.0)
    changed = (np.abs(plain.astype(int) - drawn) > 20).any(axis=-1)
    uv = project(transform_points(invert_rigid(VIEW), trail), K)
    for u, v in np.round(uv[5:50]).astype(int):
        assert changed[v - 1 : v + 2, u].any()
    rows, columns = np.nonzero(changed)
    assert np.abs(rows - uv[:, 1].mean()).max() < 4 and columns.max() < uv[-1, 0] + 2
