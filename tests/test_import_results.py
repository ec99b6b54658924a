"""What the reference pipeline found is taken over as it is, and the stages go on from there."""

import csv
import dataclasses
import logging
import os
import pickle
import shutil
from pathlib import Path

import bodycompress
import numpy as np
import pytest
from reference_runs import FPS, SIZE_PX, finish_run
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import Bodies, BodyFits, Cameras, Intrinsics, SceneCameras, VideoFacts
from nlf_pipeline.cameras.file import read_camera
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimate import estimate
from nlf_pipeline.fit import fit
from nlf_pipeline.fitting.given_fits import GivenFits
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points
from nlf_pipeline.import_results import import_results
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FramePredictions, Predictions, writing_predictions
from nlf_pipeline.reference_files.pickled_masks import plain_pickle
from nlf_pipeline.segment import segment

N_FRAMES = 7
VISIBLE = np.array([[True] * N_FRAMES, [False, False, True, True, False, True, True]])
HALF_TURN = rigid(np.diag([1.0, -1.0, -1.0]), np.zeros(3))
NO_HARM = "which could run code"


@pytest.fixture(scope="module")
def run(tmp_path_factory, body_dir, meshes):
    return finish_run(tmp_path_factory.mktemp("run") / "results", body_dir, meshes, VISIBLE)


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    return run.export(tmp_path_factory.mktemp("theirs") / "reference")


@pytest.fixture
def theirs(whole, tmp_path):
    """A folder of the reference pipeline's of one's own."""
    return shutil.copytree(whole, tmp_path / "theirs")


@pytest.fixture
def imported(theirs, tmp_path):
    import_results(theirs, video_id="walk", as_id="again", out=tmp_path / "imports")
    return tmp_path / "imports" / "again"


def same_masks(a, b):
    return all(x == y for x, y in zip(a.masks, b.masks, strict=True))


def test_masks_cameras_and_predictions_come_back(run, imported):
    found, expected = MaskTracks.load(imported / "masks.json"), MaskTracks.load(run.results / "masks.json")
    assert (found.size_px, found.fps, found.person_ids) == (SIZE_PX, FPS, (1, 2)) and same_masks(found, expected)
    cameras, world = Cameras.load(imported / "camera.npz"), Cameras.load(run.results / "world_cameras.npz")
    np.testing.assert_allclose(HALF_TURN @ cameras.T_world_cam, world.T_world_cam, atol=1e-6)
    np.testing.assert_allclose(cameras.K, world.K, atol=1e-4)
    bodies, original = (Predictions.open(f / "predictions.xz") for f in (imported, run.results))
    for a, b in zip(bodies, original, strict=True):
        np.testing.assert_array_equal(a.valid, b.valid)
        for name in ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-3)


def test_camera_is_read_as_any_camera_of_ones_own(run, imported):
    camera = read_camera(imported / "camera.npz", VideoFacts.load(run.results / "video.json"))
    world = Cameras.load(run.results / "world_cameras.npz").T_world_cam
    np.testing.assert_allclose(
        invert_rigid(camera.T_file_cam[0]) @ camera.T_file_cam, invert_rigid(world[0]) @ world, atol=1e-5
    )


def table_of(folder):
    with (folder / "videos.csv").open() as file:
        return next(csv.DictReader(file))


def test_table_names_what_was_found_from_where_it_lies(imported, theirs, capsys):
    row = table_of(imported)
    assert row["video_id"] == "again" and Path(row["file"]) == theirs / "videos_in" / "walk.mp4"
    assert row["body_model"] == "open"
    for name in ("masks_file", "predictions_file", "camera_file", "fits_file"):
        assert (imported / row[name]).is_file()


@dataclasses.dataclass(frozen=True)
class Continued:
    """What the stages made of imported files."""

    folder: Path

    @property
    def masks(self):
        return MaskTracks.load(self.folder / "masks.json")

    @property
    def bodies(self):
        return list(Predictions.open(self.folder / "predictions.xz"))

    @property
    def fits(self):
        return BodyFits.load(self.folder / "fits.npz")


def carry_on(run, imported, folder, cuts=(), **own):
    folder.mkdir()
    facts = dataclasses.replace(VideoFacts.load(run.results / "video.json"), cuts=list(cuts))
    facts.save(folder / "video.json")
    Intrinsics(SIZE_PX, (60.0, 60.0), (31.5, 23.5), [], "user").save(folder / "intrinsics.json")
    files = {"video": run.results / "clip.mp4", "video_facts": folder / "video.json"}
    given = {"masks_file": imported / "masks.json", "predictions_file": imported / "predictions.xz", **own}
    segment(
        **files, out=folder / "masks.json", bystanders_out=folder / "bystanders.json",
        doubts_out=folder / "doubts.json", segmenter="file", masks_file=given["masks_file"],
    )  # fmt: skip
    estimate(
        **files, masks=folder / "masks.json", intrinsics=folder / "intrinsics.json", body=run.body,
        out=folder / "predictions.xz", estimator="file", **given,
    )  # fmt: skip
    fit(
        predictions=folder / "predictions.xz", cameras=run.results / "cameras.npz", body=run.body,
        video_facts=folder / "video.json", out=folder / "fits.npz", fits_file=imported / "fits.npz",
    )  # fmt: skip
    return Continued(folder)


def test_stages_take_what_was_imported_and_bodies_stay_where_they_were(run, imported, tmp_path):
    continued = carry_on(run, imported, tmp_path / "again")
    assert same_masks(continued.masks, MaskTracks.load(run.results / "masks.json"))
    for found, expected in zip(continued.bodies, Predictions.open(run.results / "predictions.xz"), strict=True):
        np.testing.assert_allclose(found.vertices, expected.vertices, atol=1.1e-3)
    world, scene = (
        Cameras.load(run.results / "world_cameras.npz").T_world_cam,
        SceneCameras.load(run.results / "cameras.npz").T_scene_cam,
    )
    bodies, fits = Bodies.load(run.results / "bodies.npz"), continued.fits
    np.testing.assert_array_equal(fits.visible, VISIBLE)
    expected = transform_points((scene @ invert_rigid(world))[None], bodies.joints)
    np.testing.assert_allclose(fits.joints[VISIBLE], expected[VISIBLE], atol=1e-4)
    np.testing.assert_allclose(fits.betas, bodies.betas, atol=1e-6)


def test_after_a_cut_people_are_others(run, imported, tmp_path):
    continued = carry_on(run, imported, tmp_path / "again", cuts=(3,))
    before = np.arange(N_FRAMES) < 3
    expected = [VISIBLE[0] & before, VISIBLE[1] & before, VISIBLE[0] & ~before, VISIBLE[1] & ~before]
    np.testing.assert_array_equal(continued.masks.visible, expected)
    np.testing.assert_array_equal(np.stack([frame.valid for frame in continued.bodies], axis=1), expected)
    np.testing.assert_array_equal(continued.fits.visible, expected)
    betas = Bodies.load(run.results / "bodies.npz").betas
    np.testing.assert_allclose(continued.fits.betas, np.concatenate([betas, betas]), atol=1e-6)


def test_who_is_exchanged_in_the_masks_gets_the_others_body(run, imported, tmp_path):
    continued = carry_on(run, imported, tmp_path / "again")
    tracks = continued.masks
    dataclasses.replace(tracks, masks=tracks.masks[::-1]).save(tmp_path / "swapped.json")
    estimate(
        video=run.results / "clip.mp4", video_facts=continued.folder / "video.json", masks=tmp_path / "swapped.json",
        detected_masks=continued.folder / "masks.json", intrinsics=continued.folder / "intrinsics.json", body=run.body,
        out=tmp_path / "swapped.xz", estimator="file", predictions_file=imported / "predictions.xz",
        masks_file=imported / "masks.json",
    )  # fmt: skip
    for a, b in zip(Predictions.open(tmp_path / "swapped.xz"), continued.bodies, strict=True):
        np.testing.assert_array_equal(a.joints, b.joints[::-1])
        np.testing.assert_array_equal(a.valid, b.valid[::-1])


def test_masks_of_another_size_are_brought_to_that_of_the_clip(run, imported, theirs, tmp_path):
    masks = pickle.loads((theirs / "masks/walk_masks.pkl").read_bytes())
    small = [[RLEMask.from_dict(mask).resize((24, 32)).to_dict() for mask in frame] for frame in masks]
    (theirs / "masks/walk_masks.pkl").write_bytes(plain_pickle(small))
    import_results(theirs, video_id="walk", out=tmp_path / "small")
    found = MaskTracks.load(tmp_path / "small/walk/masks.json")
    assert found.size_px == (32, 24)
    continued = carry_on(run, tmp_path / "small/walk", tmp_path / "again")
    assert continued.masks.size_px == SIZE_PX
    np.testing.assert_array_equal(np.stack([frame.valid for frame in continued.bodies], axis=1), VISIBLE)
    for a, b in zip(continued.masks.masks[0], MaskTracks.load(run.results / "masks.json").masks[0], strict=True):
        assert a is not None and b is not None and a.iou(b) > 0.5


def test_predictions_of_all_vertices_are_cut_to_the_bodys_subset(run, imported, theirs, tmp_path, body_dir, meshes):
    """As the reference pipeline has them; boxes are in another order and there is one of somebody else."""
    n_all = 6004
    subset = np.asarray(meshes.model.vertex_subset)
    path, reader = theirs / "preds_np/walk.xz", None
    reader = list(bodycompress.BodyDecompressor(str(path)))
    with bodycompress.BodyCompressor(str(path)) as writer:
        for frame in reader:
            order = [*range(len(frame["boxes"]))[::-1], 0]
            every = np.zeros((len(order), n_all, 3)), np.zeros((len(order), n_all))
            every[0][:, subset], every[1][:, subset] = frame["vertices"][order], frame["vertex_uncertainties"][order]
            boxes = frame["boxes"][order]
            boxes[-1] = [-100, -100, 5, 5]
            writer.append(
                boxes=boxes, vertices=every[0], vertex_uncertainties=every[1], joints=frame["joints"][order],
                joint_uncertainties=frame["joint_uncertainties"][order], camera=frame["camera"],
            )  # fmt: skip
    import_results(theirs, video_id="walk", out=tmp_path / "imports")
    assert "body_model" not in table_of(tmp_path / "imports/walk")
    continued = carry_on(run, tmp_path / "imports/walk", tmp_path / "again")
    for found, expected in zip(continued.bodies, Predictions.open(run.results / "predictions.xz"), strict=True):
        np.testing.assert_array_equal(found.valid, expected.valid)
        np.testing.assert_allclose(found.vertices, expected.vertices, atol=1.6e-3)


def test_standing_camera_is_the_one_of_the_predictions(theirs, imported, tmp_path):
    (theirs / "cameras/walk.pkl").unlink()
    import_results(theirs, video_id="walk", out=tmp_path / "imports")
    a, b = Cameras.load(tmp_path / "imports/walk/camera.npz"), Cameras.load(imported / "camera.npz")
    np.testing.assert_allclose(a.T_world_cam, b.T_world_cam, atol=1e-5)
    np.testing.assert_allclose(a.K, b.K, atol=1e-4)


def test_masks_alone_can_be_imported(theirs, tmp_path):
    for name in ("cameras", "preds_np", "smooth_fits"):
        shutil.rmtree(theirs / name)
    import_results(theirs, video_id="walk", out=tmp_path / "imports")
    assert set(table_of(tmp_path / "imports/walk")) == {"video_id", "file", "masks_file"}


def test_fits_can_be_left_or_be_of_more_frames(run, theirs, imported, tmp_path):
    import_results(theirs, video_id="walk", fits=False, out=tmp_path / "imports")
    assert "fits_file" not in table_of(tmp_path / "imports/walk")
    fast = run.export(tmp_path / "fast", fps_factor=2)
    (fast / "smooth_fits/walk_smoothfits.pkl").unlink()
    import_results(fast, video_id="walk", out=tmp_path / "imports")
    a, b = GivenFits.load(tmp_path / "imports/walk/fits.npz"), GivenFits.load(imported / "fits.npz")
    np.testing.assert_array_equal(a.visible, b.visible)
    np.testing.assert_allclose(a.trans, b.trans, atol=1e-6)


def test_clip_with_nobody(tmp_path, body_dir, meshes):
    run = finish_run(tmp_path / "results", body_dir, meshes, np.zeros((0, N_FRAMES), bool))
    import_results(run.export(tmp_path / "theirs"), video_id="walk", out=tmp_path / "imports")
    continued = carry_on(run, tmp_path / "imports/walk", tmp_path / "again")
    assert (
        continued.masks.person_ids == () and len(continued.bodies) == N_FRAMES and continued.fits.visible.shape[0] == 0
    )


class Command:
    def __reduce__(self):
        return os.system, ("touch hurt",)


@pytest.mark.parametrize("name", ["masks/walk_masks.pkl", "cameras/walk.pkl", "smooth_fits/walk_smoothfits.pkl"])
def test_harmful_files_are_refused_by_name_and_nothing_is_offered(theirs, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (theirs / name).write_bytes(pickle.dumps([Command()]))
    with pytest.raises(UserError, match=NO_HARM) as error:
        import_results(theirs, video_id="walk", out=tmp_path / "imports")
    assert str(theirs / name) in str(error.value) and "posix.system" in str(error.value)
    assert not (tmp_path / "hurt").exists() and not list(tmp_path.rglob("videos.csv"))


def test_predictions_that_run_code_are_refused_by_the_stage_too(run, imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metadata = {"format_version": 1, "person_ids": [1, 2], "fps": FPS, "n_frames": N_FRAMES}
    with bodycompress.BodyCompressor(str(imported / "predictions.xz"), metadata) as writer:
        writer.append(boxes=np.array([Command()], dtype=object))
    with pytest.raises(UserError, match=NO_HARM):
        carry_on(run, imported, tmp_path / "again")
    assert not (tmp_path / "hurt").exists()


def rewrite_masks(theirs, change):
    path = theirs / "masks/walk_masks.pkl"
    path.write_bytes(plain_pickle(change(pickle.loads(path.read_bytes()))))


def test_mistakes_are_told(theirs, tmp_path):
    def told(**options):
        with pytest.raises(UserError) as error:
            import_results(theirs, **{"video_id": "walk", "out": tmp_path / "imports", **options})
        return str(error.value)

    assert "--as-id" in told(video_id="über alles") and "INFERENCE_ROOT" in told(video_id="other")
    assert "not found, expected the video" in told(video=tmp_path / "none.mp4")
    rewrite_masks(theirs, lambda frames: frames[:-1])
    message = told()
    assert f"{N_FRAMES - 1} frames, expected {N_FRAMES}" in message and "_cut" in message


def test_predictions_of_another_length_are_told(theirs, tmp_path):
    path = theirs / "preds_np/walk.xz"
    frames = list(bodycompress.BodyDecompressor(str(path)))
    for kept, found in ((frames[:-1], f"{N_FRAMES - 1} frames"), ([*frames, frames[0]], "more than")):
        with bodycompress.BodyCompressor(str(path)) as writer:
            for frame in kept:
                writer.append(**frame)
        with pytest.raises(UserError, match=found):
            import_results(theirs, video_id="walk", out=tmp_path / "imports")


def test_files_of_another_clip_or_body_are_told_by_the_stages(run, imported, tmp_path):
    short = tmp_path / "short.json"
    tracks = MaskTracks.load(imported / "masks.json")
    dataclasses.replace(tracks, n_frames=3, masks=tuple(track[:3] for track in tracks.masks)).save(short)
    with pytest.raises(UserError, match=f"masks for 3 frames, expected {N_FRAMES}"):
        carry_on(run, imported, tmp_path / "a", masks_file=short)
    points, spread = np.ones((2, 55, 3), np.float32), np.ones((2, 55), np.float32)
    with writing_predictions(tmp_path / "smplx.xz", np.array([1, 2]), FPS, N_FRAMES) as sink:
        for _ in range(N_FRAMES):
            sink.append(FramePredictions(points, points, spread, spread, np.ones(2, bool)))
    with pytest.raises(UserError, match=r"joints of shape \(2, 55, 3\)"):
        carry_on(run, imported, tmp_path / "b", predictions_file=tmp_path / "smplx.xz")


def test_person_whose_body_is_given_nowhere_is_told(run, imported, tmp_path, caplog):
    given = GivenFits.load(imported / "fits.npz")
    alone = dataclasses.replace(
        given, **{f.name: getattr(given, f.name)[:1] for f in dataclasses.fields(given) if f.name != "T_world_cam"}
    )
    alone.save(imported / "fits.npz")
    with caplog.at_level(logging.WARNING):
        fits = carry_on(run, imported, tmp_path / "again").fits
    assert fits.visible.any(axis=1).tolist() == [True, False] and "person 2: no given body" in caplog.text
