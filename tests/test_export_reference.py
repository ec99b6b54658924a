"""What is written for the reference pipeline's scripts is what they expect, and says what the result says."""

import dataclasses
import pickle
import sys
import types

import bodycompress
import deltacamera
import numpy as np
import pytest
from reference_runs import SIZE_PX, finish_run
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, project, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions

VISIBLE = np.array([[True] * 6, [False, False, True, True, False, True]])


@pytest.fixture(scope="module")
def run(tmp_path_factory, body_dir, meshes):
    return finish_run(tmp_path_factory.mktemp("run") / "results", body_dir, meshes, VISIBLE)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    return run.export(tmp_path_factory.mktemp("exported") / "reference", fps_factor=2)


@pytest.fixture
def load(exported, monkeypatch):
    """Unpickles a file as its scripts do, which know deltacamera as cameravision."""
    module = types.ModuleType("cameravision")
    module.__dict__["Camera"] = deltacamera.Camera
    monkeypatch.setitem(sys.modules, "cameravision", module)
    return lambda name: pickle.loads((exported / name).read_bytes())


def test_folders_and_names_are_the_reference_pipelines(exported):
    found = sorted(str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file())
    assert found == [
        "camera_traj/walk_camtraj.pkl",
        "camera_traj/walk_camtraj_fps2.pkl",
        "cameras/walk.pkl",
        "cameras/walk_fps2.pkl",
        "cameras/walk_ground.pkl",
        "masks/walk_masks.pkl",
        "masks_semseg/walk_masks.pkl",
        "preds_np/walk.xz",
        "smooth_fits/walk_smoothfits.pkl",
        "smooth_fits/walk_smoothfits_fps2.pkl",
        "videos_in/walk.mp4",
    ]


def test_joints_of_the_fits_are_ours_through_its_cameras_and_stand_on_its_ground(run, load, meshes):
    bodies, ours = Bodies.load(run.results / "bodies.npz"), Cameras.load(run.results / "world_cameras.npz")
    ground, fits, cameras = (
        load("cameras/walk_ground.pkl"),
        load("smooth_fits/walk_smoothfits.pkl"),
        load("cameras/walk.pkl"),
    )
    assert len(fits) == len(cameras) == VISIBLE.shape[1]
    for t, (fit, camera) in enumerate(zip(fits, cameras, strict=True)):
        n = VISIBLE[:, t].sum()
        assert fit["pose_rotvecs"].shape == (n, 72) and fit["shape_betas"].shape == (n, 10)
        _, joints = meshes.forward(fit["pose_rotvecs"].reshape(-1, 24, 3), fit["shape_betas"], fit["trans"])
        expected = bodies.joints[VISIBLE[:, t], t]
        np.testing.assert_allclose(joints * [1, -1, -1], expected, atol=1e-3)
        heights = joints @ ground["world_up"] - ground["ground_height"] / 1000
        np.testing.assert_allclose(heights, expected[..., 1], atol=1e-3)
        pixels = project(transform_points(invert_rigid(ours.T_world_cam[t]), expected.reshape(-1, 3)), ours.K[t])
        np.testing.assert_allclose(camera.world_to_image(joints.reshape(-1, 3) * 1000), pixels, atol=0.01)


def test_faster_files_pass_through_the_slower_ones(load):
    fits, cameras = load("smooth_fits/walk_smoothfits.pkl"), load("cameras/walk.pkl")
    fast_fits, fast_cameras = load("smooth_fits/walk_smoothfits_fps2.pkl"), load("cameras/walk_fps2.pkl")
    assert len(fast_fits) == len(fast_cameras) == 2 * len(fits)
    for slow, fast in zip(fits, fast_fits[::2], strict=True):
        np.testing.assert_allclose(fast["trans"], slow["trans"], atol=1e-6)
    for slow, fast in zip(cameras, fast_cameras[::2], strict=True):
        np.testing.assert_allclose(fast.t, slow.t, atol=1e-3)


def test_side_view_is_for_pictures_of_1080_rows(run, load):
    ours = Cameras.load(run.results / "view_cameras.npz")
    points = np.array([[0.0, 1.0, 0.0], [0.3, 0.2, 0.5]])
    for t, camera in enumerate(load("camera_traj/walk_camtraj.pkl")):
        small = project(transform_points(invert_rigid(ours.T_world_cam[t]), points), ours.K[t])
        large = camera.world_to_image((points * [1, -1, -1] * 1000).astype(np.float32))
        np.testing.assert_allclose((large + 0.5) * SIZE_PX[1] / 1080 - 0.5, small, atol=0.01)


def test_masks_are_one_per_person_and_frame_though_nobody_be_seen(run, load):
    tracks = MaskTracks.load(run.results / "masks.json")
    people, everybody = load("masks/walk_masks.pkl"), load("masks_semseg/walk_masks.pkl")
    assert [len(masks) for masks in people] == [2] * 6 and len(everybody) == 6
    for t in range(6):
        for k in range(2):
            mask = RLEMask.from_dict(people[t][k])
            assert mask.shape == SIZE_PX[::-1] and (mask == tracks.masks[k][t] if VISIBLE[k, t] else not mask.any())
        assert RLEMask.from_dict(everybody[t]) == tracks.union_at(t)


def test_predictions_are_in_its_world_of_those_who_were_estimated(run, exported):
    ours = Predictions.open(run.results / "predictions.xz")
    world = Cameras.load(run.results / "world_cameras.npz").T_world_cam
    theirs = bodycompress.BodyDecompressor(str(exported / "preds_np" / "walk.xz"), decode_camera=True)
    metadata = theirs.metadata
    assert isinstance(metadata, dict) and len(theirs) == 6
    assert metadata["n_frames"] == 6 and metadata["config"]["body_model"] == "open"
    boxes = MaskTracks.load(run.results / "masks.json").boxes_px
    for t, (frame, found) in enumerate(zip(ours, theirs, strict=True)):
        expected = transform_points(world[t], frame.joints[frame.valid]) * [1000, -1000, -1000]
        np.testing.assert_allclose(found["joints"], expected, atol=0.6)
        inside = found["camera"].world_to_camera(found["joints"])
        np.testing.assert_allclose(inside, frame.joints[frame.valid] * 1000, atol=0.6)
        np.testing.assert_allclose(found["boxes"], boxes[frame.valid, t])


def test_video_is_the_clip_and_takes_no_room(run, exported):
    assert (run.results / "clip.mp4").samefile(exported / "videos_in" / "walk.mp4")


def test_clip_with_nobody(tmp_path, body_dir, meshes):
    folder = finish_run(tmp_path / "results", body_dir, meshes, np.zeros((0, 4), bool)).export(tmp_path / "reference")
    assert [
        len(frame["trans"]) for frame in pickle.loads((folder / "smooth_fits/walk_smoothfits.pkl").read_bytes())
    ] == [0] * 4
    assert pickle.loads((folder / "masks/walk_masks.pkl").read_bytes()) == [[]] * 4
    assert len(list(bodycompress.BodyDecompressor(str(folder / "preds_np/walk.xz")))) == 4


def test_files_of_different_clips_are_refused(tmp_path, body_dir, meshes):
    run = finish_run(tmp_path / "results", body_dir, meshes, VISIBLE)
    bodies = Bodies.load(run.results / "bodies.npz")
    dataclasses.replace(bodies, visible=bodies.visible[:, :-1]).save(run.results / "bodies.npz")
    with pytest.raises(UserError, match="6 frames"):
        run.export(tmp_path / "reference")
    assert not (tmp_path / "reference").exists()
