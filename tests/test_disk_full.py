"""A full disk: nothing half-written stays, the message names the file and the cure, and room is all that it takes."""

import errno
import gc
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from synthetic_videos import numbered_frame, read_number, write_video

from nlf_pipeline import cli
from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.artefacts.camera import CameraPath
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.fetch import fetch
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import FramePredictions, Predictions, writing_predictions
from nlf_pipeline.video import read_frames, writing_video
from nlf_pipeline.video_segments import Encoding, keeping_segments, write_in_segments

SIZE_KIB, FPS, N = 256, 25.0, 60


@pytest.fixture
def disk(tmp_path):
    """A disk of SIZE_KIB, with next to no room left until `ballast` is removed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root, to mount a small disk")
    fill(folder)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave_kib: int = 12) -> None:
    (folder / "ballast").write_bytes(bytes((SIZE_KIB - leave_kib) * 1024))


def make_room(folder: Path) -> None:
    (folder / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)


def noise(number: int) -> np.ndarray:
    picture = np.random.default_rng(number).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    return np.where(numbered_frame(number) > 200, numbered_frame(number), picture // 3)


def camera_path(path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 300
    CameraPath(rng.random((n, 4, 4)), rng.random(n), np.zeros(n, int), rng.random((9, 3)), np.zeros(9, int)).save(path)


def video(path: Path) -> None:
    with writing_video(path, FPS) as sink:
        for number in range(N):
            sink.append_data(noise(number))


def predictions(path: Path) -> None:
    rng = np.random.default_rng(0)
    with writing_predictions(path, np.arange(2), FPS, N) as sink:
        for _ in range(N):
            frame = FramePredictions(
                vertices=rng.random((2, 300, 3), np.float32) + 1,
                joints=rng.random((2, 24, 3), np.float32) + 1,
                vertex_uncertainties=rng.random((2, 300), np.float32),
                joint_uncertainties=rng.random((2, 24), np.float32),
                valid=np.ones(2, bool),
            )
            sink.append(frame)


def facts(path: Path) -> None:
    VideoFacts("clip", 160, 96, FPS, N, list(range(20_000))).save(path)


def chunk(path: Path) -> None:
    ChunkStore(path, "x").save("a", 0, {"x": np.random.default_rng(0).random(6000)})


def cached_person(path: Path) -> None:
    PersonCache(path, "x").save("a", {"x": np.random.default_rng(0).random(6000)})


WRITERS = {
    "camera_path.npz": camera_path,
    "clip.mp4": video,
    "predictions.xz": predictions,
    "video.json": facts,
    "chunks": chunk,
    "cache": cached_person,
}


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", WRITERS)
def test_nothing_half_written_stays_and_room_is_all_it_takes(disk, name):
    with pytest.raises(OSError, match="No space left") as caught:
        WRITERS[name](disk / name)
    assert caught.value.errno == errno.ENOSPC and str(caught.value.filename).startswith(str(disk / name))
    assert names(disk) == {"ballast"}
    del caught
    gc.collect()  # a zip file that could not be ended complains once more
    make_room(disk)
    WRITERS[name](disk / name)
    assert len(names(disk)) == 1
    if name.endswith(".mp4"):
        assert [read_number(frame) for frame in read_frames(disk / name)] == list(range(N))
    if name.endswith(".xz"):
        assert sum(1 for _ in Predictions.open(disk / name)) == N


@pytest.mark.parametrize("copies", [True, False])
def test_a_clip_that_does_not_fit_is_fetched_once_there_is_room(disk, tmp_path, copies):
    source = write_video(tmp_path / "in.mp4", np.arange(N) / FPS, [noise(i) for i in range(N)], tone_hz=440.0)
    time_range = None if copies else (0.0, N / FPS)
    outputs = {"out": disk / "clip.mp4", "facts_out": disk / "video.json"}
    with pytest.raises(OSError, match="No space left") as caught:
        fetch(video_id="clip", source=source, time_range=time_range, **outputs)
    assert str(caught.value.filename) == str(disk / "clip.mp4") and names(disk) == {"ballast"}
    make_room(disk)
    fetch(video_id="clip", source=source, time_range=time_range, **outputs)
    assert names(disk) == {"clip.mp4", "video.json"}


def test_segments_drawn_before_the_disk_was_full_are_used_once_there_is_room(disk):
    drawn = []

    def draw(start, stop):
        for number in range(start, stop):
            drawn.append(number)
            yield noise(number)

    def write():
        with keeping_segments(disk / "checkpoints", disk / "out.mp4", "pictures") as store:
            write_in_segments(disk / "out.mp4", Encoding(FPS, N, segment_frames=6), draw, store)

    fill(disk, leave_kib=80)
    with pytest.raises(OSError, match="No space left") as caught:
        write()
    n_kept = len([*(disk / "checkpoints").rglob("segment-*.mp4")])
    assert 0 < n_kept < 10 and str(disk / "checkpoints") in caught.value.filename
    n_drawn = len(drawn)
    make_room(disk)
    write()
    assert drawn[n_drawn:] == list(range(6 * n_kept, N))
    assert names(disk) == {"out.mp4"}
    assert [read_number(frame) for frame in read_frames(disk / "out.mp4")] == list(range(N))


def test_the_command_line_names_the_file_and_what_to_do(disk, tmp_path, capsys):
    source = write_video(tmp_path / "in.mp4", np.arange(N) / FPS, [noise(i) for i in range(N)])
    arguments = ["--video-id", "clip", "--source", str(source), "--out", str(disk / "clip.mp4")]
    with pytest.raises(SystemExit) as left:
        cli.main(["fetch", *arguments, "--facts-out", str(disk / "video.json")])
    told = capsys.readouterr().err
    assert left.value.code == 1 and "clip.mp4: No space left on device. Free some space, then run again." in told
    assert "Traceback" not in told
