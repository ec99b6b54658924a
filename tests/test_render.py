"""The stage: what it draws where and when."""

import dataclasses
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from grey_clips import FPS, grey_of, make_clip
from scipy.spatial.transform import Rotation
from synthetic_videos import read_samples

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.render import render
from nlf_pipeline.renderers import BlendiPoseOptions
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.renderers.posed_people import FILLED_OPACITY, posed_bodies
from nlf_pipeline.renderers.retiming import retime_bodies, retime_cameras, retiming
from nlf_pipeline.renderers.view_frames import bend_like_lens, scaled_intrinsics
from nlf_pipeline.video import read_frames

SIZE_PX = (320, 180)
K_OFF_CENTRE = np.array([[300.0, 0, 171.3], [0, 300.0, 80.6], [0, 0, 1]])
UP = np.array([0.0, 1.0, 0.0])
QUICK = BlendiPoseOptions(samples=2, denoise=False, device="cpu")
WITHOUT_BLENDER = importlib.util.find_spec("bpy") is None or importlib.util.find_spec("blendipose") is None
RENDERERS = [
    "moderngl",
    pytest.param("blendipose", marks=pytest.mark.skipif(WITHOUT_BLENDER, reason="needs the extra 'blendipose'")),
]
CAMERA = look_at(np.array([0.4, 1.2, 3.0]), np.array([0.0, 1.0, 0.0]), UP)


@pytest.mark.parametrize("distortion", [(-0.25, 0.08, 0.001, -0.002), (0.1, -0.05, 0.001, 0.002, 0.01)])
def test_bent_points_project_like_the_lens_does(distortion):
    rng = np.random.default_rng(4)
    points_cam = rng.uniform([-2, -1, 3], [2, 1, 8], (200, 3))
    bent = bend_like_lens(transform_points(CAMERA, points_cam), CAMERA, np.array(distortion))
    bent_cam = transform_points(np.linalg.inv(CAMERA), bent)
    truth, _ = cv2.projectPoints(points_cam, np.zeros(3), np.zeros(3), K_OFF_CENTRE, np.array(distortion))
    assert np.abs(project(bent_cam, K_OFF_CENTRE) - truth[:, 0]).max() < 0.01
    assert np.allclose(bent_cam[:, 2], points_cam[:, 2])


def test_points_beyond_a_lens_model_do_not_fold_back_into_the_picture():
    distortion = np.array([-0.3, 0.0, 0.0, 0.0])
    angles = np.array([[r, 0, 1.0] for r in (0.2, 0.8, 1.5, 4, 40)])
    bent = bend_like_lens(angles, np.eye(4), distortion)
    assert (np.diff(bent[:, 0]) > -1e-4).all()
    behind = np.array([[1.0, 2.0, -3.0]])
    assert np.array_equal(bend_like_lens(behind, np.eye(4), distortion), behind)


def test_intrinsics_follow_a_resized_picture():
    point = np.array([0.3, -0.2, 2.0])
    u, v = project(point, K_OFF_CENTRE)
    K = scaled_intrinsics(K_OFF_CENTRE, SIZE_PX, (160, 270))
    assert np.allclose(project(point, K), [(u + 0.5) / 2 - 0.5, (v + 0.5) * 1.5 - 0.5])


def walkers(meshes: BodyMeshes, n_people: int, n_frames: int) -> Bodies:
    """People who stand 3 m away and drift to the right, their feet on the floor."""
    pose = np.zeros((n_people, n_frames, 24, 3))
    betas = np.zeros((n_people, 10))
    trans = np.zeros((n_people, n_frames, 3))
    trans[..., 0] = np.arange(n_people)[:, None] * 0.8 - 0.6 + np.linspace(0, 0.6, n_frames)
    trans[..., 1:] = (1.2, -3.0)
    _, joints = meshes.forward(pose.reshape(-1, 24, 3), np.zeros(10), trans.reshape(-1, 3), vertices=False)
    return Bodies(
        person_ids=np.arange(n_people),
        fps=FPS,
        body_model="open",
        pose_rotvecs=pose,
        betas=betas,
        trans=trans,
        joints=joints.reshape(n_people, n_frames, 24, 3),
        visible=np.ones((n_people, n_frames), bool),
        filled=np.zeros((n_people, n_frames), bool),
        foot_contacts=np.zeros((n_people, n_frames, 2), bool),
    )


def still_cameras(n_frames: int) -> Cameras:
    T = look_at(np.array([0.0, 1.3, 0.3]), np.array([0.0, 1.2, -3.0]), UP)
    K = pinhole_matrix(170.0, SIZE_PX)
    return Cameras(np.tile(T, (n_frames, 1, 1)), np.tile(K, (n_frames, 1, 1)), np.zeros(0), np.array(SIZE_PX))


@pytest.fixture(scope="module")
def meshes(body_dir: Path) -> BodyMeshes:
    return BodyMeshes(load_body_model(body_dir))


def rendered(folder: Path, body_dir: Path, people: Bodies, cameras: Cameras, n_frames: int, **options):
    clip, facts = make_clip(folder, n_frames, SIZE_PX)
    people.save(folder / "bodies.npz")
    cameras.save(folder / "cameras.npz")
    out = folder / "out.mp4"
    render(
        video=options.pop("video", clip),
        video_facts=facts,
        bodies=folder / "bodies.npz",
        cameras=folder / "cameras.npz",
        body=body_dir,
        out=out,
        **options,
    )
    return list(read_frames(out)), clip, out


def test_frame_i_shows_frame_i_of_clip_and_bodies(tmp_path, body_dir, meshes):
    n_frames = 12
    people, cameras = walkers(meshes, 1, n_frames), still_cameras(n_frames)
    visible = people.visible.copy()
    visible[0, 7:9] = False
    people = dataclasses.replace(people, visible=visible)
    frames, clip, out = rendered(tmp_path, body_dir, people, cameras, n_frames, view="camera", opacity=1.0)
    assert len(frames) == n_frames
    for i, frame in enumerate(frames):
        assert frame[:20].mean() == pytest.approx(grey_of(i, n_frames), abs=3)
        drawn = np.ptp(frame.astype(int), axis=-1) > 40
        if not visible[0, i]:
            assert not drawn.any()
            continue
        y, x = np.nonzero(drawn)
        vertices, joints = meshes.forward(people.pose_rotvecs[0, [i]], people.betas[0], people.trans[0, [i]])
        T_cam_world = np.linalg.inv(cameras.T_world_cam[0])
        assert abs(x.mean() - project(transform_points(T_cam_world, joints[0, 0][None]), cameras.K[0])[0, 0]) < 1.3
        v = project(transform_points(T_cam_world, vertices[0]), cameras.K[0])[:, 1]
        assert np.abs([y.min() - v.min(), y.max() - v.max()]).max() < 3
    np.testing.assert_array_equal(read_samples(out), read_samples(clip))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_bodies_move_between_the_frames_of_an_interpolated_clip(tmp_path, body_dir, meshes, renderer):
    n_frames, factor = 6, 2
    look = {"renderer": renderer, "blendipose": QUICK, "opacity": 1.0}
    people, cameras = walkers(meshes, 1, n_frames), still_cameras(n_frames)
    (tmp_path / "fast").mkdir()
    fast_clip, _ = make_clip(tmp_path / "fast", n_frames * factor, SIZE_PX)
    frames, _, out = rendered(
        tmp_path, body_dir, people, cameras, n_frames, view="camera", video=fast_clip, fps_factor=factor, **look
    )
    assert read_frames(out).fps == pytest.approx(FPS * factor)
    middle = np.array([np.nonzero(np.ptp(frame.astype(int), axis=-1) > 40)[1].mean() for frame in frames])
    assert len(middle) == n_frames * factor
    assert (np.diff(middle)[:-1] > 0).all()
    assert np.allclose(middle[1:-1:2], (middle[:-2:2] + middle[2::2]) / 2, atol=0.6)


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("view", ["camera", "side"])
def test_without_people_there_is_still_a_video(tmp_path, body_dir, meshes, view, renderer):
    cameras = still_cameras(3)
    look = {"view": view, "resolution": (160, 96), "renderer": renderer, "blendipose": QUICK}
    frames, _, _ = rendered(tmp_path, body_dir, walkers(meshes, 0, 3), cameras, 3, **look)
    assert [frame.shape for frame in frames] == [(96, 160, 3)] * 3
    if view == "camera":
        assert [frame.mean() for frame in frames] == pytest.approx([grey_of(i, 3) for i in range(3)], abs=3)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_side_view_shows_everybody_in_their_colour(tmp_path, body_dir, meshes, renderer):
    cameras = still_cameras(2)
    real = tmp_path / "real.npz"
    cameras.save(real)
    look = {"view": "side", "world_cameras": real, "renderer": renderer, "blendipose": QUICK}
    frames, _, out = rendered(tmp_path, body_dir, walkers(meshes, 2, 2), cameras, 2, **look)
    hue = cv2.cvtColor(frames[1], cv2.COLOR_RGB2HSV).astype(int)
    for colour in person_colours(2):
        own = cv2.cvtColor((colour * 255).astype(np.uint8)[None, None], cv2.COLOR_RGB2HSV)[0, 0, 0]
        assert ((np.abs(hue[..., 0] - own) < 8) & (hue[..., 1] > 100)).sum() > 200
    assert read_samples(out).size


def test_only_visible_people_are_posed(meshes):
    people = walkers(meshes, 3, 40)
    rng = np.random.default_rng(0)
    people = dataclasses.replace(people, visible=rng.random((3, 40)) > 0.5, filled=rng.random((3, 40)) > 0.5)
    posed = list(posed_bodies(people, meshes))
    assert len(posed) == 40
    for frame, shown in enumerate(posed):
        rows = np.nonzero(people.visible[:, frame])[0]
        assert np.array_equal(shown.rows, rows)
        assert np.array_equal(shown.colours, person_colours(3)[rows])
        assert np.array_equal(shown.opacities < 1, people.filled[rows, frame])
        moved = people.trans[rows, frame] - shown.vertices.mean(axis=1)  # all stand alike
        assert np.allclose(moved, moved[0] if len(rows) else 0, atol=1e-5)
    assert 0 < FILLED_OPACITY < 1


def test_retimed_bodies_and_cameras_meet_the_old_ones_and_lie_between(meshes):
    people, cameras = walkers(meshes, 1, 4), still_cameras(4)
    poses = people.pose_rotvecs.copy()
    poses[0, :, 3] = Rotation.from_euler("x", [[170], [190], [210], [230]], degrees=True).as_rotvec()
    visible = np.array([[True, True, True, False]])
    people = dataclasses.replace(people, pose_rotvecs=poses, visible=visible)
    T = cameras.T_world_cam.copy()
    T[1:, :3, :3] = T[1:, :3, :3] @ Rotation.from_rotvec([0, 0.2, 0]).as_matrix()
    cameras = dataclasses.replace(cameras, T_world_cam=T)
    timing = retiming(4, 2)
    new_people, new_cameras = retime_bodies(people, timing), retime_cameras(cameras, timing)
    old_turns, new_turns = (Rotation.from_rotvec(p.pose_rotvecs[0, :, 3]) for p in (people, new_people))
    assert (old_turns.inv() * new_turns[::2]).magnitude().max() < 1e-6
    between = Rotation.from_euler("x", 180, degrees=True)
    assert (between.inv() * new_turns[1]).magnitude() < 1e-6, "the short way round"
    assert np.array_equal(new_people.visible, [[True, True, True, True, True, True, False, False]])
    assert np.allclose(new_people.trans[0, 5], people.trans[0, 2]), "held where the next frame shows nobody"
    assert new_people.fps == pytest.approx(2 * FPS)
    assert np.allclose(new_cameras.T_world_cam[::2], T)
    half = Rotation.from_matrix(T[0, :3, :3].T @ new_cameras.T_world_cam[1, :3, :3])
    assert np.allclose(half.as_rotvec(), [0, 0.1, 0])


def test_wrong_input_is_named(tmp_path, body_dir, meshes):
    people, cameras = walkers(meshes, 1, 3), still_cameras(3)
    with pytest.raises(UserError, match="opacity is 2"):
        rendered(tmp_path, body_dir, people, cameras, 3, view="camera", opacity=2.0)
    with pytest.raises(UserError, match="resolution"):
        rendered(tmp_path, body_dir, people, cameras, 3, view="camera", resolution=(161, 90))
    with pytest.raises(UserError, match="4 frames"):
        rendered(tmp_path, body_dir, people, cameras, 4, view="camera")
    with pytest.raises(UserError, match="fewer frames than the 6"):
        rendered(tmp_path, body_dir, people, cameras, 3, view="camera", fps_factor=2)
    assert not (tmp_path / "out.mp4").exists()
