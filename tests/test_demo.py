"""Laws on the demo's truth: what stands still, what touches the floor, and that the picture shows it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_models import BodyMeshes, joint_index, load_body_model
from nlf_pipeline.clips.probe import probe_video
from nlf_pipeline.demo.cast import CAST
from nlf_pipeline.demo.choreography import trace_path
from nlf_pipeline.demo.drawing import Camera
from nlf_pipeline.demo.people import BaseMesh, bone_transforms
from nlf_pipeline.demo.performance import Performance, perform
from nlf_pipeline.demo.phone_tags import tag_focal_length
from nlf_pipeline.demo.scene import DemoScene
from nlf_pipeline.demo.skins import Material, surface_mesh
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, project, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.render_demo import render_demo
from nlf_pipeline.video import read_frames, writing_video

FPS, SECONDS = 50.0, 8.0
N_FRAMES, SIZE_PX = 24, (640, 360)
ANKLES = [joint_index("left_ankle"), joint_index("right_ankle")]
CAMERA = Camera(
    look_at(np.array([0.0, 1.6, 0.0]), np.array([0.0, 1.52, -1.0]), np.array([0.0, 1.0, 0.0])),
    pinhole_matrix(533.0, SIZE_PX),
)
TOES = [joint_index("left_foot"), joint_index("right_foot")]


@pytest.fixture(scope="module")
def base(body_dir: Path) -> BaseMesh:
    torch.set_num_threads(1)
    return BaseMesh.load(body_dir)


@pytest.fixture(scope="module")
def meshes(body_dir: Path) -> BodyMeshes:
    return BodyMeshes(load_body_model(body_dir))


@pytest.fixture(scope="module")
def performances(base: BaseMesh) -> list[Performance]:
    """Everybody at FPS for SECONDS, which includes walking, turning, standing and waving."""
    rng = np.random.default_rng(1)
    return [perform(role, base, np.arange(int(FPS * SECONDS)) / FPS, SECONDS, rng) for role in CAST]


@pytest.fixture(scope="module")
def clip(body_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    _render(body_dir, folder)
    return folder


def _render(body_dir: Path, folder: Path, **settings: int) -> None:
    settings = {"n_frames": N_FRAMES, "width_px": SIZE_PX[0], "height_px": SIZE_PX[1], **settings}
    render_demo(body=body_dir, out=folder / "demo.mp4", truth=folder / "truth", **settings)


def _skin(performance: Performance, vertices_rest: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(frames, v, 3) linear blend skinning, plainly."""
    posed = np.zeros((len(performance.bones), len(vertices_rest), 3))
    for j in range(weights.shape[1]):
        used = weights[:, j] > 0
        moved = (
            vertices_rest[used] @ np.swapaxes(performance.bones[:, j, :, :3], 1, 2)
            + performance.bones[:, j, None, :, 3]
        )
        posed[:, used] += weights[used, j, None] * moved
    return posed


def _lowest_sole(performance: Performance, base: BaseMesh, side: int) -> np.ndarray:
    """(frames,) height of the lowest vertex of a foot."""
    skin = base.body_vertices
    foot = skin[base.weights[skin][:, [ANKLES[side], TOES[side]]].sum(axis=1) > 0.1]
    return _skin(performance, performance.body.vertices[foot], base.weights[foot])[..., 1].min(axis=1)


@pytest.mark.parametrize("side", [0, 1])
def test_a_planted_forefoot_does_not_move(performances: list[Performance], side: int):
    for performance in performances:
        planted = performance.motion.foot_contacts[:, side]
        both = planted[1:] & planted[:-1]
        toes = performance.joints[:, TOES[side]]
        assert np.linalg.norm(np.diff(toes, axis=0), axis=1)[both].max() < 1e-4
        assert 0.4 < planted.mean() < 0.8


@pytest.mark.parametrize("side", [0, 1])
def test_soles_stand_on_the_floor_and_never_sink_in(performances: list[Performance], base: BaseMesh, side: int):
    for performance in performances:
        lowest = _lowest_sole(performance, base, side)
        planted = performance.motion.foot_contacts[:, side]
        assert np.abs(lowest[planted]).max() < 1e-3
        assert lowest.min() > -1e-4
        assert lowest[~planted].max() > 0.02


def test_bones_keep_their_lengths_and_joints_follow_the_body_model(
    performances: list[Performance], meshes: BodyMeshes, base: BaseMesh
):
    for performance in performances:
        motion, betas = performance.motion, performance.body.betas
        vertices, joints = meshes.forward(motion.pose_rotvecs[::20], betas, performance.trans[::20])
        np.testing.assert_allclose(performance.joints[::20], joints, atol=1e-5)
        ours = _skin(performance, performance.body.vertices[base.kept_vertices], base.weights[base.kept_vertices])[::20]
        assert np.abs(ours - vertices).max() < 2e-3
        for side in (0, 1):
            leg = performance.joints[:, [1 + side, 4 + side, ANKLES[side], TOES[side]]]
            lengths = np.linalg.norm(np.diff(leg, axis=1), axis=-1)
            assert np.ptp(lengths, axis=0).max() < 1e-9


def test_motion_is_smooth_and_knees_bend_forwards(performances: list[Performance]):
    for performance in performances:
        speed = np.linalg.norm(np.diff(performance.joints, axis=0), axis=-1) * FPS
        assert speed[:, 0].max() < 1.6
        assert speed.max() < 6.0
        pelvis_acceleration = np.linalg.norm(np.diff(performance.joints[:, 0], 2, axis=0), axis=-1) * FPS**2
        assert pelvis_acceleration.max() < 8.0
        knees = performance.motion.pose_rotvecs[:, [joint_index("left_knee"), joint_index("right_knee")]]
        assert knees[..., 0].min() > 0.05
        assert np.abs(knees[..., 1:]).max() < 1e-9


def test_people_have_the_sizes_of_their_roles(performances: list[Performance], base: BaseMesh):
    statures = [np.ptp(performance.body.vertices[base.body_vertices, 1]) for performance in performances]
    np.testing.assert_allclose(statures, [role.stature for role in CAST], atol=2e-3)
    assert max(statures) - min(statures) > 0.2
    assert abs(np.mean(statures) - 1.70) < 0.03


def test_nobody_walks_into_anybody_or_away():
    t = np.arange(0, 60, 0.04)
    paths = np.stack([trace_path(role.script, 60.0).xz_at(t) for role in CAST])
    for k in range(len(CAST)):
        assert np.linalg.norm(np.delete(paths, k, axis=0) - paths[k], axis=-1).min() > 0.7
    across = CAMERA.K[0, 0] * paths[..., 0] / -paths[..., 1]
    assert np.abs(across).max() < 0.43 * SIZE_PX[0]  # half a body more is still in the picture


def test_somebody_turns_round_and_somebody_waves(performances: list[Performance]):
    turned = [np.ptp(np.unwrap(_heading(performance))) for performance in performances]
    assert max(turned) > np.deg2rad(170)
    hand, head = joint_index("right_wrist"), joint_index("head")
    assert any(
        (performance.joints[:, hand, 1] > performance.joints[:, head, 1] - 0.1).any() for performance in performances
    )


def _heading(performance: Performance) -> np.ndarray:
    across = performance.joints[:, 1] - performance.joints[:, 2]
    return np.arctan2(-across[:, 2], across[:, 0])


def test_a_longer_clip_begins_like_a_shorter_one(base: BaseMesh):
    short, long = (
        perform(CAST[0], base, np.arange(30) / 25, seconds, np.random.default_rng(0)) for seconds in (1.2, 9.0)
    )
    np.testing.assert_allclose(short.bones, long.bones, atol=1e-12)


def test_truth_has_one_row_per_person_and_frame(clip: Path):
    bodies, cameras = Bodies.load(clip / "truth" / "bodies.npz"), Cameras.load(clip / "truth" / "world_cameras.npz")
    masks = MaskTracks.load(clip / "truth" / "masks.json")
    assert bodies.body_model == "open"
    assert bodies.joints.shape[:2] == bodies.visible.shape == masks.visible.shape == (len(CAST), N_FRAMES)
    assert bodies.foot_contacts.shape == (len(CAST), N_FRAMES, 2)
    assert tuple(bodies.person_ids) == masks.person_ids
    assert cameras.T_world_cam.shape == (N_FRAMES, 4, 4)
    frames = list(read_frames(clip / "demo.mp4"))
    assert len(frames) == N_FRAMES and frames[0].shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert bodies.visible.all() and not bodies.filled.any()


def test_the_camera_stands_over_the_origin_and_looks_along_minus_z(clip: Path):
    cameras = Cameras.load(clip / "truth" / "world_cameras.npz")
    T = cameras.T_world_cam[0]
    np.testing.assert_allclose(T[[0, 2], 3], 0, atol=1e-12)
    np.testing.assert_allclose(T[:3, 0], [1, 0, 0], atol=1e-12)
    assert T[2, 2] < -0.99 and -0.2 < T[1, 2] < 0
    fov_deg = np.rad2deg(2 * np.arctan(SIZE_PX[0] / 2 / cameras.K[0, 0, 0]))
    assert 60 <= fov_deg <= 65
    assert cameras.distortion.size == 0


def _array(mask: RLEMask | None) -> np.ndarray:
    assert mask is not None
    return np.ascontiguousarray(mask.to_array(), dtype=np.uint8)


def test_masks_lie_where_truth_projects(clip: Path, meshes: BodyMeshes):
    """Every vertex of the man in front projects into his mask, and the mask reaches not far beyond them."""
    bodies, cameras = Bodies.load(clip / "truth" / "bodies.npz"), Cameras.load(clip / "truth" / "world_cameras.npz")
    masks = MaskTracks.load(clip / "truth" / "masks.json")
    vertices, _ = meshes.forward(bodies.pose_rotvecs[0], bodies.betas[0], bodies.trans[0])
    pixels = project(transform_points(invert_rigid(cameras.T_world_cam), vertices), cameras.K[:, None])
    for t in range(0, N_FRAMES, 8):
        mask = _array(masks.masks[0][t])
        x, y = np.rint(pixels[t]).astype(int).T
        assert cv2.dilate(mask, np.ones((3, 3)))[y, x].mean() > 0.99
        beyond = mask & ~cv2.dilate(_drawn(pixels[t], meshes.faces), np.ones((5, 5), np.uint8))
        assert beyond.sum() < 0.12 * mask.sum()  # loose clothes


def _drawn(pixels: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Silhouette of projected vertices (v, 2): pixels whose centres are covered, drawn by OpenCV 8 times as large."""
    picture = np.zeros((8 * SIZE_PX[1], 8 * SIZE_PX[0]), np.uint8)
    for triangle in np.rint(8 * pixels[faces] * 16).astype(np.int32):
        cv2.fillConvexPoly(picture, triangle, 1, shift=4)
    return picture[::8, ::8]


def test_silhouettes_are_exact(base: BaseMesh, performances: list[Performance]):
    """Without clothes, what is drawn is what projects, to a fraction of a pixel."""
    person, frame = performances[0], 30
    vertices = person.body.vertices
    naked = surface_mesh(vertices, base.body_faces, base.weights, np.ones(3), Material.SKIN)
    scene = DemoScene(SIZE_PX, [naked])
    seen = scene.draw(CAMERA, person.bones[None, frame], person.soles[None, frame]).people
    scene.release()
    world = _skin(replace(person, bones=person.bones[frame : frame + 1]), vertices, base.weights)[0]
    pixels = project(transform_points(invert_rigid(CAMERA.T_world_cam), world), CAMERA.K)
    expected = _drawn(pixels, base.body_faces)
    assert set(np.unique(seen)) == {0, 1}
    outline = expected.sum() - cv2.erode(expected, np.ones((3, 3), np.uint8)).sum()
    assert (
        seen != expected
    ).sum() < outline / 8  # OpenCV fills a sixteenth too much; half a pixel off is 2-3 times this


def test_pictures_show_the_people_where_their_masks_are(base: BaseMesh):
    """Whoever moves changes the picture inside the masks, and outside them only the shadows change."""
    t = np.array([0.0, 0.6])
    everybody = [perform(role, base, t, 1.0, np.random.default_rng(0)) for role in CAST]
    scene = DemoScene(SIZE_PX, [performance.mesh for performance in everybody])
    pictures = []
    for frame in range(2):
        bones = np.stack([performance.bones[frame] for performance in everybody])
        soles = np.stack([performance.soles[frame] for performance in everybody])
        pictures.append(scene.draw(CAMERA, bones, soles))
    scene.release()
    anybody = cv2.dilate((pictures[0].people + pictures[1].people > 0).astype(np.uint8), np.ones((5, 5))) > 0
    change = np.abs(pictures[0].image.astype(int) - pictures[1].image).max(axis=-1)
    horizon = SIZE_PX[1] // 2
    assert change[:horizon][~anybody[:horizon]].max() == 0
    assert change[anybody].mean() > 20


def test_nearer_people_hide_farther_ones(clip: Path):
    masks = MaskTracks.load(clip / "truth" / "masks.json")
    areas = np.array([[0 if mask is None else mask.area() for mask in track] for track in masks.masks])
    man, woman = 1, 2
    assert areas[man].min() < 0.5 * areas[man, 0]
    assert areas[woman].min() > 0.7 * areas[woman, 0]
    for t in range(N_FRAMES):
        assert not (_array(masks.masks[man][t]) & _array(masks.masks[woman][t])).any()


def test_people_are_as_tall_in_pixels_as_in_a_wider_clip(clip: Path, body_dir: Path, tmp_path: Path):
    """The field of view does not depend on the size; at 1280x720 everybody is 200 to 450 pixels tall."""
    masks = MaskTracks.load(clip / "truth" / "masks.json")
    heights = 2 * masks.boxes_px[..., 3]
    assert heights[:, 0].min() > 195 and heights.max() < 455
    _render(body_dir, tmp_path, n_frames=1, width_px=320, height_px=180)
    half = MaskTracks.load(tmp_path / "truth" / "masks.json").boxes_px[:, 0]
    np.testing.assert_allclose(half * 2, masks.boxes_px[:, 0], atol=5)


def test_the_same_seed_gives_the_same_files(clip: Path, body_dir: Path, tmp_path: Path):
    for name in ("once", "twice"):
        _render(body_dir, tmp_path / name, n_frames=2, width_px=320, height_px=180)
    once, twice, before = (
        Bodies.load(folder / "truth" / "bodies.npz") for folder in (tmp_path / "once", tmp_path / "twice", clip)
    )
    np.testing.assert_array_equal(once.pose_rotvecs, twice.pose_rotvecs)
    np.testing.assert_array_equal(once.pose_rotvecs, before.pose_rotvecs[:, :2])
    np.testing.assert_array_equal(once.betas, before.betas)
    files = [(tmp_path / name / "truth" / "masks.json").read_text() for name in ("once", "twice")]
    assert files[0] == files[1]
    clips = [np.stack(list(read_frames(tmp_path / name / "demo.mp4"))) for name in ("once", "twice")]
    np.testing.assert_array_equal(*clips)


def test_another_seed_gives_other_bodies(base: BaseMesh):
    bodies = [perform(CAST[0], base, np.zeros(1), 1.0, np.random.default_rng(seed)).body for seed in (0, 1)]
    assert np.abs(bodies[0].vertices - bodies[1].vertices).max() > 1e-3


@pytest.mark.parametrize(
    "settings", [{"n_frames": 0}, {"width_px": 321}, {"height_px": 0}], ids=["no frames", "odd width", "no height"]
)
def test_impossible_sizes_are_refused(body_dir: Path, tmp_path: Path, settings: dict[str, int]):
    with pytest.raises(UserError, match=r"at least|even"):
        _render(body_dir, tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_a_missing_body_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="no body model found"):
        _render(tmp_path / "nothing", tmp_path)


def test_bone_transforms_at_rest_are_a_translation():
    joints_rest = np.random.default_rng(0).normal(size=(24, 3))
    maps = bone_transforms(np.zeros((1, 24, 3)), joints_rest[:1] + [1.0, 2.0, 3.0], joints_rest)
    np.testing.assert_allclose(maps[0, :, :, :3], np.broadcast_to(np.eye(3), (24, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(maps[0, :, :, 3], np.broadcast_to([1.0, 2.0, 3.0], (24, 3)), atol=1e-12)


def test_the_clip_names_its_focal_length_as_a_phone_does(tmp_path: Path):
    path = tmp_path / "clip.mp4"
    frames = [np.full((64, 96, 3), 10 * k, np.uint8) for k in range(6)]
    with writing_video(path, 25.0) as video:
        for frame in frames:
            video.append_data(frame)
    before = list(read_frames(path))
    tag_focal_length(path, focal_px=80.0, width_px=96)
    np.testing.assert_array_equal(np.array(list(read_frames(path))), np.array(before))
    assert probe_video(path).focal_px(96, 64) == pytest.approx(80.0)
