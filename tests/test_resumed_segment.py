"""A segment stage that is stopped goes on where it was, and ends with what an undisturbed run would have made."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from coloured_people import ColourDetector, ColourModels, ColourPropagator, standing, write_clip
from killed_stages import count, counts, run

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.render_demo import render_demo
from nlf_pipeline.segment import segment
from nlf_pipeline.segmenters import PeopleChoice, blazepose
from nlf_pipeline.segmenters.propagation import shot
from nlf_pipeline.segmenters.stcn import StcnSegmenter
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.segmenters.tracker import PeopleTracker
from nlf_pipeline.video import read_frames, writing_video

N, CUT, CHUNK = 30, 19, 4
OUTPUTS = ("masks.json", "bystanders.json", "doubts.json")


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def clip(body_dir, tmp_path_factory) -> Path:
    """People who cross, with a cut in the middle of it."""
    folder = tmp_path_factory.mktemp("clip")
    render_demo(body=body_dir, out=folder / "clip.mp4", truth=folder, n_frames=N, width_px=640, height_px=360)
    write_facts(folder)
    return folder


def write_facts(folder, fps=25.0):
    VideoFacts("clip", 640, 360, fps, N, cuts=[CUT]).save(folder / "video.json")


def segment_clip(counter: Path, clip: Path, out: Path, facts: Path | None = None, keeps: bool = True) -> None:
    """The stage in short chunks; counts the frames that BlazePose looks at."""
    step = PeopleTracker.step

    def counted_step(self, frame, image):
        count(counter, "f")
        step(self, frame, image)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PeopleTracker, "step", counted_step)
        patch.setattr(blazepose, "_CHUNK_FRAMES", CHUNK)
        segment(
            video=clip / "clip.mp4",
            video_facts=facts or clip / "video.json",
            out=out / OUTPUTS[0],
            bystanders_out=out / OUTPUTS[1],
            doubts_out=out / OUTPUTS[2],
            checkpoints=out / "checkpoints" if keeps else None,
        )


@pytest.fixture(scope="module")
def undisturbed(clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    segment_clip(out / "counter", clip, out, keeps=False)
    assert counts(out / "counter") == "f" * N
    assert MaskTracks.load(out / "masks.json").visible.any(axis=0).all()
    return contents(out)


def contents(out):
    return [(out / name).read_bytes() for name in OUTPUTS]


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_any_moment_people_are_followed_on(clip, undisturbed, tmp_path, seed):
    counter, arguments = tmp_path / "counter", {"clip": clip, "out": tmp_path}
    kills = np.random.default_rng(seed).integers(1, N // 2, 4).tolist()
    n_kills = sum(not run(segment_clip, counter, arguments, kill_at) for kill_at in kills)
    assert run(segment_clip, counter, arguments)
    assert contents(tmp_path) == undisturbed
    assert N <= len(counts(counter)) <= N + n_kills * CHUNK, "no chunk that was done is done again"
    assert {path.name for path in tmp_path.iterdir()} == {*OUTPUTS, "counter"}


def stop_at(frame, monkeypatch):
    step = PeopleTracker.step

    def stopping_step(self, t, image):
        if t == frame:
            raise StoppedError
        step(self, t, image)

    monkeypatch.setattr(PeopleTracker, "step", stopping_step)


@pytest.mark.parametrize("change", ["nothing", "damage", "last damage", "facts", "video", "code"])
def test_only_chunks_of_the_same_work_are_used(clip, undisturbed, tmp_path, monkeypatch, change):
    with monkeypatch.context() as patch, contextlib.suppress(StoppedError):
        stop_at(CUT - 1, patch)
        segment_clip(tmp_path / "first", clip, tmp_path)
    n_done = (CUT - 1) // CHUNK * CHUNK
    arguments, expected = {"clip": clip, "out": tmp_path}, N
    if change == "nothing":
        expected = N - n_done
    elif change == "damage":
        for path in (tmp_path / "checkpoints").glob("*/*.npz"):
            path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    elif change == "last damage":
        path = max((tmp_path / "checkpoints").glob("*/tracker-*.npz"))
        path.write_bytes(path.read_bytes()[:-1])
        expected = N - n_done + CHUNK
    elif change == "facts":
        write_facts(tmp_path, fps=24.0)
        arguments["facts"] = tmp_path / "video.json"
    elif change == "video":
        images = list(read_frames(clip / "clip.mp4"))
        with writing_video(tmp_path / "clip.mp4", 25.0) as sink:
            for image in images:
                sink.append_data(image)
        arguments |= {"clip": tmp_path, "facts": clip / "video.json"}
    elif change == "code":
        monkeypatch.setattr(blazepose, "code_version", lambda name: f"{name}, edited")
    segment_clip(tmp_path / "second", **arguments)
    assert counts(tmp_path / "second") == "f" * expected
    assert not (tmp_path / "checkpoints").exists()
    if change not in ("facts", "video"):
        assert contents(tmp_path) == undisturbed


def test_what_is_kept_does_not_grow_with_what_the_tracker_knows(clip, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, contextlib.suppress(StoppedError):
        stop_at(CUT - 1, patch)
        segment_clip(tmp_path / "counter", clip, tmp_path)
    names = [path.name.partition("-")[0] for path in (tmp_path / "checkpoints").glob("*/*.npz")]
    assert names.count("seen") == (CUT - 1) // CHUNK and names.count("tracker") == 2


# --- stcn, with models that know people by their colours


N_COLOURED = 60
WALKS = {
    "red": lambda t: (2 * t - 10, 20, 24, 60),
    "green": standing((120, 24, 24, 56), [*range(3, 30), *range(35, 60)]),
    "blue": standing((60, 40, 20, 40), range(18, 47)),
    "yellow": standing((10, 50, 16, 30), range(40, 55)),
}
MODELS = {"yellow": 0.6}  # so unsure that he stays a bystander


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    path = tmp_path_factory.mktemp("coloured") / "clip.mp4"
    return path, write_clip(path, WALKS, N_COLOURED, cuts=[33])


class CountingModels(ColourModels):
    """Models that do no more than some work, in frames; and whose work is counted."""

    def __init__(self, most: float = np.inf) -> None:
        super().__init__(ColourDetector(MODELS))
        self.left, self.done = most, 0

    def _propagator(self) -> ColourPropagator:
        models, propagator = self, super()._propagator()
        follow = propagator.follow

        def counted(images, taken=None):
            models.done += len(images)
            models.left -= len(images)
            if models.left < 0:
                raise StoppedError
            return follow(images, taken)

        propagator.follow = counted
        return propagator


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_stcn_goes_on_with_its_memory_where_it_was_stopped(coloured, tmp_path, monkeypatch, passes, seed):
    path, facts = coloured
    options = StcnOptions(passes=passes, redetect_every=0.5, resolution=96, memory_frames=8, memory_every=2)
    choice = PeopleChoice(3, (), 12)
    chunk = int(np.random.default_rng(seed).integers(2, 12))
    monkeypatch.setattr(shot, "CHUNK_FRAMES", chunk)

    def follow(models, keeps=True):
        store = ChunkStore(tmp_path / "checkpoints" if keeps else None, "clip")
        return StcnSegmenter(options, models.load, store).segment(read_frames(path), facts, choice)

    whole = CountingModels()
    expected = follow(whole, keeps=False)
    assert len(expected.followed.person_ids) >= 4 and expected.bystanders.person_ids
    n_done, most = 0, np.random.default_rng(seed).integers(chunk + 2, 2 * N_COLOURED, 5)
    for left in most:
        models = CountingModels(left)
        with contextlib.suppress(StoppedError):
            follow(models)
        n_done += models.done
    last = CountingModels()
    found = follow(last)
    assert (found.followed, found.bystanders, found.doubts) == (
        expected.followed,
        expected.bystanders,
        expected.doubts,
    )
    look_back = whole.done - N_COLOURED
    assert n_done + last.done <= whole.done + len(most) * (chunk + 2 + look_back)
    assert follow(CountingModels(0)).followed == expected.followed, "all of it is kept until the stage is done"
