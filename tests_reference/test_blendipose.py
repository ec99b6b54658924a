"""BlendiPose really drawing with Blender's Cycles on the CPU."""

import dataclasses
import itertools
import os
import signal
import threading

import numpy as np
import pytest

pytest.importorskip("bpy", reason="needs the extra 'blendipose'", exc_type=ImportError)
pytest.importorskip("blendipose", reason="needs the extra 'blendipose'", exc_type=ImportError)

from test_seam_renderers import FACES, SIZE_PX, T_WORLD_CAM, K, flat, seen_at, view_of

from nlf_pipeline.geometry import look_at, transform_points
from nlf_pipeline.renderers import BlendiPoseOptions, RealCamera, ViewFrame, make_renderer
from nlf_pipeline.renderers.view_frames import bend_like_lens

QUICK = BlendiPoseOptions(samples=4, denoise=False, device="cpu")
BOX = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)


def draw(*views: ViewFrame, options=QUICK, faces=FACES, backend="blendipose") -> list[np.ndarray]:
    return list(make_renderer(backend, options).render(views, faces, SIZE_PX, 1.0))


def boxes() -> np.ndarray:
    """(2, 8, 3) world: a standing one, and a slanted one half outside the picture."""
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned *= np.linalg.det(turned)
    slanted = BOX * [0.3, 0.2, 0.25] @ turned.T + [1.4, 1.2, -0.4]
    return np.stack([BOX * [0.25, 0.6, 0.15] + [-0.3, 0.9, 0.3], slanted])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("distortion", [(), (-0.3, 0.1, 0.01, -0.01)])
def test_silhouettes_are_those_that_moderngl_draws(distortion):
    """The stage hands bodies over already bent like the lens does."""
    vertices = bend_like_lens(boxes(), T_WORLD_CAM, np.array(distortion))
    colours = np.array([[1.0, 0.1, 0.1], [0.1, 1.0, 0.1]])
    view = ViewFrame(vertices, colours, T_WORLD_CAM, K, flat(0))
    ours, theirs = (draw(view, faces=BOX_FACES, backend=name)[0].astype(int) for name in ("blendipose", "moderngl"))
    for channel in (0, 1):
        shown = [picture[..., channel] > picture[..., 1 - channel] + 15 for picture in (ours, theirs)]
        assert shown[1].sum() > 150
        assert iou(*shown) > 0.9


def test_colours_are_those_of_the_palette_in_the_light():
    """As saturated as asked for: sRGB taken for linear light would be washed out."""
    view = view_of([0.2, 1, 0.5], flat(0), radius=0.5)
    (picture,) = draw(view, options=dataclasses.replace(QUICK, samples=16))
    u, v = np.round(seen_at([0.2, 1, 0.5])).astype(int)
    mean = picture[v - 8 : v + 9, u - 8 : u + 9].reshape(-1, 3).mean(axis=0)
    wanted = view.colours[0]
    assert np.ptp(mean) / mean.max() == pytest.approx(np.ptp(wanted) / wanted.max(), abs=0.1)
    assert mean.max() > 100, "and neither dark nor blown out"
    assert mean.max() < 250


def test_the_same_views_give_the_same_pictures():
    views = [view_of([[0.1 * i, 1, 0], [0.5, 0.8, -1]]) for i in range(2)]
    options = dataclasses.replace(QUICK, motion_blur=True)
    assert np.array_equal(draw(*views, options=options), draw(*views, options=options))


def test_more_samples_and_the_denoiser_leave_less_grain():
    """On a ball that fills the picture; what differs between two patterns of grain is grain."""
    view = view_of([0.3, 1.15, 1.6], radius=0.9)
    grain = []
    for samples, denoise in ((1, False), (32, False), (1, True)):
        options = dataclasses.replace(QUICK, samples=samples, denoise=denoise)
        first, second = (p[20:40, 30:60].astype(float) for p in draw(view, view, options=options))
        grain.append((first - second).std())
    assert grain[0] > 2 * grain[1]
    assert grain[0] > 2 * grain[2]


def cover(picture: np.ndarray) -> np.ndarray:
    return picture.max(axis=-1) / max(picture.max(), 1)


def test_motion_blur_smears_along_the_path_of_one_person_and_not_across_a_cut():
    """A ball that steps to the right by 0.4 m: half of it while the shutter is open."""
    still, moved = ([x, 1, 0] for x in (-0.2, 0.2))
    black = flat(0)
    options = dataclasses.replace(QUICK, samples=32, motion_blur=True)
    sharp, blurred = draw(view_of(still, black), view_of(moved, black), options=options)
    _, cut = draw(view_of(still, black), view_of(moved, black, starts_shot=True), options=options)
    _, another = draw(
        view_of(still, black, person_rows=np.array([0])),
        view_of(moved, black, person_rows=np.array([1])),
        options=options,
    )
    x = np.arange(SIZE_PX[0])
    widths = [np.ptp(x[(cover(p) > 0.08).any(axis=0)]) for p in (sharp, blurred, cut, another)]
    step_px = seen_at(moved)[0] - seen_at(still)[0]
    assert widths[1] - widths[0] == pytest.approx(step_px / 2, abs=2)
    assert abs(widths[2] - widths[0]) <= 1
    assert abs(widths[3] - widths[0]) <= 1
    middle = np.sum(x * cover(blurred)) / np.sum(cover(blurred))
    assert middle == pytest.approx(seen_at(moved)[0], abs=1), "around where it is, not behind or ahead"


def test_motion_blur_is_told_from_the_view_before_in_the_same_stream():
    """As in a triptych, where the side view of each frame comes between the camera views."""
    still, moved = ([x, 1, 0] for x in (-0.2, 0.2))
    options = dataclasses.replace(QUICK, samples=32, motion_blur=True)
    other = dataclasses.replace(view_of([0.0, 1, 0], flat(0)), stream=1)
    alone = draw(view_of(still, flat(0)), view_of(moved, flat(0)), options=options)[1]
    sharp, _, blurred, stays = draw(view_of(still, flat(0)), other, view_of(moved, flat(0)), other, options=options)
    x = np.arange(SIZE_PX[0])
    widths = [np.ptp(x[(cover(p) > 0.08).any(axis=0)]) for p in (alone, blurred, sharp, stays)]
    assert abs(widths[0] - widths[1]) <= 1 and abs(widths[2] - widths[3]) <= 1
    assert widths[1] > widths[2] + 3


def test_motion_blur_of_a_camera_is_around_where_it_is():
    """Where scipy's quaternion changes its sign, too: between 126 and 146 degrees about the optical axis."""
    y, x = np.mgrid[: SIZE_PX[1], : SIZE_PX[0]]
    views = []
    for angle in np.deg2rad([106, 126, 146]):
        roll = np.eye(4)
        roll[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        view = view_of([0.8, 1.1, -0.5], flat(0), radius=0.15)
        views.append(dataclasses.replace(view, T_world_cam=T_WORLD_CAM @ roll))
    blurred = draw(*views, options=dataclasses.replace(QUICK, samples=64, motion_blur=True))
    areas = []
    for before, after in zip(draw(*views), blurred, strict=True):
        middles = [np.array([np.sum(x * c), np.sum(y * c)]) / c.sum() for c in (cover(before), cover(after))]
        assert np.linalg.norm(middles[1] - middles[0]) < 0.8
        areas.append((cover(after) > 0.08).sum() / (cover(before) > 0.08).sum())
    assert min(areas[1:]) > areas[0] + 0.2, "the first view has none before it, the others are smeared"


def test_the_real_camera_is_drawn_with_its_picture_where_it_is_shown():
    red = np.zeros((90, 160, 3), np.uint8) + np.array([230, 20, 20], np.uint8)
    real_K = np.array([[150.0, 0, 79.5], [0, 150.0, 44.5], [0, 0, 1]])
    T = look_at(np.array([0.4, 1.1, 0.0]), np.array([0.4, 1.1, 5.0]), np.array([0.0, 1.0, 0.0]))
    real = RealCamera(T, real_K, (160, 90), red)
    nobody = ViewFrame(np.zeros((0, 8, 3)), np.zeros((0, 3)), T_WORLD_CAM, K, None)
    inside = dataclasses.replace(real, T_world_cam=T_WORLD_CAM)
    views = [dataclasses.replace(nobody, real_camera=camera) for camera in (None, real, inside, None)]
    shown = [(p[..., 0].astype(int) - p[..., 1] > 60) for p in draw(*views, faces=BOX_FACES)]
    assert [mask.sum() > 30 for mask in shown] == [False, True, False, False]
    v, u = np.nonzero(shown[1])
    middle = seen_at(transform_points(T, np.array([[0, 0, 0.5]]))[0])
    assert np.abs([u.mean() - middle[0], v.mean() - middle[1]]).max() < 2


def test_nothing_is_printed(capfd):
    draw(view_of([0, 1, 0]))
    out, _ = capfd.readouterr()
    assert out == ""


def test_an_interrupt_ends_the_drawing():
    """Blender alone swallows it, and goes on with a picture that is not finished."""
    pictures = make_renderer("blendipose", QUICK).render(itertools.repeat(view_of([0, 1, 0]), 500), FACES, SIZE_PX, 1.0)
    next(pictures)
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in pictures:
            pass
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(draw(view_of([0, 1, 0]))) == 1, "and one can draw again"
