"""A person whose estimates are useless must not spoil anybody else, from the camera's scale to the side view."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from motion_clips.making import MotionTruth, make_clip
from motion_clips.specs import Camera, MotionClip
from scipy.spatial.transform import Rotation
from synthetic_videos import write_video

from nlf_pipeline.artefacts import Bodies, BodyFits, CameraPath, Cameras, Ground, Intrinsics, SceneCameras
from nlf_pipeline.fit import fit
from nlf_pipeline.geometry import invert_rigid, project, transform_points
from nlf_pipeline.ground import ground
from nlf_pipeline.plan_view import plan_view
from nlf_pipeline.predictions import FramePredictions, Predictions, writing_predictions
from nlf_pipeline.render import render
from nlf_pipeline.scale_camera import scale_camera
from nlf_pipeline.video import read_frames
from nlf_pipeline.world import world

FRAMES, FPS = 60, 30.0
UNIT = 1.7
"""Metres in the camera path's unit."""
CLEAN_PEOPLE = 2
Row = dict[str, np.ndarray]
"""One person's arrays over all frames, by field."""


@dataclass(frozen=True)
class Chain:
    """What the stages made of some predictions."""

    folder: Path
    scale: SceneCameras
    fits: BodyFits
    floor: Ground
    bodies: Bodies
    cameras: Cameras
    view: Cameras


def row_of(frames: list[FramePredictions], k: int) -> Row:
    """One person's arrays over all frames, by field."""
    names = ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties", "valid")
    return {name: np.stack([getattr(frame, name)[k] for frame in frames]) for name in names}


def change(row: Row, points: Callable[[np.ndarray], np.ndarray]) -> Row:
    return row | {name: points(row[name]).astype(np.float32) for name in ("vertices", "joints")}


def only_in(row: Row, frames: list[int]) -> Row:
    shown = np.zeros(FRAMES, bool)
    shown[frames] = True
    return {name: np.where(shown.reshape(-1, *[1] * (a.ndim - 1)), a, 0).astype(a.dtype) for name, a in row.items()}


def outliers(points: np.ndarray) -> np.ndarray:
    """Every frame at another distance, and the body any way up; the same for vertices and joints."""
    rng = np.random.default_rng(5)
    turns, factors = Rotation.random(FRAMES, rng).as_matrix(), np.exp(rng.normal(0, 0.7, (FRAMES, 1, 1)))
    return factors * ((points - CENTRE) @ np.swapaxes(turns, 1, 2) + CENTRE)


CENTRE = np.array([0.5, 0.3, 6.0])
BAD: dict[str, Callable[[Row], Row]] = {
    "nan_in_all_frames": lambda row: change(row, lambda points: points * np.nan),
    "nan_uncertainties": lambda row: row | {"joint_uncertainties": np.full_like(row["joint_uncertainties"], np.nan)},
    "collapsed_to_a_point": lambda row: change(row, lambda points: 0 * points + CENTRE),
    "zeros_called_valid": lambda row: change(row, lambda points: 0 * points),
    "only_outliers": lambda row: change(row, outliers),
    "three_frames": lambda row: only_in(row, [30, 31, 32]),
    "one_frame": lambda row: only_in(row, [40]),
    "never_valid": lambda row: only_in(row, []),
    "behind_the_camera": lambda row: change(row, lambda points: points * [1, 1, -1]),
    "as_far_as_the_moon": lambda row: change(row, lambda points: points + [0, 0, 1e6]),
}
FOOTLESS = {
    "nan_in_all_frames", "nan_uncertainties", "collapsed_to_a_point", "zeros_called_valid", "three_frames", "one_frame",
    "never_valid", "behind_the_camera", "as_far_as_the_moon",
}  # fmt: skip
"""Of whom no stage can learn anything, so that the others are the same to the last bit."""
TOLERANCE = {"only_outliers": 0.01}
"""Metres. His bodies are of human size and in front of the camera: he has his small say on sizes and the floor."""


def write_chain_inputs(folder: Path, body_dir: Path, camera: Camera) -> list[FramePredictions]:
    """Everything the first stage wants but predictions.xz; returns what that holds of the clean people."""
    make_clip(MotionClip(n_people=CLEAN_PEOPLE, n_frames=FRAMES, fps=FPS, seed=12, camera=camera), folder, body_dir)
    truth, scene = MotionTruth.load(folder), SceneCameras.load(folder / "cameras.npz")
    T = scene.T_scene_cam.copy()
    T[:, :3, 3] /= UNIT
    spots = np.random.default_rng(1).uniform([-3, 0, -9], [3, 0, -3], (300, 3))
    points = transform_points(invert_rigid(truth.T_world_scene), spots) / UNIT
    CameraPath(T, np.ones(FRAMES), np.zeros(FRAMES, int), points, np.zeros(len(points), int)).save(
        folder / "camera_path.npz"
    )
    K = scene.K[0]
    width_px, height_px = (int(side) for side in scene.size_px)
    focal_px, centre_px = (float(K[0, 0]), float(K[1, 1])), (float(K[0, 2]), float(K[1, 2]))
    Intrinsics((width_px, height_px), focal_px, centre_px, [], "user").save(folder / "intrinsics.json")
    return list(Predictions.open(folder / "predictions.xz"))


def write_predictions(folder: Path, frames: list[FramePredictions], added: Row | None, fps: float = FPS) -> None:
    """predictions.xz of the clean people, and of one more."""
    ids = np.arange(1, CLEAN_PEOPLE + 1 + (added is not None))
    with writing_predictions(folder / "predictions.xz", ids, fps, FRAMES) as sink:
        for t, frame in enumerate(frames):
            rows = {name: np.concatenate([getattr(frame, name), row[t][None]]) for name, row in (added or {}).items()}
            sink.append(FramePredictions(**rows) if rows else frame)


def run_chain(inputs: Path, folder: Path, body_dir: Path) -> Chain:
    """All stages from the camera's scale to the side view; inputs but predictions are in `inputs`."""
    facts, body, cameras = inputs / "video.json", body_dir, folder / "cameras.npz"
    fits, floor, bodies = (folder / name for name in ("fits.npz", "ground.json", "bodies.npz"))
    world_cameras, view = folder / "world_cameras.npz", folder / "view_cameras.npz"
    scale_camera(
        intrinsics=inputs / "intrinsics.json",
        camera_path=inputs / "camera_path.npz",
        predictions=folder / "predictions.xz",
        video_facts=facts,
        body=body,
        out=cameras,
    )
    fit(predictions=folder / "predictions.xz", cameras=cameras, video_facts=facts, body=body, out=fits)
    ground(fits=fits, cameras=cameras, video_facts=facts, body=body, out=floor)
    world(
        fits=fits,
        cameras=cameras,
        ground=floor,
        video_facts=facts,
        body=body,
        bodies_out=bodies,
        cameras_out=world_cameras,
    )
    plan_view(bodies=bodies, cameras=world_cameras, video_facts=facts, out=view)
    return Chain(
        folder,
        SceneCameras.load(cameras),
        BodyFits.load(fits),
        Ground.load(floor),
        Bodies.load(bodies),
        Cameras.load(world_cameras),
        Cameras.load(view),
    )


@dataclass(frozen=True)
class Baseline:
    """The clean run, and what is needed to run again with one more person."""

    inputs: Path
    frames: list[FramePredictions]
    chain: Chain


def baseline(folder: Path, body_dir: Path, camera: Camera) -> Baseline:
    frames = write_chain_inputs(folder, body_dir, camera)
    write_predictions(folder, frames, None)
    return Baseline(folder, frames, run_chain(folder, folder, body_dir))


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, body_dir: Path) -> Baseline:
    return baseline(tmp_path_factory.mktemp("still"), body_dir, "static")


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory, body_dir: Path) -> Baseline:
    return baseline(tmp_path_factory.mktemp("moving"), body_dir, "moving")


def run_with(clean: Baseline, spoil: Callable[[Row], Row], folder: Path, body_dir: Path) -> Chain:
    """The chain with one more person, like the first but a metre aside, and spoiled."""
    aside = change(row_of(clean.frames, 0), lambda points: points + [1.0, 0, 0])
    write_predictions(folder, clean.frames, spoil(aside))
    return run_chain(clean.inputs, folder, body_dir)


def farthest(a: Chain, b: Chain) -> float:
    """Largest distance between joints of the clean people in two runs, metres."""
    assert np.array_equal(a.bodies.visible[:CLEAN_PEOPLE], b.bodies.visible[:CLEAN_PEOPLE])
    difference = a.bodies.joints[:CLEAN_PEOPLE] - b.bodies.joints[:CLEAN_PEOPLE]
    return float(np.linalg.norm(difference, axis=-1).max())


def assert_finite(chain: Chain) -> None:
    for artefact in (chain.scale, chain.fits, chain.bodies, chain.cameras, chain.view):
        for name, values in vars(artefact).items():
            if isinstance(values, np.ndarray) and name != "scale_spread":
                assert np.isfinite(values).all(), f"{type(artefact).__name__}.{name}"


def test_the_clean_chain_is_right(moving: Baseline):
    truth = MotionTruth.load(moving.inputs)
    T_true_found = truth.cameras.T_world_cam[0] @ invert_rigid(moving.chain.cameras.T_world_cam[0])
    joints = transform_points(T_true_found[None, None], moving.chain.bodies.joints)
    assert np.linalg.norm(joints - truth.bodies.joints, axis=-1).mean() < 0.2
    assert abs(np.log(moving.chain.scale.metres_per_unit[0] / UNIT)) < 0.1


@pytest.mark.parametrize("how", BAD)
def test_a_useless_person_does_not_move_the_others(still: Baseline, tmp_path: Path, body_dir: Path, how: str):
    chain = run_with(still, BAD[how], tmp_path, body_dir)
    assert_finite(chain)
    assert chain.bodies.person_ids.tolist() == [1, 2, 3]
    assert farthest(chain, still.chain) <= TOLERANCE.get(how, 0.001)
    assert_in_view(chain)
    if how in FOOTLESS:
        assert chain.floor == still.chain.floor
        for name in ("pose_rotvecs", "betas", "trans", "joints", "visible", "filled", "foot_contacts"):
            ours, clean = getattr(chain.bodies, name)[:CLEAN_PEOPLE], getattr(still.chain.bodies, name)
            assert np.array_equal(ours, clean), name


def assert_in_view(chain: Chain) -> None:
    """The side view shows the clean people whole, and not as specks."""
    seen = transform_points(invert_rigid(chain.view.T_world_cam)[None], chain.bodies.joints[:CLEAN_PEOPLE])
    at_px = project(seen, chain.view.K[None, :, None])
    assert (seen[..., 2] > 0).all()
    assert (at_px > -1).all() and (at_px < chain.view.size_px).all()
    assert np.ptp(at_px[..., 1], axis=-1).min() > 0.08 * chain.view.size_px[1]


@pytest.mark.parametrize("how", ["only_outliers", "three_frames", "behind_the_camera"])
def test_a_useless_person_does_not_scale_the_camera(moving: Baseline, tmp_path: Path, body_dir: Path, how: str):
    chain = run_with(moving, BAD[how], tmp_path, body_dir)
    assert_finite(chain)
    assert abs(np.log(chain.scale.metres_per_unit / moving.chain.scale.metres_per_unit)).max() < 0.01
    assert farthest(chain, moving.chain) < 0.02


def test_a_nan_is_no_more_than_a_missing_estimate(still: Baseline, tmp_path: Path, body_dir: Path):
    kept = [t for t in range(FRAMES) if t % 3]

    def nan_elsewhere(row: Row) -> Row:
        keep = np.isin(np.arange(FRAMES), kept)[:, None, None]
        return change(row, lambda points: np.where(keep, points, np.nan))

    folders = [tmp_path / "nan", tmp_path / "missing"]
    for folder in folders:
        folder.mkdir()
    nan = run_with(still, nan_elsewhere, folders[0], body_dir)
    missing = run_with(still, lambda row: only_in(row, kept), folders[1], body_dir)
    for name, values in vars(missing.bodies).items():
        assert np.array_equal(getattr(nan.bodies, name), values), name


def test_bodies_of_outliers_can_be_drawn(still: Baseline, tmp_path: Path, body_dir: Path):
    chain = run_with(still, BAD["only_outliers"], tmp_path, body_dir)
    size_px = (int(chain.cameras.size_px[0]), int(chain.cameras.size_px[1]))
    grey = np.full((size_px[1], size_px[0], 3), 90, np.uint8)
    write_video(tmp_path / "clip.mp4", [t / FPS for t in range(FRAMES)], [grey] * FRAMES)
    views: list[tuple[Literal["camera", "side"], str]] = [("camera", "world_cameras.npz"), ("side", "view_cameras.npz")]
    for view, cameras in views:
        render(
            video=tmp_path / "clip.mp4",
            video_facts=still.inputs / "video.json",
            bodies=tmp_path / "bodies.npz",
            cameras=tmp_path / cameras,
            body=body_dir,
            out=tmp_path / f"{view}.mp4",
            view=view,
            resolution=(128, 72),
        )
        drawn = np.array([frame.std() for frame in read_frames(tmp_path / f"{view}.mp4")])
        assert len(drawn) == FRAMES and drawn.min() > 2


def test_without_usable_people_the_chain_ends_well(still: Baseline, tmp_path: Path, body_dir: Path):
    useless = [
        FramePredictions(f.vertices * np.nan, f.joints * np.nan, f.vertex_uncertainties, f.joint_uncertainties, f.valid)
        for f in still.frames
    ]
    write_predictions(tmp_path, useless, None)
    chain = run_chain(still.inputs, tmp_path, body_dir)
    assert_finite(chain)
    assert not chain.bodies.visible.any()
    assert chain.floor.floors[0].source == "camera"
