"""The backends that draw, with balls for bodies."""

import dataclasses
import importlib.util

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.geometry import look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.meshes import Topology
from nlf_pipeline.renderers import RealCamera, ViewFrame, make_renderer
from nlf_pipeline.renderers.camera_glyph import frustum
from nlf_pipeline.renderers.compositing import separate_boxes
from nlf_pipeline.renderers.palette import person_colours

SIZE_PX = (320, 180)
K_OFF_CENTRE = np.array([[300.0, 0, 171.3], [0, 300.0, 80.6], [0, 0, 1]])
UP = np.array([0.0, 1.0, 0.0])
CAMERA = look_at(np.array([0.4, 1.2, 3.0]), np.array([0.0, 1.0, 0.0]), UP)
BACKENDS = [
    "moderngl",
    pytest.param(
        "poseviz",
        marks=pytest.mark.skipif(importlib.util.find_spec("poseviz") is None, reason="needs the extra 'poseviz'"),
    ),
]


def sphere(n_rings=24):
    """Vertices (n, 3) of the unit sphere and faces, counter-clockwise seen from outside."""
    polar, turn = np.meshgrid(np.linspace(0, np.pi, n_rings), np.linspace(0, 2 * np.pi, 2 * n_rings), indexing="ij")
    points = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=-1)
    index = np.arange(polar.size).reshape(polar.shape)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    return points.reshape(-1, 3), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


SPHERE, FACES = sphere()


def balls(centres, radius=0.15):
    return SPHERE * radius + np.asarray(centres, float).reshape(-1, 1, 3)


def draw(centres, image, opacity=1.0, radius=0.15, backend="moderngl", **view):
    """Pictures of balls at `centres` (views, balls, 3) over `image`."""
    views = [ViewFrame(balls(c, radius), person_colours(len(c)), CAMERA, K_OFF_CENTRE, image, **view) for c in centres]
    return list(make_renderer(backend).render(views, FACES, SIZE_PX, opacity))


def flat(level):
    return np.full((*SIZE_PX[::-1], 3), level, np.uint8)


def seen_at(point, K=K_OFF_CENTRE):
    return project(transform_points(np.linalg.inv(CAMERA), np.asarray(point, float)[None]), K)[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_bodies_lie_where_the_camera_sees_them_and_picture_i_shows_view_i(backend):
    centres = np.random.default_rng(0).uniform([-1, 0.6, -1], [1, 1.5, 0.5], (6, 1, 3))
    black, white = (draw(centres, flat(level), radius=0.05, backend=backend) for level in (0, 255))
    assert len(black) == 6
    for (centre,), dark, light in zip(centres, black, white, strict=True):
        cover = 1 - (light[..., 0].astype(float) - dark[..., 0]) / 255
        y, x = np.mgrid[: SIZE_PX[1], : SIZE_PX[0]]
        middle = np.array([np.sum(x * cover), np.sum(y * cover)]) / cover.sum()
        assert np.abs(middle - seen_at(centre)).max() < 0.3


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixels_without_a_body_are_untouched(backend):
    image = np.random.default_rng(1).integers(0, 256, (*SIZE_PX[::-1], 3), np.uint8)
    (picture,) = draw([[[0, 1, 0], [0.6, 1.2, -1]]], image, 0.7, backend=backend)
    near = np.zeros(SIZE_PX[::-1], np.uint8)
    for centre in ([0, 1, 0], [0.6, 1.2, -1]):
        cv2.circle(near, tuple(np.round(seen_at(centre)).astype(int)), 24, 1, -1)
    assert np.array_equal(picture[near == 0], image[near == 0])
    assert not np.array_equal(picture, image)


def test_opacity_is_the_same_everywhere_whatever_overlaps():
    scene = [[[0, 1, 0], [0.1, 1.05, 0.3], [-0.1, 1.0, -0.4]]]
    image = np.random.default_rng(2).integers(0, 256, (*SIZE_PX[::-1], 3), np.uint8)
    assert np.array_equal(draw(scene, image, 0.0)[0], image)
    opaque = np.abs(draw(scene, flat(0))[0].astype(int) - draw(scene, flat(255))[0])
    inside = cv2.erode((opaque.max(axis=-1) == 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert inside.sum() > 500, "opacity 1 hides the image"
    behind = draw(scene, flat(255), 0.6)[0].astype(int) - draw(scene, flat(0), 0.6)[0]
    assert np.abs(behind[inside] - 255 * 0.4).max() <= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_nearer_body_hides_the_farther(backend):
    near, far = [0.2, 1.1, 1.5], [-0.2, 0.9, -3.0]
    sight = (np.array(near) - CAMERA[:3, 3]) / np.linalg.norm(np.array(near) - CAMERA[:3, 3])
    far = CAMERA[:3, 3] + sight * 6
    x, y = np.round(seen_at(near)).astype(int)
    hues = []
    for order in ([near, far], [far, near]):
        (picture,) = draw([[*order]], flat(0), radius=0.3, backend=backend)
        hues.append(picture[y, x].astype(float) @ [1, 0, -1])
    assert hues[0] < 0 < hues[1], "first person blue, second orange"


def test_filled_bodies_are_fainter():
    (picture,) = draw([[[0, 1, 0]]], flat(255), opacities=np.array([0.5]))
    (dark,) = draw([[[0, 1, 0]]], flat(0), opacities=np.array([0.5]))
    x, y = np.round(seen_at([0, 1, 0])).astype(int)
    assert np.abs(picture[y, x].astype(int) - dark[y, x] - 127.5).max() <= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_nobody_to_draw(backend):
    image = np.random.default_rng(3).integers(0, 256, (*SIZE_PX[::-1], 3), np.uint8)
    nobody = ViewFrame(np.zeros((0, len(SPHERE), 3)), np.zeros((0, 3)), CAMERA, K_OFF_CENTRE, image)
    behind = dataclasses.replace(nobody, vertices=balls([[0.4, 1.2, 5.0]]), colours=person_colours(1))
    floor = dataclasses.replace(nobody, image=None)
    over, over_behind, plain = make_renderer(backend).render([nobody, behind, floor], FACES, SIZE_PX, 1.0)
    assert np.array_equal(over, image)
    assert np.array_equal(over_behind, image)
    assert plain.std() > 1, "there is a floor"


def test_bodies_beside_the_camera_do_not_break_the_picture():
    """Part of the body is behind the camera, where there is no projection."""
    (picture,) = draw([[[0.4, 1.2, 2.9]]], flat(90), radius=0.4)
    assert picture.shape == (*SIZE_PX[::-1], 3)


def test_the_floor_lies_at_zero_and_bodies_throw_shadows_on_it():
    view = ViewFrame(balls([[0, 0.16, 0]]), person_colours(1), CAMERA, K_OFF_CENTRE, None)
    empty = dataclasses.replace(view, vertices=view.vertices[:0], colours=view.colours[:0])
    elsewhere = dataclasses.replace(view, vertices=balls([[0, 1.4, 0]]))
    with_ball, plain, high = (
        p.astype(float) for p in make_renderer("moderngl").render([view, empty, elsewhere], FACES, SIZE_PX, 0.3)
    )
    x, y = np.round(seen_at([0.0, 0, -0.3])).astype(int)
    assert with_ball[y, x].mean() < plain[y, x].mean() - 5
    assert np.abs(high[y, x] - plain[y, x]).max() < 3, "what is high up throws none"
    corners = [seen_at([i, 0, j]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for u, v in np.round(corners).astype(int):
        if 3 < u < SIZE_PX[0] - 3 and 3 < v < SIZE_PX[1] - 3:
            patch = plain[v - 2 : v + 3, u - 2 : u + 3, 0]
            assert np.ptp(patch) > 5, "tiles of one metre meet at whole metres"


def test_the_real_camera_appears_with_its_picture():
    red = np.zeros((90, 160, 3), np.uint8) + np.array([230, 20, 20], np.uint8)
    K = pinhole_matrix(150, (160, 90))
    real = RealCamera(look_at(np.array([0.4, 1.1, -1.0]), np.array([0.4, 1.1, 5.0]), UP), K, (160, 90), red)
    nobody = ViewFrame(np.zeros((0, len(SPHERE), 3)), np.zeros((0, 3)), CAMERA, K_OFF_CENTRE, None, None, real)
    inside = dataclasses.replace(nobody, real_camera=dataclasses.replace(real, T_world_cam=CAMERA))
    picture, from_inside = make_renderer("moderngl").render([nobody, inside], FACES, SIZE_PX, 1.0)
    corners = np.stack([seen_at(p) for p in frustum(real)[1:]])
    x, y = np.round(corners.mean(axis=0) + [6, 3]).astype(int)
    assert picture[y, x, 0] > 200 > 60 > picture[y, x, 1]
    assert not ((from_inside[..., 0] > 200) & (from_inside[..., 1] < 60)).any()


def test_smooth_normals_and_areas_of_a_sphere():
    topology = Topology.of(FACES, len(SPHERE))
    inner = np.abs(SPHERE[:, 1]) < 0.95
    seam = np.isclose(SPHERE[:, 0], 0, atol=1e-9)  # the seam's vertices lie twice in the mesh
    normals = topology.normals(SPHERE * 0.3)
    assert (np.sum(normals * SPHERE, axis=1)[inner & ~seam] > 0.999).all()
    assert topology.vertex_areas(SPHERE).sum() == pytest.approx(4 * np.pi, rel=0.02)


def test_colours_stay_with_the_row_and_differ():
    few, many = person_colours(2), person_colours(14)
    assert np.array_equal(few, many[:2])
    distances = np.linalg.norm(many[:, None] - many, axis=-1) + np.eye(14)
    assert distances.min() > 0.05
    assert distances[:7, :7].min() > 0.2
    assert person_colours(0).shape == (0, 3)


@given(st.lists(st.none() | st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 20)] * 2), max_size=8))
def test_separate_boxes_cover_the_same_without_overlapping(boxes):
    def times_covered(boxes):
        count = np.zeros((60, 60), int)
        for left, top, width, height in boxes:
            count[top : top + height, left : left + width] += 1
        return count

    apart = separate_boxes(boxes)
    covered = times_covered(apart)
    assert covered.max() <= 1
    assert (covered >= np.minimum(times_covered([box for box in boxes if box]), 1)).all()
    assert len(apart) <= len(boxes)
