"""One npz poses everybody without a body model, in the world and in the camera alike."""

from dataclasses import replace

import numpy as np
import pytest
from motions import moving_people
from odd_motions import CASES, make
from plain_kinematics import opencv_pixels, posed_joints, posed_transforms, skinned_vertices
from random_bodies import random_bodies, still_cameras

from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.exporters import smpl
from nlf_pipeline.exporters.motion import make_motion

MILLIMETRE = 1e-3
IN_CAMERA = np.eye(4)


def exported(motion, folder):
    smpl.write(motion, folder)
    assert [path.name for path in folder.iterdir()] == [f"{motion.video_id}.npz"]
    with np.load(folder / f"{motion.video_id}.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("case", CASES)
def test_skeleton_of_the_file_puts_joints_where_they_are(case, tmp_path):
    motion = make(case)
    file = exported(motion, tmp_path)
    assert file["fps"] == motion.fps and file["person_names"].tolist() == [person.name for person in motion.people]
    for k, person in enumerate(motion.people):
        np.testing.assert_allclose(file["joints"][k], person.joints, atol=MILLIMETRE)
        for flags in ("visible", "filled", "foot_contacts"):
            np.testing.assert_array_equal(file[flags][k], getattr(person, flags))
        for pose, trans, expected in zip(file["pose_rotvecs"][k], file["trans"][k], person.joints, strict=True):
            joints = posed_joints(pose, trans, file["joints_rest"][k], file["joint_parents"].tolist())
            assert np.abs(joints - expected).max() < MILLIMETRE


@pytest.mark.parametrize("distortion", [[], [0.05, -0.02, 0.001, -0.002, 0.003]])
def test_camera_frame_parameters_fall_on_the_same_pixels(tmp_path, distortion):
    """SMPL turns about the pelvis: who turns `trans` alone is off by where the pelvis lies at rest."""
    motion = moving_people(2, 10, zooming=True)
    motion = with_distortion(motion, distortion)
    file = exported(motion, tmp_path)
    for k, person in enumerate(motion.people):
        for frame in range(10):
            pose = np.concatenate([file["global_orient_cam"][k, frame][None], file["pose_rotvecs"][k, frame, 1:]])
            joints_cam = posed_joints(
                pose, file["trans_cam"][k, frame], file["joints_rest"][k], file["joint_parents"].tolist()
            )
            K = file["K"][frame]
            plain = opencv_pixels(joints_cam, IN_CAMERA, K, file["distortion"])
            cameras = motion.cameras
            expected = opencv_pixels(
                person.joints[frame], cameras.T_world_cam[frame], cameras.K[frame], cameras.distortion
            )
            np.testing.assert_allclose(plain, expected, atol=1e-3)
            assert np.all(joints_cam[:, 2] > 0)


def with_distortion(motion, distortion):
    return replace(motion, cameras=replace(motion.cameras, distortion=np.array(distortion, dtype=np.float64)))


def test_skin_of_the_file_is_the_body_models(body_dir, tmp_path):
    meshes = BodyMeshes(load_resting_body(body_dir, subset=True))
    bodies = random_bodies(2, 3, seed=4)
    file = exported(make_motion("clip", bodies, still_cameras(3), meshes, {}, ()), tmp_path)
    for k in range(2):
        expected, _ = meshes.forward(bodies.pose_rotvecs[k], bodies.betas[k], bodies.trans[k])
        for frame in range(3):
            rest = file["joints_rest"][k]
            pose, trans = file["pose_rotvecs"][k, frame], file["trans"][k, frame]
            transforms = posed_transforms(pose, trans, rest, file["joint_parents"].tolist())
            vertices = skinned_vertices(transforms, rest, file["vertices_rest"][k], file["skin_weights"])
            assert np.abs(vertices - expected[frame]).max() < MILLIMETRE
    np.testing.assert_array_equal(file["faces"], meshes.faces)


def test_what_is_known_of_people_and_clip_is_there(tmp_path):
    visible = np.ones((2, 6), bool)
    visible[1, :2] = False
    motion = moving_people(2, 6, names={1: "Zoë 🕺", 2: "the tall one"}, visible=visible, fps=23.976)
    file = exported(motion, tmp_path)
    assert file["person_names"].tolist() == ["Zoë 🕺", "the tall one"] and file["person_ids"].tolist() == [1, 2]
    assert file["fps"] == 23.976 and str(file["video_id"]) == motion.video_id and str(file["body_model"]) == "open"
    assert file["joint_names"].tolist() == list(motion.joint_names) and file["format_version"] == smpl.FORMAT_VERSION
    for name in ("T_world_cam", "K", "distortion", "size_px"):
        np.testing.assert_array_equal(file[name], getattr(motion.cameras, name))
    for name in ("visible", "filled", "foot_contacts"):
        assert file[name].dtype == bool
    assert exported(moving_people(2, 9, cuts=(4,), video_id="walk"), tmp_path)["cuts"].tolist() == [4]


@pytest.mark.parametrize(("n_people", "n_frames"), [(0, 5), (1, 1), (1, 3), (12, 2)])
def test_every_key_is_there_whoever_is_in_the_clip(tmp_path, n_people, n_frames):
    file = exported(moving_people(n_people, n_frames), tmp_path)
    usual = smpl.smpl_arrays(moving_people(2, 4))
    assert file.keys() == usual.keys()
    for name, array in file.items():
        assert array.dtype.kind == usual[name].dtype.kind and array.ndim == usual[name].ndim, name
    assert file["pose_rotvecs"].shape == (n_people, n_frames, 24, 3) and file["T_world_cam"].shape == (n_frames, 4, 4)
    assert file["person_names"].shape == (n_people,) and file["trans_cam"].shape == (n_people, n_frames, 3)
