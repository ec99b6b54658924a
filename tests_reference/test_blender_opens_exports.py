"""Exports as Blender finds them: everybody's joints, meshes and the camera, all frames, against the motion."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from found_by_blender import BLENDER_WORLD, heads, look, opencv_pixels_of_pelvises
from motions import moving_people

from nlf_pipeline.export_fbx import export_fbx
from nlf_pipeline.exporters import bvh, glb
from nlf_pipeline.exporters.glb import person_node_name
from nlf_pipeline.exporters.motion import Motion

pytest.importorskip("bpy")
CASES: dict[str, dict[str, Any]] = {
    "two": {},
    "nobody": {"n_people": 0},
    "cut": {"cuts": (8,), "names": {1: "Anna María 😀", 2: "x y"}},
    "lens": {"zooming": True, "n_frames": 6},
    "ntsc": {"fps": 30000 / 1001, "n_joints": 55, "n_frames": 4},
}
FILES = ("glb", "fbx")


@pytest.fixture(scope="module")
def motions() -> dict[str, Motion]:
    motions = {name: moving_people(**settings, video_id=name) for name, settings in CASES.items()}
    cameras = motions["lens"].cameras
    off_centre = cameras.K * [[1, 1, 1], [1, 1.1, 1], [1, 1, 1]] + [[0, 0, 30], [0, 0, -20], [0, 0, 0]]
    motions["lens"] = replace(motions["lens"], cameras=replace(cameras, K=off_centre))
    return motions


@pytest.fixture(scope="module")
def opened(motions: dict[str, Motion], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Blender finds, by file name; all in one process."""
    folder = tmp_path_factory.mktemp("opened")
    for name, motion in motions.items():
        for part in (f"{name}/glb", f"{name}/bvh"):
            (folder / part).mkdir(parents=True)
        glb.write(motion, folder / name / "glb")
        export_fbx(glb=folder / name / "glb", out=folder / name / "fbx")
        bvh.write(motion, folder / name / "bvh")
    files = [file for kind in ("glb", "fbx", "bvh") for file in sorted(folder.glob(f"*/{kind}/**/*.{kind}"))]
    jobs = [("plain", file, Path(f"{file}.npz")) for file in files]
    jobs += [("recipe", file, Path(f"{file}.recipe.npz")) for file in files if file.suffix == ".glb"]
    names = [str(out.relative_to(folder)).removesuffix(".npz") for _, _, out in jobs]
    return dict(zip(names, look(jobs), strict=True))


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("case", CASES)
def test_joints_are_where_they_are(opened, motions, case, kind):
    motion, found = motions[case], opened[f"{case}/{kind}/{case}.{kind}"]
    assert sorted(found["armatures"]) == sorted(person_node_name(person) for person in motion.people)
    assert found["fps"] == pytest.approx(motion.fps, rel=1e-6)
    assert found["metres"] == 1
    for person in motion.people:
        row = found["armatures"].tolist().index(person_node_name(person))
        distances = np.linalg.norm(heads(found, motion)[row] - person.joints, axis=-1)
        assert distances.shape == (motion.n_frames, len(motion.joint_names))
        assert distances[person.visible].max() < 2e-5


@pytest.mark.parametrize("kind", FILES)
def test_bodies_are_drawn_about_their_joints_while_visible(opened, motions, kind):
    motion, found = motions["cut"], opened[f"cut/{kind}/cut.{kind}"]
    for person in motion.people:
        row = found["armatures"].tolist().index(person_node_name(person))
        low, high = np.moveaxis(found["extents"][:, row], 1, 0)
        assert (np.abs(high - low)[~person.visible] == 0).all()
        joints = person.joints @ BLENDER_WORLD.T
        # The boxes about the joints reach 7 cm from them.
        assert (low < joints.min(axis=1))[person.visible].all() and (high > joints.max(axis=1))[person.visible].all()
        assert (low > joints.min(axis=1) - 0.12)[person.visible].all()


def assert_seen_where_opencv_does(found: dict[str, Any], motion: Motion) -> None:
    for person, wanted in zip(motion.people, opencv_pixels_of_pelvises(motion), strict=True):
        row = found["armatures"].tolist().index(person_node_name(person))
        np.testing.assert_allclose(found["pixels"][person.visible, row], wanted[person.visible], atol=0.1)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("case", CASES)
def test_the_camera_is_where_it_is(opened, motions, case, kind):
    motion, found = motions[case], opened[f"{case}/{kind}/{case}.{kind}"]
    wanted = motion.cameras.T_world_cam @ np.diag([1.0, -1, -1, 1])  # Blender's looks along -z, too
    assert len(found["cameras"]) == motion.n_frames
    np.testing.assert_allclose(found["cameras"][:, :3, 3] @ BLENDER_WORLD, wanted[:, :3, 3], atol=1e-5)
    np.testing.assert_allclose(BLENDER_WORLD.T @ found["cameras"][:, :3, :3], wanted[:, :3, :3], atol=1e-5)
    if case != "lens":
        assert_seen_where_opencv_does(found, motion)


@pytest.mark.parametrize("case", CASES)
def test_the_recipe_opens_people_and_lens(opened, motions, case):
    """With the script of docs/recipes/blender.md a zooming lens off the picture's centre is right, too."""
    motion, found = motions[case], opened[f"{case}/glb/{case}.glb.recipe"]
    assert found["fps"] == pytest.approx(motion.fps, rel=1e-6)
    for person in motion.people:
        row = found["armatures"].tolist().index(person_node_name(person))
        distances = np.linalg.norm(heads(found, motion)[row] - person.joints, axis=-1)
        assert distances[person.visible].max() < 2e-5
    assert_seen_where_opencv_does(found, motion)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_there_that_blender_added(opened, motions, case):
    bodies = {f"{person.name}: body" for person in motions[case].people}
    for kind in FILES:
        assert set(opened[f"{case}/{kind}/{case}.{kind}"]["others"].tolist()) == {"floor", *bodies}


@pytest.mark.parametrize("case", ["two", "cut", "ntsc"])
def test_everybody_has_an_fbx_of_their_own(opened, motions, case):
    motion = motions[case]
    for person in motion.people:
        found = opened[f"{case}/fbx/people/{person.file_stem}.fbx"]
        assert found["armatures"].tolist() == [person_node_name(person)]
        assert found["others"].tolist() == [f"{person.name}: body"]
        assert np.linalg.norm(heads(found, motion)[0] - person.joints, axis=-1)[person.visible].max() < 2e-5


@pytest.mark.parametrize("case", ["two", "cut", "ntsc"])
def test_bvh_joints_are_where_they_are(opened, motions, case):
    motion = motions[case]
    for person in motion.people:
        found = opened[f"{case}/bvh/{person.file_stem}.bvh"]
        assert found["fps"] == pytest.approx(motion.fps, rel=1e-4)
        from_first = heads(found, motion)[0, 1:]  # Blender has BVH files begin in frame 1
        distances = np.linalg.norm(from_first - person.joints, axis=-1)
        assert distances.max() < 1e-4


def test_the_same_motion_gives_the_same_fbx(motions, tmp_path):
    (tmp_path / "glb").mkdir()
    glb.write(motions["two"], tmp_path / "glb")
    for out in ("a", "b"):
        export_fbx(glb=tmp_path / "glb", out=tmp_path / out)
    first, second = [(tmp_path / out / "two.fbx").read_bytes() for out in ("a", "b")]
    assert first == second
    assert (tmp_path / "a/people/person_1.fbx").stat().st_size > 0
