from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from motion_clips.errors import DIFFICULTY, draw_errors
from motion_clips.estimates import TrueTrack, confuse_sides, mirror_pose, turn_around
from motion_clips.making import MotionTruth, clip_frames, make_clip
from motion_clips.mishaps import FLIPPED, GROSS, UNSEEN, Kind, Mishaps, covered_joints, draw_kinds
from motion_clips.specs import CLIPS, NLF_GRADE, NO_ERRORS, ErrorLevels, MotionClip
from motion_clips.terrain import Terrain, TerrainClip
from motion_clips.truth import camera_path, rest_feet, true_bodies, true_cameras
from motion_clips.wandering import wander
from motion_found import raw_motions
from motion_scores import score
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Floor, SceneCameras
from nlf_pipeline.body_models import SMPL_PARENTS, BodyMeshes, joint_index, load_body_model
from nlf_pipeline.geometry import invert_rigid, pinhole_matrix, transform_points
from nlf_pipeline.metrics import mpjpe
from nlf_pipeline.predictions import Predictions

TOES = [joint_index("left_foot"), joint_index("right_foot")]
QUICK = MotionClip(n_people=2, n_frames=60)


@pytest.fixture(scope="module")
def whole(body_dir: Path) -> BodyMeshes:
    return BodyMeshes(load_body_model(body_dir))


def predictions(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, joints (people, frames, n, 3) and valid (people, frames)."""
    frames = list(Predictions.open(folder / "predictions.xz"))
    return tuple(np.stack([getattr(f, name) for f in frames], axis=1) for name in ("vertices", "joints", "valid"))  # type: ignore[return-value]


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_planted_toes_do_not_move_and_nobody_sinks_or_floats(whole: BodyMeshes, fps: float):
    clip = MotionClip(n_people=2, n_frames=round(16 * fps), fps=fps, seed=1)
    bodies = true_bodies(clip, whole)
    for k in range(clip.n_people):
        planted, toes = bodies.foot_contacts[k], bodies.joints[k][:, TOES]
        still = planted[1:] & planted[:-1]
        assert 0.55 < planted.mean() < 0.95
        assert np.linalg.norm(np.diff(toes, axis=0), axis=-1)[still].max() < 1e-5
        assert np.linalg.norm(np.diff(toes, axis=0), axis=-1)[~still].max() > 0.03
        some = slice(0, None, 16)
        vertices, _ = whole.forward(bodies.pose_rotvecs[k, some], bodies.betas[k], bodies.trans[k, some])
        lowest = vertices[..., 1].min(axis=1)
        assert lowest.min() > -0.005
        assert np.abs(lowest[planted[some].all(axis=1)]).max() < 0.005


def test_a_true_bone_has_one_length_and_motion_is_smooth(whole: BodyMeshes):
    bodies = true_bodies(QUICK, whole)
    bones = bodies.joints[:, :, 1:] - bodies.joints[:, :, list(SMPL_PARENTS[1:])]
    assert np.ptp(np.linalg.norm(bones, axis=-1), axis=1).max() < 1e-5
    steps = np.linalg.norm(np.diff(bodies.joints, axis=1), axis=-1) * QUICK.fps
    assert steps.max() < 8  # metres per second, of a hand or a swinging foot


def test_people_walk_stop_turn_and_squat_within_their_area():
    centre = np.array([1.0, -6.0])
    path = wander(np.random.default_rng(2), 120.0, centre, 0.9)
    assert path.speed.max() > 0.7 and (path.speed < 1e-3).mean() > 0.05
    assert path.squat.max() > 0.9 and path.wave.max() > 0.9
    turning = np.abs(np.gradient(path.heading, path.times))
    assert turning[path.speed < 1e-3].max() > 0.5
    assert np.linalg.norm(path.xz - centre, axis=1).max() < 2.5


def test_a_moving_camera_moves_and_a_static_one_does_not():
    rng = np.random.default_rng(0)
    assert np.ptp(camera_path("static", 50, 30.0, rng), axis=0).max() == 0
    moving = camera_path("moving", 300, 30.0, rng)
    assert np.ptp(moving[:, :3, 3], axis=0).max() > 1
    np.testing.assert_allclose(
        moving[:, :3, :3] @ np.swapaxes(moving[:, :3, :3], 1, 2), np.tile(np.eye(3), (300, 1, 1)), atol=1e-9
    )
    np.testing.assert_allclose(moving[0, :3, 3], [0, 1.6, 0], atol=1e-9)


def test_without_errors_the_predictions_are_the_truth(body_dir: Path, meshes: BodyMeshes, tmp_path: Path):
    clip = replace(QUICK, errors=NO_ERRORS, scene_origin=(50.0, 0.0, -20.0))
    truth = MotionTruth.load(make_clip(clip, tmp_path, body_dir))
    motions = raw_motions(tmp_path, truth, meshes)
    for k, motion in enumerate(motions):
        assert motion.shown.all()
        assert np.abs(motion.joints - truth.bodies.joints[k]).max() < 0.002  # the file keeps half millimetres
        assert motion.vertex_error.max() < 0.002
    scene = SceneCameras.load(tmp_path / "cameras.npz")
    np.testing.assert_allclose(scene.T_scene_cam[0, :3, 3], [50, 0, -20], atol=1e-9)
    np.testing.assert_allclose(truth.T_world_scene @ scene.T_scene_cam, truth.cameras.T_world_cam, atol=1e-9)
    up = truth.T_world_scene[1, :3]
    floor = Floor((up[0], up[1], up[2]), -truth.T_world_scene[1, 3], "feet", 1.0, 0.0, 9)
    found = score(motions, truth, floor)
    assert found.mpjpe < 1 and found.root < 1 and found.slide < 0.5
    assert abs(found.ground_deg) < 1e-4 and abs(found.ground_mm) < 1e-4


def test_on_a_ramp_the_truth_neither_sinks_nor_leans(body_dir: Path, meshes: BodyMeshes, tmp_path: Path):
    ramp = Terrain("ramp", slope_deg=10, azimuth_deg=60)
    clip = TerrainClip(n_people=1, n_frames=60, errors=NO_ERRORS, terrain=ramp)
    truth = MotionTruth.load(make_clip(clip, tmp_path, body_dir), ramp)
    T_scene_true = invert_rigid(truth.T_world_scene)
    normal, up = T_scene_true[:3, :3] @ ramp.normal, T_scene_true[:3, 1]
    x, z = ramp.centre_xz
    offset = float(transform_points(T_scene_true, np.array([[x, 0, z]]))[0] @ normal)
    floor = Floor(tuple(normal), offset, "feet", 1.0, 0.0, 9, kind="slope", up=tuple(up))
    found = score(raw_motions(tmp_path, truth, meshes), truth, floor)
    assert found.penetration < 8 and found.deep < 20
    assert max(found.ground_deg, found.ground_mm, found.up_deg) < 1e-3
    level = score(raw_motions(tmp_path, truth, meshes), replace(truth, terrain=None), replace(floor, up=None))
    assert level.up_deg == level.ground_deg == pytest.approx(10, abs=0.01)


def test_people_who_change_rows_are_noticed(body_dir: Path, meshes: BodyMeshes, tmp_path: Path):
    truth = MotionTruth.load(make_clip(replace(QUICK, errors=NO_ERRORS), tmp_path, body_dir))
    first, second = raw_motions(tmp_path, truth, meshes)
    assert score([first, second], truth).idf1 == 1
    half = np.arange(QUICK.n_frames) < QUICK.n_frames // 2
    a, b = (
        replace(one, joints=np.where(half[:, None, None], one.joints, other.joints))
        for one, other in ((first, second), (second, first))
    )
    found = score([a, b], truth)
    assert found.switches == 2 and found.idf1 == pytest.approx(0.5)
    assert found.root > 100 and score([a, second], truth).idf1 == pytest.approx(0.75)


def test_a_seed_gives_the_same_data_twice_and_another_seed_other_data(body_dir: Path, tmp_path: Path):
    clip = replace(QUICK, n_frames=20, errors=replace(NLF_GRADE, flips=0.1, lose_hidden=True))
    folders = [
        make_clip(c, tmp_path / n, body_dir) for n, c in (("a", clip), ("b", clip), ("c", replace(clip, seed=1)))
    ]
    a, b, c = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in folders)
    assert a["predictions.xz"] == b["predictions.xz"] and a["mishaps.npz"] == b["mishaps.npz"]
    assert a["predictions.xz"] != c["predictions.xz"]
    bodies = [MotionTruth.load(folder).bodies for folder in folders]
    np.testing.assert_array_equal(bodies[0].pose_rotvecs, bodies[1].pose_rotvecs)
    assert np.abs(bodies[0].joints - bodies[2].joints).max() > 0.1


def test_the_scene_origin_leaves_the_predictions_alone(body_dir: Path, tmp_path: Path):
    near = make_clip(replace(QUICK, n_frames=10), tmp_path / "near", body_dir)
    far = make_clip(replace(QUICK, n_frames=10, scene_origin=(9.0, 9.0, 9.0)), tmp_path / "far", body_dir)
    assert (near / "predictions.xz").read_bytes() == (far / "predictions.xz").read_bytes()
    scenes = [SceneCameras.load(folder / "cameras.npz").T_scene_cam for folder in (near, far)]
    moved = scenes[1] - scenes[0]
    np.testing.assert_allclose(moved[:, :3, 3], 9.0, atol=1e-9)
    np.testing.assert_allclose(moved[:, :3, :3], 0.0, atol=1e-9)


def test_raw_errors_are_nlfs_on_3dpw(body_dir: Path, meshes: BodyMeshes, tmp_path: Path):
    """58.8 mm MPJPE and 36.1 mm PA-MPJPE are what the levels are set to; one clip scatters about them."""
    truth = MotionTruth.load(make_clip(CLIPS["calibrated_1"], tmp_path, body_dir))
    raw = score(raw_motions(tmp_path, truth, meshes), truth)
    assert 50 < raw.mpjpe < 68
    assert 32 < raw.pa_mpjpe < 41
    assert 60 < raw.accel < 130


def test_predictions_are_finite_and_zero_where_there_are_none(body_dir: Path, tmp_path: Path):
    clip = replace(CLIPS["all_at_once"], n_frames=150)
    truth = MotionTruth.load(make_clip(clip, tmp_path, body_dir))
    vertices, joints, valid = predictions(tmp_path)
    assert np.isfinite(vertices).all() and np.isfinite(joints).all()
    np.testing.assert_array_equal(valid, ~np.isin(truth.mishaps.kinds, UNSEEN))
    assert not vertices[~valid].any() and (joints[valid][..., 2] > 1).all()
    assert (truth.mishaps.kinds == Kind.HIDDEN).any()


@pytest.mark.parametrize("how", ["collapsed", "three_frames", "only_outliers", "never_seen"])
def test_spoiling_the_last_person_leaves_the_others_alone(body_dir: Path, tmp_path: Path, how: str):
    clip = replace(QUICK, n_frames=40)
    good = predictions(make_clip(clip, tmp_path / "good", body_dir))
    bad = predictions(make_clip(replace(clip, spoiled=how), tmp_path / "bad", body_dir))  # type: ignore[arg-type]
    for a, b in zip(good, bad, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    assert not np.array_equal(good[0][1], bad[0][1])


def test_numbers_that_are_none_reach_only_the_frames_they_should(whole: BodyMeshes, meshes: BodyMeshes):
    clip = replace(QUICK, n_frames=40, spoiled="nan_frames")
    bodies, cameras = true_bodies(clip, whole), true_cameras(clip)
    shown = np.repeat([[0], [1]], 40, axis=1)
    frames = list(clip_frames(clip, meshes, bodies, cameras, Mishaps(np.zeros((2, 40), int), shown)))
    bad = np.array([np.isnan(frame.vertices).any(axis=(1, 2)) for frame in frames])
    assert not bad[:, 0].any()
    np.testing.assert_array_equal(np.flatnonzero(bad[:, 1]), [10, 35])


def test_a_clip_of_nobody_can_be_made(body_dir: Path, meshes: BodyMeshes, tmp_path: Path):
    truth = MotionTruth.load(make_clip(replace(QUICK, n_people=0, n_frames=5), tmp_path, body_dir))
    vertices, joints, valid = predictions(tmp_path)
    assert vertices.shape == (0, 5, meshes.model.num_vertices, 3) and joints.shape == (0, 5, 24, 3)
    assert valid.shape == (0, 5)
    assert np.isnan(score(raw_motions(tmp_path, truth, meshes), truth).mpjpe)


def test_errors_have_the_stated_size():
    levels = ErrorLevels()
    kinds = np.zeros(20000, dtype=np.int64)
    errors = draw_errors(np.random.default_rng(0), levels, kinds, 30.0)
    rms = lambda values: np.sqrt((values**2).mean())  # noqa: E731
    hard = DIFFICULTY > 0
    assert rms(errors.turns[:, hard] / DIFFICULTY[hard, None]) == pytest.approx(np.hypot(0.072, 0.006), rel=0.1)
    assert rms(errors.turns[:, 0]) == pytest.approx(np.hypot(0.060, 0.008), rel=0.15)
    assert rms(errors.parts) == pytest.approx(np.hypot(0.0125, 0.0028), rel=0.1)
    assert rms(np.log(errors.scale)) == pytest.approx(np.hypot(0.028, 0.003), rel=0.2)
    assert rms(errors.depth) == pytest.approx(np.hypot(0.006, 0.001), rel=0.1)
    assert rms(errors.betas[:, 1:]) == pytest.approx(0.6, rel=0.1)
    unit = errors.parts / errors.parts.std()
    assert (unit**4).mean() > 3.6  # heavier tails than the normal distribution's 3
    fast = np.diff(errors.turns[:, 5, 0], n=2)
    assert rms(fast) < 0.5 * rms(errors.turns[:, 5, 0])  # most of it is slow


def test_mishaps_have_the_stated_shares_and_come_in_bursts():
    levels = ErrorLevels(outliers=0.04, flips=0.03, missing=0.02)
    kinds = draw_kinds(np.random.default_rng(1), levels, 10000, 30.0)
    for among, share in ((GROSS, 0.04), (FLIPPED, 0.03), ((Kind.MISSING,), 0.02)):
        here = np.isin(kinds, among)
        assert here.mean() == pytest.approx(share, rel=0.15)
        assert (here[1:] & ~here[:-1]).sum() < 0.8 * here.sum()
    assert not draw_kinds(np.random.default_rng(1), NO_ERRORS, 1000, 30.0).any()


def test_a_hidden_person_is_first_taken_for_the_one_in_front(body_dir: Path, tmp_path: Path):
    clip = replace(CLIPS["thefts"], n_frames=200)
    truth = MotionTruth.load(make_clip(clip, tmp_path, body_dir))
    _, joints, valid = predictions(tmp_path)
    kinds, shown, true = truth.mishaps.kinds, truth.mishaps.shown, truth.bodies.joints
    stolen = kinds == Kind.STOLEN
    np.testing.assert_array_equal(stolen, shown != np.arange(clip.n_people)[:, None])
    assert stolen.any() and valid[stolen].all() and not valid[kinds == Kind.HIDDEN].any()
    people, frames = np.nonzero(stolen)
    T = truth.cameras.T_world_cam[frames]
    found = transform_points(T, joints[people, frames])[:, 0]
    ray = lambda points: (points - T[:, :3, 3]) / np.linalg.norm(points - T[:, :3, 3], axis=-1, keepdims=True)  # noqa: E731
    thief = true[shown[people, frames], frames, 0]
    assert np.linalg.norm(ray(found) - ray(thief), axis=-1).max() < 0.02
    depth = lambda points: np.linalg.norm(points - T[:, :3, 3], axis=-1)  # noqa: E731
    assert (depth(thief) < depth(true[people, frames, 0])).all()


def random_track(n: int) -> TrueTrack:
    rng = np.random.default_rng(4)
    T = np.tile(np.eye(4), (n, 1, 1))
    root = np.array([0.5, 0.3, 6.0]) + rng.normal(size=(n, 3)) * 0.2
    return TrueTrack(0.5 * rng.normal(size=(n, 24, 3)), np.zeros(10), root, T)


def test_a_body_turned_around_looks_alike_but_differs_in_depth(meshes: BodyMeshes):
    track = random_track(8)
    around = confuse_sides(track, np.full(8, Kind.TURNED_AROUND))
    joints = [meshes.forward(p, track.betas, np.zeros((8, 3)))[1] for p in (track.pose_rotvecs, around)]
    at_root = [j - j[:, :1] for j in joints]
    mirrored = [joint_index(n) for n in ("right_wrist", "left_wrist", "right_knee", "left_knee")]
    own = [joint_index(n) for n in ("left_wrist", "right_wrist", "left_knee", "right_knee")]
    ray = track.root * [1, 0, 1] / np.linalg.norm(track.root * [1, 0, 1], axis=-1, keepdims=True)
    moved = at_root[1][:, own] - at_root[0][:, mirrored]
    in_depth = np.einsum("nj,nkj->nk", ray, moved)
    assert np.linalg.norm(moved - in_depth[..., None] * ray[:, None], axis=-1).max() < 0.01
    assert np.abs(in_depth).max() > 0.2
    assert mpjpe(joints[1], joints[0]) > 0.15


def test_mirrors_undo_themselves():
    track = random_track(6)
    np.testing.assert_allclose(mirror_pose(mirror_pose(track.pose_rotvecs)), track.pose_rotvecs)
    twice = turn_around(turn_around(track.pose_rotvecs[:, 0], track.root), track.root)
    apart = Rotation.from_rotvec(twice) * Rotation.from_rotvec(track.pose_rotvecs[:, 0]).inv()
    assert apart.magnitude().max() < 1e-9


def test_swapped_legs_leave_the_rest_of_the_body():
    track = random_track(5)
    swapped = confuse_sides(track, np.full(5, Kind.LEGS_SWAPPED))
    legs = [joint_index(f"{s}_{n}") for s in ("left", "right") for n in ("hip", "knee", "ankle", "foot")]
    rest = np.setdiff1d(np.arange(24), legs)
    np.testing.assert_array_equal(swapped[:, rest], track.pose_rotvecs[:, rest])
    np.testing.assert_allclose(swapped[:, 4], track.pose_rotvecs[:, 5] * [1, -1, -1])


def test_who_stands_behind_another_is_covered_and_the_other_is_not(whole: BodyMeshes):
    bodies = true_bodies(replace(QUICK, n_people=1, n_frames=3), whole)
    front = bodies.joints[0] - bodies.joints[0][:, :1]
    T_cam_world = invert_rigid(camera_path("static", 1, 30.0, np.random.default_rng(0))[0])
    places = [np.array([0, 1.0, z]) for z in (-4.0, -7.0)]
    scene = np.stack([front + places[0], front + places[1], front + [2.5, 1.0, -7.0]])
    K = np.repeat(pinhole_matrix(1200.0, (1280, 720))[None], 3, axis=0)
    covered = covered_joints(transform_points(T_cam_world, scene.reshape(-1, 3)).reshape(scene.shape), K)
    assert not covered[0].any() and not covered[2].any()
    assert covered[1].mean() > 0.5


def test_resting_feet_are_at_the_lowest_vertices(whole: BodyMeshes):
    betas = np.zeros(10)
    vertices, _ = whole.forward(np.zeros((1, 24, 3)), betas, np.zeros((1, 3)))
    assert rest_feet(whole, betas).soles_y.min() == pytest.approx(vertices[..., 1].min(), abs=1e-6)
