"""Previews: which frames they show, and that what they draw lies where it belongs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from grey_clips import FPS, make_clip
from PIL import Image
from rlemasklib import RLEMask
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import CameraPath, CameraReport, Cameras, CameraWindow, Intrinsics
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import look_at, project, rigid
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FramePredictions, Predictions, writing_predictions
from nlf_pipeline.preview import preview
from nlf_pipeline.previews.camera_painter import CameraPainter
from nlf_pipeline.previews.mask_painter import MaskPainter
from nlf_pipeline.previews.prediction_painter import PredictionPainter
from nlf_pipeline.previews.sheet import CLIP_S, clip_frames, even_frames, shown_size
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.video import read_frames

SIZE_PX = (320, 180)
FOCAL_PX = 250.0
KINDS = ("masks", "camera", "predictions")
N_FRAMES = 8


def lens(distortion=()):
    middle = ((SIZE_PX[0] - 1) / 2, (SIZE_PX[1] - 1) / 2)
    return Intrinsics(SIZE_PX, (FOCAL_PX, FOCAL_PX), middle, list(distortion), "user")


def turning_path(n_frames=N_FRAMES, points=None):
    """A camera that turns to the right; the points are of the only segment."""
    points = np.zeros((0, 3)) if points is None else points
    R = Rotation.from_euler("y", np.linspace(0, 20, n_frames)[:, None], degrees=True).as_matrix()
    still = np.zeros(n_frames, int)
    return CameraPath(rigid(R, np.zeros(3)), np.linspace(0, 1, n_frames), still, points, np.zeros(len(points), int))


def report(n_frames=N_FRAMES):
    return CameraReport([CameraWindow(0, n_frames, "rotation", "user", 9.0, 0.1, 0.2, 1.0, [], [])])


def square(left, top, side=40):
    cover = np.zeros(SIZE_PX[::-1], np.uint8)
    cover[top : top + side, left : left + side] = 1
    return RLEMask.from_array(cover)


def tracks(n_people, n_frames=N_FRAMES):
    masks = tuple(
        tuple(square(20 + 100 * k + 3 * t, 90) if t != 2 else None for t in range(n_frames)) for k in range(n_people)
    )
    return MaskTracks(SIZE_PX, FPS, n_frames, tuple(range(1, n_people + 1)), masks)


def estimates(n_people, joints, error=0.1):
    """The same in every frame."""
    n_joints = joints.shape[-2]
    return FramePredictions(
        vertices=np.zeros((n_people, 6, 3), np.float32) + [0, 0, 3],
        joints=np.broadcast_to(joints, (n_people, n_joints, 3)).astype(np.float32),
        vertex_uncertainties=np.full((n_people, 6), 0.1, np.float32),
        joint_uncertainties=np.full((n_people, n_joints), error, np.float32),
        valid=np.ones(n_people, bool),
    )


def write_inputs(folder: Path, n_people: int, n_frames: int = N_FRAMES) -> dict[str, Path]:
    clip, facts = make_clip(folder, n_frames, SIZE_PX)
    paths = {name: folder / name for name in ("masks", "intrinsics", "camera_path", "camera_report", "predictions")}
    tracks(n_people, n_frames).save(paths["masks"])
    lens().save(paths["intrinsics"])
    turning_path(n_frames, np.random.default_rng(0).uniform([-3, -1, 4], [3, 1, 9], (40, 3))).save(paths["camera_path"])
    report(n_frames).save(paths["camera_report"])
    joints = np.random.default_rng(1).uniform([-0.5, -0.8, 3], [0.5, 0.8, 3.3], (24, 3))
    with writing_predictions(paths["predictions"], np.arange(1, n_people + 1), FPS, n_frames) as sink:
        for _ in range(n_frames):
            sink.append(estimates(n_people, joints))
    return {"video": clip, "video_facts": facts, **paths}


NEEDS = {
    "masks": ("masks",),
    "camera": ("camera_path", "camera_report", "intrinsics"),
    "predictions": ("predictions", "intrinsics"),
}


@pytest.mark.parametrize("n_people", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_preview_needs_the_files_of_its_own_stage_alone(tmp_path, kind, n_people):
    inputs = write_inputs(tmp_path, n_people)
    needed = {name: inputs[name] for name in ("video", "video_facts", *NEEDS[kind])}
    image, video = tmp_path / "new" / "sheet.png", tmp_path / "new" / "clip.mp4"
    preview(kind=kind, image_out=image, video_out=video, **needed)
    with Image.open(image) as sheet:
        assert sheet.width > sheet.height > SIZE_PX[1]
    assert [frame.shape for frame in read_frames(video)] == [(*SIZE_PX[::-1], 3)] * N_FRAMES
    first = image.read_bytes(), video.read_bytes()
    preview(kind=kind, image_out=image, video_out=video, **needed)
    assert (image.read_bytes(), video.read_bytes()) == first
    without = {name: path for name, path in needed.items() if name != NEEDS[kind][0]}
    with pytest.raises(UserError, match=f"{NEEDS[kind][0]}: not given.*{kind}"):
        preview(kind=kind, image_out=image, video_out=video, **without)


def test_files_of_another_clip_are_refused(tmp_path):
    inputs = write_inputs(tmp_path, 1)
    make_clip(tmp_path, N_FRAMES + 1, SIZE_PX)
    for kind in KINDS:
        with pytest.raises(UserError, match=r"has 9 frames.*have 8"):
            preview(kind=kind, image_out=tmp_path / "a.png", video_out=tmp_path / "a.mp4", **inputs)


@pytest.mark.parametrize("n_frames", [1, 2, 11, 12, 13, 374, 375, 376, 5000])
def test_frames_are_spread_over_the_whole_clip(n_frames):
    sheet, clip = even_frames(n_frames), clip_frames(n_frames, FPS)
    for frames in (sheet, clip):
        assert frames == sorted(set(frames)) and frames[0] == 0 and frames[-1] == n_frames - 1
    assert len(sheet) == min(n_frames, 12)
    assert len(clip) == min(n_frames, round(CLIP_S * FPS))
    if n_frames > 2:
        assert max(np.diff(sheet)) - min(np.diff(sheet)) <= 1


@pytest.mark.parametrize("size_px", [(1280, 720), (1080, 1920), (639, 359), (3, 2), (8000, 10)])
def test_shown_sizes_are_even_and_of_the_same_shape(size_px):
    shown = shown_size(size_px)
    assert not any(side % 2 for side in shown) and 2 <= max(shown) <= 640
    assert abs(shown[0] / shown[1] - size_px[0] / size_px[1]) < 0.02 * size_px[0] / size_px[1] or min(shown) <= 4


@pytest.mark.parametrize("scale", [1, 0.5])
def test_masks_are_tinted_where_they_are_and_nothing_else_is(scale):
    width, height = (round(side * scale) for side in SIZE_PX)
    for frame in (0, 2, 5):
        picture = np.full((height, width, 3), 128, np.uint8)
        MaskPainter(tracks(2)).paint(frame, picture)
        changed = np.ptp(picture.astype(int), axis=-1) > 10
        for k, colour in enumerate(person_colours(2)):
            left, top = round((20 + 100 * k + 3 * frame) * scale), round(90 * scale)
            side = round(40 * scale)
            inside = changed[top + 4 : top + side - 4, left + 4 : left + side - 4]
            assert inside.all() if frame != 2 else not inside.any()
            if frame != 2:
                tint = picture[top + side // 2, left + side // 2].astype(float) - 128
                assert np.abs(tint - 0.45 * (colour * 255 - 128)).max() < 2
        labels_top = round(87 * scale) - 24
        assert not changed[: max(labels_top, 0)].any() and not changed[round(136 * scale) :].any()


@pytest.mark.parametrize("distortion", [(), (-0.2, 0.05, 0.0, 0.0)])
def test_circles_have_the_size_of_the_expected_error_where_the_joint_is_seen(tmp_path, distortion):
    far_apart = np.tile([0.0, 0.0, 4.0], (24, 1))
    far_apart[7] = [0.9, 0.4, 4.0]
    path = tmp_path / "predictions.xz"
    sizes = {}
    uv = cv2.projectPoints(far_apart[7:8], np.zeros(3), np.zeros(3), lens().K, np.array(distortion or (0.0,) * 4))[0][
        0, 0
    ]
    for error in (0.1, 0.2):
        with writing_predictions(path, np.array([1]), FPS, 2) as sink:
            for _ in range(2):
                sink.append(estimates(1, far_apart, error))
        painter = PredictionPainter(Predictions.open(path), lens(distortion))
        picture = np.full((*SIZE_PX[::-1], 3), 128, np.uint8)
        painter.paint(1, picture)
        row = np.flatnonzero((picture[round(uv[1]), :, 2] > 140) & (np.abs(np.arange(SIZE_PX[0]) - uv[0]) < 25))
        assert abs((row.min() + row.max()) / 2 - uv[0]) < 1
        sizes[error] = (row.max() - row.min()) / 2
    assert sizes[0.1] == pytest.approx(0.1 * FOCAL_PX / 4, abs=1.2)
    assert sizes[0.2] == pytest.approx(0.2 * FOCAL_PX / 4, abs=1.2)


def test_points_stay_on_the_background_while_the_camera_turns():
    point = np.array([[0.5, 0.4, 5.0]])
    path = turning_path(points=point)
    for frame in range(N_FRAMES):
        picture = np.zeros((*SIZE_PX[::-1], 3), np.uint8)
        CameraPainter(path, lens(), report(), None).paint(frame, picture)
        u, v = project(point @ path.T_scene_cam[frame][:3, :3], lens().K)[0].round().astype(int)
        assert picture[v, u].max() > 100
        bare = np.zeros_like(picture)
        CameraPainter(turning_path(), lens(), report(), None).paint(frame, bare)
        differ = (np.abs(picture.astype(int) - bare) > 60).any(axis=-1)
        differ[: SIZE_PX[1] // 2, SIZE_PX[0] // 2 :] = False  # the map
        rows, columns = np.nonzero(differ)
        assert abs(rows.mean() - v) < 1 and abs(columns.mean() - u) < 1


def test_the_bar_shows_the_confidence_of_every_frame_and_where_one_is():
    picture = np.zeros((*SIZE_PX[::-1], 3), np.uint8)
    CameraPainter(turning_path(), lens(), report(), None).paint(3, picture)
    bar = picture[-1].astype(int)
    assert bar[2, 0] > bar[2, 1] + 100 and bar[-3, 1] > bar[-3, 0] + 100
    cursor = np.flatnonzero((bar == 255).all(axis=1))
    assert abs(cursor.mean() - 3.5 / N_FRAMES * SIZE_PX[0]) < 2


def test_the_floor_of_the_world_is_below_the_horizon():
    T = np.tile(
        look_at(np.array([0.0, 1.5, 0.0]), np.array([0.0, 1.5, -5.0]), np.array([0.0, 1.0, 0.0])), (N_FRAMES, 1, 1)
    )
    world = Cameras(T, lens().K_frames(N_FRAMES), np.zeros(0), np.array(SIZE_PX))
    with_floor, without = np.zeros((2, *SIZE_PX[::-1], 3), np.uint8)
    CameraPainter(turning_path(), lens(), report(), world).paint(0, with_floor)
    CameraPainter(turning_path(), lens(), report(), None).paint(0, without)
    changed = (with_floor != without).any(axis=-1)
    assert changed[SIZE_PX[1] // 2 + 8 :].sum() > 500 and not changed[: SIZE_PX[1] // 2].any()
