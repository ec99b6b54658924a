"""What exporters get: poses that go on through gaps, joints where the body model has them, names that stay apart."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import moving_people
from plain_kinematics import posed_transforms, skinned_vertices
from random_bodies import random_bodies, still_cameras
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.body_kinds import skeleton
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.export import export
from nlf_pipeline.exporters import EXPORT_FORMATS
from nlf_pipeline.exporters.loading import load_motion
from nlf_pipeline.exporters.motion import Skin, make_motion
from nlf_pipeline.renderers.palette import person_colours

MILLIMETRE = 1e-3
STEM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?")


@pytest.fixture(scope="module")
def body(body_dir):
    return BodyMeshes(load_resting_body(body_dir, subset=True))


@pytest.fixture
def make(body):
    def motion(bodies, names=None, cuts=()):
        return make_motion("clip", bodies, still_cameras(bodies.visible.shape[1]), body, names or {}, cuts)

    return motion


def test_joints_and_skin_are_the_body_models(make, body):
    bodies = random_bodies(2, 5)
    motion = make(bodies)
    for row, person in enumerate(motion.people):
        vertices, joints = body.forward(bodies.pose_rotvecs[row], bodies.betas[row], bodies.trans[row])
        assert np.abs(person.joints - joints).max() < MILLIMETRE
        transforms = posed_transforms(person.pose_rotvecs[0], person.trans[0], person.joints_rest, motion.joint_parents)
        skinned = skinned_vertices(transforms, person.joints_rest, person.vertices_rest, motion.skin.weights)
        assert np.abs(skinned - vertices[0]).max() < MILLIMETRE
        np.testing.assert_allclose(person.joints[:, 0], person.joints_rest[0] + person.trans)


def test_frames_in_which_somebody_was_seen_stay_as_they_were(make):
    visible = np.random.default_rng(1).random((3, 30)) > 0.4
    bodies = random_bodies(3, 30, visible=visible)
    for row, person in enumerate(make(bodies).people):
        np.testing.assert_array_equal(person.pose_rotvecs[visible[row]], bodies.pose_rotvecs[row, visible[row]])
        np.testing.assert_array_equal(person.trans[visible[row]], bodies.trans[row, visible[row]])
        np.testing.assert_array_equal(person.visible, visible[row])


def test_what_is_undefined_counts_for_nothing(make):
    visible = np.random.default_rng(2).random((3, 20)) > 0.5
    bodies = random_bodies(3, 20, visible=visible)
    other = random_bodies(3, 20, seed=9)
    mixed = replace(
        bodies,
        pose_rotvecs=np.where(visible[..., None, None], bodies.pose_rotvecs, other.pose_rotvecs),
        trans=np.where(visible[..., None], bodies.trans, other.trans),
        joints=other.joints,
    )
    for first, second in zip(make(bodies).people, make(mixed).people, strict=True):
        np.testing.assert_array_equal(first.joints, second.joints)


def test_gaps_are_crossed_evenly_and_ends_are_held(make):
    visible = np.array([[False, False, True, False, False, False, True, False]])
    bodies = random_bodies(1, 8, visible=visible)
    [person] = make(bodies).people
    before, after = (Rotation.from_rotvec(bodies.pose_rotvecs[0, frame]) for frame in (2, 6))
    whole = (before.inv() * after).magnitude()
    for frame in range(2, 7):
        share = (frame - 2) / 4
        here = Rotation.from_rotvec(person.pose_rotvecs[frame])
        np.testing.assert_allclose((before.inv() * here).magnitude(), share * whole, atol=1e-9)
        np.testing.assert_allclose((here.inv() * after).magnitude(), (1 - share) * whole, atol=1e-9)
        expected = (1 - share) * bodies.trans[0, 2] + share * bodies.trans[0, 6]
        np.testing.assert_allclose(person.trans[frame], expected)
    for frame, like in ((0, 2), (1, 2), (7, 6)):
        np.testing.assert_allclose(person.joints[frame], person.joints[like], atol=1e-9)


@pytest.mark.parametrize("frame", [0, 3, 5])
def test_somebody_seen_once_stands_still_and_never_seen_is_finite(make, frame):
    visible = np.zeros((2, 6), bool)
    visible[0, frame] = True
    bodies = random_bodies(2, 6, visible=visible)
    once, never = make(bodies).people
    np.testing.assert_array_equal(once.pose_rotvecs, np.tile(bodies.pose_rotvecs[0, frame], (6, 1, 1)))
    np.testing.assert_array_equal(once.trans, np.tile(bodies.trans[0, frame], (6, 1)))
    assert np.isfinite(never.joints).all() and not never.visible.any()


def test_joints_move_with_the_world(make):
    """Turning everybody's root and place turns their joints."""
    bodies = random_bodies(1, 4)
    turn, shift = Rotation.from_rotvec([0.3, -1.1, 0.4]), np.array([1.0, 2.0, -3.0])
    [person] = make(bodies).people
    pose = bodies.pose_rotvecs.copy()
    pose[0, :, 0] = (turn * Rotation.from_rotvec(pose[0, :, 0])).as_rotvec()
    pelvis = turn.apply(person.joints[:, 0]) + shift
    [turned] = make(replace(bodies, pose_rotvecs=pose, trans=(pelvis - person.joints_rest[0])[None])).people
    expected = turn.apply(person.joints.reshape(-1, 3)).reshape(person.joints.shape) + shift
    np.testing.assert_allclose(turned.joints, expected, atol=1e-9)


@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), min_size=1, max_size=6))
def test_names_and_file_stems_are_one_persons_alone(names):
    given_names = {person_id: name for person_id, name in enumerate(names, start=1) if name is not None}
    people = moving_people(len(names), 1, names=given_names).people
    for said, person in zip(names, people, strict=True):
        assert person.name.startswith(said or f"person {person.person_id}") and STEM.fullmatch(person.file_stem)
    for kind in ("name", "file_stem"):
        assert len({getattr(person, kind).casefold() for person in people}) == len(people)


def test_names_become_stems_that_can_be_read():
    names = {1: "Zoë 🕺", 2: "🕺", 3: "ZOE", 4: "a/b\\..c", 5: "José María"}
    stems = [person.file_stem for person in moving_people(6, 1, names=names).people]
    assert stems == ["Zoe", "person_2", "ZOE_2", "a_b_c", "Jose_Maria", "person_6"]


def test_stems_are_names_of_files_on_every_system():
    names = {1: "CON", 2: "nul", 3: "Com1", 4: "LPT9.txt", 5: ".hidden", 6: "..", 7: "x" * 5000, 8: "x" * 5001, 9: "a."}
    stems = [person.file_stem for person in moving_people(9, 1, names=names).people]
    assert stems[:6] == ["CON_2", "nul_2", "Com1_2", "LPT9_txt", "hidden", "person_6"]
    assert stems[6:] == ["x" * 40, "x" * 40 + "_2", "a"]


def test_everybody_has_the_colour_of_all_pictures(make):
    motion = make(random_bodies(9, 1))
    np.testing.assert_array_equal([person.colour for person in motion.people], person_colours(9))


@pytest.mark.parametrize("n_joints", [24, 55])
@pytest.mark.parametrize("n_people", [0, 2])
def test_skeleton_and_length_are_known_with_nobody_there(n_people, n_joints):
    motion = moving_people(n_people, 7, n_joints=n_joints)
    assert (motion.joint_names, motion.joint_parents) == skeleton(n_joints)
    assert motion.n_frames == 7 and len(motion.people) == n_people


@given(st.integers(1, 8), st.integers(0, 1000))
def test_strongest_joints_are_the_strongest_and_sum_to_one(n, seed):
    weights = np.random.default_rng(seed).dirichlet(np.full(6, 0.3), 10).astype(np.float32)
    joints, shares = Skin(np.zeros((0, 3), np.int32), weights).strongest(n)
    assert joints.shape == shares.shape == (10, min(n, 6))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    for row, chosen in zip(weights, joints, strict=True):
        left_out = np.delete(row, chosen)
        assert len({*chosen.tolist()}) == len(chosen) and row[chosen].min() >= left_out.max(initial=0)


@pytest.fixture
def run(tmp_path, body_dir):
    """The files of a small run."""
    facts = VideoFacts("clip", 64, 48, 30.0, 5, cuts=[3])
    files = {name: tmp_path / name for name in ("bodies.npz", "world_cameras.npz", "video.json")}
    random_bodies(2, 5).save(files["bodies.npz"])
    still_cameras(5).save(files["world_cameras.npz"])
    facts.save(files["video.json"])
    bodies, cameras, video = files.values()
    return {
        "bodies": bodies,
        "world_cameras": cameras,
        "video_facts": video,
        "body": body_dir,
        "edits": tmp_path / "tracks.yaml",
    }


def test_motion_comes_from_the_files_of_a_run(run):
    assert [person.name for person in load_motion(**run).people] == ["person 1", "person 2"]
    run["edits"].write_text('people: {2: "Zoë 🕺"}\n')
    motion = load_motion(**run)
    assert [person.name for person in motion.people] == ["person 1", "Zoë 🕺"]
    assert (motion.video_id, motion.fps, motion.n_frames, motion.cuts) == ("clip", 30.0, 5, (3,))
    assert motion.people[0].vertices_rest.shape == (6004, 3)


def test_files_of_different_runs_are_refused(run):
    random_bodies(2, 4).save(run["bodies"])
    with pytest.raises(UserError, match=r"has 5 frames, but .* have \(4, 5\)"):
        load_motion(**run)
    replace(random_bodies(2, 5), body_model="anny-neutral-10").save(run["bodies"])
    with pytest.raises(UserError, match="anny-neutral-10"):
        load_motion(**run)


@pytest.mark.parametrize("format", EXPORT_FORMATS)
@pytest.mark.parametrize("n_people", [0, 2])
def test_every_format_is_written_from_the_files_of_a_run(run, tmp_path, format, n_people):
    random_bodies(n_people, 5).save(run["bodies"])
    run["edits"].write_text('people: {2: "Zoë 👩\u200d🦰"}\n')
    out = tmp_path / "export" / format
    export(format=format, out=out, **run)
    names = {path.stem for path in out.iterdir()}
    assert [*out.parent.iterdir()] == [out] and all(path.stat().st_size for path in out.iterdir())
    of_people = {"person_1", "Zoe"} if n_people else set()
    assert names in ({"clip"}, of_people, {*of_people, "camera"}, {"cameras", "images", "points3D"}, {"transforms"})
