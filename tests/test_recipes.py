"""The code of recipes runs as it stands there, block after block, and finds what is true."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from motions import moving_people
from plain_kinematics import opencv_pixels, posed_transforms, skinned_vertices
from scipy.spatial.transform import Rotation
from synthetic_videos import write_video

from nlf_pipeline.artefacts import Bodies
from nlf_pipeline.exporters import amass, smpl
from nlf_pipeline.exporters.motion import Motion

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "recipes"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(recipe):
    found = BLOCK.findall((RECIPES / f"{recipe}.md").read_text())
    assert found
    return found


def run(recipe, motion, folder, monkeypatch):
    """What the blocks of a recipe have defined at the end."""
    results = folder / "results" / "dance"
    for name, write in (("smpl", smpl.write), ("amass", amass.write)):
        (results / "export" / name).mkdir(parents=True)
        write(motion, results / "export" / name)
    bodies_of(motion).save(results / "bodies.npz")
    grey = np.full((360, 640, 3), 60, np.uint8)
    times = [frame / motion.fps for frame in range(motion.n_frames)]
    write_video(results / "clip.mp4", times, [grey] * motion.n_frames)
    monkeypatch.chdir(folder)
    mpl.use("agg")
    defined = {"__name__": recipe}
    for block in blocks(recipe):
        exec(compile(block, f"{recipe}.md", "exec"), defined)
    mpl.pyplot.close("all")
    return defined


def bodies_of(motion: Motion) -> Bodies:
    def stacked(name):
        return np.stack([getattr(person, name) for person in motion.people])

    names = ("pose_rotvecs", "betas", "trans", "joints", "visible", "filled", "foot_contacts")
    ids = np.array([person.person_id for person in motion.people])
    return Bodies(ids, motion.fps, motion.body_model, **{name: stacked(name) for name in names})


@pytest.fixture
def motion():
    visible = np.ones((3, 30), bool)
    visible[1, 12:20] = False
    return moving_people(3, 30, names={3: "Zoë"}, visible=visible, video_id="dance")


def test_recipe_for_numpy(motion, tmp_path, monkeypatch, capsys):
    defined = run("numpy", motion, tmp_path, monkeypatch)
    frame = defined["frame"]
    for row, person in enumerate(motion.people):
        expected = opencv_pixels(person.joints[frame], motion.cameras.T_world_cam[frame], motion.cameras.K[frame], [])
        np.testing.assert_allclose(defined["pixels_of"](person.joints[frame], frame), expected, atol=1e-6)
        transforms = posed_transforms(
            person.pose_rotvecs[frame], person.trans[frame], person.joints_rest, motion.joint_parents
        )
        vertices = skinned_vertices(transforms, person.joints_rest, person.vertices_rest, motion.skin.weights)
        assert np.abs(defined["mesh"](row, frame) - vertices).max() < 1e-3
    path = motion.people[0].joints[:, 0]
    middle = np.linalg.norm((path[6] - path[4])[[0, 2]]) * motion.fps / 2
    assert defined["speed"][0, 5] == pytest.approx(middle)
    assert np.isnan(defined["apart"][0, 1, 12:20]).all() and np.isfinite(defined["apart"][0, 2]).all()
    assert defined["left_knee"].min() > 0 and defined["left_knee"].max() <= 180
    assert "3 people, 30 frames at 25.0 per second: person 1, person 2, Zoë" in capsys.readouterr().out
    lines = (tmp_path / "person.obj").read_text().splitlines()
    assert len(lines) == len(motion.people[0].vertices_rest) + len(motion.skin.faces)
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("skeletons.png", "paths.png"))


def test_recipe_for_robotics(motion, tmp_path, monkeypatch):
    defined = run("robotics", motion, tmp_path, monkeypatch)
    person = motion.people[0]
    with np.load(tmp_path / "reference_motion.npz") as file:
        written = dict(file)
    duration = (motion.n_frames - 1) / motion.fps
    assert len(written["base_position"]) == round(duration * 50) + 1 == len(written["foot_contacts"])
    assert written["base_position"][0, :2] == pytest.approx([0, 0], abs=1e-9)
    heights = person.joints[:, 0, 1] * defined["scale"]
    np.testing.assert_allclose(written["base_position"][::2, 2], heights, atol=1e-5)  # 50 Hz from 25
    turns = Rotation.from_quat(written["base_quat_wxyz"][:, [1, 2, 3, 0]])
    forward, left, up = np.moveaxis(turns.as_matrix(), -1, 0)
    assert forward[0, 0] > 0.9 and abs(forward[0, 1]) < 1e-5 and up[:, 2].min() > 0.8
    across = motion_z_up(person.joints[:, 1] - person.joints[:, 2])  # from the right hip to the left
    across = defined["to_start"].apply(across) / np.linalg.norm(across, axis=1, keepdims=True)
    assert np.sum(across * left[::2], axis=1).min() > 0.95
    hip, knee, ankle = person.joints[0, [1, 4, 7]]
    bones = (knee - hip) / np.linalg.norm(knee - hip), (ankle - knee) / np.linalg.norm(ankle - knee)
    assert written["left_knee"][0] == pytest.approx(np.arccos(bones[0] @ bones[1]), abs=1e-4)


def motion_z_up(vectors):
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=-1)


@pytest.mark.parametrize("recipe", ["numpy", "robotics"])
@pytest.mark.parametrize(("n_people", "n_frames"), [(12, 11), (1, 11)])
def test_recipes_run_with_fingers_and_on_any_number_of_people(tmp_path, monkeypatch, recipe, n_people, n_frames):
    run(recipe, moving_people(n_people, n_frames, n_joints=55, video_id="dance"), tmp_path, monkeypatch)
