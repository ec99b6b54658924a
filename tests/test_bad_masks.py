"""Masks with nothing in them, or everything, spoil nobody's estimate."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from posed_landmarks import pose, walk
from rlemasklib import RLEMask

from nlf_pipeline import estimate as stage
from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.blazepose import BodyCircle, PoseLandmarks
from nlf_pipeline.estimators import landmark_search
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.roi_landmarks import circle_from_mask
from nlf_pipeline.geometry import project
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FramePredictions, Predictions

SIZE_PX = (640, 480)
FPS, FRAMES = 15.0, 12
LENS = Intrinsics(SIZE_PX, (600.0, 600.0), (319.5, 239.5), [], "user")
GREY = 127


def telling_picture(t: int) -> np.ndarray:
    """A picture whose every pixel tells where it is, and in which frame."""
    y, x = np.mgrid[: SIZE_PX[1], : SIZE_PX[0]]
    return np.stack([x & 255, y & 255, (x >> 8) | ((y >> 8) << 2) | (t << 4)], axis=-1).astype(np.uint8)


def where(crop: np.ndarray) -> tuple[np.ndarray, int]:
    """(2,) the top left pixel of a part of a telling picture, and the frame; grey pixels tell nothing."""
    y, x = np.argwhere((crop != GREY).any(axis=-1))[0]
    r, g, b = (int(value) for value in crop[y, x])
    return np.array([r + ((b & 3) << 8) - x, g + ((b >> 2 & 3) << 8) - y]), b >> 4


@pytest.fixture
def walkers(body_dir: Path) -> list[np.ndarray]:
    """(frames, 33, 3) landmarks of two people in the camera frame."""
    body = LandmarkBody.load(body_dir)
    steps = np.linspace(0, 0.3, FRAMES)[:, None] * [1.0, 0, 0]
    return [
        pose(body, walk(FRAMES, FPS, turn))[1] + (np.array([x, 0.1, 4.5]) + steps)[:, None]
        for x, turn in ((-0.9, 0.3), (0.7, -0.5))
    ]


@pytest.fixture
def perfect_model(walkers: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """The landmark model knows the truth, and gives that of whoever is nearest to the middle of its region."""

    class Pool:
        def __init__(self, count: int) -> None:
            pass

        def find(self, image: np.ndarray, circle: BodyCircle) -> PoseLandmarks | None:
            if (image == GREY).all():
                return None
            offset_px, t = where(image)
            people = [project(points[t], LENS.K) - offset_px for points in walkers]
            hips = [points_px[[23, 24]].mean(axis=0) for points_px in people]
            k = int(np.argmin([np.linalg.norm(hip - circle.centre_px) for hip in hips]))
            seen = np.ones(33)
            ring = BodyCircle(hips[k], hips[k] - [0, 1.3 * np.ptp(people[k][:, 1]) / 2])
            points = walkers[k][t]
            return PoseLandmarks(people[k], seen, seen, points - points[[23, 24]].mean(axis=0), ring, None)

    monkeypatch.setattr(landmark_search, "LandmarkerPool", Pool)
    monkeypatch.setattr(stage, "read_frames", lambda path: [telling_picture(t) for t in range(FRAMES)])


def outline(points: np.ndarray) -> RLEMask:
    hull = np.zeros(SIZE_PX[::-1], np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(project(points, LENS.K).astype(np.int32)), (1,))
    return RLEMask.from_array(cv2.dilate(hull, np.ones((15, 15), np.uint8)))


def run(folder: Path, body_dir: Path, walkers: list[np.ndarray], *added: tuple) -> list[FramePredictions]:
    """The predictions for both walkers, and for further tracks of masks."""
    folder.mkdir()
    masks = tuple(tuple(outline(points) for points in track) for track in walkers) + added
    VideoFacts("clip", *SIZE_PX, FPS, FRAMES).save(folder / "video.json")
    MaskTracks(SIZE_PX, FPS, FRAMES, tuple(range(1, len(masks) + 1)), masks).save(folder / "masks.json")
    LENS.save(folder / "intrinsics.json")
    stage.estimate(
        video=folder / "clip.mp4",
        video_facts=folder / "video.json",
        masks=folder / "masks.json",
        intrinsics=folder / "intrinsics.json",
        body=body_dir,
        out=folder / "predictions.xz",
    )
    return list(Predictions.open(folder / "predictions.xz"))


def rectangle(left: int, top: int, width: int, height: int) -> RLEMask:
    return RLEMask.from_bbox(np.array([left, top, width, height]), imsize=SIZE_PX)


NOTHING = RLEMask.from_array(np.zeros(SIZE_PX[::-1], np.uint8))
BAD_TRACKS: dict[str, tuple[RLEMask | None, ...]] = {
    "all_zero": (NOTHING,) * FRAMES,
    "one_pixel": (rectangle(0, 0, 1, 1),) * FRAMES,
    "a_pixel_on_somebody": (rectangle(200, 240, 1, 1),) * FRAMES,
    "a_line": (rectangle(0, 479, 640, 1),) * FRAMES,
    "everything": (rectangle(0, 0, *SIZE_PX),) * FRAMES,
    "three_frames": (None,) * 4 + (rectangle(300, 100, 60, 200),) * 3 + (None,) * 5,
    "now_and_then_zero": (NOTHING, None, rectangle(10, 10, 2, 2)) * (FRAMES // 3),
}


@pytest.mark.usefixtures("perfect_model")
def test_bad_masks_of_some_leave_the_others_as_they_are(tmp_path, body_dir, walkers):
    clean = run(tmp_path / "clean", body_dir, walkers)
    assert all(frame.valid.all() for frame in clean)
    frames = run(tmp_path / "bad", body_dir, walkers, *BAD_TRACKS.values())
    for t, (frame, same) in enumerate(zip(frames, clean, strict=True)):
        assert np.array_equal(frame.valid[:2], same.valid)
        assert np.array_equal(frame.vertices[:2], same.vertices)
        assert np.array_equal(frame.joints[:2], same.joints)
        for valid, vertices, track in zip(frame.valid[2:], frame.vertices[2:], BAD_TRACKS.values(), strict=True):
            mask = track[t]
            assert not valid or (mask is not None and mask.any())
            assert np.isfinite(vertices).all()
            assert valid or not vertices.any()


@pytest.mark.usefixtures("perfect_model")
def test_a_person_of_three_frames_is_estimated_in_them(tmp_path, body_dir, walkers):
    late = tuple(outline(points) if 6 <= t < 9 else None for t, points in enumerate(walkers[1]))
    frames = run(tmp_path / "clip", body_dir, walkers, late)
    assert [bool(frame.valid[2]) for frame in frames] == [6 <= t < 9 for t in range(FRAMES)]
    for frame in frames[6:9]:
        assert np.linalg.norm(frame.joints[2] - frame.joints[1], axis=-1).mean() < 0.2


def test_circles_of_the_smallest_masks_are_circles():
    for mask in (rectangle(5, 5, 1, 1), rectangle(0, 479, 640, 1), rectangle(0, 0, *SIZE_PX)):
        circle = circle_from_mask(mask)
        assert np.isfinite([*circle.centre_px, *circle.rim_px]).all()
        assert circle.radius_px > 0
