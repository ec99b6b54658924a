"""Triptych and skeletons: what their panels show, and where."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_render import SIZE_PX, rendered, still_cameras, walkers

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES, SMPL_PARENTS, joint_index
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.renderers import ViewFrame
from nlf_pipeline.renderers.drawings import CAPTIONS
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.renderers.panels import Panels
from nlf_pipeline.renderers.posed_people import FILLED_OPACITY
from nlf_pipeline.renderers.skeletons import SkeletonRenderer
from nlf_pipeline.video import read_frames

N_FRAMES = 4


@pytest.fixture(scope="module")
def meshes(body_dir: Path) -> BodyMeshes:
    return BodyMeshes(load_body_model(body_dir))


def side_cameras() -> Cameras:
    T = look_at(np.array([4.0, 1.6, -3.0]), np.array([0.0, 1.0, -3.0]), np.array([0.0, 1.0, 0.0]))
    return dataclasses.replace(still_cameras(N_FRAMES), T_world_cam=np.tile(T, (N_FRAMES, 1, 1)))


def panelled(folder, body_dir, people, view, **options):
    """The panels of every picture, in the size of the clip, and the video."""
    still_cameras(N_FRAMES).save(folder / "real.npz")
    options = {"world_cameras": folder / "real.npz", **options}
    frames, clip, out = rendered(folder, body_dir, people, side_cameras(), N_FRAMES, view=view, **options)
    panels = Panels.beside_each_other(CAPTIONS[view], SIZE_PX, options.get("resolution"))
    assert {frame.shape[1::-1] for frame in frames} == {panels.size_px}
    width, height = panels.panel_px
    cut = [[frame[y : y + height, x : x + width] for x, y in panels.corners_px] for frame in frames]
    return cut, clip, out


def test_a_triptych_is_clip_camera_view_and_side_view_of_the_same_frame(tmp_path, body_dir, meshes):
    people = walkers(meshes, 2, N_FRAMES)
    cut, clip, _ = panelled(tmp_path, body_dir, people, "triptych")
    for folder in ("camera", "side"):
        (tmp_path / folder).mkdir()
    over, _, _ = rendered(tmp_path / "camera", body_dir, people, still_cameras(N_FRAMES), N_FRAMES, view="camera")
    beside, _, _ = rendered(
        tmp_path / "side", body_dir, people, side_cameras(), N_FRAMES, view="side", world_cameras=tmp_path / "real.npz"
    )
    for panels, *wanted in zip(cut, read_frames(clip), over, beside, strict=True):
        for panel, picture in zip(panels, wanted, strict=True):
            assert np.abs(panel.astype(int) - picture).mean() < 2, "both encoded once"


def test_skeletons_lie_on_the_joints_in_both_panels(tmp_path, body_dir, meshes):
    people, real, side = walkers(meshes, 2, N_FRAMES), still_cameras(N_FRAMES), side_cameras()
    cut, _, _ = panelled(tmp_path, body_dir, people, "skeletons")
    for frame, panels in enumerate(cut):
        for panel, cameras in zip(panels, (real, side), strict=True):
            T_cam_world = invert_rigid(cameras.T_world_cam[frame])
            uv = project(transform_points(T_cam_world, people.joints[:, frame]), cameras.K[frame])
            coloured = np.ptp(panel.astype(int), axis=-1) > 40
            rows, columns = np.nonzero(coloured)
            spread = np.stack([columns, rows], axis=1)
            assert np.abs(spread.min(axis=0) - uv.min(axis=(0, 1))).max() < 6
            assert np.abs(spread.max(axis=0) - uv.max(axis=(0, 1))).max() < 6
            hips = uv[:, joint_index("right_hip")].round().astype(int)
            assert all(coloured[v - 1 : v + 2, u - 1 : u + 2].any() for u, v in hips)


@pytest.mark.parametrize("view", ["triptych", "skeletons"])
@pytest.mark.parametrize("resolution", [None, (480, 200), (160, 300)])
def test_without_people_the_panels_are_still_there(tmp_path, body_dir, meshes, view, resolution):
    cut, clip, _ = panelled(tmp_path, body_dir, walkers(meshes, 0, N_FRAMES), view, resolution=resolution)
    for panels, image in zip(cut, read_frames(clip), strict=True):
        assert panels[0].mean() == pytest.approx(image.mean(), abs=3)
        assert panels[-1].std() > 1, "the floor"


@pytest.mark.parametrize("view", ["triptych", "skeletons"])
def test_a_view_of_both_needs_both_cameras(tmp_path, body_dir, meshes, view):
    with pytest.raises(UserError, match=f"world_cameras: not given.*{view}"):
        panelled(tmp_path, body_dir, walkers(meshes, 1, N_FRAMES), view, world_cameras=None)


@pytest.mark.filterwarnings("ignore:shutdown:RuntimeWarning")
@pytest.mark.parametrize("view", ["triptych", "skeletons"])
def test_a_view_of_several_panels_is_the_same_however_often_it_was_interrupted(
    tmp_path, body_dir, meshes, view, monkeypatch
):
    monkeypatch.setattr("nlf_pipeline.render.SEGMENT_FRAMES", {"moderngl": 2})
    people = walkers(meshes, 1, N_FRAMES)
    _, _, out = panelled(tmp_path, body_dir, people, view)
    whole = out.read_bytes()
    out.unlink()

    kept = tmp_path / "kept"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("nlf_pipeline.renderers.view_frames.scaled_intrinsics", _failing_after(2))
        panelled(tmp_path, body_dir, people, view, checkpoints=kept)
    assert not out.exists() and any(kept.rglob("segment*"))
    _, _, out = panelled(tmp_path, body_dir, people, view, checkpoints=kept)
    assert out.read_bytes() == whole


def _failing_after(n_calls):
    from nlf_pipeline.renderers.view_frames import scaled_intrinsics

    calls = iter(range(n_calls))

    def failing(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return scaled_intrinsics(*arguments)

    return failing


@pytest.mark.parametrize("clip_px", [(1280, 720), (1080, 1920), (320, 180), (200, 600)])
@pytest.mark.parametrize("size_px", [None, (1920, 1080), (640, 360), (360, 640), (64, 36)])
@pytest.mark.parametrize("n", [2, 3])
def test_panels_keep_the_clips_shape_and_lie_inside_without_touching(clip_px, size_px, n):
    panels = Panels.beside_each_other(["video"] * n, clip_px, size_px)
    width, height = panels.panel_px
    assert panels.size_px == (size_px or panels.size_px) and not any(side % 2 for side in panels.size_px)
    assert abs(height - width * clip_px[1] / clip_px[0]) <= clip_px[1] / clip_px[0] + 0.5
    lefts, tops = np.array(panels.corners_px).T
    assert (np.diff(lefts) >= width + 2).all() and len({*tops}) == 1
    assert lefts[0] >= 0 and tops[0] >= 0
    assert lefts[-1] + width <= panels.size_px[0] and tops[0] + height < panels.size_px[1]
    if size_px is None:
        assert width <= clip_px[0] and panels.size_px[0] <= 1920 and panels.size_px[1] <= 1082
    pictures = [np.full((height, width, 3), 10 * k, np.uint8) for k in range(n)]
    composed = panels.compose(pictures)
    for picture, (x, y) in zip(pictures, panels.corners_px, strict=True):
        assert np.array_equal(composed[y : y + height, x : x + width], picture)
    assert (panels.background[:, 0] == 255).all()


CAMERA = look_at(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0]))
K = pinhole_matrix(300.0, SIZE_PX)


def drawn(joints, grey=128, **options):
    """One picture of people's joints, (people, joints, 3)."""
    image = np.full((*SIZE_PX[::-1], 3), grey, np.uint8)
    view = ViewFrame(joints, person_colours(len(joints)), CAMERA, K, image, **options)
    (picture,) = SkeletonRenderer(SMPL_JOINT_NAMES, SMPL_PARENTS).render([view], SIZE_PX)
    return picture


def standing(people_xz):
    """People as posts with joints at random heights."""
    rng = np.random.default_rng(5)
    joints = rng.uniform([-0.2, 0.3, -0.05], [0.2, 1.7, 0.05], (len(people_xz), 24, 3))
    return joints + np.insert(np.array(people_xz, float), 1, 0, axis=1)[:, None]


def test_the_nearer_skeleton_hides_the_farther():
    near, far = standing([[0, 1]])[0], standing([[0, -1]])[0]
    near[joint_index("right_hip")], far[joint_index("right_hip")] = [0, 1, 1], [0, 1, -1]
    u, v = project(transform_points(invert_rigid(CAMERA), near[[joint_index("right_hip")]]), K)[0].round().astype(int)
    for order, first in (((near, far), True), ((far, near), False)):
        red, _, blue = drawn(np.stack(order))[v, u].astype(int)
        assert (blue > red) == first, "the first person is blue, the second orange"


def test_the_left_half_is_lighter_and_filled_skeletons_are_fainter():
    joints = standing([[0, 0]])
    left, right = joint_index("left_wrist"), joint_index("right_wrist")
    joints[0, left], joints[0, right] = [0.6, 1, 0], [-0.6, 1, 0]
    spots = project(transform_points(invert_rigid(CAMERA), joints[0, [left, right]]), K).round().astype(int)
    full, faint = drawn(joints), drawn(joints, opacities=np.array([FILLED_OPACITY]))
    (a, b), (a_faint, b_faint) = ([p[v, u].astype(float) for u, v in spots] for p in (full, faint))
    assert (a > b + 30).any() and (a >= b).all()
    assert np.abs(a_faint - (128 + FILLED_OPACITY * (a - 128))).max() < 2
    assert np.abs(b_faint - (128 + FILLED_OPACITY * (b - 128))).max() < 2


def test_joints_behind_the_camera_are_left_out():
    joints = standing([[0, 0]])
    assert not np.array_equal(drawn(joints), drawn(joints[:0]))
    joints[..., 2] += 10
    assert np.array_equal(drawn(joints), drawn(joints[:0]))
    joints[0, :4, 2] -= 10
    some = drawn(joints)
    assert (
        not np.array_equal(some, drawn(joints[:0])) and cv2.countNonZero(np.ptp(some, axis=-1)) < some[..., 0].size / 4
    )
