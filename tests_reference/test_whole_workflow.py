"""The whole workflow on the real models' code: random weights, NLF's and DROID-SLAM's stand-ins, a made-up SMPL.

The pictures: two bright figures walk through a dark room of moving texture.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from registered_bodies import write_smpl
from standins import deeplabv3, droid, maskrcnn, nlf, rife, stcn
from synthetic_videos import write_video

from nlf_pipeline.artefacts import Bodies, CameraReport, Cameras, Intrinsics
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.records import record_path
from nlf_pipeline.weights.registry import weights_path

REPOSITORY = Path(__file__).resolve().parents[1]
N_FRAMES, FPS = 24, 12.0
WIDTH_PX, HEIGHT_PX = 256, 144
FOV_DEG = 60.0
FIGURES = (((230, 60, 60), 60, 1.5, 80), ((60, 220, 60), 190, -1.0, 60))
"""Colour, x of the middle at first, pixels to the right per frame, height in pixels."""
FEET_PX = 126
REFERENCE_RULES = {"segment", "semantic_masks", "track_camera", "estimate", "interpolate_x3"}
SMALL = ("stcn_resolution=96", "maskrcnn_resolution=144", "deeplabv3_resolution=96", "max_persons=3")
"""What the networks see is as small as the clip, which a CPU can bear."""
pytestmark = pytest.mark.slow


def figure_boxes() -> np.ndarray:
    """(figures, frames, 4) left, top, width, height, pixels."""
    t = np.arange(N_FRAMES)
    columns = [
        (x + step * t - height // 6, np.full(N_FRAMES, FEET_PX - height), np.full(N_FRAMES, height // 3),
         np.full(N_FRAMES, height))
        for _, x, step, height in FIGURES
    ]  # fmt: skip
    return np.stack([np.stack(column, axis=1) for column in columns]).astype(float)


def pictures(texture: int) -> list[np.ndarray]:
    """The frames; the room is dark, and `texture` grey levels lie between its darkest and brightest spots.

    It is never much brighter than the whole picture, or DeepLabV3's stand-in would take it for people.
    """
    noise = np.random.default_rng(0).integers(15, 16 + texture, (HEIGHT_PX // 8, WIDTH_PX // 4, 3), dtype=np.uint8)
    room = cv2.resize(noise, (2 * WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    frames = []
    for t, boxes in enumerate(figure_boxes().swapaxes(0, 1).round().astype(int)):
        frame = np.ascontiguousarray(room[:, 3 * t : 3 * t + WIDTH_PX])
        for (colour, *_), (left, top, width, height) in zip(FIGURES, boxes, strict=True):
            frame[top : top + height, left : left + width] = colour
        frames.append(frame)
    return frames


def write_all_weights(folder: Path) -> None:
    """Stand-ins under the published names, recorded as if they had been used before."""
    folder.mkdir(parents=True)
    models = {
        "stcn": stcn, "maskrcnn": maskrcnn, "deeplabv3": deeplabv3, "rife": rife, "droid": droid, "nlf_l": nlf,
    }  # fmt: skip
    for name, model in models.items():
        model.write_weights(weights_path(folder, name))
        record(weights_path(folder, name))


def record(file: Path) -> None:
    """Note a file's digest as that of its first use; published digests would refuse random weights."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    record_path(file).write_text(json.dumps({"file": file.name, "sha256": digest}, indent=1) + "\n")


def snakemake(folder: Path, *settings: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    packages = os.pathsep.join([str(REPOSITORY / "tests_reference/standins/droid"), str(REPOSITORY)])
    return subprocess.run(
        [*command, *options, "--config", "models=reference", *SMALL, *settings],
        env={**os.environ, "PYTHONPATH": packages, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def workplace(body_dir, tmp_path_factory) -> Path:
    """A working directory with a clip, weights and SMPL."""
    folder = tmp_path_factory.mktemp("reference")
    write_smpl(folder / "licensed", body_dir)
    write_all_weights(folder / "resources/weights")
    (folder / "videos_in").mkdir()
    for name, texture in (("textured", 45), ("dark", 5)):
        times = [t / FPS for t in range(N_FRAMES)]
        write_video(folder / f"videos_in/{name}.mp4", times, frames=pictures(texture))
    return folder


@pytest.fixture(scope="module")
def reference_run(workplace) -> tuple[Path, tuple[str, ...]]:
    """Results of a run with every model of the reference set, and its settings."""
    settings = ("video_id=textured", "body_models_dir=licensed", "fps_factor=3", "num_aug=2")
    result = snakemake(workplace, *settings)
    assert result.returncode == 0, result.stdout + result.stderr
    return workplace / "results/textured", settings


def test_reference_set_makes_every_file(reference_run):
    results, _ = reference_run
    masks = MaskTracks.load(results / "masks.json")
    assert masks.person_ids and masks.visible.any(axis=1).all()
    bodies = Bodies.load(results / "bodies.npz")
    assert bodies.body_model == "smpl-neutral-10" and bodies.joints.shape == (len(masks.person_ids), N_FRAMES, 24, 3)
    assert np.isfinite(bodies.joints).all() and np.isfinite(bodies.pose_rotvecs).all()
    assert bodies.visible[masks.visible].all(), "who has a mask has a body"
    frames = list(Predictions.open(results / "predictions.xz"))
    assert len(frames) == N_FRAMES and frames[0].vertices.shape[1:] == (1024, 3)
    for view in ("camera", "side"):
        shown = read_frames(results / f"{view}_view.mp4")
        assert len(shown) == 3 * N_FRAMES and shown.original_imshape == (HEIGHT_PX, WIDTH_PX)
    assert json.loads((results / "report.json").read_text())["verdict"]


def test_reference_set_takes_the_camera_from_droid_in_metres(reference_run):
    results, _ = reference_run
    (window,) = CameraReport.load(results / "camera_report.json").windows
    assert window.motion_class not in ("static", "rotation")
    cameras = Cameras.load(results / "world_cameras.npz")
    steps = np.linalg.norm(np.diff(cameras.T_world_cam[:, :3, 3], axis=0), axis=1)
    assert steps.min() > 0.5 * np.median(steps) > 0, "the stand-in walks at one speed"


def test_everything_that_the_real_models_made_was_made_by_them(workplace, reference_run):
    logs = {path.stem for path in (workplace / "logs/textured").iterdir()}
    assert logs >= REFERENCE_RULES
    assert (workplace / "resources/body_models/smpl-neutral-10/body.json").is_file()


def test_a_second_call_does_nothing_and_new_weights_rerun_their_stage(workplace, reference_run):
    _, settings = reference_run
    again = snakemake(workplace, *settings)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr, again.stderr
    rife.write_weights(weights_path(workplace / "resources/weights", "rife"), seed=1)
    refused = snakemake(workplace, *settings)
    assert refused.returncode != 0 and "weights fetch rife" in refused.stderr and "Traceback" not in refused.stderr
    record(weights_path(workplace / "resources/weights", "rife"))
    planned = snakemake(workplace, *settings, options=("--dry-run",))
    rules = {line.split()[0] for line in planned.stdout.partition("Job stats:")[2].splitlines() if " " in line.strip()}
    assert {"interpolate", "render"} <= rules and not rules & {"segment", "estimate", "track_camera", "fit"}


def test_bodies_stand_where_the_boxes_say(workplace):
    """NLF's stand-in puts a person of known height so far away that he fills his box; through the whole workflow."""
    settings = (
        "video_id=dark",
        "segmenter=nlf",
        "body_model=open",
        "static_camera=true",
        f"fov={FOV_DEG}",
        "num_aug=1",
    )
    result = snakemake(workplace, *settings)
    assert result.returncode == 0, result.stdout + result.stderr
    results = workplace / "results/dark"
    bodies, cameras = Bodies.load(results / "bodies.npz"), Cameras.load(results / "world_cameras.npz")
    assert len(bodies.person_ids) == len(FIGURES) and bodies.visible.all()
    intrinsics = Intrinsics.load(results / "intrinsics.json")
    boxes = figure_boxes()
    depth_m = intrinsics.focal_px[0] * nlf.HEIGHT_M / boxes[..., 3]
    centre_px = boxes[..., 0] + boxes[..., 2] / 2
    pelvis_cam = np.stack(
        [
            transform_points(invert_rigid(cameras.T_world_cam), person[:, None])[:, 0]
            for person in bodies.joints[:, :, 0]
        ]
    )
    order = np.argsort(pelvis_cam[:, 0, 0])
    x_px = intrinsics.focal_px[0] * pelvis_cam[..., 0] / pelvis_cam[..., 2] + intrinsics.principal_point_px[0]
    np.testing.assert_allclose(x_px[order], centre_px, atol=6)
    # Sizes are shared out again by the floor that both stand on, so depths agree only roughly.
    np.testing.assert_allclose(pelvis_cam[order, :, 2], depth_m, rtol=0.25)
