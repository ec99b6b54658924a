"""AMASS files pose bodies where they are in the world, its y axis turned up to z, with the usual keys."""

from dataclasses import replace

import numpy as np
import pytest
from motions import moving_people
from odd_motions import CASES, make
from plain_kinematics import posed_joints
from random_bodies import random_bodies, still_cameras

from nlf_pipeline.body_kinds import N_SHARED_JOINTS, skeleton
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.exporters import amass
from nlf_pipeline.exporters.motion import make_motion

MILLIMETRE = 1e-3
SMPLH_JOINTS = [joint for joint in range(55) if joint not in (22, 23, 24)]
SMPLH_PARENTS = [SMPLH_JOINTS.index(skeleton(55)[1][joint]) if joint else -1 for joint in SMPLH_JOINTS]
"""SMPL+H has SMPL-X's joints but for jaw and eyes."""


def z_up(points):
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def exported(motion, folder):
    amass.write(motion, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{p.file_stem}.npz" for p in motion.people)
    for person in motion.people:
        with np.load(folder / f"{person.file_stem}.npz", allow_pickle=False) as file:
            yield person, dict(file)


@pytest.mark.parametrize("case", CASES)
def test_pose_of_the_body_model_puts_joints_where_they_are(case, tmp_path):
    motion = make(case)
    for person, file in exported(motion, tmp_path):
        for flags in ("visible", "filled", "foot_contacts"):
            np.testing.assert_array_equal(file[flags], getattr(person, flags))
        assert file["mocap_framerate"] == motion.fps and str(file["person_name"]) == person.name
        for pose, trans, expected in zip(file["poses_own"], file["trans"], z_up(person.joints), strict=True):
            joints = posed_joints(pose.reshape(-1, 3), trans, file["joints_rest"], motion.joint_parents)
            assert np.abs(joints - expected).max() < MILLIMETRE


def test_smplh_parameters_put_the_joints_where_they_are(tmp_path):
    motion = moving_people(3, 12)
    for person, file in exported(motion, tmp_path):
        assert file["poses"].shape == (12, 156) and file["trans"].shape == (12, 3) and file["betas"].shape == (16,)
        rest = np.zeros((52, 3))
        rest[:N_SHARED_JOINTS] = person.joints_rest[:N_SHARED_JOINTS]
        for frame in range(12):
            joints = posed_joints(file["poses"][frame].reshape(52, 3), file["trans"][frame], rest, SMPLH_PARENTS)
            expected = z_up(person.joints[frame])
            assert np.abs(joints[:N_SHARED_JOINTS] - expected[:N_SHARED_JOINTS]).max() < MILLIMETRE
        assert np.abs(file["joints"] - z_up(person.joints)).max() < MILLIMETRE


def test_smplx_parameters_put_all_55_joints_where_they_are(tmp_path):
    motion = moving_people(1, 5, n_joints=55)
    [(person, file)] = exported(motion, tmp_path)
    assert str(file["surface_model_type"]) == "smplx" and file["poses"].shape == (5, 165)
    parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
    np.testing.assert_array_equal(np.concatenate([file[part] for part in parts], axis=1), file["poses"])
    for frame in range(5):
        pose = file["poses"][frame].reshape(55, 3)
        joints = posed_joints(pose, file["trans"][frame], file["joints_rest"], skeleton(55)[1])
        assert np.abs(joints - z_up(person.joints[frame])).max() < MILLIMETRE


def test_smplfitter_poses_the_open_body_there(body_dir, tmp_path):
    """The body model itself, from the betas, not only the skeleton that the file carries."""
    meshes = BodyMeshes(load_resting_body(body_dir, subset=True))
    bodies = random_bodies(1, 6, seed=3)
    _, joints = meshes.forward(bodies.pose_rotvecs[0], bodies.betas[0], bodies.trans[0], vertices=False)
    [(_, file)] = exported(make_motion("clip", bodies, still_cameras(6), meshes, {}, ()), tmp_path)
    posed = meshes.model(file["poses_own"], np.tile(file["betas"][:10], (6, 1)), file["trans"])["joints"]
    assert np.abs(posed - z_up(joints)).max() < MILLIMETRE


def test_somebody_upright_stands_along_z_and_faces_where_he_did(tmp_path):
    [(person, file)] = exported(moving_people(1, 4), tmp_path)
    rises = file["joints"][:, 15, 2] - file["joints"][:, 0, 2]
    assert rises.min() > 0.3 and np.allclose(rises, person.joints[:, 15, 1] - person.joints[:, 0, 1])


def test_both_spellings_of_the_keys_say_the_same(tmp_path):
    [(_, file)] = exported(moving_people(1, 9, fps=29.97), tmp_path)
    assert file["mocap_framerate"] == file["mocap_frame_rate"] == 29.97
    assert file["mocap_time_length"] == pytest.approx(9 / 29.97) and file["num_betas"] == 16
    parts = [file[part] for part in ("root_orient", "pose_body", "pose_hand")]
    assert [part.shape[1] for part in parts] == [3, 63, 90]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), file["poses"])
    assert str(file["gender"]) == "neutral" and str(file["surface_model_type"]) == "smplh"
    assert file["dmpls"].shape == (9, 8) and not file["dmpls"].any()


def test_hands_of_smpl_turn_the_knuckles(tmp_path):
    [(person, file)] = exported(moving_people(1, 4), tmp_path)
    hands = file["pose_hand"].reshape(4, 2, 5, 3, 3)  # side, finger, knuckle
    for side, joint in enumerate((22, 23)):
        for finger in range(4):
            np.testing.assert_allclose(hands[:, side, finger, 0], person.pose_rotvecs[:, joint], atol=1e-6)
    assert not hands[:, :, :, 1:].any() and not hands[:, :, 4].any()


@pytest.mark.parametrize(
    ("model", "gender"), [("open", "neutral"), ("smpl-female-10", "female"), ("smplx-male-16", "male")]
)
def test_gender_is_that_of_the_body_model(tmp_path, model, gender):
    [(_, file)] = exported(replace(moving_people(1, 2), body_model=model), tmp_path)
    assert str(file["gender"]) == gender and str(file["body_model"]) == model


def test_names_gaps_single_frames_and_nobody(tmp_path):
    visible = np.array([[False, True, True, False]])
    [(_, file)] = exported(moving_people(1, 4, names={1: "Zoë 🕺"}, visible=visible), tmp_path)
    assert str(file["person_name"]) == "Zoë 🕺" and file["visible"].tolist() == visible[0].tolist()
    np.testing.assert_allclose(file["poses"][0], file["poses"][1], atol=1e-9)
    for number, motion in enumerate((moving_people(0), moving_people(1, 1), moving_people(12, 2))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert all(len(file["poses"]) == motion.n_frames for _, file in exported(motion, folder))


def test_long_clips_are_written_piece_by_piece_alike(monkeypatch):
    motion = moving_people(1, 11)
    whole = amass.amass_arrays(motion, motion.people[0])["poses"]
    monkeypatch.setattr(amass, "_BENT_FRAMES", 4)
    np.testing.assert_array_equal(amass.amass_arrays(motion, motion.people[0])["poses"], whole)
