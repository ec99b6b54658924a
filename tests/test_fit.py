import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from walkers import NLF_GRADE, Errors, Walk, camera_path, walking_people, write_inputs

from nlf_pipeline.artefacts import BodyFits, VideoFacts
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.fit import fit
from nlf_pipeline.fitting.contacts import Stances
from nlf_pipeline.fitting.ground_scale import person_scales
from nlf_pipeline.fitting.side_flips import Sides, corrected
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points
from nlf_pipeline.kinematics import global_rotations, joint_positions, local_rotvecs
from nlf_pipeline.metrics import jitter, mpjpe, pa_mpjpe
from nlf_pipeline.predictions import FramePredictions, Predictions, without_rows, writing_predictions

FPS, FRAMES = 25.0, 100


@pytest.fixture(scope="module")
def walks(meshes: BodyMeshes) -> list[Walk]:
    return walking_people(meshes, 3, FRAMES, FPS)


def run_fit(
    folder: Path,
    body_dir: Path,
    meshes: BodyMeshes,
    walks: list[Walk],
    errors: Errors,
    moving: bool = False,
    cuts: tuple[int, ...] = (),
    T_scene_world: np.ndarray | None = None,
    smoothing_s: float = 0.18,
) -> tuple[BodyFits, np.ndarray]:
    """The fits, and the true joints (people, frames, joints, 3) in the same scene frame."""
    T_world_cam = camera_path(FRAMES, moving)
    T_scene_world = invert_rigid(T_world_cam[0]) if T_scene_world is None else T_scene_world
    write_inputs(folder, meshes, walks, T_world_cam, errors, FPS, cuts, T_scene_world)
    names = {"predictions": "predictions.xz", "cameras": "cameras.npz", "video_facts": "video.json", "out": "fits.npz"}
    fit(**{key: folder / name for key, name in names.items()}, body=body_dir, smoothing_s=smoothing_s)
    joints = np.array([w.joints for w in walks]).reshape(-1, FRAMES, 24, 3)
    return BodyFits.load(folder / "fits.npz"), transform_points(T_scene_world, joints)


def worst_error(fits: BodyFits, truth: np.ndarray) -> float:
    """Largest error of any joint in any frame, metres."""
    return float(np.linalg.norm(fits.joints - truth, axis=-1).max())


@pytest.mark.parametrize("moving", [False, True])
def test_clean_predictions_are_reproduced(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk], moving: bool
) -> None:
    fits, truth = run_fit(tmp_path, body_dir, meshes, walks[:2], Errors(), moving)
    assert fits.visible.all()
    assert not fits.filled.any()
    np.testing.assert_allclose(fits.scale_correction, 1, atol=0.005)
    assert np.linalg.norm(fits.joints - truth, axis=-1).mean() < 0.010
    assert worst_error(fits, truth) < 0.05


def test_fits_are_bodies_of_the_model(tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> None:
    fits, _ = run_fit(tmp_path, body_dir, meshes, walks[:1], NLF_GRADE)
    _, joints = meshes.forward(fits.pose_rotvecs[0], fits.betas[0], fits.trans[0])
    np.testing.assert_allclose(joints, fits.joints[0], atol=1e-4)


def test_smoothing_calms_and_does_not_harm(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    calm, truth = run_fit(tmp_path, body_dir, meshes, walks[:2], NLF_GRADE, moving=True)
    rough, _ = run_fit(tmp_path, body_dir, meshes, walks[:2], NLF_GRADE, moving=True, smoothing_s=0.0)
    for k in range(2):
        shown = calm.visible[k]
        assert jitter(calm.joints[k], shown, FPS) < 0.35 * jitter(rough.joints[k], shown, FPS)
        assert mpjpe(calm.joints[k], truth[k]) < mpjpe(rough.joints[k], truth[k])
        assert pa_mpjpe(calm.joints[k], truth[k]) < pa_mpjpe(rough.joints[k], truth[k]) < 0.05


def test_size_that_wavers_with_distance_is_made_good(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    fits, truth = run_fit(tmp_path, body_dir, meshes, walks[:1], Errors(slow_size=0.03))
    distance, true_distance = (np.linalg.norm(joints[0, :, 0], axis=-1) for joints in (fits.joints, truth))
    assert np.std(np.log(distance / true_distance)) < 0.25 * 0.03


def test_result_does_not_depend_on_the_scenes_origin(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    errors = dataclasses.replace(NLF_GRADE, sizes=(0.9, 1.1), missing=((1, 30, 36),))
    R = Rotation.from_rotvec([0.5, -2, 1]).as_matrix()
    T_scene_world = rigid(R, np.array([10.0, -3, 20]))
    here, truth_here = run_fit(tmp_path, body_dir, meshes, walks[:2], errors, moving=True)
    there, truth_there = run_fit(tmp_path, body_dir, meshes, walks[:2], errors, True, (), T_scene_world)
    assert (np.abs(here.scale_correction - 1) > 0.01).all()
    T_there_here = T_scene_world @ camera_path(FRAMES, True)[0]
    np.testing.assert_allclose(transform_points(T_there_here, truth_here), truth_there, atol=1e-6)
    np.testing.assert_allclose(there.scale_correction, here.scale_correction, atol=1e-4)
    np.testing.assert_allclose(there.joints, transform_points(T_there_here, here.joints), atol=1e-3)


def test_a_jump_at_a_cut_stays_a_jump(tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> None:
    cut, step = 50, np.array([1.0, 0, 0])
    moved = dataclasses.replace(
        walks[0],
        trans=walks[0].trans + step * (np.arange(FRAMES) >= cut)[:, None],
        joints=walks[0].joints + step * (np.arange(FRAMES) >= cut)[:, None, None],
    )
    fits, truth = run_fit(tmp_path, body_dir, meshes, [moved], Errors(), cuts=(cut,))
    blurred, _ = run_fit(tmp_path, body_dir, meshes, [moved], Errors())
    near = slice(cut - 1, cut + 1)
    assert np.linalg.norm(fits.joints[:, near, 0] - truth[:, near, 0], axis=-1).max() < 0.02
    assert np.linalg.norm(blurred.joints[:, near, 0] - truth[:, near, 0], axis=-1).max() > 0.1


def test_short_gaps_are_filled_and_long_ones_left(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    errors = Errors(missing=((0, 40, 46), (0, 60, 80), (0, 0, 5)))
    fits, truth = run_fit(tmp_path, body_dir, meshes, walks[:1], errors)
    expected = np.ones(FRAMES, bool)
    expected[:5] = expected[60:80] = False
    np.testing.assert_array_equal(fits.visible[0], expected)
    np.testing.assert_array_equal(np.flatnonzero(fits.filled[0]), np.arange(40, 46))
    assert np.linalg.norm(fits.joints[0, 40:46] - truth[0, 40:46], axis=-1).mean() < 0.06
    assert all(np.isfinite(getattr(fits, f.name)).all() for f in dataclasses.fields(fits))


def test_gross_errors_are_repaired(tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> None:
    errors = Errors(jumps=((0, 30, 1.3), (0, 31, 1.3), (0, 80, 0.7)))
    fits, truth = run_fit(tmp_path, body_dir, meshes, walks[:1], errors)
    assert worst_error(fits, truth) < 0.08
    np.testing.assert_array_equal(np.flatnonzero(fits.repaired[0]), [30, 31, 80])
    assert not (fits.repaired & fits.filled).any()


def test_people_of_wrong_size_come_to_stand_on_one_floor(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    sizes = np.array([0.94, 1.0, 1.06])
    fits, _ = run_fit(tmp_path, body_dir, meshes, walks, dataclasses.replace(NLF_GRADE, sizes=tuple(sizes)))
    left = fits.scale_correction * sizes
    np.testing.assert_allclose(left / left.mean(), 1, atol=0.025)
    true_height = [np.ptp(meshes.forward(np.zeros((1, 24, 3)), w.betas, np.zeros((1, 3)))[0][..., 1]) for w in walks]
    height = [np.ptp(meshes.forward(np.zeros((1, 24, 3)), b, np.zeros((1, 3)))[0][..., 1]) for b in fits.betas]
    np.testing.assert_allclose(np.divide(height, true_height) / left.mean(), 1, atol=0.035)


def test_one_person_alone_keeps_his_size(tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> None:
    fits, _ = run_fit(tmp_path, body_dir, meshes, walks[:1], Errors(sizes=(0.9,)))
    np.testing.assert_array_equal(fits.scale_correction, 1)


def test_nobody_makes_an_empty_file(tmp_path: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    fits, _ = run_fit(tmp_path, body_dir, meshes, [], Errors())
    assert fits.joints.shape == (0, FRAMES, 24, 3)
    assert fits.betas.shape == (0, 10)


def test_a_person_never_estimated_is_never_visible(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    fits, truth = run_fit(tmp_path, body_dir, meshes, walks[:2], Errors(missing=((0, 0, FRAMES),)))
    assert not fits.visible[0].any()
    assert fits.visible[1].all()
    assert np.linalg.norm(fits.joints[1] - truth[1], axis=-1).mean() < 0.010


@pytest.mark.parametrize("how", ["collapsed", "no_body", "three_frames"])
def test_a_useless_person_changes_nobody_else(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk], how: str
) -> None:
    """The other two come out the same, bit by bit, as if the third had never been seen."""
    alone, _ = run_fit(tmp_path, body_dir, meshes, walks, dataclasses.replace(NLF_GRADE, missing=((2, 0, FRAMES),)))
    run_fit(tmp_path, body_dir, meshes, walks, NLF_GRADE)
    frames = [useless_last_person(f, i, how) for i, f in enumerate(Predictions.open(tmp_path / "predictions.xz"))]
    with writing_predictions(tmp_path / "predictions.xz", np.arange(1, 4), FPS, FRAMES) as sink:
        for frame in frames:
            sink.append(frame)
    fit(
        predictions=tmp_path / "predictions.xz",
        cameras=tmp_path / "cameras.npz",
        video_facts=tmp_path / "video.json",
        body=body_dir,
        out=tmp_path / "fits.npz",
    )
    beside = BodyFits.load(tmp_path / "fits.npz")
    for field in dataclasses.fields(BodyFits):
        np.testing.assert_array_equal(getattr(beside, field.name)[:2], getattr(alone, field.name)[:2])
    np.testing.assert_array_equal(np.flatnonzero(beside.visible[2]), [50, 51, 52] if how == "three_frames" else [])
    assert all(np.isfinite(getattr(beside, f.name)).all() for f in dataclasses.fields(beside))


def useless_last_person(frame: FramePredictions, index: int, how: str) -> FramePredictions:
    """The frame with a third person who is one point, or hardly larger, or there in frames 50 to 52 only."""
    if how == "three_frames":
        return without_rows(frame, np.array([False, False, not 50 <= index < 53]))
    factors = np.array([1, 1, 0 if how == "collapsed" else 0.03])[:, None, None]
    return dataclasses.replace(frame, vertices=frame.vertices * factors, joints=frame.joints * factors)


def test_lasting_confusions_of_left_and_right_are_put_right(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    sides = np.full(FRAMES, Sides.RIGHT)
    sides[20:50], sides[70:75] = Sides.TURNED, Sides.LEGS
    root, centres = walks[0].joints[:, 0], camera_path(FRAMES)[:, :3, 3]
    turned = corrected(global_rotations(walks[0].pose_rotvecs), sides, root - centres, np.array([0.0, 1, 0]))
    flipped = dataclasses.replace(walks[0], pose_rotvecs=local_rotvecs(turned))
    fits, truth = run_fit(tmp_path, body_dir, meshes, [flipped], NLF_GRADE)
    right, _ = run_fit(tmp_path, body_dir, meshes, walks[:1], NLF_GRADE)
    errors, usual = (np.linalg.norm(f.joints - truth, axis=-1)[0] for f in (fits, right))
    assert (errors[sides > 0].mean() < 1.3 * usual[sides > 0].mean()) and errors.max() < 2 * usual.max()
    assert (fits.repaired[0] == (sides > 0)).sum() >= FRAMES - 2
    assert not right.repaired.any()


def test_files_of_different_videos_are_refused(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    run_fit(tmp_path, body_dir, meshes, walks[:1], Errors())
    VideoFacts("other", 1280, 720, FPS, FRAMES + 1).save(tmp_path / "video.json")
    with pytest.raises(ArtefactError, match=r"101.*one video"):
        fit(
            predictions=tmp_path / "predictions.xz",
            cameras=tmp_path / "cameras.npz",
            video_facts=tmp_path / "video.json",
            body=body_dir,
            out=tmp_path / "again.npz",
        )
    assert not (tmp_path / "again.npz").exists()


def stances_on_floor(rng: np.random.Generator, places: list[np.ndarray], normal: np.ndarray, sd: float) -> Stances:
    """Stances of people at (n, 2) places on the floor 1.6 m under a camera at the origin."""
    ahead, right = np.cross(np.array([1.0, 0, 0]), normal), np.array([1.0, 0, 0])
    points = [p[:, :1] * right + p[:, 1:] * ahead - 1.6 * normal for p in places]
    points = [p + sd * rng.normal(size=(len(p), 1)) * normal for p in points]
    person = np.repeat(np.arange(len(places)), [len(p) for p in points])
    return Stances(person, np.zeros((len(person), 3)), np.concatenate(points))


UP = np.array([0, -np.cos(0.15), -np.sin(0.15)])


def test_relative_sizes_are_found() -> None:
    rng = np.random.default_rng(0)
    true = stances_on_floor(rng, [rng.normal([x, 6 + x], 0.6, (40, 2)) for x in (-1, 0, 1)], UP, 0.02)
    errors = np.array([0.94, 1.0, 1.06])
    seen = dataclasses.replace(true, point=true.point * errors[true.person, None])
    factors = person_scales(seen, 3, UP, np.array([1.0, 0, 0]))
    np.testing.assert_allclose(factors * errors / np.mean(factors * errors), 1, atol=0.02)
    np.testing.assert_allclose(np.mean(np.log(factors)), 0, atol=0.02)


def test_a_child_taken_for_an_adult_does_not_make_the_adults_giants() -> None:
    rng = np.random.default_rng(1)
    true = stances_on_floor(rng, [rng.normal([x, 6 + x], 0.6, (40, 2)) for x in (-1, 0, 1)], UP, 0.02)
    errors = np.array([1.0, 1.25, 1.0])
    seen = dataclasses.replace(true, point=true.point * errors[true.person, None])
    factors = person_scales(seen, 3, UP, np.array([1.0, 0, 0]))
    assert factors[1] == pytest.approx(0.8, abs=0.04)
    np.testing.assert_allclose(factors[[0, 2]], 1, atol=0.04)


@pytest.mark.parametrize("tilt_deg", [-6, 0, 6])
def test_weak_evidence_changes_little(tilt_deg: float) -> None:
    """Two people, each standing in one place, one behind the other, and a wrong idea of up."""
    rng = np.random.default_rng(2)
    places = [np.array([[0.0, z], [0.2, z]]).repeat(20, axis=0) for z in (4, 7)]
    stances = stances_on_floor(rng, places, UP, 0.005)
    wrong_up = Rotation.from_rotvec([np.deg2rad(tilt_deg), 0, 0]).apply(UP)
    factors = person_scales(stances, 2, wrong_up, np.array([1.0, 0, 0]))
    assert (np.abs(np.log(factors)) < 0.11).all()


def test_true_sizes_are_kept() -> None:
    rng = np.random.default_rng(3)
    stances = stances_on_floor(rng, [rng.normal([x, 6], 0.5, (30, 2)) for x in (-1, 1)], UP, 0.03)
    np.testing.assert_allclose(person_scales(stances, 3, UP, np.array([1.0, 0, 0])), 1, atol=0.02)


def test_kinematics_agree_with_the_body_model(meshes: BodyMeshes) -> None:
    rng = np.random.default_rng(4)
    pose, betas, trans = rng.normal(0, 0.4, (5, 24, 3)), rng.normal(size=10), rng.normal(size=(5, 3))
    rest, rotations = meshes.joints_rest(betas), global_rotations(pose)
    _, joints = meshes.forward(pose, betas, trans)
    np.testing.assert_allclose(joint_positions(rotations, trans + rest[0], rest), joints, atol=1e-5)
    np.testing.assert_allclose(local_rotvecs(rotations), pose, atol=1e-9)
