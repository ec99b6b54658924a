"""The real workflow with the real embedded models, on a short rendered clip and on an empty room."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from synthetic_videos import write_video

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.video import read_frames

REPOSITORY = Path(__file__).resolve().parents[1]
N_FRAMES, N_EMPTY_FRAMES = 30, 12
WIDTH_PX, HEIGHT_PX = 1280, 720
pytestmark = pytest.mark.slow


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A working directory in which both videos have been processed, and what was printed."""
    folder = tmp_path_factory.mktemp("end_to_end")
    body = "resources/body_models/open"
    built = snakemake(folder, f"{body}/base_mesh.npz")
    assert built.returncode == 0, built.stderr
    tool = Path(sys.executable).parent / "nlf-pipeline"
    options = [f"--n-frames={N_FRAMES}", f"--width-px={WIDTH_PX}", f"--height-px={HEIGHT_PX}"]
    paths = ["--body", body, "--out", "videos_in/short.mp4", "--truth", "truth/short"]
    subprocess.run([tool, "render-demo", *paths, *options], cwd=folder, check=True, capture_output=True)
    room = np.random.default_rng(0).integers(80, 120, (240, 320, 3), dtype=np.uint8)
    write_video(folder / "videos_in/empty.mp4", [i / 30 for i in range(N_EMPTY_FRAMES)], frames=[room] * N_EMPTY_FRAMES)
    result = snakemake(folder, "--config", "video_id=short,empty")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result


def test_everybody_is_followed_and_measured(finished):
    folder, result = finished
    bodies = Bodies.load(folder / "results/short/bodies.npz")
    assert len(bodies.person_ids) == 3 and bodies.body_model == "open"
    assert bodies.visible.shape == (3, N_FRAMES) and bodies.visible.mean() > 0.9
    assert np.isfinite(bodies.joints).all() and np.isfinite(bodies.pose_rotvecs).all()
    figures = {row["name"]: row["value"] for row in json.loads(read(folder, "short/evaluation.json"))["measurements"]}
    assert figures["identity switches"] == 0
    assert figures["coverage"] > 0.9
    assert figures["PA-MPJPE"] < 120
    for shown in ("short: 30 frames", "3 people", "results/short/side_view.mp4", "PA-MPJPE"):
        assert shown in result.stdout, result.stdout


@pytest.mark.parametrize("view", ["camera", "side"])
@pytest.mark.parametrize(("video", "n_frames", "size"), [("short", N_FRAMES, (720, 1280)), ("empty", 12, (240, 320))])
def test_every_view_has_every_frame(finished, video, n_frames, size, view):
    folder, _ = finished
    frames = read_frames(folder / f"results/{video}/{view}_view.mp4")
    assert len(frames) == n_frames and frames.original_imshape == size


def test_empty_room_gives_empty_but_valid_files_and_says_so(finished):
    folder, result = finished
    results = folder / "results/empty"
    assert "nobody was found" in result.stdout
    assert VideoFacts.load(results / "video.json").n_frames == N_EMPTY_FRAMES
    assert MaskTracks.load(results / "masks.json").person_ids == ()
    assert len(list(Predictions.open(results / "predictions.xz"))) == N_EMPTY_FRAMES
    assert Bodies.load(results / "bodies.npz").joints.shape == (0, N_EMPTY_FRAMES, 24, 3)
    assert Cameras.load(results / "world_cameras.npz").T_world_cam.shape == (N_EMPTY_FRAMES, 4, 4)
    assert not (results / "evaluation.json").exists()


def test_every_rule_leaves_a_log_and_a_record(finished):
    folder, _ = finished
    rules = {"fetch", "segment", "semantic_masks", "track_camera", "estimate", "scale_camera", "fit", "ground",
             "world", "plan_view", "render_camera", "render_side", "player", "export_glb", "export_bvh",
             "export_csv"}  # fmt: skip
    for video in ("short", "empty"):
        for suffix in (".log", ".json"):
            assert rules <= {path.stem for path in (folder / "logs" / video).glob(f"*{suffix}")}
    assert not [path for path in (folder / "results").rglob(".*-*") if path.is_file()], "temporary files are left"


def test_second_call_does_nothing_and_a_setting_reruns_what_depends_on_it(finished):
    folder, _ = finished
    again = snakemake(folder, "--config", "video_id=short,empty")
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr
    before = {path: path.stat().st_mtime_ns for path in (folder / "results/short").iterdir() if path.is_file()}
    faster = snakemake(folder, "--config", "video_id=short", "fps_factor=2")
    assert faster.returncode == 0, faster.stderr
    after = {path: path.stat().st_mtime_ns for path in (folder / "results/short").iterdir() if path.is_file()}
    changed = {path.name for path, time in after.items() if before.get(path) != time}
    assert changed == {"clip_x2.mp4", "camera_view.mp4", "side_view.mp4"}
    assert len(read_frames(folder / "results/short/camera_view.mp4")) == 2 * N_FRAMES


def read(folder, name):
    return (folder / "results" / name).read_text()
