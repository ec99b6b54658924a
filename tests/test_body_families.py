"""Every family of body models, from its files to people in the world.

The registered ones are stand-ins of the published layout: their shapes say nothing about the real models' accuracy.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from posed_landmarks import pose as pose_landmarks
from posed_landmarks import walk as walking_rotations
from rlemasklib import RLEMask
from scipy.spatial.transform import Rotation
from smplfitter.pt import BodyFitter
from synthetic_videos import numbered_frame, write_video
from walkers import Errors, camera_path, walking_people, write_inputs

from nlf_pipeline.artefacts import Bodies, BodyFits, Intrinsics, VideoFacts
from nlf_pipeline.body_kinds import (
    N_SHARED_JOINTS,
    SMPL_JOINT_NAMES,
    SMPL_PARENTS,
    SMPLX_JOINT_NAMES,
    BodyFamily,
    BodyKind,
    body_files,
    body_joints,
    body_name,
    joint_index,
    skeleton,
    smpl_joints,
)
from nlf_pipeline.body_models import SUBSET_SIZE, BodyMeshes, load_body_model
from nlf_pipeline.build_body import build_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimate import estimate
from nlf_pipeline.estimators import landmark_search
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.evaluation.bodies import match_people
from nlf_pipeline.fit import fit
from nlf_pipeline.fitting.side_flips import Sides, corrected
from nlf_pipeline.fitting.trunk_prior import hold_trunk, usual_pose
from nlf_pipeline.geometry import project
from nlf_pipeline.ground import ground
from nlf_pipeline.kinematics import from_smpl_pose, global_rotations, joint_positions, local_rotvecs
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.metrics import foot_slide, mpjpe
from nlf_pipeline.open_body.construction import make_open_body
from nlf_pipeline.open_body.makehuman import data_folder, read_base_mesh, read_rig
from nlf_pipeline.open_body.phenotypes import blend_targets, sample_adults
from nlf_pipeline.open_body.smpl_rig import merge_rig
from nlf_pipeline.open_body.tpose import pose_people
from nlf_pipeline.plan_view import plan_view
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.world import world

FRAMES, FPS = 75, 25.0
SIZE_PX, FOCAL_PX = (640, 480), 600.0
MILD = Errors(slow_turn=0.02, fast_turn=0.005, slow_size=0.01, vertex=0.003)
OTHERS = [family for family in get_args(BodyFamily) if family != "open"]


@dataclass(frozen=True)
class Family:
    folder: Path
    kind: BodyKind
    whole: BodyMeshes
    subset: BodyMeshes

    @classmethod
    def load(cls, folder: Path) -> "Family":
        meshes = (BodyMeshes(load_body_model(folder, subset)) for subset in (False, True))
        return cls(folder, BodyKind.of(folder), *meshes)


@pytest.fixture(scope="session")
def families(body_dir, imported_dirs, tmp_path_factory):
    """One body of every family."""
    anny = tmp_path_factory.mktemp("families") / "anny"
    build_body(out=anny, family="anny", betas=12)
    folders = {"open": body_dir, "anny": anny, **imported_dirs}
    return {family: Family.load(folders[family]) for family in get_args(BodyFamily)}


@pytest.fixture(params=OTHERS)
def family(request, families) -> Family:
    return families[request.param]


def random_people(family: Family, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moderate poses in every joint, (n, joints, 3), shapes and places."""
    rng, n_joints = np.random.default_rng(seed), family.kind.n_joints
    pose = rng.normal(0, 0.15, (n, n_joints, 3))
    pose[:, 0] = rng.normal(0, 1, (n, 3))
    for sign, side in ((1, "left"), (-1, "right")):
        pose[:, joint_index(f"{side}_shoulder"), 2] -= sign * rng.uniform(0, 1.2, n)
        pose[:, joint_index(f"{side}_knee"), 0] += rng.uniform(0, 1.2, n)
    return pose, rng.normal(0, 0.7, (n, family.kind.n_betas)), rng.normal(size=(n, 3))


def test_folder_holds_what_the_workflow_lists(family):
    assert {path.name for path in family.folder.iterdir()} == set(body_files(family.kind.family))


def test_names_of_folders_tell_bodies_apart():
    assert body_name("open", "neutral", 10) == "open"
    others = [("open", "female", 10), ("open", "neutral", 16), ("anny", "neutral", 10), ("smpl", "male", 10)]
    assert len({body_name(*other) for other in others} | {"open"}) == 5
    assert body_name("smplx", "female", 20) == "smplx-female-20"


def test_folder_without_a_body_is_told_with_its_cure(tmp_path):
    with pytest.raises(UserError, match=r"no body model found.*snakemake .*body\.json"):
        load_body_model(tmp_path)


def test_bodies_of_another_model_are_refused(family):
    family.kind.check_made(family.kind.name, Path("bodies.npz"))
    with pytest.raises(
        UserError, match=rf"bodies\.npz has bodies of the model open, found the model {family.kind.name}"
    ):
        family.kind.check_made("open", Path("bodies.npz"))


def test_skeleton_is_the_models(family):
    model = family.whole.model
    names, parents = skeleton(model.num_joints)
    assert (list(names), list(parents)) == (model.joint_names, model.kintree_parents)
    assert names[:N_SHARED_JOINTS] == SMPL_JOINT_NAMES[:N_SHARED_JOINTS]
    rest = family.whole.joints_rest(np.zeros(family.kind.n_betas))
    palm = rest[smpl_joints(len(rest))[joint_index("left_hand")]] - rest[joint_index("left_wrist")]
    assert 0.05 < palm[0] < 0.12  # the knuckles lie beyond the wrist


def test_kinematics_agree_with_the_model(family):
    pose, betas, trans = random_people(family, 4, seed=1)
    vertices, joints = family.whole.forward(pose, betas, trans)
    assert np.isfinite(vertices).all()
    rotations = global_rotations(pose)
    for k in range(4):
        rest = family.whole.joints_rest(betas[k])
        np.testing.assert_allclose(joint_positions(rotations[k], rest[0] + trans[k], rest), joints[k], atol=1e-5)
    np.testing.assert_allclose(
        Rotation.from_rotvec(local_rotvecs(rotations).reshape(-1, 3)).as_matrix(),
        Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix(),
        atol=1e-9,
    )


def test_joints_follow_from_the_posed_subset(family):
    pose, betas, trans = random_people(family, 30, seed=2)
    vertices, joints = family.subset.forward(pose, betas, trans)
    assert vertices.shape[1] == SUBSET_SIZE
    regressor = np.asarray(family.subset.model.J_regressor_post_lbs)
    errors = np.linalg.norm(regressor @ vertices - joints, axis=-1).mean(axis=0)
    assert errors.max() < 0.015 and errors.mean() < 0.005


def test_parameters_are_found_again_from_the_subset(family):
    pose, betas, trans = random_people(family, 30, seed=3)
    vertices, joints = family.subset.forward(pose, betas, trans)
    with torch.inference_mode():
        found = BodyFitter(family.subset.model).fit(
            torch.as_tensor(vertices),
            torch.as_tensor(joints),
            num_iter=3,
            beta_regularizer=0.05,
            requested_keys=["pose_rotvecs", "shape_betas", "trans"],
        )
    values = (found[name].numpy() for name in ("pose_rotvecs", "shape_betas", "trans"))
    again = family.whole.forward(*values)
    truth = family.whole.forward(pose, betas, trans)
    for points, true in zip(again, truth, strict=True):
        errors = np.linalg.norm(points - true, axis=-1).mean(axis=1)
        assert errors.mean() < 0.008 and errors.max() < 0.016


def test_landmarks_are_where_the_same_surface_has_them_on_the_open_body(families, family):
    places = [
        np.load(body.folder / "landmark_regressor.npy") @ body.whole.template for body in (families["open"], family)
    ]
    hips = [
        points[[BLAZEPOSE_LANDMARK_NAMES.index(f"{s}_hip") for s in ("left", "right")]].mean(0) for points in places
    ]
    apart = np.linalg.norm((places[0] - hips[0]) - (places[1] - hips[1]), axis=1)
    assert apart.max() < 0.03, BLAZEPOSE_LANDMARK_NAMES[int(apart.argmax())]
    assert apart.mean() < 0.01


def test_poses_of_smpl_are_those_of_any_model(families):
    rng = np.random.default_rng(4)
    R = Rotation.from_rotvec(rng.normal(0, 0.4, (5 * 24, 3))).as_matrix().reshape(5, 24, 3, 3)
    assert from_smpl_pose(R, 24) is R
    posed = from_smpl_pose(R, 55)
    np.testing.assert_array_equal(posed[:, :N_SHARED_JOINTS], R[:, :N_SHARED_JOINTS])
    for side in ("left", "right"):
        hand = R[:, joint_index(f"{side}_hand")]
        for finger in ("index", "middle", "ring", "pinky"):
            np.testing.assert_array_equal(posed[:, SMPLX_JOINT_NAMES.index(f"{side}_{finger}1")], hand)
    pose = [Rotation.from_matrix(p.reshape(-1, 3, 3)).as_rotvec().reshape(5, -1, 3) for p in (R, posed)]
    trans = np.zeros((5, 3))
    small, large = (
        families[name].whole.forward(p, np.zeros(10), trans)[1] for name, p in zip(("smpl", "smplx"), pose, strict=True)
    )
    shared = slice(N_SHARED_JOINTS)
    offsets = [points[:, shared] - points[:, :1] for points in (small, large)]
    assert np.linalg.norm(offsets[0] - offsets[1], axis=-1).max() < 0.005


def test_flips_exchange_the_sides_of_face_and_fingers_too(family):
    rng, n = np.random.default_rng(6), family.kind.n_joints
    R = Rotation.from_rotvec(rng.normal(size=(3 * n, 3))).as_matrix().reshape(3, n, 3, 3)
    rays, up = rng.normal(size=(3, 3)), np.array([0.0, 1.0, 0.0])
    for side in (Sides.TURNED, Sides.LEGS):
        sides = np.full(3, side)
        np.testing.assert_allclose(corrected(corrected(R, sides, rays, up), sides, rays, up), R, atol=1e-9)
    turned = corrected(R, np.full(3, Sides.TURNED), rays, up)
    names = skeleton(family.kind.n_joints)[0]
    if "left_thumb3" in names:
        for left, right in (("left_thumb3", "right_thumb3"), ("left_eye_smplhf", "right_eye_smplhf"), ("jaw", "jaw")):
            mirrored = R[:, names.index(right)]
            like_wrist = np.swapaxes(R[:, joint_index("right_wrist")], 1, 2) @ mirrored
            found = np.swapaxes(turned[:, joint_index("left_wrist")], 1, 2) @ turned[:, names.index(left)]
            mirror = np.diag([-1.0, 1.0, 1.0])
            np.testing.assert_allclose(found, mirror @ like_wrist @ mirror, atol=1e-9)


def test_face_and_fingers_turn_along_with_the_trunk(families):
    smplx = families["smplx"]
    rng, n = np.random.default_rng(8), smplx.kind.n_joints
    pose = rng.normal(0, 0.15, (40, n, 3))
    rotations, rest = global_rotations(pose), smplx.subset.joints_rest(np.zeros(10))
    held = hold_trunk(rotations, rest, usual_pose(rotations))
    before, after = (local_rotvecs(R)[:, N_SHARED_JOINTS:] for R in (rotations, held))
    np.testing.assert_allclose(after, before, atol=1e-4)
    spine = [joint_index(name) for name in ("spine1", "spine2", "spine3")]
    assert np.abs(local_rotvecs(held)[:, spine]).mean() < 0.9 * np.abs(pose[:, spine]).mean()
    # the rest of the body is held as if there were no fingers
    own = smplx.subset.joints_rest(np.zeros(10))[smpl_joints(n)]
    smpl_pose = np.concatenate([pose[:, :N_SHARED_JOINTS], np.zeros((40, 2, 3))], axis=1)
    alone = global_rotations(smpl_pose)
    like_smpl = hold_trunk(alone, own, usual_pose(alone))
    torso = [0, *spine]
    np.testing.assert_allclose(held[:, torso], like_smpl[:, torso], atol=0.02)


@pytest.fixture(scope="module")
def chains(families, tmp_path_factory):
    """fit, ground, world and plan_view of two walkers, for every family."""
    found = {}
    for name in OTHERS:
        family, folder = families[name], tmp_path_factory.mktemp(name)
        walks = walking_people(family.subset, 2, FRAMES, FPS)
        write_inputs(folder, family.subset, walks, camera_path(FRAMES), MILD, FPS)
        files = {"cameras": folder / "cameras.npz", "video_facts": folder / "video.json"}
        fit(predictions=folder / "predictions.xz", out=folder / "fits.npz", body=family.folder, **files)
        ground(fits=folder / "fits.npz", out=folder / "ground.json", body=family.folder, **files)
        bodies, cameras = folder / "bodies.npz", folder / "world_cameras.npz"
        world(
            fits=folder / "fits.npz", ground=folder / "ground.json", body=family.folder,
            bodies_out=bodies, cameras_out=cameras, **files,
        )  # fmt: skip
        plan_view(bodies=bodies, cameras=cameras, video_facts=folder / "video.json", out=folder / "view_cameras.npz")
        found[name] = (BodyFits.load(folder / "fits.npz"), Bodies.load(bodies), walks)
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_people_walk_in_the_world(chains, families, name):
    family = families[name]
    fits, bodies, walks = chains[name]
    n_joints, n_betas = family.kind.n_joints, family.kind.n_betas
    assert fits.joints.shape == bodies.joints.shape == (2, FRAMES, n_joints, 3)
    assert fits.pose_rotvecs.shape == bodies.pose_rotvecs.shape == (2, FRAMES, n_joints, 3)
    assert bodies.betas.shape == (2, n_betas)
    assert bodies.body_model == family.kind.name
    assert bodies.visible.all()
    for k, walk in enumerate(walks):
        assert mpjpe(bodies.joints[k], walk.joints) < 0.04
        assert np.median(foot_slide(bodies.joints[k][:, [10, 11]], walk.planted)) < 0.003
        posed = family.whole.forward(bodies.pose_rotvecs[k], bodies.betas[k], bodies.trans[k])
        np.testing.assert_allclose(posed[1], bodies.joints[k], atol=2e-3)
        assert np.abs(posed[0][..., 1].min(axis=1)).max() < 0.04


def test_result_and_truth_of_different_models_are_compared_by_common_joints(chains):
    (_, found, _), (_, true, _) = chains["smplx"], chains["smpl"]
    matches = match_people(found, true, np.eye(4), [(0, 0), (1, 1)])
    assert [m.joints.shape for m in matches] == [m.truth.shape for m in matches] == [(FRAMES, N_SHARED_JOINTS, 3)] * 2
    same = match_people(found, replace(found), np.eye(4), [(0, 0)])
    assert same[0].joints.shape[1] == len(SMPLX_JOINT_NAMES)


def test_bodies_are_posed_by_landmarks(family, tmp_path, monkeypatch):
    n, lens = 20, Intrinsics(SIZE_PX, (FOCAL_PX, FOCAL_PX), (319.5, 239.5), [], "user")
    body = LandmarkBody.load(family.folder)
    root = np.array([0.3, 0.1, 4.5]) + np.linspace(0, 0.3, n)[:, None] * [1.0, 0, 0]
    joints, landmarks = pose_landmarks(body, walking_rotations(n, 15.0, 0.4))
    seen = PersonLandmarks(
        project(landmarks + root[:, None], lens.K), landmarks, np.ones((n, 33)), np.ones(n, dtype=bool)
    )
    masks = ((RLEMask.from_bbox(np.array([100, 0, 50, 50]), imsize=SIZE_PX),) * n,)
    VideoFacts("clip", *SIZE_PX, 15.0, n).save(tmp_path / "video.json")
    MaskTracks(SIZE_PX, 15.0, n, (1,), masks).save(tmp_path / "masks.json")
    lens.save(tmp_path / "intrinsics.json")
    write_video(tmp_path / "clip.mp4", [t / 15.0 for t in range(n)], [numbered_frame(0)] * n)
    monkeypatch.setattr(landmark_search, "find_landmarks", lambda *_, **__: [seen])
    estimate(
        video=tmp_path / "clip.mp4", video_facts=tmp_path / "video.json", masks=tmp_path / "masks.json",
        intrinsics=tmp_path / "intrinsics.json", body=family.folder, out=tmp_path / "predictions.xz",
    )  # fmt: skip
    frames = list(Predictions.open(tmp_path / "predictions.xz"))
    found = np.stack([frame.joints[0] for frame in frames])
    assert found.shape == (n, family.kind.n_joints, 3) and frames[0].vertices.shape == (1, SUBSET_SIZE, 3)
    as_smpl = found[:, smpl_joints(family.kind.n_joints)]
    assert np.linalg.norm(as_smpl - joints - root[:, None], axis=-1).mean() < 0.06
    regressor = np.asarray(family.subset.model.J_regressor_post_lbs)
    assert np.linalg.norm(regressor @ frames[5].vertices[0] - found[5], axis=-1).mean() < 0.01
    joint_errors = frames[5].joint_uncertainties[0]
    assert (joint_errors > 0.03).all() and (frames[5].vertex_uncertainties > 0.03).all()
    names = skeleton(family.kind.n_joints)[0]
    if "left_ring3" in names:
        assert joint_errors[names.index("left_ring3")] > joint_errors[joint_index("left_elbow")]
        assert joint_errors[names.index("jaw")] == joint_errors[joint_index("head")]


@pytest.fixture(scope="module")
def people_of_ages():
    """T-posed vertices of the base mesh, (20, vertices, 3), of adults, of children and of infants."""
    folder = data_folder()
    base = read_base_mesh(folder)
    rig, rng = merge_rig(read_rig(folder), len(base.vertices)), np.random.default_rng(9)
    shapes = {}
    for name, ages in {"adults": (0.67, 0.93), "children": (0.2, 0.45), "infants": (0.0, 0.08)}.items():
        people = replace(sample_adults(20, rng), age=rng.uniform(*ages, 20))
        shapes[name] = pose_people(base.vertices, *blend_targets(folder, people, len(base.vertices)), rig).vertices
    return shapes


def shape_errors(body: Family, shapes: np.ndarray) -> np.ndarray:
    """(people,) mean distance of vertices from the nearest shape of the body, metres."""
    kept = np.load(body.folder / "base_mesh.npz")["kept_vertices"]
    directions, template = np.asarray(body.whole.model.shapedirs, np.float64), body.whole.template
    A = (directions - directions.mean(axis=0)).reshape(-1, directions.shape[-1])
    people = shapes[:, kept].astype(np.float64)
    wanted = (people - people.mean(axis=1, keepdims=True)) - (template - template.mean(axis=0))
    flat = wanted.reshape(len(people), -1).T
    left = flat - A @ np.linalg.lstsq(A, flat, rcond=None)[0]
    return np.linalg.norm(left.T.reshape(wanted.shape), axis=-1).mean(axis=1)


def test_anny_is_people_of_all_ages_and_open_adults(families, people_of_ages):
    opened, anny = families["open"], families["anny"]
    assert shape_errors(opened, people_of_ages["adults"]).mean() < 0.003
    for ages in people_of_ages.values():
        assert shape_errors(anny, ages).mean() < 0.003
    for ages in ("children", "infants"):
        assert (shape_errors(opened, people_of_ages[ages]) > 2 * shape_errors(anny, people_of_ages[ages])).all()


def test_anny_is_an_adult_until_told_otherwise(families):
    anny = families["anny"].whole
    assert 1.6 < np.ptp(anny.template[:, 1]) < 1.8
    stature = [np.ptp((anny.template + b * np.asarray(anny.model.shapedirs)[..., 0])[:, 1]) for b in (-3, -1, 0, 1)]
    assert np.all(np.diff(stature) > 0.2) and stature[0] < 0.9


def test_gender_of_bodies_made_here():
    women, men = (make_open_body(1, n_people=40, gender=gender) for gender in ("female", "male"))
    heights = [np.ptp(body.v_template[:, 1]) for body in (women, men)]
    assert heights[0] + 0.08 < heights[1]


@pytest.mark.parametrize("betas", [1, 301])
def test_number_of_betas_is_checked(tmp_path, betas):
    with pytest.raises(UserError, match=rf"betas: found {betas}, expected .* from 2 to 300"):
        build_body(out=tmp_path / "body", betas=betas)
    assert not (tmp_path / "body").exists()


def test_body_joints_leave_out_face_and_fingers():
    assert body_joints(len(SMPL_PARENTS)) == 24 and body_joints(len(SMPLX_JOINT_NAMES)) == N_SHARED_JOINTS
    with pytest.raises(ValueError, match="no body model has 23 joints"):
        skeleton(23)
