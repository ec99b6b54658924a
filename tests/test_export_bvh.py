"""BVH files, read by bvhio: everybody's skeleton is where it was, and angles do not jump."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motions import moving_people
from odd_motions import CASES, make, written
from scipy.spatial.transform import Rotation

from nlf_pipeline.exporters import make_exporter
from nlf_pipeline.exporters.bvh import continuous_zxy, depth_first

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # of what bvhio imports
    import bvhio


@pytest.mark.parametrize("case", CASES)
def test_joints_are_where_they_were_at_every_frame(case, tmp_path):
    motion = make(case)
    make_exporter("bvh")(motion, tmp_path)
    for person, path in zip(motion.people, written(motion, ".bvh", tmp_path), strict=True):
        file = bvhio.readAsBvh(str(path))
        assert file.FrameCount == motion.n_frames
        assert file.FrameTime == pytest.approx(1 / motion.fps, abs=1e-9)
        assert np.abs(joints_in_world(path, motion) - person.joints).max() < 1e-3


def joints_in_world(path, motion):
    root = bvhio.readAsHierarchy(str(path))
    by_name = {joint.Name: joint for joint, _, _ in root.layout()}
    frames = []
    for frame in range(motion.n_frames):
        root.loadPose(frame)
        frames.append([np.array(by_name[name].PositionWorld) for name in motion.joint_names])
    return np.array(frames)


@pytest.mark.parametrize("n_joints", [24, 55])
def test_hierarchy_is_that_of_the_body_model(n_joints, tmp_path):
    motion = moving_people(1, 3, n_joints=n_joints)
    make_exporter("bvh")(motion, tmp_path)
    parents, ends = {}, {}

    def visit(joint, parent):
        parents[joint.Name] = parent
        ends[joint.Name] = np.array(joint.EndSite)
        for child in joint.Children:
            visit(child, joint.Name)

    root = bvhio.readAsBvh(str(tmp_path / "person_1.bvh")).Root
    visit(root, None)
    names = motion.joint_names
    assert parents == {
        name: names[parent] if parent >= 0 else None for name, parent in zip(names, motion.joint_parents, strict=True)
    }
    leaves = set(range(n_joints)) - set(motion.joint_parents)
    for leaf in leaves:
        bone = motion.people[0].joints_rest[leaf] - motion.people[0].joints_rest[motion.joint_parents[leaf]]
        end = ends[names[leaf]]
        assert 0.009 < np.linalg.norm(end) < 0.2
        assert end @ bone / np.linalg.norm(end) / np.linalg.norm(bone) > 0.999


def test_root_is_placed_by_its_channels_alone_and_turns_the_body_from_facing_z(tmp_path):
    motion = moving_people(1, 4)
    make_exporter("bvh")(motion, tmp_path)
    root = bvhio.readAsBvh(str(tmp_path / "person_1.bvh")).Root
    assert tuple(root.Offset) == (0, 0, 0)
    assert root.Channels == ["Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation"]
    person = motion.people[0]
    for frame, key in enumerate(root.Keyframes):
        pelvis = person.joints_rest[0] + person.trans[frame]
        assert np.allclose(np.array(key.Position), pelvis, atol=1e-5)
        w, x, y, z = key.Rotation.w, key.Rotation.x, key.Rotation.y, key.Rotation.z
        facing = Rotation.from_quat([x, y, z, w]).apply([0, 0, 1])
        assert np.allclose(facing, Rotation.from_rotvec(person.pose_rotvecs[frame, 0]).apply([0, 0, 1]), atol=1e-5)
    for joint in root.Children:
        assert joint.Channels == ["Zrotation", "Xrotation", "Yrotation"]


def test_children_follow_their_parents_and_branches_stay_together():
    assert depth_first((-1, 0, 0, 1, 2, 1)) == [0, 1, 3, 5, 2, 4]


smooth_turns = st.builds(
    lambda seed, speed: np.cumsum(np.random.default_rng(seed).normal(size=(200, 3)) * speed, axis=0),
    st.integers(0, 2**32 - 1),
    st.floats(0, 0.3),
)


@given(smooth_turns)
def test_angles_are_those_of_the_rotations(rotvecs):
    rotations = Rotation.from_rotvec(rotvecs)
    again = Rotation.from_euler("ZXY", continuous_zxy(rotations))
    assert (again * rotations.inv()).magnitude().max() < 1e-6


@given(smooth_turns)
def test_no_other_angles_of_the_same_rotation_are_nearer_to_the_frame_before(rotvecs):
    angles = continuous_zxy(Rotation.from_rotvec(rotvecs))
    other = np.array([np.pi, np.pi, np.pi]) + angles[1:] * (1, -1, 1)
    other += 2 * np.pi * np.round((angles[:-1] - other) / (2 * np.pi))
    step = np.abs(np.diff(angles, axis=0))
    assert step.max() <= np.pi + 1e-9
    assert (step.sum(axis=1) <= np.abs(other - angles[:-1]).sum(axis=1) + 1e-6).all()


@pytest.mark.parametrize("axis", "xyz")
def test_a_turn_about_one_axis_is_one_angle_that_runs_on(axis):
    degrees = np.arange(0, 1080, 5)  # passes through x = 90, where z and y are not known apart
    angles = np.degrees(continuous_zxy(Rotation.from_euler(axis, degrees[:, None], degrees=True)))
    expected = np.zeros((len(degrees), 3))
    expected[:, "zxy".index(axis)] = degrees
    assert np.allclose(angles, expected, atol=1e-6)


def test_who_starts_with_bent_knees_has_plain_angles():
    bent = Rotation.from_euler("x", np.linspace(120, 60, 20)[:, None], degrees=True)
    assert np.allclose(np.degrees(continuous_zxy(bent))[:, [0, 2]], 0)


def test_a_pose_held_at_the_singularity_has_steady_angles():
    held = Rotation.from_euler("ZX", np.repeat([[30.0, 90.0]], 9, axis=0), degrees=True)
    assert np.allclose(np.degrees(continuous_zxy(held)), [30, 90, 0])
