import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Bodies, Cameras, Floor, Ground
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.evaluate import evaluate
from nlf_pipeline.evaluation.identities import enough_visible, identity_measurements
from nlf_pipeline.evaluation.measurement import Measurement, format_table
from nlf_pipeline.geometry import invert_rigid, look_at, pinhole_matrix, rigid, transform_points
from nlf_pipeline.masks import MaskTracks

N_FRAMES = 8


def two_people(body_dir: Path) -> Bodies:
    """Two bodies that stand on the floor and shift sideways, feet included, 10 mm per frame."""
    meshes = BodyMeshes(load_body_model(body_dir, subset=True))
    pose, betas = np.zeros((2, N_FRAMES, 24, 3)), np.zeros((2, 10))
    trans = np.zeros((2, N_FRAMES, 3))
    trans[..., 0] = np.array([[-0.5], [0.5]]) + 0.01 * np.arange(N_FRAMES)
    trans[..., 2] = -4
    vertices, _ = meshes.forward(pose[0], betas[0], trans[0])
    trans[..., 1] -= vertices[..., 1].min()
    joints = np.stack([meshes.forward(pose[k], betas[k], trans[k])[1] for k in range(2)])
    shown = np.ones((2, N_FRAMES), bool)
    contacts = np.ones((2, N_FRAMES, 2), bool)
    return Bodies(np.array([1, 2]), 25.0, "open", pose, betas, trans, joints, shown, ~shown, contacts)


def camera() -> Cameras:
    T_world_cam = look_at(np.array([0.0, 1.6, 0]), np.array([0.0, 1.2, -4]), np.array([0.0, 1, 0]))
    K = np.repeat(pinhole_matrix(500.0, (640, 360))[None], N_FRAMES, 0)
    return Cameras(np.repeat(T_world_cam[None], N_FRAMES, 0), K, np.zeros(0), np.array([640, 360]))


def true_ground(cameras: Cameras) -> Ground:
    T_scene_world = invert_rigid(cameras.T_world_cam[0])
    normal = T_scene_world[:3, 1]
    offset = float(normal @ T_scene_world[:3, 3])
    return Ground([Floor(tuple(float(x) for x in normal), offset, "feet", 1.0, 0.0, 100)])


def squares(order: tuple[int, int]) -> MaskTracks:
    tracks = []
    for left in (100, 300):
        image = np.zeros((360, 640), np.uint8)
        image[100:300, left : left + 80] = 1
        tracks.append(tuple(RLEMask.from_array(image) for _ in range(N_FRAMES)))
    return MaskTracks((640, 360), 25.0, N_FRAMES, (1, 2), tuple(tracks[k] for k in order))


def run(
    folder: Path,
    body_dir: Path,
    found: Bodies,
    cameras: Cameras,
    ground: Ground,
    order: tuple[int, int] = (0, 1),
    true_cameras: Cameras | None = None,
) -> dict[str, float]:
    truth = folder / "truth"
    two_people(body_dir).save(truth / "bodies.npz")
    (true_cameras or camera()).save(truth / "world_cameras.npz")
    squares((0, 1)).save(truth / "masks.json")
    found.save(folder / "bodies.npz")
    cameras.save(folder / "world_cameras.npz")
    ground.save(folder / "ground.json")
    squares(order).save(folder / "masks.json")
    evaluate(
        bodies=folder / "bodies.npz",
        cameras=folder / "world_cameras.npz",
        ground=folder / "ground.json",
        masks=folder / "masks.json",
        truth=truth,
        body=body_dir,
        out=folder / "evaluation.json",
    )
    rows = json.loads((folder / "evaluation.json").read_text())["measurements"]
    return {row["name"]: row["value"] for row in rows}


def test_the_truth_itself_scores_perfectly(tmp_path: Path, body_dir: Path):
    result = run(tmp_path, body_dir, two_people(body_dir), camera(), true_ground(camera()))
    for name in ("MPJPE", "PA-MPJPE", "pelvis error in the world", "penetration of the floor", "acceleration error"):
        assert result[name] == pytest.approx(0, abs=0.01), name
    for name in ("WA-MPJPE100", "W-MPJPE100", "MPJPE of the scene, rigidly aligned", "focal length error"):
        assert result[name] == pytest.approx(0, abs=0.01), name
    assert "camera ATE" not in result  # it stands still
    assert result["ground normal"] == pytest.approx(0, abs=1e-4)
    assert result["ground height under the feet"] == pytest.approx(0, abs=1e-6)
    assert (result["identity switches"], result["detection recall"], result["IDF1"], result["coverage"]) == (0, 1, 1, 1)
    assert result["foot slide in contact"] == pytest.approx(10, abs=0.01)
    assert result["median foot slide in contact"] == pytest.approx(10, abs=0.01)


def test_another_world_frame_and_another_row_order_change_nothing(tmp_path: Path, body_dir: Path):
    c, s = np.cos(0.7), np.sin(0.7)
    T_moved_world = rigid(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), np.array([3.0, 0, -2]))
    true = two_people(body_dir)
    moved = dataclasses.replace(
        true,
        joints=transform_points(T_moved_world[None, None], true.joints)[::-1].copy(),
    )
    cameras = dataclasses.replace(camera(), T_world_cam=T_moved_world @ camera().T_world_cam)
    result = run(tmp_path, body_dir, moved, cameras, true_ground(camera()), order=(1, 0))
    assert result["pelvis error in the world"] == pytest.approx(0, abs=0.01)
    assert result["identity switches"] == 0


def test_a_moving_camera_is_measured_and_its_drift_moves_the_people(tmp_path: Path, body_dir: Path):
    """People who are found right in front of a camera that is lost sideways are wrong in the world by as much."""
    drift = 0.1 * np.arange(N_FRAMES)[:, None] * [1.0, 0, 0]
    still, true = camera(), two_people(body_dir)
    walking = dataclasses.replace(still, T_world_cam=still.T_world_cam.copy())
    walking.T_world_cam[:, :3, 3] += drift
    found = dataclasses.replace(true, joints=true.joints + 0.5 * drift[None, :, None])
    lost = dataclasses.replace(walking, T_world_cam=walking.T_world_cam.copy())
    lost.T_world_cam[:, :3, 3] += 0.5 * drift
    result = run(tmp_path, body_dir, found, lost, true_ground(still), true_cameras=walking)
    assert result["pelvis error in the world"] == pytest.approx(50 * (N_FRAMES - 1) / 2, abs=0.1)
    assert result["metric scale error"] == pytest.approx(100 / 3, abs=0.01)
    assert result["camera ATE"] == pytest.approx(0, abs=1e-6)
    assert result["W-MPJPE100"] > result["WA-MPJPE100"] > 10
    assert result["MPJPE of the scene, rigidly aligned"] == pytest.approx(100, abs=1)
    assert result["PA-MPJPE"] == pytest.approx(0, abs=0.01)


def test_a_part_of_the_clip_is_not_compared_with_the_whole(tmp_path: Path, body_dir: Path):
    short = dataclasses.replace(camera(), T_world_cam=camera().T_world_cam[:5], K=camera().K[:5])
    with pytest.raises(UserError, match="8 frames, the result 5"):
        run(tmp_path, body_dir, two_people(body_dir), short, true_ground(camera()))


def test_errors_are_measured_where_they_are(tmp_path: Path, body_dir: Path):
    true = two_people(body_dir)
    found = dataclasses.replace(true, joints=true.joints + [0, 0, -0.2], trans=true.trans - [0, 0.05, 0])
    (level,) = true_ground(camera()).floors
    raised = Ground([dataclasses.replace(level, offset_m=level.offset_m + 0.04)])
    result = run(tmp_path, body_dir, found, camera(), raised)
    assert result["pelvis error in the world"] == pytest.approx(200, abs=0.1)
    assert result["MPJPE"] == pytest.approx(0, abs=0.01)
    assert result["penetration of the floor"] == pytest.approx(50, abs=0.1)
    assert result["ground height under the feet"] == pytest.approx(40, abs=0.01)


def test_nobody_found_is_reported_not_crashed(tmp_path: Path, body_dir: Path):
    true = two_people(body_dir)
    nobody = Bodies(
        person_ids=np.zeros(0, int),
        fps=25.0,
        body_model="open",
        **{
            name: getattr(true, name)[:0]
            for name in ("pose_rotvecs", "betas", "trans", "joints", "visible", "filled", "foot_contacts")
        },
    )
    true.save(tmp_path / "truth/bodies.npz")
    camera().save(tmp_path / "truth/world_cameras.npz")
    squares((0, 1)).save(tmp_path / "truth/masks.json")
    nobody.save(tmp_path / "bodies.npz")
    camera().save(tmp_path / "cameras.npz")
    true_ground(camera()).save(tmp_path / "ground.json")
    MaskTracks((640, 360), 25.0, N_FRAMES, (), ()).save(tmp_path / "masks.json")
    evaluate(
        bodies=tmp_path / "bodies.npz",
        cameras=tmp_path / "cameras.npz",
        ground=tmp_path / "ground.json",
        masks=tmp_path / "masks.json",
        truth=tmp_path / "truth",
        body=body_dir,
        out=tmp_path / "evaluation.json",
    )
    rows = {row["name"]: row["value"] for row in json.loads((tmp_path / "evaluation.json").read_text())["measurements"]}
    assert (rows["detection recall"], rows["coverage"]) == (0, 0)


def test_a_person_who_shows_less_than_a_quarter_is_not_asked_for():
    image = np.zeros((40, 40), np.uint8)
    masks = []
    for width in (20, 20, 6, 4, 0):
        image[:] = 0
        image[:, :width] = 1
        masks.append(RLEMask.from_array(image) if width else None)
    tracks = MaskTracks((40, 40), 25.0, 5, (1,), (tuple(masks),))
    np.testing.assert_array_equal(enough_visible(tracks), [[True, True, True, True, False]])
    image[:, :2] = 1
    tracks = MaskTracks((40, 40), 25.0, 5, (1,), ((*masks[:3], RLEMask.from_array(image), masks[0]),))
    np.testing.assert_array_equal(enough_visible(tracks), [[True, True, True, False, True]])


def test_a_track_on_somebody_nobody_asks_for_is_neither_right_nor_wrong():
    overlap = np.zeros((4, 2, 2))
    overlap[:, 0, 0] = overlap[:, 1, 1] = [0.9, 0.9, 0.9, 0.6]
    asked, shown = np.array([[True] * 4, [True, True, False, False]]), np.ones((2, 4), bool)
    scores = {m.name: m.value for m in identity_measurements(overlap, asked, shown)}
    assert scores == {"identity switches": 0, "detection recall": 1, "IDF1": 1}
    overlap[2, 1, 1] = 0.0  # a track on nobody is wrong
    assert {m.name: m.value for m in identity_measurements(overlap, asked, shown)}["IDF1"] == pytest.approx(12 / 13)
    overlap[:, 1, 0] = np.where(asked[1], 0, overlap[:, 0, 0] + 0.1)  # covered by somebody, and a better match
    assert {m.name: m.value for m in identity_measurements(overlap, asked, shown)}["IDF1"] == pytest.approx(12 / 13)
    nobody = identity_measurements(np.zeros((4, 0, 2)), np.zeros((0, 4), bool), shown)
    assert [m.value for m in nobody] == [0, 1, 0]


def test_too_few_frames_leave_figures_unmeasured(tmp_path: Path, body_dir: Path):
    true = two_people(body_dir)
    once = np.zeros_like(true.visible)
    once[:, 3] = True
    result = run(tmp_path, body_dir, dataclasses.replace(true, visible=once), camera(), true_ground(camera()))
    assert result["MPJPE"] == pytest.approx(0, abs=0.01)
    for name in ("acceleration error", "jitter", "foot slide in contact", "median foot slide in contact"):
        assert result[name] is None, name
    rows = json.loads((tmp_path / "evaluation.json").read_text())["measurements"]
    lines = format_table([Measurement(**{k: v for k, v in row.items() if k != "reached"}) for row in rows])
    assert "| jitter | - |  |  |" in lines
