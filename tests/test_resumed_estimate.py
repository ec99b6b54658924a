"""An estimate stage that is stopped goes on where it was, and ends with what an undisturbed run would have made."""

from pathlib import Path

import numpy as np
import pytest
from killed_stages import count, counts, run
from posed_landmarks import pose, walk
from rlemasklib import RLEMask
from synthetic_videos import numbered_frame, write_video

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.blazepose import BodyCircle, PoseLandmarks
from nlf_pipeline.estimate import estimate
from nlf_pipeline.estimators import landmark_search, windowed_solve
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.roi_landmarks import PersonFollower
from nlf_pipeline.estimators.track_solve import SolveSettings
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions

SIZE_PX = (640, 480)
FPS, N, CUTS = 15.0, 44, [9, 18, 27, 36]
KEPT_FRAMES, N_PEOPLE = 8, 2


@pytest.fixture(scope="module")
def clip(body_dir, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    VideoFacts("clip", *SIZE_PX, FPS, N, cuts=CUTS).save(folder / "video.json")
    Intrinsics(SIZE_PX, (600.0, 600.0), (319.5, 239.5), [], "user").save(folder / "intrinsics.json")
    boxes = [
        [RLEMask.from_bbox(np.array([300 * k + t, 100, 90, 250]), imsize=SIZE_PX) for t in range(N)] for k in (0, 1)
    ]
    MaskTracks(SIZE_PX, FPS, N, (1, 2), tuple(map(tuple, boxes))).save(folder / "masks.json")
    frames = [numbered_frame(t, *SIZE_PX) for t in range(N)]
    write_video(folder / "clip.mp4", [t / FPS for t in range(N)], frames)
    np.save(folder / "standing.npy", pose(LandmarkBody.load(body_dir), walk(1, FPS, 0.3)[0:1])[1][0])
    return folder


class StandIn:
    """A landmark model that sees somebody standing, not quite where it was told to look."""

    def __init__(self, standing: np.ndarray) -> None:
        self._standing = standing - standing.mean(axis=0)

    def find(self, image: np.ndarray, circle: BodyCircle) -> PoseLandmarks:
        shift = np.array([0.3, 0.1]) + image.mean() / 255
        image_px = circle.centre_px + shift + self._standing[:, :2] * circle.radius_px
        seen = BodyCircle(0.99 * circle.centre_px + shift, 0.99 * circle.rim_px + shift)
        return PoseLandmarks(image_px, np.ones(33), np.ones(33), self._standing, seen, None)


def estimate_clip(counter: Path, clip: Path, body: Path, out: Path, keeps: bool = True) -> None:
    """The stage in short chunks; counts what it does."""
    find, solve = PersonFollower.find, windowed_solve.solve_tracks

    def counted_find(self, landmarker, image, mask, others):
        count(counter, "f")
        return find(self, landmarker, image, mask, others)

    def counted_solve(tracks, body, prior, settings):
        count(counter, "s")
        return solve(tracks, body, prior, SolveSettings(iterations=5))

    with pytest.MonkeyPatch.context() as patch:
        standing = np.load(clip / "standing.npy")
        patch.setattr(landmark_search, "LandmarkerPool", lambda n_threads: StandIn(standing))
        patch.setattr(landmark_search, "_KEPT_FRAMES", KEPT_FRAMES)
        patch.setattr(landmark_search, "_CHUNK_FRAMES", 4)
        patch.setattr(windowed_solve, "_BATCH", 10)
        patch.setattr(PersonFollower, "find", counted_find)
        patch.setattr(windowed_solve, "solve_tracks", counted_solve)
        estimate(
            video=clip / "clip.mp4",
            video_facts=clip / "video.json",
            masks=clip / "masks.json",
            intrinsics=clip / "intrinsics.json",
            body=body,
            out=out / "predictions.xz",
            cache=out / "cache" if keeps else None,
            checkpoints=out / "checkpoints" if keeps else None,
        )


@pytest.fixture(scope="module")
def undisturbed(clip, body_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    estimate_clip(out / "counter", clip, body_dir, out, keeps=False)
    done = counts(out / "counter")
    assert done.count("f") == N * N_PEOPLE and done.count("s") == (len(CUTS) + 1) * N_PEOPLE
    assert all(frame.valid.all() for frame in Predictions.open(out / "predictions.xz"))
    return (out / "predictions.xz").read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_people_are_estimated_on(clip, body_dir, undisturbed, tmp_path, seed):
    counter, arguments = tmp_path / "counter", {"clip": clip, "body": body_dir, "out": tmp_path}
    kills = np.random.default_rng(seed).integers(2 * KEPT_FRAMES, 60, 4).tolist()
    n_kills = sum(not run(estimate_clip, counter, arguments, kill_at) for kill_at in kills)
    assert run(estimate_clip, counter, arguments)
    assert (tmp_path / "predictions.xz").read_bytes() == undisturbed
    done = counts(counter)
    assert done.count("f") <= (N + n_kills * KEPT_FRAMES) * N_PEOPLE, "no chunk that was done is done again"
    assert done.count("s") <= (len(CUTS) + 1) * N_PEOPLE + n_kills
    assert not (tmp_path / "checkpoints").exists()
