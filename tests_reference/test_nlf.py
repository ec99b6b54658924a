"""NLF's seam: a TorchScript module with the release's methods answers with geometry computed from what it is given."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import framepump
import numpy as np
import pytest
import torch
from rlemasklib import RLEMask
from standins.nlf import HEIGHT_M, REPORT_SCALE, REPORTED, UNCERTAINTY_M, canonical_joints, write_weights

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.body_models import SUBSET_SIZE
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimate import estimate
from nlf_pipeline.estimators.nlf import NlfEstimator
from nlf_pipeline.estimators.nlf_model import NlfModel
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import FramePredictions, Predictions
from nlf_pipeline.repair.edit_file import parse_edits
from nlf_pipeline.repair.track_edits import apply_edits
from nlf_pipeline.video import writing_video
from nlf_pipeline.weights.registry import weights_path

SIZE_PX = (160, 96)
N_FRAMES = 11
FPS = 10.0
CPU = torch.device("cpu")
LENS = Intrinsics(SIZE_PX, (170.0, 150.0), (81.0, 44.0), [], "user")
BENT_LENS = replace(LENS, distortion=[-0.2, 0.05, 0.01, -0.02], zoom=np.linspace(1, 1.5, N_FRAMES).tolist())
ESTIMATE_SCHEMA = (
    "Tensor images, Tensor[] boxes, Dict(str, Tensor) weights, Tensor? intrinsic_matrix=None, "
    "Tensor? distortion_coeffs=None, Tensor? extrinsic_matrix=None, Tensor? world_up_vector=None, "
    "float default_fov_degrees=55., int internal_batch_size=64, int antialias_factor=1, int num_aug=5, "
    "float rot_aug_max_degrees=25.) -> Dict(str, Tensor[])"
)
DETECT_SCHEMA = (
    "Tensor images, Dict(str, Tensor) weights, Tensor? intrinsic_matrix=None, Tensor? distortion_coeffs=None, "
    "Tensor? extrinsic_matrix=None, Tensor? world_up_vector=None, float default_fov_degrees=55., "
    "int internal_batch_size=64, int antialias_factor=1, int num_aug=1, float rot_aug_max_degrees=25., "
    "float detector_threshold=0.29999999999999999, float detector_nms_iou_threshold=0.69999999999999996, "
    "int max_detections=150, bool detector_flip_aug=False, bool detector_both_flip_aug=False, "
    "bool suppress_implausible_poses=True, Tensor[]? extra_boxes=None) -> Dict(str, Tensor[])"
)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder of weights with NLF's large model in it."""
    folder = tmp_path_factory.mktemp("weights")
    write_weights(weights_path(folder, "nlf_l"))
    return folder


def box_of(k, t):
    """Left, top, width, height of person k in frame t."""
    return np.array([15 + 70 * k + 2 * t, 8 + 3 * k + t, 22 + t + 6 * k, 40 + 2 * t + 5 * k])


def colour_of(k, t):
    return np.array([(60 + 15 * t, 200, 90), (40, 80 + 15 * t, 120)][k])


@dataclass
class Scene:
    """Two people who are coloured boxes, and how to estimate them."""

    inputs: dict
    calls: list

    def run(self, **changed) -> list[FramePredictions]:
        estimate(**{**self.inputs, **changed})
        return list(Predictions.open(self.inputs["out"]))

    def write_masks(self, masks, name="masks", person_ids=(10, 11)) -> Path:
        path = self.inputs["out"].with_name(f"{name}.json")
        MaskTracks(SIZE_PX, FPS, N_FRAMES, person_ids[: len(masks)], tuple(map(tuple, masks))).save(path)
        return path


@pytest.fixture
def masks():
    return [[RLEMask.from_bbox(box_of(k, t), imsize=SIZE_PX) for t in range(N_FRAMES)] for k in range(2)]


@pytest.fixture
def scene(tmp_path, body_dir, weights, masks, monkeypatch):
    calls = []
    ask = NlfModel.estimate

    def asked(self, pictures, boxes, K, distortion):
        calls.append([len(b) for b in boxes])
        return ask(self, pictures, boxes, K, distortion)

    monkeypatch.setattr(NlfModel, "estimate", asked)
    with writing_video(tmp_path / "clip.mp4", FPS, crf=4) as sink:
        for t in range(N_FRAMES):
            picture = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
            for k in range(2):
                left, top, width, height = box_of(k, t)
                picture[top : top + height, left : left + width] = colour_of(k, t)
            sink.append_data(picture)
    paths = {name: tmp_path / f"{name}.json" for name in ("video_facts", "masks", "intrinsics")}
    VideoFacts("clip", *SIZE_PX, FPS, N_FRAMES).save(paths["video_facts"])
    LENS.save(paths["intrinsics"])
    given = {"body": body_dir, "weights": weights, "estimator": "nlf", "device": "cpu", "out": tmp_path / "p.xz"}
    result = Scene(paths | {"video": tmp_path / "clip.mp4"} | given, calls)
    result.write_masks(masks)
    return result


def reported(frame: FramePredictions, k: int) -> dict[str, float]:
    """What the module was given when it was asked about a person."""
    return dict(zip(REPORTED, frame.vertex_uncertainties[k] / REPORT_SCALE, strict=False))


def joints_in(box, K, distortion):
    """(24, 3) where the module puts the joints of whom it sees in a box, metres."""
    centre_px = (box[:2] + box[2:] / 2).astype(np.float64)
    ray = cv2.undistortPointsIter(
        centre_px[None, None], K, np.array(distortion), np.eye(3), np.eye(3), (cv2.TERM_CRITERIA_COUNT, 50, 0)
    )
    depth = K[1, 1] * HEIGHT_M / box[3]
    return canonical_joints().numpy() * [1, -1, -1] + np.append(ray[0, 0], 1) * depth


def same(first, second) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(first, second, strict=True)
        for name in ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties", "valid")
    )


def test_the_stand_in_has_the_signatures_of_the_release(weights):
    module = torch.jit.load(str(weights_path(weights, "nlf_l")))
    for method, schema in (("estimate_poses_batched", ESTIMATE_SCHEMA), ("detect_poses_batched", DETECT_SCHEMA)):
        assert str(getattr(module, method).schema).partition(" self, ")[2] == schema


@pytest.mark.parametrize("lens", [LENS, BENT_LENS], ids=["plain", "zoom and distortion"])
def test_bodies_stand_where_box_and_lens_of_each_frame_say_in_metres(scene, lens):
    lens.save(scene.inputs["intrinsics"])
    frames = scene.run()
    assert len(frames) == N_FRAMES
    for t, (frame, K) in enumerate(zip(frames, lens.K_frames(N_FRAMES), strict=True)):
        assert frame.valid.all() and frame.vertices.shape == (2, SUBSET_SIZE, 3)
        for k in range(2):
            expected = joints_in(box_of(k, t), K, lens.distortion or [0.0] * 4)
            np.testing.assert_allclose(frame.joints[k], expected, atol=2e-3)  # half millimetres in the file
            np.testing.assert_allclose(frame.joint_uncertainties[k], UNCERTAINTY_M, rtol=0.03)
            assert np.linalg.norm(frame.vertices[k] - frame.joints[k, 9], axis=-1).max() < 1.5


def test_pictures_come_in_order_as_rgb_from_0_to_1(tmp_path, scene, body_dir, weights):
    given = VideoFacts.load(scene.inputs["video_facts"]), MaskTracks.load(scene.inputs["masks"])
    estimator = NlfEstimator(body_dir, PersonCache(None), weights_path(weights, "nlf_l"), "cpu", NlfOptions())
    frames = framepump.VideoFrames(str(scene.inputs["video"]))
    for t, frame in enumerate(estimator.estimate(frames, given[0], given[1], given[1], LENS)):
        for k in range(2):
            told = reported(frame, k)
            np.testing.assert_allclose([told[c] for c in REPORTED[:3]], colour_of(k, t) / 255, atol=0.04)


def test_options_reach_the_model(scene):
    options = NlfOptions(num_aug=3, batch_size=4, internal_batch_size=12, antialias_factor=4)
    for frame in scene.run(nlf=options):
        told = reported(frame, 0)
        names = ("num_aug", "antialias_factor", "internal_batch_size", "up_y")
        np.testing.assert_allclose([told[n] for n in names[:3]], [3, 4, 12], rtol=0.04)
    assert scene.calls == [[2] * 4, [2] * 4, [2] * 3]


def test_on_a_cpu_the_release_computes_in_single_precision(scene):
    # torch's grid_sample crashes there in half precision, to which the release converts pictures.
    for frame in scene.run():
        assert reported(frame, 0)["bits"] == pytest.approx(32, rel=0.04)


@pytest.mark.parametrize(("works", "dtype"), [(False, torch.float32), (True, torch.float16)])
def test_half_precision_is_left_where_it_works(works, dtype, weights, monkeypatch):
    monkeypatch.setattr("nlf_pipeline.estimators.nlf_model.half_works", lambda device: works)
    model = NlfModel.load(weights_path(weights, "nlf_l"), CPU, NlfOptions())
    assert model._module.colours.dtype == dtype


def test_who_gets_no_numbers_counts_as_not_seen(scene, monkeypatch, caplog):
    ask = NlfModel.estimate

    def fail(self, pictures, boxes, K, distortion):
        found = ask(self, pictures, boxes, K, distortion)
        found[1].points[0, 5] = np.nan
        found[2].uncertainties[1, 7] = np.inf
        return found

    whole = scene.run()
    monkeypatch.setattr(NlfModel, "estimate", fail)
    frames = scene.run(nlf=NlfOptions(batch_size=100))
    assert [frame.valid.tolist() for frame in frames[:4]] == [[True, True], [False, True], [True, False], [True, True]]
    assert same([*whole[:1], *whole[3:]], [*frames[:1], *frames[3:]])
    np.testing.assert_array_equal(frames[1].vertices[1], whole[1].vertices[1])
    assert [record.args for record in caplog.records if "no numbers" in record.message] == [(2,)]


def test_crops_at_once_are_at_least_the_views_of_one_person(scene):
    # Fewer make the release run everybody at once.
    for frame in scene.run(nlf=NlfOptions(num_aug=5, internal_batch_size=2)):
        assert reported(frame, 0)["internal_batch_size"] == pytest.approx(5, rel=0.04)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batches_do_not_matter(scene, batch_size):
    assert same(scene.run(), scene.run(nlf=NlfOptions(batch_size=batch_size)))


def test_blocks_do_not_matter(scene, monkeypatch):
    whole = scene.run()
    monkeypatch.setattr("nlf_pipeline.estimators.nlf._BLOCK_FRAMES", 4)
    assert same(whole, scene.run())


def test_who_is_not_seen_is_not_estimated_and_empty_frames_are_not_looked_at(scene, masks):
    masks[0][2] = masks[1][2] = None
    masks[0][5] = None
    masks[1][7] = RLEMask.from_bbox(np.array([30, 20, 0, 10]), imsize=SIZE_PX)
    whole = scene.run()
    scene.write_masks(masks)
    scene.calls.clear()
    frames = scene.run()
    assert scene.calls == [[2, 2, 2, 2, 1, 2, 1, 2], [2, 2]]
    gone = {(0, 2), (1, 2), (0, 5), (1, 7)}
    for t, frame in enumerate(frames):
        for k in range(2):
            assert frame.valid[k] == ((k, t) not in gone)
            expected = whole[t].joints[k] if frame.valid[k] else 0
            np.testing.assert_array_equal(frame.joints[k], np.broadcast_to(expected, (24, 3)))


@pytest.mark.parametrize("people", [0, 2])
def test_a_clip_without_people_gives_empty_frames_without_the_model(scene, people, monkeypatch):
    scene.write_masks([[None] * N_FRAMES] * people)
    monkeypatch.setattr(framepump.VideoFrames, "frames_at", lambda *_: iter(()))
    frames = scene.run()
    assert [frame.joints.shape for frame in frames] == [(people, 24, 3)] * N_FRAMES
    assert not any(frame.valid.any() for frame in frames) and not scene.calls


EDITS = (
    "edits: [{swap: [10, 11], from: frame 4}]",
    "edits: [{drop: 11}]",
    "edits: [{split: 10, at: frame 6}]",
    "edits: [{swap: [10, 11], from: frame 5, to: frame 6}, {drop: 11}]",
)


@pytest.mark.parametrize("edits", EDITS)
def test_an_edit_asks_the_model_nothing_and_gives_what_a_cold_run_gives(scene, tmp_path, edits, monkeypatch):
    detected = MaskTracks.load(scene.inputs["masks"])
    detected.save(tmp_path / "detected_masks.json")
    changed = {"detected_masks": tmp_path / "detected_masks.json", "cache": tmp_path / "cache"}
    monkeypatch.setattr("nlf_pipeline.estimators.nlf._BLOCK_FRAMES", 4)
    before = scene.run(**changed)
    assert same(before, scene.run())
    apply_edits(detected, parse_edits(edits, "tracks.yaml").edits).save(scene.inputs["masks"])
    cold = scene.run(detected_masks=changed["detected_masks"])

    def never(*_, **__):
        raise AssertionError("the model was loaded, or the clip read")

    scene.calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(NlfModel, "load", never)
        patch.setattr(framepump.VideoFrames, "__iter__", never)
        after = scene.run(**changed)
    assert same(after, cold) and not scene.calls


def test_only_what_a_result_depends_on_asks_the_model_again(scene, tmp_path, masks):
    cached = {"cache": tmp_path / "cache"}
    scene.run(**cached)

    def calls_after(**changed):
        scene.calls.clear()
        scene.run(**cached, **changed)
        return scene.calls

    assert calls_after(nlf=NlfOptions(batch_size=3, internal_batch_size=20)) == []
    assert calls_after(nlf=NlfOptions(num_aug=1)) == [[2] * 8, [2] * 3]
    masks[1][3] = RLEMask.from_bbox(box_of(1, 4), imsize=SIZE_PX)
    scene.write_masks(masks)
    assert calls_after() == [[1] * 8, [1] * 3]  # the other person is kept
    replace(LENS, focal_px=(90.0, 90.0)).save(tmp_path / "other.json")
    assert calls_after(intrinsics=tmp_path / "other.json") == [[2] * 8, [2] * 3]
    write_weights(weights_path(tmp_path / "other_weights", "nlf_l"), seed=1)
    assert calls_after(weights=tmp_path / "other_weights") == [[2] * 8, [2] * 3]


def test_batches_are_halved_where_memory_does_not_suffice(scene, tmp_path, caplog):
    write_weights(weights_path(tmp_path / "hungry", "nlf_l"), max_images=2, max_crops=6)
    options = NlfOptions(num_aug=3, batch_size=8, internal_batch_size=24)
    with caplog.at_level(logging.WARNING):
        frames = scene.run(nlf=options, weights=tmp_path / "hungry")
    sizes = [record.args for record in caplog.records if "memory" in record.message]
    assert sizes == [(8, 24, 4, 24), (4, 24, 2, 24), (2, 24, 1, 24)]
    plain = scene.run(nlf=options)
    for frame, other in zip(frames, plain, strict=True):
        np.testing.assert_array_equal(frame.joints, other.joints)


def test_crops_are_halved_down_to_one_persons(scene, tmp_path, caplog):
    write_weights(weights_path(tmp_path / "hungry", "nlf_l"), max_images=1, max_crops=5)
    with caplog.at_level(logging.WARNING):
        frames = scene.run(nlf=NlfOptions(num_aug=5, batch_size=2, internal_batch_size=14), weights=tmp_path / "hungry")
    sizes = [record.args for record in caplog.records if "memory" in record.message]
    assert sizes == [(2, 14, 1, 14), (1, 14, 1, 7)]
    assert all(frame.valid.all() for frame in frames)


def test_too_little_memory_is_said_and_nothing_is_written(scene, tmp_path):
    write_weights(weights_path(tmp_path / "hungry", "nlf_l"), max_crops=4)
    with pytest.raises(UserError, match=r"memory does not suffice.*num_aug"):
        scene.run(weights=tmp_path / "hungry")
    assert not scene.inputs["out"].exists()


def test_a_release_that_pads_in_white_gets_all_crops_at_once(scene, tmp_path):
    # It inverts its pictures in place before each internal batch, so only the first one comes out right.
    write_weights(weights_path(tmp_path / "white", "nlf_l"), pad_white_pixels=True)
    for t, frame in enumerate(scene.run(weights=tmp_path / "white")):
        n_frames = 8 if t < 8 else 3
        assert reported(frame, 0)["internal_batch_size"] == pytest.approx(n_frames * 2 * 5, rel=0.04)


class Filtering(torch.nn.Module):
    """A release that can leave out people from given boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.cano_all = {"smpl": torch.zeros(24, 3)}

    @torch.jit.export
    def get_weights_for_canonical_points(self, canonical_points: torch.Tensor):
        return {"w_tensor": canonical_points}

    @torch.jit.export
    def estimate_poses_batched(
        self,
        images: torch.Tensor,
        boxes: list[torch.Tensor],
        weights: dict[str, torch.Tensor],
        intrinsic_matrix: torch.Tensor | None = None,
        distortion_coeffs: torch.Tensor | None = None,
        extrinsic_matrix: torch.Tensor | None = None,
        world_up_vector: torch.Tensor | None = None,
        default_fov_degrees: float = 55.0,
        internal_batch_size: int = 64,
        antialias_factor: int = 1,
        num_aug: int = 5,
        suppress_implausible_poses: bool = True,
    ):
        n = 0 if suppress_implausible_poses else 1
        pose = weights["w_tensor"][None] + torch.tensor([0.0, 0.0, 3000.0])
        return {
            "poses3d": [torch.cat([pose] * len(b) * n) for b in boxes],
            "uncertainties": [torch.full((len(b) * n, pose.shape[1]), 0.1) for b in boxes],
        }


def save_module(module: torch.nn.Module, folder: Path) -> Path:
    path = weights_path(folder, "nlf_l")
    path.parent.mkdir(parents=True)
    torch.jit.save(torch.jit.script(module), str(path))
    return folder


def test_nobody_is_left_out_by_a_release_that_could(scene, tmp_path):
    frames = scene.run(weights=save_module(Filtering(), tmp_path / "filtering"))
    assert all(frame.valid.all() for frame in frames)


class Other(torch.nn.Module):
    """Something else in TorchScript."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Newer(torch.nn.Module):
    """A release whose methods take something else."""

    @torch.jit.export
    def get_weights_for_canonical_points(self, canonical_points: torch.Tensor) -> torch.Tensor:
        return canonical_points

    @torch.jit.export
    def estimate_poses_batched(self, images: torch.Tensor, cameras: torch.Tensor) -> torch.Tensor:
        return images


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not found"),
        (b"", "is empty"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (b"not a zip", "cannot be read"),
        ("truncated", "cannot be read"),
        (Other, "without estimate_poses_batched"),
        (Newer, r"missing: boxes, .*unknown: cameras"),
    ],
)
def test_wrong_weights_are_told_in_one_line(scene, tmp_path, weights, content, message):
    folder = tmp_path / "wrong"
    path = weights_path(folder, "nlf_l")
    if isinstance(content, type):
        save_module(content(), folder)
    elif content is not None:
        path.parent.mkdir()
        whole = weights_path(weights, "nlf_l").read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if content == "truncated" else content)
    with pytest.raises(UserError, match=message) as caught:
        scene.run(weights=folder)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert not scene.inputs["out"].exists()


def test_points_placed_by_hand_stand_in_for_those_that_a_release_lacks(scene, tmp_path):
    folder = tmp_path / "bare"
    write_weights(weights_path(folder, "nlf_l"), cano_all={"other": torch.zeros(3, 3)})
    with pytest.raises(UserError, match="canonical_verts"):
        scene.run(weights=folder)
    joints = canonical_joints().numpy()
    for kind, values in (("canonical_verts", np.zeros((6890, 3))), ("canonical_joints", joints)):
        path = weights_path(folder, "nlf_l").parent / kind / "smpl.npy"
        path.parent.mkdir()
        np.save(path, values)
    assert same(scene.run(weights=folder), scene.run())
    path.unlink()
    with pytest.raises(UserError, match=r"canonical_joints.*smpl\.npy"):
        scene.run(weights=folder)


def test_too_many_distortion_coefficients_are_refused(scene):
    replace(LENS, distortion=[0.01] * 14).save(scene.inputs["intrinsics"])
    with pytest.raises(UserError, match="14 distortion coefficients"):
        scene.run()
