"""docs/outputs.md names every key of every file, and what docs/conventions.md says of joints and worlds is true."""

import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from workflow_runs import REPOSITORY

from nlf_pipeline import artefacts
from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES, SMPL_PARENTS, SMPLX_JOINT_NAMES
from nlf_pipeline.geometry import invert_rigid, look_at, transform_points
from nlf_pipeline.workflow.outputs import FILE, KINDS, keys_text, with_keys

CONVENTIONS = (REPOSITORY / "docs/conventions.md").read_text()
N_FRAMES = 12


def test_the_tables_in_the_documentation_are_the_generated_ones():
    text = (REPOSITORY / FILE).read_text()
    assert text == with_keys(text), "make outputs"


def test_every_file_and_every_key_is_told():
    told = {name for _, kind, parts in KINDS for name in (kind, *parts)}
    aliases = {"MotionClass", "FocalSource", "DoubtReason", "FloorKind"}
    assert set(artefacts.__all__) - aliases <= told
    assert not re.findall(r"^\|[^|]*\|[^|]*\| *\|$", keys_text().replace("| key | kind | |", ""), re.MULTILINE)


def test_arrays_tell_their_shape_and_type():
    for line in keys_text().splitlines():
        if "| array |" in line:
            assert re.search(r"\| array \| \([a-z0-9, ]+\) (float32|float64|int64|bool)\b", line), line


def test_every_file_that_a_run_makes_is_in_the_tables():
    rules = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))
    names = re.findall(r'"results/\{video\}/([a-z_.]+)"', rules)
    text = (REPOSITORY / FILE).read_text()
    assert {"bodies.npz", "player.html"} < set(names)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_joints_are_in_the_order_of_the_table():
    cells = [cell.strip() for line in CONVENTIONS.splitlines() for cell in line.strip("|").split("|")]
    rows = [(int(i), name, int(parent or -1)) for i, name, parent in zip(cells, cells[1:], cells[2:], strict=False)
            if i.isdecimal() and name in SMPL_JOINT_NAMES]  # fmt: skip
    assert sorted(rows) == [(i, *pair) for i, pair in enumerate(zip(SMPL_JOINT_NAMES, SMPL_PARENTS, strict=True))]
    assert SMPLX_JOINT_NAMES[22:25] == ("jaw", "left_eye_smplhf", "right_eye_smplhf")
    for first, side in ((25, "left"), (40, "right")):
        fingers = [f"{side}_{finger}{k}" for finger in ("index", "middle", "pinky", "ring", "thumb") for k in (1, 2, 3)]
        assert list(SMPLX_JOINT_NAMES[first : first + 15]) == fingers


@pytest.fixture
def told(meshes, tmp_path, monkeypatch):
    """What the code in the conventions leaves behind, of two people who tumble about."""
    random = np.random.default_rng(0)
    pose, trans = random.normal(0, 0.5, (2, N_FRAMES, 24, 3)), random.normal(0, 1, (2, N_FRAMES, 3))
    betas = random.normal(0, 1, (2, 10))
    joints = [meshes.forward(p, b, t, vertices=False)[1] for p, b, t in zip(pose, betas, trans, strict=True)]
    flags = np.ones((2, N_FRAMES), bool)
    folder = tmp_path / "results/demo"
    Bodies(
        person_ids=np.array([1, 2]), fps=25.0, body_model="open", pose_rotvecs=pose, betas=betas, trans=trans,
        joints=np.array(joints), visible=flags, filled=~flags, foot_contacts=np.zeros((2, N_FRAMES, 2), bool),
    ).save(folder / "bodies.npz")  # fmt: skip
    views = np.array([look_at(np.array([x, 1.5, 9.0]), np.zeros(3), np.array([0, 1, 0])) for x in range(N_FRAMES)])
    K = np.tile([[500, 0, 320], [0, 510, 180], [0, 0, 1]], (N_FRAMES, 1, 1)).astype(float)
    cameras = Cameras(views, K, np.zeros(0), np.array([640, 360]))
    cameras.save(folder / "world_cameras.npz")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", CONVENTIONS, re.DOTALL):
        exec(block, names)
    return names, Bodies.load(folder / "bodies.npz"), cameras


def test_joints_are_where_the_conventions_project_them(told):
    names, bodies, cameras = told
    in_camera = transform_points(invert_rigid(cameras.T_world_cam[10]), bodies.joints[0, 10])
    homogeneous = in_camera @ cameras.K[10].T
    np.testing.assert_allclose(names["pixels"][:, 0], homogeneous[:, :2] / homogeneous[:, 2:], atol=1e-3)


@pytest.mark.parametrize("world", ["z_up", "in_first_camera"])
def test_bodies_in_another_world_are_the_same_bodies(told, meshes, world):
    names, bodies, cameras = told
    joints, trans, pose, T_new_cam = names[world]
    for person in range(2):
        _, found = meshes.forward(pose[person], bodies.betas[person], trans[person], vertices=False)
        np.testing.assert_allclose(found, joints[person], atol=1e-4)
    for frame in (0, 5):
        np.testing.assert_allclose(
            transform_points(invert_rigid(T_new_cam[frame]), joints[0, frame]),
            transform_points(invert_rigid(cameras.T_world_cam[frame]), bodies.joints[0, frame]),
            atol=1e-5,
        )


def test_worlds_are_the_ones_that_they_are_called(told):
    names, bodies, _ = told
    np.testing.assert_allclose(names["z_up"][0][..., 2], bodies.joints[..., 1], atol=1e-6)
    np.testing.assert_allclose(names["z_up"][0][..., 0], bodies.joints[..., 0], atol=1e-6)
    np.testing.assert_allclose(names["in_first_camera"][3][0], np.eye(4), atol=1e-9)


def test_turning_trans_alone_shifts_people_by_as_much_as_is_said(meshes):
    J_root = meshes.joints_rest(np.zeros(10))[0]
    shifts = np.linalg.norm(Rotation.random(5000, np.random.default_rng(0)).apply(J_root) - J_root, axis=1)
    assert f"{shifts.max():.2f} m with the open body" in " ".join(CONVENTIONS.split())
