"""TRC files, read by trc-data-reader, and markers on the skin."""

import numpy as np
import pytest
from motions import moving_people
from odd_motions import CASES, make, written
from scipy.spatial.transform import Rotation
from trc import TRCData

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.exporters import make_exporter
from nlf_pipeline.exporters.markers import person_markers, skin_sites


@pytest.mark.parametrize("case", CASES)
def test_markers_are_where_joints_and_skin_are_and_nowhere_while_nobody_is_seen(case, tmp_path):
    motion = make(case)
    make_exporter("trc")(motion, tmp_path)
    for person, path in zip(motion.people, written(motion, ".trc", tmp_path), strict=True):
        data = TRCData()
        data.load(path)
        labels = data["Markers"]
        assert labels[: len(motion.joint_names)] == list(motion.joint_names)
        assert len(set(labels)) == len(labels) == data["NumMarkers"]
        found = np.array([data[label] for label in labels]).transpose(1, 0, 2)
        joints = found[:, : len(motion.joint_names)]
        assert np.abs(joints - person.joints)[person.visible].max(initial=0) < 1e-3
        assert np.isnan(found[~person.visible]).all() and np.isfinite(found[person.visible]).all()
        skin = person_markers(person, motion.skin, motion.joint_names).positions
        assert np.abs(found - skin)[person.visible].max(initial=0) < 1e-3
        assert data["Units"] == "m" and data["NumFrames"] == motion.n_frames == data["OrigNumFrames"]
        assert data["DataRate"] == data["CameraRate"] == pytest.approx(motion.fps, rel=1e-9)
        assert data["Frame#"] == list(range(1, motion.n_frames + 1))
        assert np.allclose(data["Time"], np.arange(motion.n_frames) / motion.fps, atol=1e-6)


@pytest.mark.parametrize("case", ["gaps", "never visible"])
def test_every_line_has_every_cell(case, tmp_path):
    motion = make(case)
    make_exporter("trc")(motion, tmp_path)
    for path in tmp_path.iterdir():
        lines = path.read_text().split("\n")
        n_markers = int(lines[2].split("\t")[3])
        assert lines[5] == "" and lines[-1] == ""
        assert {line.count("\t") for line in lines[6:-1]} == {2 + 3 * n_markers}  # one behind the last cell


def test_skin_markers_move_with_the_skin():
    motion = moving_people(2, 6)
    for person in motion.people:
        vertices = [vertex for _, _, vertex in sites_of(motion, person)]
        markers = person_markers(person, motion.skin, motion.joint_names)
        for frame in range(motion.n_frames):
            turns = turns_in_world(person.pose_rotvecs[frame], motion.joint_parents)
            for vertex, found in zip(vertices, markers.positions[frame, len(motion.joint_names) :], strict=True):
                expected = sum(
                    weight * (turn @ (person.vertices_rest[vertex] - rest) + joint)
                    for weight, turn, rest, joint in zip(
                        motion.skin.weights[vertex], turns, person.joints_rest, person.joints[frame], strict=True
                    )
                )
                assert np.allclose(found, expected, atol=1e-5)


def turns_in_world(rotvecs, parents):
    turns = []
    for rotvec, parent in zip(rotvecs, parents, strict=True):
        here = Rotation.from_rotvec(rotvec).as_matrix()
        turns.append(here if parent < 0 else turns[parent] @ here)
    return turns


def sites_of(motion, person):
    return skin_sites(person.vertices_rest, person.joints_rest, motion.skin.weights, motion.joint_names)


@pytest.mark.parametrize("spread", [0, 1, -1])
def test_markers_sit_where_anatomy_has_them(body_dir, spread):
    """On thin, mean and stout bodies; T-pose, left at +x, facing +z."""
    model = load_body_model(body_dir)
    meshes = BodyMeshes(model)
    betas = np.random.default_rng(3).normal(size=10) * spread * 1.5
    vertices = meshes.template + np.asarray(model.shapedirs)[..., :10] @ betas
    joints = meshes.joints_rest(betas)
    sites = skin_sites(vertices, joints, np.asarray(model.weights), SMPL_JOINT_NAMES)
    at = {label: vertices[vertex] for label, _, vertex in sites}
    joint = dict(zip(SMPL_JOINT_NAMES, joints, strict=True))
    assert len(set(at)) == len(sites) == len({vertex for _, _, vertex in sites})
    for label, place in at.items():
        if label.startswith("L") and (other := f"R{label[1:]}") in at:
            assert np.allclose(place, at[other] * (-1, 1, 1), atol=0.01), label
    for lateral, medial, name in (("LLFC", "LMFC", "left_knee"), ("LLMAL", "LMMAL", "left_ankle")):
        assert at[lateral][0] > joint[name][0] + 0.02 > joint[name][0] - 0.02 > at[medial][0] > 0
        assert abs(at[lateral][1] - joint[name][1]) < 0.03 and abs(at[medial][1] - joint[name][1]) < 0.03
    assert at["LCAL"][2] < joint["left_ankle"][2] < at["LTOE"][2] and at["LCAL"][1] < joint["left_ankle"][1]
    assert at["LMT5"][0] > at["LTOE"][0]
    hips = (joint["left_hip"] + joint["right_hip"]) / 2
    assert at["LASI"][2] > hips[2] + 0.05 and at["LPSI"][2] < hips[2] - 0.03
    assert at["LASI"][1] > hips[1] + 0.04 and at["LPSI"][1] > hips[1] + 0.04
    assert at["LASI"][0] > at["LPSI"][0] > 0.02
    assert at["LACR"][1] > joint["left_shoulder"][1] + 0.02
    assert at["LLEL"][1] > joint["left_elbow"][1] > at["LMEL"][1]
    assert at["LFAradius"][2] > joint["left_wrist"][2] > at["LFAulna"][2]
    assert at["C7"][2] < joint["neck"][2] < at["CLAV"][2] and at["CLAV"][1] < at["C7"][1]
    assert at["LFHD"][2] > at["LBHD"][2] and min(at["LFHD"][1], at["LBHD"][1]) > joint["head"][1]
