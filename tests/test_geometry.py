import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nlf_pipeline import geometry

seeds = st.integers(0, 2**32 - 1)


def random_transforms(rng: np.random.Generator, n: int) -> np.ndarray:
    return geometry.rigid(Rotation.random(n, random_state=rng.integers(2**31)).as_matrix(), rng.normal(size=(n, 3)))


@given(seeds)
def test_a_transform_and_its_inverse_cancel(seed: int):
    T = random_transforms(np.random.default_rng(seed), 4)
    np.testing.assert_allclose(geometry.invert_rigid(T) @ T, np.repeat(np.eye(4)[None], 4, 0), atol=1e-12)


@given(seeds)
def test_points_move_as_homogeneous_coordinates_do(seed: int):
    rng = np.random.default_rng(seed)
    T, points = random_transforms(rng, 3), rng.normal(size=(3, 5, 3))
    homogeneous = np.concatenate([points, np.ones((3, 5, 1))], -1)
    expected = np.einsum("nij,npj->npi", T, homogeneous)[..., :3]
    np.testing.assert_allclose(geometry.transform_points(T, points), expected, atol=1e-12)


@given(seeds)
def test_rotation_between_directions_is_the_smallest_one(seed: int):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 6, 3))
    R = geometry.rotation_between(a, b)
    unit_a, unit_b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    np.testing.assert_allclose(np.einsum("nij,nj->ni", R, unit_a), unit_b, atol=1e-7)
    angle = np.arccos(np.clip((unit_a * unit_b).sum(-1), -1, 1))
    np.testing.assert_allclose(Rotation.from_matrix(R).magnitude(), angle, atol=1e-6)


def test_the_centre_of_the_image_is_on_the_optical_axis():
    K = geometry.pinhole_matrix(800.0, (640, 360))
    np.testing.assert_allclose(geometry.project(np.array([0.0, 0.0, 3.0]), K), [319.5, 179.5])


def test_the_field_of_view_spans_the_longer_side():
    focal_px = geometry.focal_from_fov(90.0, (360, 640))
    assert abs(focal_px - 320) < 1e-9


def test_look_at_puts_the_target_in_the_centre_and_up_upwards():
    eye, target, up = np.array([1.0, 2, 3]), np.array([0.0, 1, -4]), np.array([0.0, 1, 0])
    T_cam_world = geometry.invert_rigid(geometry.look_at(eye, target, up))
    target_cam = geometry.transform_points(T_cam_world, target[None])[0]
    np.testing.assert_allclose(target_cam[:2], 0, atol=1e-12)
    assert target_cam[2] > 0
    above = geometry.transform_points(T_cam_world, (target + up)[None])[0]
    assert above[1] < 0
    assert abs(above[0]) < 1e-12
