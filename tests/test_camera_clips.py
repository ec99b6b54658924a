import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_clips import people
from camera_clips.making import clip_frames, make_clip, write_clip
from camera_clips.motion import Motion, motion, points
from camera_clips.scenes import Scene, Surface
from camera_clips.shapes import ellipsoid
from camera_clips.shooting import Frame, shoot
from camera_clips.specs import CLIPS, ORDINARY, ClipSpec, Shot
from camera_clips.textures import plain

from nlf_pipeline.artefacts import Cameras, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, pinhole_matrix
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.offscreen import create_context
from nlf_pipeline.video import read_frames

SIZE_PX = (320, 180)
MARKERS = np.array([(5.0, 1.0, -2.5), (6.0, 3.0, 1.5), (4.0, 0.4, 1.2), (7.0, 2.2, -1.5)])


def pass_by(n_frames: int) -> Motion:
    s = np.linspace(0, 1, n_frames)
    return motion(points(1.5 * s, 1.6, -s), points(6 + 0 * s, 1.5, 0.5), 8 * s)


def zoom_in(n_frames: int) -> Motion:
    moved = pass_by(n_frames)
    return Motion(moved.eye, moved.target, moved.roll, np.linspace(1, 1.5, n_frames))


def shot_of(n_frames: int, walkers: people.People = people.nobody) -> Shot:
    return Shot("general", n_frames, "room", pass_by, walkers)


def small(shot: Shot, **more: object) -> ClipSpec:
    return ClipSpec((shot,), size_px=SIZE_PX, **more)  # type: ignore[arg-type]


def shortened(name: str, n_frames: int) -> ClipSpec:
    """A clip's beginning, small."""
    spec = CLIPS[name]
    shots = tuple(replace(shot, n_frames=n_frames, shown_of=shot.n_frames) for shot in spec.shots)
    return replace(spec, shots=shots, size_px=SIZE_PX)


def frames_of(spec: ClipSpec, scene: Scene | None = None) -> list[Frame]:
    ctx = create_context()
    frames = list(shoot(spec, spec.shots[0], ctx, scene))
    ctx.release()
    return frames


def dark_markers() -> Scene:
    """Small black balls before the sky."""
    balls = np.concatenate([ellipsoid(tuple(centre), (0.05, 0.05, 0.05)) for centre in MARKERS])
    return Scene((Surface(balls, plain(0)),), (plain(90),))


def projected(frame: Frame, k1: float) -> np.ndarray:
    T_cam_world = invert_rigid(frame.T_world_cam)
    rotvec, _ = cv2.Rodrigues(T_cam_world[:3, :3])
    pixels, _ = cv2.projectPoints(MARKERS, rotvec, T_cam_world[:3, 3], frame.K, np.array([k1, 0, 0, 0]))
    return pixels[:, 0]


@pytest.mark.parametrize(
    "lens", [{}, {"fov_deg": 95.0, "k1": -0.12}, {"path": zoom_in}], ids=["pinhole", "distorted", "zooming"]
)
@pytest.mark.parametrize("time", [{}, {"exposures": 3}, {"shutter_bands": 5}], ids=["sharp", "blurred", "rolling"])
def test_points_are_drawn_where_the_true_camera_sees_them(lens: dict, time: dict):
    shot = replace(shot_of(4), shown_of=120, **lens, **time)  # so slow that blur and shutter move nothing by a pixel
    n_seen = 0
    for frame in frames_of(small(shot), dark_markers()):
        dark = np.clip(200 - frame.picture.min(axis=-1), 0, None)
        for expected in projected(frame, shot.k1):
            x, y = expected.round().astype(int)
            if not (8 <= x < SIZE_PX[0] - 8 and 8 <= y < SIZE_PX[1] - 8):
                continue
            n_seen += 1
            patch = dark[y - 7 : y + 8, x - 7 : x + 8]
            v, u = np.mgrid[y - 7 : y + 8, x - 7 : x + 8]
            centroid = np.array([(u * patch).sum(), (v * patch).sum()]) / patch.sum()
            np.testing.assert_allclose(centroid, expected, atol=0.35)
    assert n_seen >= 8


@pytest.mark.parametrize("view", [{}, {"fov_deg": 95.0, "k1": -0.12}, {"exposures": 3}, {"shutter_bands": 5}])
def test_masks_hold_every_pixel_that_people_change(view: dict):
    shot = replace(shot_of(3, people.two_cross), shown_of=120, **view)
    with_people, without = frames_of(small(shot)), frames_of(small(replace(shot, people=people.nobody)))
    for peopled, empty in zip(with_people, without, strict=True):
        changed = np.abs(peopled.picture - empty.picture).max(axis=-1) > 6
        assert changed.sum() > 200 and not empty.covered.any()
        near = cv2.dilate(peopled.covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # of bent edges
        assert not (changed & ~near).any()
        assert (changed & peopled.covered).sum() > 0.8 * peopled.covered.sum()


def test_the_overlay_stays_while_the_picture_moves():
    spec = shortened("overlay", 40)
    pictures = [picture.astype(int) for picture, _ in clip_frames(spec)]
    board = (slice(14, 30), slice(16, 100))
    np.testing.assert_array_equal(pictures[0][board], pictures[-1][board])
    moved = np.abs(pictures[0] - pictures[-1]).max(axis=-1) > 10
    assert moved.mean() > 0.3


def test_held_frames_repeat_the_picture_and_its_truth():
    spec = small(shot_of(6, people.two_cross), held=(2, 5))
    pictures, frames = zip(*clip_frames(spec), strict=True)
    for k in (3, 4):
        np.testing.assert_array_equal(pictures[k], pictures[2])
        np.testing.assert_array_equal(frames[k].T_world_cam, frames[2].T_world_cam)
    assert (pictures[5] != pictures[2]).mean() > 0.5 and (frames[5].T_world_cam != frames[2].T_world_cam).any()


def test_black_frames_are_black_and_show_nobody():
    pictures, frames = zip(*clip_frames(small(shot_of(4, people.two_cross), black=(1, 3), noise=1.0)), strict=True)
    assert [picture.max() < 8 for picture in pictures] == [False, True, True, False]
    assert [bool(frame.covered.any()) for frame in frames] == [True, False, False, True]


def test_the_files_are_the_workflows_own_and_agree(tmp_path: Path):
    spec = shortened("cuts", 3)
    write_clip(spec, tmp_path / "c")
    facts, cameras = VideoFacts.load(tmp_path / "c" / "video.json"), Cameras.load(tmp_path / "c" / "world_cameras.npz")
    masks, video = MaskTracks.load(tmp_path / "c" / "people_mask.json"), read_frames(tmp_path / "c" / "clip.mp4")
    assert facts.cuts == [3, 6] and facts.size_px == SIZE_PX == masks.size_px == tuple(cameras.size_px)
    assert len(video) == facts.n_frames == masks.n_frames == len(cameras.K) == len(cameras.T_world_cam) == 9
    for decoded, (drawn, _) in zip(video, clip_frames(spec), strict=True):
        assert np.abs(np.asarray(decoded, dtype=float) - drawn).mean() < 12


def test_the_same_clip_comes_out_the_same():
    first, second = (list(clip_frames(shortened("hard", 3))) for _ in range(2))
    for (picture, frame), (picture_again, frame_again) in zip(first, second, strict=True):
        np.testing.assert_array_equal(picture, picture_again)
        np.testing.assert_array_equal(frame.covered, frame_again.covered)
        np.testing.assert_array_equal(frame.T_world_cam, frame_again.T_world_cam)
        np.testing.assert_array_equal(frame.K, frame_again.K)


def test_a_clip_is_made_once_and_again_when_the_code_has_changed(tmp_path: Path):
    folder = make_clip("short", tmp_path)
    made = (folder / "clip.mp4").stat().st_mtime_ns
    assert make_clip("short", tmp_path) == folder and (folder / "clip.mp4").stat().st_mtime_ns == made
    replace(VideoFacts.load(folder / "video.json"), source="of older code").save(folder / "video.json")
    make_clip("short", tmp_path)
    assert (folder / "clip.mp4").stat().st_mtime_ns != made


def test_zooming_leaves_the_principal_point_in_the_middle():
    shot = replace(shot_of(3), path=zoom_in)
    focal_px = [frame.K[0, 0] for frame in frames_of(small(shot), dark_markers())]
    np.testing.assert_allclose(focal_px, np.array([1, 1.25, 1.5]) * 160 / np.tan(np.pi / 6))
    for frame in frames_of(small(shot), dark_markers()):
        np.testing.assert_allclose(frame.K, pinhole_matrix(frame.K[0, 0], SIZE_PX))


def test_an_unknown_clip_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="walkrs"):
        make_clip("warp", tmp_path)


@pytest.mark.parametrize("name", CLIPS)
def test_truth_in_words_is_true(name: str):
    for shot in CLIPS[name].shots:
        path = shot.motion()
        poses = np.array([path.at(frame)[0] for frame in np.linspace(0, shot.n_frames - 1, 40)])
        assert len(path.eye) == shot.n_frames and np.isfinite(poses).all()
        R = poses[:, :3, :3]
        np.testing.assert_allclose(R @ R.swapaxes(1, 2), np.tile(np.eye(3), (40, 1, 1)), atol=1e-9)
        assert (poses[:, 1, 1] < -0.7).all()  # pictures are upright
        turned = np.abs(R - R[0]).max() > 1e-3
        shifted_m, zoomed = np.ptp(path.eye, axis=0).max(), np.ptp(path.zoom) > 0
        assert turned != (shot.truth == "static")
        assert not (shot.truth.startswith(("static", "rotation")) and "general" not in shot.truth and shifted_m > 0)
        assert not (shot.truth.startswith("general") and shifted_m < 0.1)
        assert zoomed == ("zoom" in shot.truth)


def test_clips_for_judging_share_no_scene_with_those_for_tuning():
    def scenes(names: list[str]) -> set[str]:
        return {shot.scene for name in names for shot in CLIPS[name].shots}

    held_out = [name for name in CLIPS if name.startswith("heldout_")]
    assert len(held_out) == 4 and "minutes" not in ORDINARY and set(held_out) <= set(ORDINARY)
    assert not scenes(held_out) & scenes([name for name in CLIPS if name not in held_out])


def test_the_benchmark_names_clips_it_does_not_know():
    script = Path(__file__).parents[1] / "benchmarks" / "camera_tracking.py"
    run = subprocess.run([sys.executable, script, "--clips", "warp"], capture_output=True, text=True, check=False)
    assert run.returncode != 0 and "heldout_walk" in run.stderr and "Traceback" not in run.stderr
