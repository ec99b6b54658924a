"""Laws on the demo with a moving camera: the picture moves as the truth says, and it is an ordinary hand-held walk."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.clips.probe import probe_video
from nlf_pipeline.demo.camera_paths import handheld_walk
from nlf_pipeline.demo.cast import CAST
from nlf_pipeline.demo.choreography import trace_path
from nlf_pipeline.demo.drawing import Camera
from nlf_pipeline.demo.furniture import FURNITURE, Box, Finish
from nlf_pipeline.demo.people import BaseMesh
from nlf_pipeline.demo.performance import Performance, perform
from nlf_pipeline.demo.scene import DemoScene, Picture
from nlf_pipeline.demo.yard import WALL_TOP, WALL_Z
from nlf_pipeline.geometry import focal_from_fov, invert_rigid, pinhole_matrix, project, rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.render_demo import render_demo
from nlf_pipeline.video import read_frames

SIZE_PX, FPS, N_FRAMES = (480, 270), 1.25, 12
"""Few frames, far apart: all of the walk."""
K = pinhole_matrix(focal_from_fov(65.0, SIZE_PX), SIZE_PX)


def _walk(seconds: float, fps: float = 25.0, seed: int = 0) -> np.ndarray:
    return handheld_walk(np.arange(round(seconds * fps)) / fps, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def clip(body_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo_moving")
    render_demo(
        body=body_dir,
        out=folder / "clip.mp4",
        truth=folder / "truth",
        clip="moving",
        n_frames=N_FRAMES,
        fps=FPS,
        width_px=SIZE_PX[0],
        height_px=SIZE_PX[1],
    )
    return folder


@pytest.fixture(scope="module")
def somebody(body_dir: Path) -> Performance:
    return perform(CAST[0], BaseMesh.load(body_dir), np.zeros(1), 1.0, np.random.default_rng(0))


def _draw(scene: DemoScene, person: Performance, T_world_cam: np.ndarray, away: float = 0.0) -> Picture:
    """One frame with one person, moved `away` metres behind the camera."""
    offset = np.array([0, 0, away])
    bones = person.bones.copy()
    bones[..., 3] += offset
    return scene.draw(Camera(T_world_cam, K), bones, person.soles + offset)


@dataclass(frozen=True)
class View:
    """What is drawn in the yard without furniture."""

    T_world_cam: np.ndarray
    person_away: float = 0.0


VIEWS = {
    "early": View(_walk(5.6)[60], 40.0),
    "late": View(_walk(5.6)[135], 40.0),
    "beside": View(_walk(5.6)[90]),
    "facing": View(rigid(np.diag([1.0, -1.0, -1.0]), np.array([-2.15, 1.2, -1.0]))),
}


@pytest.fixture(scope="module")
def bare_yard(somebody: Performance) -> dict[str, Picture]:
    """All VIEWS, drawn beforehand because one OpenGL context can be open at a time."""
    scene = DemoScene(SIZE_PX, [somebody.mesh], moving_camera=True)
    pictures = {name: _draw(scene, somebody, view.T_world_cam, view.person_away) for name, view in VIEWS.items()}
    scene.release()
    return pictures


@pytest.mark.parametrize("seed", range(3))
def test_the_walk_is_an_ordinary_one(seed: int):
    T = _walk(9.2, seed=seed)
    steps = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=-1)
    turns = np.rad2deg((Rotation.from_matrix(T[1:, :3, :3]) * Rotation.from_matrix(T[:-1, :3, :3]).inv()).magnitude())
    assert 4.5 < steps.sum() < 7.0
    assert steps.max() * 25 < 1.3 and steps[:5].max() * 25 < 0.35
    assert turns.max() < 1.5 and np.median(turns) > 0.05
    assert T[:, 1, 3].min() > 1.4 and T[:, 1, 3].max() < 1.75
    np.testing.assert_allclose(
        T[:, :3, :3] @ np.swapaxes(T[:, :3, :3], 1, 2), np.tile(np.eye(3), (230, 1, 1)), atol=1e-9
    )
    assert (T[:, 1, 1] < -0.95).all()  # upright, within 18 degrees


def test_the_hand_trembles_by_millimetres_and_tenths_of_a_degree():
    T = _walk(9.2)
    frequencies = np.fft.rfftfreq(len(T), 1 / 25)
    fast = (frequencies > 1.2) & (frequencies < 8.5)

    def rms_in_band(values: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(values * np.hanning(len(values))[:, None], axis=0)
        spectrum[~fast] = 0
        return np.fft.irfft(spectrum, len(values), axis=0).std(axis=0) / np.sqrt(3 / 8)

    tremble = rms_in_band(T[:, :3, 3])
    assert (tremble > 5e-4).all() and tremble[0] < 0.01 and 0.005 < tremble[1] < 0.02  # up and down: steps
    aim = rms_in_band(np.unwrap(np.arctan2(T[:, 0, 2], -T[:, 2, 2]))[:, None])
    assert np.deg2rad(0.03) < aim[0] < np.deg2rad(0.4)


def test_a_longer_walk_begins_like_a_shorter_one_and_a_seed_fixes_it():
    np.testing.assert_array_equal(_walk(4.0), _walk(9.0)[:100])
    assert np.abs(_walk(4.0)[:, :3, 3] - _walk(4.0, seed=1)[:, :3, 3]).max() > 0.01


def test_people_stay_in_view_most_of_the_time():
    T_cam_world = invert_rigid(_walk(60.0, fps=5.0))
    for role in CAST:
        xz = trace_path(role.script, 60.0).xz_at(np.arange(300) / 5)
        middle = np.stack([xz[:, 0], np.full(300, 0.95), xz[:, 1]], axis=-1)
        pixel = project(transform_points(T_cam_world, middle[:, None])[:, 0], K)
        inside = (pixel >= 0).all(axis=1) & (pixel < SIZE_PX).all(axis=1)
        assert inside.mean() > 0.95


def test_nobody_walks_into_the_furniture():
    boxes = np.array([box.vertices()[:, :3] for box in FURNITURE])
    assert boxes[..., 1].min() > -1e-6
    for role in CAST:
        path = trace_path(role.script, 30.0).xz_at(np.arange(0, 30, 0.1))
        assert np.linalg.norm(path[:, None, None] - boxes[..., [0, 2]], axis=-1).min() > 0.7


def test_truth_has_the_moving_cameras_and_no_focal_length_is_told(clip: Path):
    cameras = Cameras.load(clip / "truth" / "world_cameras.npz")
    np.testing.assert_allclose(
        cameras.T_world_cam, handheld_walk(np.arange(N_FRAMES) / FPS, np.random.default_rng([0, 1]))
    )
    np.testing.assert_allclose(cameras.K, np.tile(K, (N_FRAMES, 1, 1)))
    assert probe_video(clip / "clip.mp4").focal_px(*SIZE_PX) is None
    assert K[0, 0] / focal_from_fov(60.0, SIZE_PX) < 0.92


def test_masks_lie_where_truth_projects(clip: Path, body_dir: Path):
    bodies, cameras = Bodies.load(clip / "truth" / "bodies.npz"), Cameras.load(clip / "truth" / "world_cameras.npz")
    masks = MaskTracks.load(clip / "truth" / "masks.json")
    meshes = BodyMeshes(load_body_model(body_dir))
    vertices, _ = meshes.forward(bodies.pose_rotvecs[0], bodies.betas[0], bodies.trans[0])
    pixels = project(transform_points(invert_rigid(cameras.T_world_cam), vertices), cameras.K[:, None])
    for t in range(0, N_FRAMES, 3):
        mask = masks.masks[0][t]
        assert mask is not None
        inside = ((pixels[t] >= 1) & (pixels[t] < np.array(SIZE_PX) - 2)).all(axis=1)
        x, y = np.rint(pixels[t][inside]).astype(int).T
        assert cv2.dilate(np.ascontiguousarray(mask.to_array(), np.uint8), np.ones((3, 3)))[y, x].mean() > 0.99


def _onto_plane(T_world_cam: np.ndarray, plane: str) -> tuple[np.ndarray, np.ndarray]:
    """(height, width, 3) where the ray of every pixel meets the floor or the wall, and whether that is in sight."""
    pixels = np.stack([*np.meshgrid(np.arange(SIZE_PX[0]), np.arange(SIZE_PX[1])), np.ones(SIZE_PX[::-1])], axis=-1)
    rays, eye = pixels @ np.linalg.inv(K).T @ T_world_cam[:3, :3].T, T_world_cam[:3, 3]
    if plane == "floor":
        places = eye - eye[1] / rays[..., 1:2] * rays
        return places, (rays[..., 1] < 0) & (places[..., 2] > WALL_Z + 1.6)
    places = eye + (WALL_Z - eye[2]) / rays[..., 2:] * rays
    return places, (places[..., 1] > 0.3) & (places[..., 1] < WALL_TOP - 0.3)


def _shift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(2,) pixels by which b is moved against a, by least squares on the blurred pictures."""
    a, b = (cv2.GaussianBlur(picture, (0, 0), 2)[8:-8, 8:-8] for picture in (a, b))
    gradient = np.gradient(a)[::-1]
    columns = [axis.ravel() for axis in (*gradient, np.ones_like(a))]
    return np.linalg.lstsq(np.stack(columns, axis=1), (a - b).ravel(), rcond=None)[0][:2]


@pytest.mark.parametrize("plane", ["floor", "wall"])
def test_the_yard_moves_in_the_picture_as_the_truth_says(bare_yard: dict[str, Picture], plane: str):
    """What is seen a second later and metres farther on lies, moved by the plane's homography, over what was seen."""
    first, second = (cv2.cvtColor(bare_yard[name].image, cv2.COLOR_RGB2GRAY) for name in ("early", "late"))
    places, seen = _onto_plane(VIEWS["early"].T_world_cam, plane)
    pixels = project(transform_points(invert_rigid(VIEWS["late"].T_world_cam), places.reshape(-1, 3)), K).reshape(
        *places.shape[:2], 2
    )
    both = seen & ((pixels > 0) & (pixels < np.array(SIZE_PX) - 1)).all(axis=-1)
    x, y = np.moveaxis(pixels.astype(np.float32), -1, 0)
    warped = cv2.remap(second.astype(np.float32), x, y, cv2.INTER_CUBIC)
    shifts = [
        _shift(first[block].astype(np.float64), warped[block].astype(np.float64))
        for top in range(0, SIZE_PX[1] - 40, 40)
        for left in range(0, SIZE_PX[0] - 60, 60)
        if both[block := np.s_[top : top + 40, left : left + 60]].all()
    ]
    assert len(shifts) > 4
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05
    assert np.abs(shifts).max() < 0.25


def test_the_baked_yard_looks_like_the_painted_one(bare_yard: dict[str, Picture], somebody: Performance):
    painted_yard = DemoScene(SIZE_PX, [somebody.mesh])
    pictures = [bare_yard["beside"].image, _draw(painted_yard, somebody, VIEWS["beside"].T_world_cam).image]
    painted_yard.release()
    baked, painted = (cv2.GaussianBlur(picture, (0, 0), 2).astype(float) for picture in pictures)
    assert np.abs(baked - painted).mean() < 1.5


def test_furniture_hides_people_and_darkens_the_floor(bare_yard: dict[str, Picture], somebody: Performance):
    x, z = somebody.trans[0, [0, 2]]
    screen = Box((x, 0.5, z + 0.6), (1.5, 1.0, 0.1), (0.3, 0.3, 0.3), Finish.STONE)
    furnished_yard = DemoScene(SIZE_PX, [somebody.mesh], (screen,), moving_camera=True)
    furnished, bare = _draw(furnished_yard, somebody, VIEWS["facing"].T_world_cam), bare_yard["facing"]
    furnished_yard.release()
    rows = np.arange(SIZE_PX[1])
    top_of_screen = K[1, 2] + K[1, 1] * 0.2 / (-1.0 - z - 0.65)
    above, below = rows < top_of_screen - 2, rows > top_of_screen + 2
    assert (furnished.people[above] == bare.people[above]).all() and bare.people[above].any()
    assert not furnished.people[below].any() and bare.people[below].any()
    places, on_floor = _onto_plane(VIEWS["facing"].T_world_cam, "floor")
    in_shade = on_floor & (np.linalg.norm(places[..., [0, 2]] - [x + 1.1, z + 0.2], axis=-1) < 0.1)
    assert in_shade.any() and bare.image[in_shade].mean() - furnished.image[in_shade].mean() > 20


def test_the_clip_decodes_to_its_frames_and_everybody_appears(clip: Path):
    frames = list(read_frames(clip / "clip.mp4"))
    assert len(frames) == N_FRAMES and frames[0].shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert MaskTracks.load(clip / "truth" / "masks.json").visible.mean(axis=1).min() > 0.9
