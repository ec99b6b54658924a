"""glTF files, read back by a plain reader written after the specification, by trimesh, and by Khronos's validator."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from gltf_validator import validated
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from motions import PELVIS_REST, blocky_body, moving_people
from plain_gltf import PlainGltf
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.exporters import glb
from nlf_pipeline.exporters.glb_people import quantised_weights
from nlf_pipeline.exporters.motion import Motion, MovingPerson, Skin
from nlf_pipeline.geometry import project
from nlf_pipeline.kinematics import global_rotations


def seen(*ranges: tuple[int, int], n_frames: int = 20) -> np.ndarray:
    """(people, frames) each visible in one range."""
    return np.array([(np.arange(n_frames) >= start) & (np.arange(n_frames) < stop) for start, stop in ranges])


CASES: dict[str, dict[str, Any]] = {
    "two": {},
    "nobody": {"n_people": 0},
    "nobody_before_a_tripod": {"n_people": 0, "static_camera": True},
    "three_frames": {"visible": seen((5, 8), (0, 20))},
    "one_frame": {"n_frames": 1},
    "first_frame_only": {"visible": seen((0, 1), (0, 1))},
    "never_visible": {"visible": seen((0, 0), (0, 0))},
    "twelve": {"n_people": 12, "n_frames": 5},
    "unicode": {"names": {1: "Anna María 😀", 2: "山田 太郎 \t\"'<&/\\"}},
    "names_of_nodes": {"names": {1: "Camera", 2: "left_knee", 3: "x: body", 4: "Camera (person)"}, "n_people": 4},
    "cut": {"cuts": (8,)},
    "cuts": {"cuts": (1, 2, 15), "n_people": 4},
    "hands": {"n_joints": 55, "n_frames": 5},
    "ntsc": {"fps": 30000 / 1001},
    "film": {"fps": 24000 / 1001, "n_frames": 5},
    "zoom": {"zooming": True},
    "tripod": {"static_camera": True},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases' files."""
    folder = tmp_path_factory.mktemp("glb")
    for name, settings in CASES.items():
        glb.write(moving_people(**settings, video_id=name), folder)
    return folder


def opened(folder: Path, case: str) -> tuple[Motion, PlainGltf]:
    return moving_people(**CASES[case], video_id=case), PlainGltf(folder / f"{case}.glb")


def plain_skinning(motion: Motion, person: MovingPerson, frame: int) -> np.ndarray:
    """(vertices, 3) linear blend skinning by all weights, vertex by vertex."""
    rotations = global_rotations(person.pose_rotvecs[frame])
    result = np.zeros_like(person.vertices_rest)
    for vertex, place in enumerate(person.vertices_rest):
        for joint in np.flatnonzero(motion.skin.weights[vertex]):
            moved = rotations[joint] @ (place - person.joints_rest[joint]) + person.joints[frame, joint]
            result[vertex] += motion.skin.weights[vertex, joint] * moved
    return result


@pytest.mark.parametrize(
    "case",
    [
        "two",
        "three_frames",
        "one_frame",
        "twelve",
        "cut",
        "cuts",
        "first_frame_only",
        "hands",
        "ntsc",
        "film",
        "unicode",
    ],
)
def test_joints_are_where_they_are_in_the_world(folder, case):
    motion, file = opened(folder, case)
    for frame in range(motion.n_frames):
        transforms = file.globals(frame / motion.fps)
        for person in motion.people:
            if person.visible[frame]:
                nodes = file.skin(file.root(glb.person_node_name(person)))["joints"]
                assert [file.nodes[node]["name"] for node in nodes] == list(motion.joint_names)
                places = [transforms[node][:3, 3] for node in nodes]
                np.testing.assert_allclose(places, person.joints[frame], atol=2e-5)
                turns = [transforms[node][:3, :3] for node in nodes]
                np.testing.assert_allclose(turns, global_rotations(person.pose_rotvecs[frame]), atol=1e-5)


@pytest.mark.parametrize("case", ["two", "hands", "three_frames"])
def test_meshes_are_skinned_as_the_body_model_is(folder, case):
    motion, file = opened(folder, case)
    for person in motion.people:
        root = file.root(glb.person_node_name(person))
        for frame in np.flatnonzero(person.visible)[::6]:
            vertices = file.skinned(root, frame / motion.fps)
            np.testing.assert_allclose(vertices, plain_skinning(motion, person, frame), atol=1e-4)
        faces = file.array(file.primitive(root)["indices"]).reshape(-1, 3)
        np.testing.assert_array_equal(faces, motion.skin.faces)


def test_real_bodies_lose_less_than_a_millimetre(body_dir, tmp_path):
    """Of the open body, with four joints per vertex and weights of 16 bits, against smplfitter's forward pass."""
    meshes = BodyMeshes(load_resting_body(body_dir))
    motion = moving_people(n_people=1, n_frames=3)
    person = dataclasses.replace(
        motion.people[0], vertices_rest=meshes.template, joints_rest=meshes.joints_rest(np.zeros(10))
    )
    skin = Skin(meshes.faces, np.asarray(meshes.model.weights, np.float32))
    glb.write(dataclasses.replace(motion, people=(person,), skin=skin), tmp_path)
    file = PlainGltf(tmp_path / "walk.glb")
    vertices, _ = meshes.forward(person.pose_rotvecs, np.zeros(10), person.trans)
    for frame in range(3):
        found = file.skinned(file.root("person 1"), frame / motion.fps)
        assert np.linalg.norm(found - vertices[frame], axis=-1).max() < 1e-3


def test_at_rest_people_stand_on_the_floor_in_t_pose_and_face_z(folder):
    motion, file = opened(folder, "two")
    for person in motion.people:
        root = file.root(glb.person_node_name(person))
        del file.json["animations"][0]["channels"][:]
        at_rest = file.skinned(root, 0.0)
        assert at_rest[:, 1].min() == pytest.approx(0, abs=1e-6)
        np.testing.assert_allclose(
            at_rest - at_rest.mean(0), person.vertices_rest - person.vertices_rest.mean(0), atol=1e-5
        )
        pelvis = file.globals(0.0)[file.skin(root)["joints"][0]][:3, 3]
        np.testing.assert_allclose(pelvis[[0, 2]], person.joints_rest[0, [0, 2]], atol=1e-6)
        assert abs(pelvis[2] - PELVIS_REST[2]) < 0.02


def test_people_are_gone_while_nobody_sees_them(folder):
    for case in ("three_frames", "cuts", "first_frame_only", "never_visible"):
        motion, file = opened(folder, case)
        for person in motion.people:
            root = file.root(glb.person_node_name(person))
            for frame in range(motion.n_frames):
                for share in (0, 0.5, 0.9):
                    size = file.local(root, (frame + share) / motion.fps)[0, 0]
                    assert size == person.visible[frame]


def test_the_camera_sees_joints_where_opencvs_does(folder):
    for case in ("two", "cut", "tripod"):
        motion, file = opened(folder, case)
        lens = file.json["cameras"][0]["perspective"]
        width_px, height_px = motion.cameras.size_px
        for frame in range(motion.n_frames):
            T_gltf_world = np.linalg.inv(file.globals(frame / motion.fps)[file.root("camera")])
            T_cam_world = np.linalg.inv(motion.cameras.T_world_cam[frame])
            points = motion.people[0].joints[frame]
            x, y, z = T_gltf_world[:3, :3] @ points.T + T_gltf_world[:3, 3:]
            right = x / -z / np.tan(lens["yfov"] / 2) / lens["aspectRatio"]
            up = y / -z / np.tan(lens["yfov"] / 2)
            found = np.stack([(right + 1) * width_px / 2 - 0.5, (1 - up) * height_px / 2 - 0.5], axis=-1)
            wanted = project(points @ T_cam_world[:3, :3].T + T_cam_world[:3, 3], motion.cameras.K[frame])
            in_front = z < -0.5
            assert in_front.any() or case == "cut"
            np.testing.assert_allclose(found[in_front], wanted[in_front], atol=0.05)


def test_the_camera_blends_between_frames_but_not_over_a_cut(folder):
    motion, file = opened(folder, "cut")
    camera = file.root("camera")

    def at(frame: float) -> np.ndarray:
        return file.local(camera, frame / motion.fps)[:3, 3]

    np.testing.assert_allclose(at(3.5), (at(3) + at(4)) / 2, atol=1e-5)
    np.testing.assert_allclose(at(7.8), at(7), atol=1e-6)
    np.testing.assert_allclose(at(8 - 1e-3), motion.cameras.T_world_cam[8, :3, 3], atol=1e-5)
    assert np.linalg.norm(at(8) - at(7)) > 1


def test_keys_are_at_the_times_of_frames(folder):
    motion, file = opened(folder, "ntsc")
    pelvis = file.skin(file.root("person 1"))["joints"][0]
    times, values, kind = file.channels(pelvis)["translation"]
    assert kind == "LINEAR" and len(values) == motion.n_frames
    np.testing.assert_allclose(times, np.arange(motion.n_frames) * 1001 / 30000, atol=1e-7)
    assert file.json["scenes"][0]["extras"]["fps"] == motion.fps


def test_neighbouring_rotations_have_the_same_sign(folder):
    _, file = opened(folder, "two")
    for node in range(len(file.nodes)):
        if "rotation" in file.channels(node):
            values = file.channels(node)["rotation"][1]
            assert (np.sum(values[1:] * values[:-1], axis=-1) > 0).all()
            np.testing.assert_allclose(np.linalg.norm(values, axis=-1), 1, atol=1e-6)


def test_everybody_has_a_skeleton_of_their_own_at_the_root(folder):
    motion, file = opened(folder, "twelve")
    assert len(file.json["skins"]) == 12
    joints = [node for skin in file.json["skins"] for node in skin["joints"]]
    assert len(set(joints)) == len(joints) == 12 * 24
    for person in motion.people:
        root = file.root(glb.person_node_name(person))
        assert file.nodes[root]["children"] == file.skin(root)["joints"][:1]
        assert file.nodes[root]["extras"]["person_id"] == person.person_id
    meshes = [node for node, about in enumerate(file.nodes) if "skin" in about]
    assert set(meshes) <= set(file.roots)
    shared = {
        file.primitive(file.skin(root)["skeleton"])["indices"] for root in file.roots if "children" in file.nodes[root]
    }
    assert len(shared) == 1


def test_names_and_colours_are_kept(folder):
    motion, file = opened(folder, "unicode")
    assert [glb.person_node_name(person) for person in motion.people] == list(CASES["unicode"]["names"].values())
    for person in motion.people:
        material = file.json["materials"][file.primitive(file.root(person.name))["material"]]
        assert material["name"] == person.name
        linear = np.array(material["pbrMetallicRoughness"]["baseColorFactor"][:3])
        encoded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
        np.testing.assert_allclose(encoded, person.colour, atol=1e-6)


def test_people_called_as_nodes_are_still_found(folder):
    motion, file = opened(folder, "names_of_nodes")
    for person in motion.people:
        assert person.name in glb.person_node_name(person)
        assert file.nodes[file.root(glb.person_node_name(person))]["extras"]["person_id"] == person.person_id


def test_the_same_motion_gives_the_same_file(folder, tmp_path):
    glb.write(moving_people(**CASES["cut"], video_id="cut"), tmp_path)
    assert (tmp_path / "cut.glb").read_bytes() == (folder / "cut.glb").read_bytes()


def test_the_floor_is_under_everybody(folder):
    motion, file = opened(folder, "two")
    (primitive, other) = file.json["meshes"][file.nodes[file.root("floor")]["mesh"]]["primitives"]
    assert primitive["attributes"] == other["attributes"]
    vertices = file.array(primitive["attributes"]["POSITION"])
    assert (vertices[:, 1] == 0).all()
    joints = np.concatenate([person.joints.reshape(-1, 3) for person in motion.people])
    assert (vertices.min(0)[[0, 2]] < joints.min(0)[[0, 2]] - 1.9).all()
    assert (vertices.max(0)[[0, 2]] > joints.max(0)[[0, 2]] + 1.9).all()
    for part in (primitive, other):
        a, b, c = vertices[file.array(part["indices"]).reshape(-1, 3)].swapaxes(0, 1)
        assert (np.cross(b - a, c - a)[:, 1] > 0).all()


def test_what_gltf_has_no_place_for_is_in_extras(folder):
    motion, file = opened(folder, "three_frames")
    person = motion.people[0]
    extras = file.nodes[file.root(person.name)]["extras"]
    assert extras["visible"] == [[5, 8]]
    assert extras["betas"] == person.betas.tolist()
    assert extras["left_foot_planted"] == [[0, 5], [10, 15]]
    assert extras["right_foot_planted"] == [[5, 10], [15, 20]]
    scene = file.json["scenes"][0]["extras"]
    assert (scene["n_frames"], scene["body_model"]) == (20, "open")
    zoom, zoomed = opened(folder, "zoom")
    camera = zoomed.nodes[zoomed.root("camera")]["extras"]
    np.testing.assert_allclose(camera["focal_px"], zoom.cameras.K[:, 0, 0], atol=1e-3)
    assert camera["size_px"] == [640, 360]


def test_what_does_not_move_has_no_keys(folder):
    _, still = opened(folder, "tripod")
    assert still.channels(still.root("camera")) == {}
    _, file = opened(folder, "nobody_before_a_tripod")
    assert "animations" not in file.json and "skins" not in file.json
    assert [file.nodes[root]["name"] for root in file.roots] == ["camera", "floor"]


def test_held_poses_have_one_key(folder):
    _, file = opened(folder, "one_frame")
    for node in range(len(file.nodes)):
        for times, values, _ in file.channels(node).values():
            assert len(times) == len(values) == 1


def test_a_minute_of_three_people_is_small(body_dir, tmp_path):
    meshes = BodyMeshes(load_resting_body(body_dir))
    motion = moving_people(n_people=3, n_frames=1500)
    skin = Skin(meshes.faces, np.asarray(meshes.model.weights, np.float32))
    people = tuple(dataclasses.replace(person, vertices_rest=meshes.template) for person in motion.people)
    glb.write(dataclasses.replace(motion, people=people, skin=skin), tmp_path)
    assert (tmp_path / "walk.glb").stat().st_size < 3e6


def test_trimesh_opens_the_geometry(folder):
    motion, _ = opened(folder, "unicode")
    scene = trimesh.load(folder / "unicode.glb")
    assert isinstance(scene, trimesh.Scene)
    bodies = {str(name): mesh for name, mesh in scene.geometry.items() if str(name).endswith(": body")}
    assert sorted(bodies) == sorted(f"{person.name}: body" for person in motion.people)
    for person in motion.people:
        mesh = bodies[f"{person.name}: body"]
        assert len(mesh.vertices) == len(person.vertices_rest)
        assert mesh.volume > 0, "faces look inwards"
        assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(np.ptp(person.vertices_rest[:, 1]), abs=1e-5)


@given(hnp.arrays(np.float32, (6, 24), elements=st.floats(0, 1, width=32)))
def test_weights_sum_to_one_exactly(weights):
    weights = weights + 1e-3
    skin = Skin(blocky_body().faces, weights / weights.sum(axis=1, keepdims=True))
    joints, whole = quantised_weights(skin)
    assert (whole.astype(int).sum(axis=1) == 65535).all()
    strongest, exact = skin.strongest(4)
    assert np.abs(whole / 65535 - exact).max() <= 1 / 65535
    assert (np.where(whole > 0, strongest, 0) == joints).all()


@pytest.fixture(scope="module")
def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """What Khronos's validator finds, by file name."""
    return {path.stem: issues for path, issues in validated([folder / f"{case}.glb" for case in CASES]).items()}


@pytest.mark.parametrize("case", CASES)
def test_khronos_validator_finds_nothing(verdicts, case):
    assert verdicts[case]["messages"] == []


def test_the_validator_does_find_what_is_wrong(folder, tmp_path, verdicts):
    """The channel it is asked through works."""
    assert verdicts
    content = (folder / "two.glb").read_bytes().replace(b'"type":"VEC4"', b'"type":"VEC3"')
    (tmp_path / "bad.glb").write_bytes(content)
    (issues,) = validated([tmp_path / "bad.glb"]).values()
    assert issues["numErrors"] > 0


def test_root_turns_with_the_person(folder):
    """Where the mesh's front looks is where the pelvis looks, in the world."""
    motion, file = opened(folder, "two")
    for person in motion.people:
        pelvis = file.skin(file.root(person.name))["joints"][0]
        for frame in (0, 11):
            front = file.globals(frame / motion.fps)[pelvis][:3, 2]
            np.testing.assert_allclose(
                front, Rotation.from_rotvec(person.pose_rotvecs[frame, 0]).apply([0, 0, 1]), atol=1e-5
            )
