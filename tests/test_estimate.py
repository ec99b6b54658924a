from dataclasses import replace
from pathlib import Path

import cv2
import framepump
import numpy as np
import pytest
from posed_landmarks import pose, walk
from rlemasklib import RLEMask
from synthetic_videos import numbered_frame, write_video

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.body_models import SUBSET_SIZE
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimate import estimate
from nlf_pipeline.estimators import blazepose, landmark_reuse, landmark_search, windowed_solve
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.estimators.track_solve import SolveSettings
from nlf_pipeline.geometry import project
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.metrics import mpjpe, pa_mpjpe
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.repair.edit_file import parse_edits
from nlf_pipeline.repair.track_edits import apply_edits
from nlf_pipeline.video import writing_video

SIZE_PX = (640, 480)
LENS = Intrinsics(SIZE_PX, (600.0, 600.0), (319.5, 239.5), [], "user")
FPS = 15.0
SHARED = Path(__file__).parents[2] / "shared" / "data"
EVALUATED = [1, 2, 4, 5, 7, 8, 12, 15, 16, 17, 18, 19, 20, 21]


def write_inputs(folder: Path, n_frames: int, masks: tuple, cuts: tuple[int, ...] = (), size_px=SIZE_PX) -> dict:
    """Artefacts of a clip of which no pixel is read."""
    paths = {name: folder / f"{name}.json" for name in ("video_facts", "masks", "intrinsics")}
    VideoFacts("clip", *SIZE_PX, FPS, n_frames, cuts=list(cuts)).save(paths["video_facts"])
    MaskTracks(size_px, FPS, n_frames, tuple(range(10, 10 + len(masks))), masks).save(paths["masks"])
    LENS.save(paths["intrinsics"])
    write_video(folder / "clip.mp4", [t / FPS for t in range(n_frames)], [numbered_frame(0)] * n_frames)
    return paths | {"video": folder / "clip.mp4", "out": folder / "predictions.xz"}


def seen_walker(body: LandmarkBody, n: int, x: float, turn: float) -> tuple[PersonLandmarks, np.ndarray]:
    """A walking person as a perfect landmark model sees him, and his joints (n, 24, 3) in the camera frame."""
    R, root = walk(n, FPS, turn), np.array([x, 0.1, 4.5]) + np.linspace(0, 0.3, n)[:, None] * [1.0, 0, 0]
    joints, landmarks = pose(body, R)
    in_camera = landmarks + root[:, None]
    return (
        PersonLandmarks(project(in_camera, LENS.K), landmarks.copy(), np.ones((n, 33)), np.ones(n, dtype=bool)),
        joints + root[:, None],
    )


@pytest.fixture
def body(body_dir):
    return LandmarkBody.load(body_dir)


@pytest.fixture
def run(tmp_path, body_dir, monkeypatch):
    """Estimate from given landmarks instead of pictures."""

    def estimate_from(people: list[PersonLandmarks], cuts: tuple[int, ...] = ()) -> list:
        n = len(people[0].found)
        masks = tuple(
            (RLEMask.from_bbox(np.array([100 * k, 0, 50, 50]), imsize=SIZE_PX),) * n for k in range(len(people))
        )
        inputs = write_inputs(tmp_path, n, masks, cuts)
        monkeypatch.setattr(landmark_search, "find_landmarks", lambda frames, facts, tracks, **_: people)
        estimate(**inputs, body=body_dir)
        predictions = Predictions.open(inputs["out"])
        assert predictions.person_ids.tolist() == list(range(10, 10 + len(people)))
        return list(predictions)

    return estimate_from


def test_rows_are_people_even_when_one_is_missing(run, body):
    n, x = 20, (-0.8, 0.8)
    people, joints = zip(
        *[seen_walker(body, n, at, turn) for at, turn in zip(x, (0.3, -0.5), strict=True)], strict=True
    )
    away = slice(8, 14)  # longer than a gap that is bridged
    people[0].found[away] = False
    people[0].image_px[away] = people[0].relative[away] = people[0].visibility[away] = 0
    frames = run(list(people))
    assert len(frames) == n
    for t, frame in enumerate(frames):
        assert frame.valid.tolist() == [not 8 <= t < 14, True]
        assert frame.vertices.shape == (2, SUBSET_SIZE, 3)
        for k in np.flatnonzero(frame.valid):
            assert np.linalg.norm(frame.joints[k] - joints[k][t], axis=-1).mean() < 0.1
            assert np.linalg.norm(frame.vertices[k] - frame.joints[k, 0], axis=-1).max() < 1.4
        for values in (frame.vertices, frame.joints, frame.vertex_uncertainties, frame.joint_uncertainties):
            assert not values[~frame.valid].any()


def test_bodies_of_a_clean_walk_are_right(run, body):
    person, joints = seen_walker(body, 40, 0.5, 0.6)
    found = np.stack([frame.joints[0] for frame in run([person])]).astype(np.float64)
    assert mpjpe(found, joints) < 0.025
    assert np.linalg.norm(found[:, 0] - joints[:, 0], axis=-1).mean() < 0.05


def test_people_on_either_side_of_a_cut_are_solved_apart(run, body):
    n, cut = 24, 12
    before, after = seen_walker(body, n, -0.7, 0.4), seen_walker(body, n, 0.9, 3.0)
    parts = [slice(0, cut), slice(cut, n)]
    fields = ("image_px", "relative", "visibility", "found")
    joined = PersonLandmarks(
        *(np.concatenate([getattr(p[0], f)[s] for p, s in zip((before, after), parts, strict=True)]) for f in fields)
    )
    truth = np.concatenate([before[1][parts[0]], after[1][parts[1]]])
    errors = []
    for cuts in ((cut,), ()):
        found = np.stack([frame.joints[0] for frame in run([joined], cuts)])
        errors.append(np.linalg.norm(found - truth, axis=-1).mean(axis=-1)[cut - 1 : cut + 1].max())
    assert errors[0] < 0.1 < errors[1]


def test_hidden_feet_make_uncertain_feet(run, body):
    person, _ = seen_walker(body, 6, 0.0, 0.3)
    person.visibility[3:, 25:] = 0.05
    frames = run([person])
    growth = frames[5].joint_uncertainties[0] / frames[0].joint_uncertainties[0]
    assert growth[[7, 8, 10, 11]].min() > 2
    assert growth[[0, 15, 20]].max() < 1.05
    assert frames[5].vertex_uncertainties.max() > 1.5 * frames[0].vertex_uncertainties[0].min()


@pytest.fixture
def repaired(tmp_path, body_dir, body, monkeypatch):
    """Estimate after edits of three walkers' tracks; says for whom landmarks were sought and whose bodies were solved.

    The stand-in landmarks depend on the frame and on the detected person alone.
    """
    n = 14
    walkers = [seen_walker(body, n, x, turn)[0] for x, turn in ((-0.8, 0.3), (0.0, -0.4), (0.9, 0.1))]
    masks = tuple(
        tuple(RLEMask.from_bbox(np.array([200 * k, t, 50, 90]), imsize=SIZE_PX) for t in range(n)) for k in range(3)
    )
    inputs = write_inputs(tmp_path, n, masks)
    detected = MaskTracks.load(inputs["masks"])
    detected.save(tmp_path / "detected_masks.json")
    sought, solved = [], []

    def find(frames, facts, tracks, rows, **_):
        sought.extend(tracks.person_ids[row] for row in rows)
        return [walkers[row] for row in rows]

    def solve(tracks, *arguments, **kept):
        solved.append(len(tracks))
        return windowed_solve.solve_windows(tracks, *arguments, settings=SolveSettings(iterations=4), **kept)

    monkeypatch.setattr(landmark_search, "find_landmarks", find)
    monkeypatch.setattr(blazepose, "solve_windows", solve)

    def run_after(edits, cache: Path | None = tmp_path / "cache", **changed) -> tuple[list, list[int], int]:
        sought.clear()
        solved.clear()
        apply_edits(detected, parse_edits(edits, "tracks.yaml").edits).save(inputs["masks"])
        given = inputs | {"detected_masks": tmp_path / "detected_masks.json", "cache": cache} | changed
        estimate(**given, body=body_dir)
        return list(Predictions.open(inputs["out"])), list(sought), len(solved)

    return run_after


EDITS = {
    "edits: [{swap: [10, 11], from: frame 9}]": 2,
    "edits: [{drop: 11}]": 0,
    "edits: [{split: 10, at: frame 12}]": 2,
    "edits: [{swap: [10, 12], from: frame 5, to: frame 6}, {drop: 11}]": 2,
    "people: {10: Anna}": 0,
}


def same(first: list, second: list) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(first, second, strict=True)
        for name in ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties", "valid")
    )


@pytest.mark.parametrize("edits", EDITS)
def test_after_an_edit_only_touched_people_are_computed_and_the_result_is_that_of_a_cold_run(repaired, edits):
    before, sought, solved = repaired("")
    assert sorted(sought) == [10, 11, 12] and solved == 3
    after, sought, solved = repaired(edits)
    assert sought == [] and solved == EDITS[edits]
    cold, _, _ = repaired(edits, cache=None)
    assert same(after, cold)
    undone, sought, solved = repaired("")
    assert same(undone, before) and sought == [] and solved == 0


def test_untouched_people_keep_their_exact_bodies(repaired):
    before, after = (repaired(edits)[0] for edits in ("", "edits: [{swap: [10, 11], from: frame 9}, {drop: 10}]"))
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new.vertices[1], old.vertices[2])  # person 12


def test_repeated_edits_keep_the_cache_small(repaired, tmp_path):
    def size() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "cache").iterdir())

    repaired("")
    first = size()
    for frame in range(2, 8):
        repaired(f"edits: [{{swap: [10, 11], from: frame {frame}}}]")
    assert size() <= 2.1 * first


def test_what_results_depend_on_computes_them_anew(repaired, tmp_path, monkeypatch):
    repaired("")
    replace(LENS, focal_px=(500.0, 500.0)).save(tmp_path / "other_lens.json")
    assert repaired("", intrinsics=tmp_path / "other_lens.json")[1:] == ([], 3)
    with writing_video(tmp_path / "other.mp4", FPS) as sink:
        for _ in range(14):
            sink.append_data(np.full((SIZE_PX[1], SIZE_PX[0], 3), 90, np.uint8))
    assert sorted(repaired("", video=tmp_path / "other.mp4")[1]) == [10, 11, 12]
    for module in (landmark_reuse, blazepose):
        monkeypatch.setattr(module, "code_version", lambda name: f"{name}, edited")
    _, sought, solved = repaired("")
    assert sorted(sought) == [10, 11, 12] and solved == 3


def test_clip_is_not_decoded_where_all_is_known(repaired, monkeypatch):
    repaired("")

    def never(*arguments):
        raise AssertionError("the clip was read")

    monkeypatch.setattr(framepump.VideoFrames, "__iter__", never)
    monkeypatch.setattr(framepump.VideoFrames, "__getitem__", never)
    assert repaired("edits: [{swap: [10, 11], from: frame 9}]")[1:] == ([], 2)


def test_masks_that_were_never_detected_are_refused(tmp_path, body_dir):
    one, other = (RLEMask.from_bbox(np.array([x, 0, 50, 50]), imsize=SIZE_PX) for x in (0, 90))
    inputs = write_inputs(tmp_path, 2, ((one, one),))
    MaskTracks(SIZE_PX, FPS, 2, (1,), ((one, other),)).save(tmp_path / "detected.json")
    with pytest.raises(UserError, match=r"masks\.json has masks that"):
        estimate(**inputs, body=body_dir, detected_masks=tmp_path / "detected.json")


def test_nobody_gives_empty_frames(tmp_path, body_dir):
    inputs = write_inputs(tmp_path, 5, ())
    estimate(**inputs, body=body_dir)
    frames = list(Predictions.open(inputs["out"]))
    assert len(frames) == 5
    assert all(frame.vertices.shape == (0, SUBSET_SIZE, 3) for frame in frames)


def test_a_masked_patch_without_a_person_gives_nobody(tmp_path, body_dir):
    patch = RLEMask.from_bbox(np.array([250, 120, 60, 200]), imsize=SIZE_PX)
    inputs = write_inputs(tmp_path, 2, ((patch, patch),))
    write_video(inputs["video"], [0, 1 / FPS], [np.full((480, 640, 3), 90, np.uint8)] * 2)
    estimate(**inputs, body=body_dir)
    assert not any(frame.valid.any() for frame in Predictions.open(inputs["out"]))


def test_files_of_different_clips_are_refused(tmp_path, body_dir):
    inputs = write_inputs(tmp_path, 3, (), size_px=(320, 240))
    with pytest.raises(UserError, match="320x240"):
        estimate(**inputs, body=body_dir)
    MaskTracks(SIZE_PX, FPS, 4, (), ()).save(inputs["masks"])
    with pytest.raises(UserError, match="4 frames"):
        estimate(**inputs, body=body_dir)
    assert not inputs["out"].exists()


def test_a_regressor_of_another_body_is_refused(tmp_path, body_dir):
    folder = tmp_path / "body"
    folder.mkdir()
    for path in body_dir.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "landmark_regressor.npy").unlink()
    with pytest.raises(UserError, match="not found"):
        LandmarkBody.load(folder)
    np.save(folder / "landmark_regressor.npy", np.zeros((33, 7)))
    with pytest.raises(UserError, match=r"\(33, 7\)"):
        LandmarkBody.load(folder)


@pytest.mark.skipif(not (SHARED / "lab_two_people.mp4").is_file(), reason="the clip with real people is not here")
def test_real_people_with_known_joints(tmp_path, body_dir):
    truth = np.load(SHARED / "lab_two_people_truth.npz")
    n, size_px = 9, (1088, 1920)
    K, distortion, points_cam = truth["K"], truth["dist"], truth["points_cam"][:, :3].astype(np.float64)
    rows = []
    for person in points_cam:
        track = []
        for t in range(n):
            person_px = cv2.projectPoints(person[t // 4], np.zeros(3), np.zeros(3), K, distortion)[0]
            hull = np.zeros(size_px[::-1], np.uint8)
            cv2.fillConvexPoly(hull, cv2.convexHull(person_px.astype(np.int32)), 1)
            track.append(RLEMask.from_array(cv2.dilate(hull, np.ones((25, 25), np.uint8))))
        rows.append(tuple(track))
    paths = {name: tmp_path / f"{name}.json" for name in ("video_facts", "masks", "intrinsics")}
    VideoFacts("lab", *size_px, 60.0, n).save(paths["video_facts"])
    MaskTracks(size_px, 60.0, n, (1, 2), tuple(rows)).save(paths["masks"])
    focal_px, centre_px = (float(K[0, 0]), float(K[1, 1])), (float(K[0, 2]), float(K[1, 2]))
    Intrinsics(size_px, focal_px, centre_px, distortion.tolist(), "calibrated").save(paths["intrinsics"])
    short = tmp_path / "clip.mp4"
    copy_start(SHARED / "lab_two_people.mp4", short, n)
    out = tmp_path / "predictions.xz"
    estimate(**paths, video=short, body=body_dir, out=out)
    frames = list(Predictions.open(out))
    assert all(frame.valid.all() for frame in frames)
    joints = np.stack([frame.joints for frame in frames], axis=1).astype(np.float64)
    landmarks = [23, 24, 25, 26, 27, 28, 11, 12, 13, 14, 15, 16]
    same_joints = [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]
    for k in range(2):
        assert pa_mpjpe(joints[k, ::4][:, same_joints], points_cam[k][:, landmarks]) < 0.11
        reprojection = project(joints[k, ::4][:, same_joints], K) - project(points_cam[k][:, landmarks], K)
        assert np.linalg.norm(reprojection, axis=-1).mean() < 60


def copy_start(source: Path, target: Path, n_frames: int) -> None:
    from nlf_pipeline.video import read_frames, writing_video

    with writing_video(target, 60.0, crf=18) as sink:
        for frame in read_frames(source)[:n_frames]:
            sink.append_data(frame)
