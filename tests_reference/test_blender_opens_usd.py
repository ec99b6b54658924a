"""USD files as Blender finds them: everybody's joints and the camera, all frames, against the motion."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from found_by_blender import heads, look, opencv_pixels_of_pelvises
from motions import moving_people

from nlf_pipeline.exporters.motion import Motion

pytest.importorskip("bpy")
usd = pytest.importorskip("nlf_pipeline.exporters.usd")
CASES: dict[str, dict[str, Any]] = {
    "two": {},
    "nobody": {"n_people": 0},
    "cut": {"cuts": (8,), "names": {1: "Anna María 😀", 2: "x y"}},
    "lens": {"zooming": True, "n_frames": 6},
    "fingers": {"n_joints": 55, "n_frames": 4},
}


@pytest.fixture(scope="module")
def motions() -> dict[str, Motion]:
    motions = {name: moving_people(**settings, video_id=name) for name, settings in CASES.items()}
    cameras = motions["lens"].cameras
    off_centre = cameras.K + [[0, 0, 30], [0, 0, -20], [0, 0, 0]]
    motions["lens"] = replace(motions["lens"], cameras=replace(cameras, K=off_centre))
    return motions


@pytest.fixture(scope="module")
def opened(motions: dict[str, Motion], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Blender finds, by case."""
    folder = tmp_path_factory.mktemp("opened")
    for motion in motions.values():
        usd.write(motion, folder)
    jobs = [("plain", folder / f"{name}.usdc", folder / f"{name}.npz") for name in motions]
    return dict(zip(motions, look(jobs), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_joints_are_where_they_are(opened, motions, case):
    motion, found = motions[case], opened[case]
    names = [f"{person.file_stem}_skeleton" for person in motion.people]
    assert sorted(found["armatures"]) == sorted(names) and found["metres"] == 1
    for person, name in zip(motion.people, names, strict=True):
        row = found["armatures"].tolist().index(name)
        places = heads(found, motion)[row]
        assert places.shape == person.joints.shape
        assert np.linalg.norm(places - person.joints, axis=-1).max() < 1e-3


@pytest.mark.parametrize("case", [case for case in CASES if case != "nobody"])
def test_the_camera_sees_what_opencv_does(opened, motions, case):
    """With a principal point off the picture's centre; Blender 4.2 reads a zoom's first frame only."""
    motion, found = motions[case], opened[case]
    read = slice(1) if case == "lens" else slice(None)
    for person, wanted in zip(motion.people, opencv_pixels_of_pelvises(motion), strict=True):
        row = found["armatures"].tolist().index(f"{person.file_stem}_skeleton")
        np.testing.assert_allclose(found["pixels"][read, row], wanted[read], atol=0.1)
