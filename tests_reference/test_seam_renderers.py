"""What every renderer owes the stage, with the same tests for all of them."""

import dataclasses
import importlib.util

import cv2
import numpy as np
import pytest

from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.renderers import BlendiPoseOptions, RealCamera, ViewFrame, make_renderer
from nlf_pipeline.renderers.palette import person_colours

SIZE_PX = (96, 64)
WIDTH_PX, HEIGHT_PX = SIZE_PX
K = np.array([[90.0, 0, 49.3], [0, 90.0, 29.1], [0, 0, 1]])
UP = np.array([0.0, 1.0, 0.0])
T_WORLD_CAM = look_at(np.array([0.4, 1.2, 3.0]), np.array([0.0, 1.0, 0.0]), UP)
QUICK = BlendiPoseOptions(samples=4, denoise=False, device="cpu")


def backend(name: str, *packages: str):
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=f"needs {missing}: the extra '{name}'"))


pytestmark = pytest.mark.parametrize(
    "name", [backend("moderngl"), backend("poseviz", "poseviz"), backend("blendipose", "blendipose", "bpy")]
)


def ball(n_rings: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) of the unit sphere, and faces counter-clockwise seen from outside."""
    polar, turn = np.meshgrid(np.linspace(0, np.pi, n_rings), np.linspace(0, 2 * np.pi, 2 * n_rings), indexing="ij")
    points = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=-1)
    index = np.arange(polar.size).reshape(polar.shape)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    return points.reshape(-1, 3), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


BALL, FACES = ball()


def view_of(centres, image=None, radius=0.2, K=K, **fields) -> ViewFrame:
    """Balls at `centres` (balls, 3)."""
    centres = np.asarray(centres, float).reshape(-1, 1, 3)
    return ViewFrame(BALL * radius + centres, person_colours(len(centres)), T_WORLD_CAM, K, image, **fields)


def draw(name: str, *views: ViewFrame, opacity: float = 1.0) -> list[np.ndarray]:
    return list(make_renderer(name, QUICK).render(views, FACES, SIZE_PX, opacity))


def flat(level: int) -> np.ndarray:
    return np.full((HEIGHT_PX, WIDTH_PX, 3), level, np.uint8)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)


def seen_at(point, K=K) -> np.ndarray:
    return project(transform_points(invert_rigid(T_WORLD_CAM), np.asarray(point, float)[None]), K)[0]


def cover_of(name: str, *views: ViewFrame) -> list[np.ndarray]:
    """(height, width) share of every pixel that is covered, by drawing over black and over white."""
    both = [dataclasses.replace(view, image=flat(level)) for view in views for level in (0, 255)]
    pictures = [picture[..., 0].astype(float) for picture in draw(name, *both)]
    return [1 - (light - dark) / 255 for dark, light in zip(pictures[::2], pictures[1::2], strict=True)]


def test_picture_i_shows_view_i_where_its_camera_sees_the_bodies(name):
    """The principal point is off the middle, so that a mirrored one or half a pixel would show."""
    centres = np.random.default_rng(0).uniform([-0.7, 0.8, -0.5], [0.7, 1.3, 0.5], (4, 3))
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    for centre, cover in zip(centres, cover_of(name, *(view_of(c, radius=0.08) for c in centres)), strict=True):
        middle = np.array([np.sum(x * cover), np.sum(y * cover)]) / cover.sum()
        assert np.abs(middle - seen_at(centre)).max() < 0.3


def test_pixels_may_be_oblong(name):
    oblong = K * np.array([[1], [0.6], [1]])
    (cover,) = cover_of(name, view_of([0.1, 1.0, 0.2], K=oblong, radius=0.3))
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    middle = np.array([np.sum(x * cover), np.sum(y * cover)]) / cover.sum()
    spread = np.sqrt([np.sum((x - middle[0]) ** 2 * cover), np.sum((y - middle[1]) ** 2 * cover)])
    assert np.abs(middle - seen_at([0.1, 1.0, 0.2], oblong)).max() < 0.5
    assert spread[1] / spread[0] == pytest.approx(0.6, abs=0.03)


def test_the_image_is_untouched_where_nobody_is(name):
    image = noise(1)
    kept = image.copy()
    (picture,) = draw(name, view_of([[0, 1, 0], [0.5, 1.2, -1]], image), opacity=0.7)
    near = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    for centre in ([0, 1, 0], [0.5, 1.2, -1]):
        cv2.circle(near, tuple(np.round(seen_at(centre)).astype(int)), 10, 1, -1)
    assert np.array_equal(picture[near == 0], image[near == 0])
    assert not np.array_equal(picture, image)
    assert np.array_equal(image, kept), "the caller's image is not written to"


def test_opacity_is_that_of_the_body_over_the_image(name):
    view = view_of([0, 1, 0], radius=0.4)
    light, dark = (draw(name, dataclasses.replace(view, image=flat(level)), opacity=0.6)[0] for level in (255, 0))
    u, v = np.round(seen_at([0, 1, 0])).astype(int)
    inside = np.s_[v - 4 : v + 5, u - 4 : u + 5]
    assert np.abs(light[inside].astype(float) - dark[inside] - 255 * 0.4).max() <= 3
    assert np.array_equal(draw(name, dataclasses.replace(view, image=noise(2)), opacity=0.0)[0], noise(2))


def test_everybody_has_their_colour_and_the_nearer_hides_the_farther(name):
    near = np.array([0.15, 1.1, 1.0])
    eye = T_WORLD_CAM[:3, 3]
    far = eye + (near - eye) / np.linalg.norm(near - eye) * 5
    u, v = np.round(seen_at(near)).astype(int)
    for order in ([near, far], [far, near]):
        (picture,) = draw(name, view_of(order, flat(0)))
        colour = picture[v - 1 : v + 2, u - 1 : u + 2].reshape(-1, 3).mean(axis=0)
        first_is_near = order[0] is near
        blue, orange = person_colours(2) * 255
        angles = [colour @ c / np.linalg.norm(colour) / np.linalg.norm(c) for c in (blue, orange)]
        assert (angles[0] > angles[1]) == first_is_near


def test_people_come_and_go(name):
    """Row 1 alone in the middle view: it keeps its place, and row 0 comes back as it was."""
    both = view_of([[-0.3, 1, 0], [0.4, 1, 0]], person_rows=np.array([0, 1]))
    second = ViewFrame(both.vertices[1:], both.colours[1:], T_WORLD_CAM, K, None, person_rows=np.array([1]))
    nobody = ViewFrame(both.vertices[:0], both.colours[:0], T_WORLD_CAM, K, None, person_rows=np.arange(0))
    left = np.arange(WIDTH_PX) < seen_at([0.05, 1, 0])[0]
    covers = cover_of(name, both, second, nobody, both)
    assert [(c[:, left].sum() > 20, c[:, ~left].sum() > 20) for c in covers] == [
        (True, True),
        (False, True),
        (False, False),
        (True, True),
    ]


def test_nobody_is_still_a_picture(name):
    image = noise(3)
    nobody = ViewFrame(np.zeros((0, len(BALL), 3)), np.zeros((0, 3)), T_WORLD_CAM, K, image)
    behind = view_of([0.4, 1.2, 5.0], image)
    floor = dataclasses.replace(nobody, image=None)
    pictures = draw(name, nobody, behind, floor)
    assert [(p.shape, p.dtype) for p in pictures] == [((HEIGHT_PX, WIDTH_PX, 3), np.dtype(np.uint8))] * 3
    assert np.array_equal(pictures[0], image)
    assert np.array_equal(pictures[1], image)
    assert pictures[2].std() > 1, "there is a floor"
    assert draw(name) == []


def test_a_side_view_shows_people_on_a_floor_whatever_the_opacity(name):
    real = RealCamera(
        look_at(np.array([-0.9, 1.3, 0.5]), np.array([0.0, 1.0, -3.0]), UP),
        pinhole_matrix(150, (160, 90)),
        (160, 90),
        np.zeros((90, 160, 3), np.uint8),
    )
    view = view_of([0.1, 0.9, 0], radius=0.35, real_camera=real)
    low, high = draw(name, view, opacity=0.2)[0], draw(name, view, opacity=1.0)[0]
    assert np.array_equal(low, high), "opaque on the floor, and the same each time"
    u, v = np.round(seen_at([0.1, 0.9, 0])).astype(int)
    colour = low[v - 2 : v + 3, u - 2 : u + 3].reshape(-1, 3).mean(axis=0)
    assert colour[2] > colour[0] + 40, "the first person is blue"
