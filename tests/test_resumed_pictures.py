"""Drawing, interpolating and tracking the camera go on where they were killed, and end with the same bytes."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_videos import pan
from killed_stages import count, counts, run
from synthetic_videos import write_video
from test_render import SIZE_PX, still_cameras, walkers

from nlf_pipeline import interpolate, render
from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.cameras.tracks import point_following
from nlf_pipeline.cameras.windows import shot_solving
from nlf_pipeline.interpolators.flow import FlowInterpolator
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.renderers.drawings import Drawing
from nlf_pipeline.track_camera import track_camera

N, CUT, SEGMENT = 60, 37, 8
FPS = 25.0
WINDOW, OVERLAP = 24, 8


@pytest.fixture(scope="module")
def clip(body_dir, tmp_path_factory) -> Path:
    """A camera that pans over a picture, two walkers, and a cut."""
    folder = tmp_path_factory.mktemp("clip")
    pictures = [np.repeat(grey[: SIZE_PX[1], : SIZE_PX[0], None], 3, axis=-1) for grey in pan(N)]
    write_video(folder / "clip.mp4", np.arange(N) / FPS, pictures, tone_hz=440.0)
    VideoFacts("clip", *SIZE_PX, FPS, N, [CUT], has_audio=True).save(folder / "video.json")
    MaskTracks(SIZE_PX, FPS, N, (), ()).save(folder / "people_mask.json")
    walkers(BodyMeshes(load_body_model(body_dir)), 2, N).save(folder / "bodies.npz")
    cameras = still_cameras(N)
    cameras.save(folder / "world_cameras.npz")
    cameras.T_world_cam[:, :3, 3] += np.linspace([0, 0, 2.5], [0.5, 0.2, 3.0], N)
    cameras.save(folder / "view_cameras.npz")
    return folder


def draw(counter: Path, clip: Path, out: Path, body: Path, keeps: bool = True, **options: Any) -> None:
    """The side view, with the camera's trail and the clip's picture in it; counts the pictures."""
    pictures = Drawing.pictures

    def counted(self, start, stop):
        for picture in pictures(self, start, stop):
            count(counter, "p")
            yield picture

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "pictures", counted)
        patch.setitem(render.SEGMENT_FRAMES, "moderngl", SEGMENT)
        render.render(
            video=clip / "clip.mp4",
            video_facts=clip / "video.json",
            bodies=clip / "bodies.npz",
            cameras=clip / "view_cameras.npz",
            world_cameras=clip / "world_cameras.npz",
            body=body,
            out=out / "side.mp4",
            view="side",
            checkpoints=out / "checkpoints" if keeps else None,
            **options,
        )


def make_between(counter: Path, clip: Path, out: Path, keeps: bool = True, fps_factor: int = 3) -> None:
    """The clip with more frames; counts the pairs of frames between which some are made."""
    between = FlowInterpolator.between

    def counted(self, first, second, n):
        count(counter, "b")
        return between(self, first, second, n)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlowInterpolator, "between", counted)
        patch.setattr(interpolate, "SEGMENT_FRAMES", SEGMENT)
        interpolate.interpolate(
            video=clip / "clip.mp4",
            video_facts=clip / "video.json",
            out=out / "fast.mp4",
            fps_factor=fps_factor,
            checkpoints=out / "checkpoints" if keeps else None,
        )


def track(counter: Path, clip: Path, out: Path, keeps: bool = True, seed: int = 0) -> None:
    """The camera; counts the frames in which points are followed, and the windows that are solved."""
    follow_to, solve_window = point_following.PointFollower.follow_to, shot_solving.solve_window

    def counted_follow(self, picture):
        count(counter, "f")
        return follow_to(self, picture)

    def counted_solve(*arguments):
        count(counter, "s")
        return solve_window(*arguments)

    short = functools.partial(point_following.FollowingOptions, max_frames=WINDOW, overlap_frames=OVERLAP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(point_following.PointFollower, "follow_to", counted_follow)
        patch.setattr(shot_solving, "solve_window", counted_solve)
        patch.setattr(point_following, "FollowingOptions", short)
        track_camera(
            video=clip / "clip.mp4",
            video_facts=clip / "video.json",
            people_mask=clip / "people_mask.json",
            out_intrinsics=out / "intrinsics.json",
            out_path=out / "camera_path.npz",
            out_report=out / "camera_report.json",
            seed=seed,
            checkpoints=out / "checkpoints" if keeps else None,
        )


WORKS = {"draw": draw, "make_between": make_between, "track": track}


@pytest.fixture(scope="module")
def undisturbed(clip, body_dir, tmp_path_factory):
    """By work: what was counted, and the outputs."""
    found = {}
    for name, work in WORKS.items():
        out = tmp_path_factory.mktemp(name)
        arguments = {"clip": clip, "out": out, "keeps": False, **extra(name, body_dir)}
        assert run(work, out / "counter", arguments)  # as a stage runs: drawing changes how its process computes
        found[name] = counts(out / "counter"), contents(out)
    return found


def extra(name, body_dir):
    return {"body": body_dir} if name == "draw" else {}


def contents(out):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != "counter"}


@pytest.mark.parametrize(("name", "seed"), [("draw", 0), ("make_between", 1), ("track", 2)])
def test_killed_at_any_moment_the_work_goes_on(clip, body_dir, undisturbed, tmp_path, name, seed):
    done, outputs = undisturbed[name]
    counter, arguments = tmp_path / "counter", {"clip": clip, "out": tmp_path, **extra(name, body_dir)}
    kills = np.random.default_rng(seed).integers(1, len(done) // 2, 3).tolist()
    n_kills = sum(not run(WORKS[name], counter, arguments, kill_at) for kill_at in kills)
    assert run(WORKS[name], counter, arguments)
    assert contents(tmp_path) == outputs
    lost_at_most = {"draw": SEGMENT, "make_between": SEGMENT, "track": WINDOW + 1}[name]
    slack = N // 4 * n_kills  # counted between the sign to kill and the kill
    n_least = min(len(done), N) if name != "track" else N
    assert n_least - 2 <= len(counts(counter)) <= len(done) + n_kills * lost_at_most + slack


@pytest.mark.parametrize(("name", "change"), [("draw", {"opacity": 0.5}), ("make_between", {"fps_factor": 2})])
def test_what_was_made_with_other_options_is_not_used(clip, body_dir, tmp_path, name, change):
    arguments = {"clip": clip, "out": tmp_path, **extra(name, body_dir)}
    assert not run(WORKS[name], tmp_path / "first", arguments, kill_at=N // 2)
    assert [*(tmp_path / "checkpoints").rglob("*.mp4")]
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert run(WORKS[name], tmp_path / "second", {**arguments, **change})
    assert run(WORKS[name], tmp_path / "third", {**arguments, "out": fresh, **change})
    assert counts(tmp_path / "second") == counts(tmp_path / "third")
    video = next(fresh.glob("*.mp4"))
    assert (tmp_path / video.name).read_bytes() == video.read_bytes()


def test_a_tracker_that_was_killed_follows_no_window_twice_and_damage_is_noticed(clip, tmp_path, undisturbed):
    arguments = {"clip": clip, "out": tmp_path}
    assert not run(track, tmp_path / "first", arguments, kill_at=CUT + 14)
    kept = sorted((tmp_path / "checkpoints").glob("*/points-0-*.npz"))
    assert len(kept) > 1
    kept[-1].write_bytes(kept[-1].read_bytes()[:-40] + bytes(40))
    assert run(track, tmp_path / "second", arguments)
    assert 0 < counts(tmp_path / "second").count("f") < N
    outputs = undisturbed["track"][1]
    assert {name: (tmp_path / name).read_bytes() for name in outputs} == outputs
