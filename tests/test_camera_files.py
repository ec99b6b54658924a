"""A camera that was written in any of the formats comes back the same; files that do not fit say so."""

import json
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pycolmap
import pytest
from scipy.spatial.transform import Rotation
from synthetic_videos import write_video

from nlf_pipeline.artefacts import CameraPath, Cameras, Intrinsics, VideoFacts
from nlf_pipeline.cameras import make_camera_tracker
from nlf_pipeline.errors import UserError
from nlf_pipeline.geometry import invert_rigid, project, rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.track_camera import initial_intrinsics
from nlf_pipeline.video import read_frames

N, FPS, SIZE_PX = 40, 20.0, (160, 96)
FACTS = VideoFacts(video_id="v", width_px=SIZE_PX[0], height_px=SIZE_PX[1], fps=FPS, n_frames=N)
FOCAL_PX, CENTRE_PX = (140.0, 143.0), (78.25, 49.5)
DISTORTION = (0.11, -0.03, 0.002, -0.004)
GL = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Truth:
    """A camera in a world of its own."""

    T: np.ndarray
    focal_px: np.ndarray = field(default_factory=lambda: np.tile(FOCAL_PX, (N, 1)))
    points: np.ndarray = field(default_factory=lambda: np.random.default_rng(1).normal(size=(7, 3)) + [0, 0, 5])

    def first_is_identity(self, start=0):
        return invert_rigid(self.T[start]) @ self.T

    def intrinsic_matrices(self):
        K = np.tile(np.eye(3), (N, 1, 1))
        K[:, [0, 1], [0, 1]] = self.focal_px
        K[:, :2, 2] = CENTRE_PX
        return K


@pytest.fixture(scope="module")
def truth():
    s = np.linspace(0, 1, N)[:, None]
    rotvecs = np.array([0.3, -1.1, 0.4]) + s * [0.5, -0.7, 0.2] + 0.05 * np.sin(9 * s)
    places = np.array([3.0, -20.0, 7.0]) + s * [2.0, 0.3, -1.5] + 0.1 * np.cos(7 * s)
    return Truth(rigid(Rotation.from_rotvec(rotvecs).as_matrix(), places))


@pytest.fixture(scope="module")
def blank_clip(tmp_path_factory):
    """Pictures that neither support nor contradict any camera."""
    path = tmp_path_factory.mktemp("clips") / "blank.mp4"
    frames = [np.full((SIZE_PX[1], SIZE_PX[0], 3), 100, np.uint8)] * N
    return write_video(path, [i / FPS for i in range(N)], frames=frames)


def write_clip(path, shift_px):
    """Texture that shifts evenly."""
    noise = np.random.default_rng(0).integers(0, 255, (24, 80, 3), dtype=np.uint8)
    wall = cv2.resize(noise, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    lefts = [round(shift_px * i) for i in range(N)]
    frames = [np.ascontiguousarray(wall[:, left : left + SIZE_PX[0]]) for left in lefts]
    return write_video(path, [i / FPS for i in range(N)], frames=frames)


@pytest.fixture
def track(blank_clip):
    def track(camera_file, facts=FACTS, clip=blank_clip, fov_deg=None):
        people = MaskTracks(SIZE_PX, FPS, N, (), ())
        tracker = make_camera_tracker("file", camera_file, seed=0)
        return tracker.track(read_frames(clip), facts, people, initial_intrinsics(facts, fov_deg))

    return track


# Writers, one per format: the truth in some frames, under chosen numbers, for pictures `scale` times the clip's.


def write_colmap(folder, truth, frames=range(N), first=0, scale=1.0, suffix=".bin", model="OPENCV", name="{:05d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    reconstruction = pycolmap.Reconstruction()
    size_px = [round(side * scale) for side in SIZE_PX]
    cx, cy = (np.array(CENTRE_PX) + 0.5) * scale
    for frame in frames:
        fx, fy = truth.focal_px[frame] * scale
        params = np.array(colmap_params(model, fx, fy, cx, cy))
        camera = pycolmap.Camera(camera_id=frame + 1, model=model, width=size_px[0], height=size_px[1], params=params)
        reconstruction.add_camera_with_trivial_rig(camera)
        image = pycolmap.Image(name=name.format(frame + first), camera_id=frame + 1, image_id=frame + 1)
        keypoints = np.zeros((len(truth.points), 2))
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(xy) for xy in keypoints])
        T_cam_file = invert_rigid(truth.T[frame])
        reconstruction.add_image_with_trivial_frame(image, pycolmap.Rigid3d(T_cam_file[:3]))
    for number, xyz in enumerate(truth.points):
        element = pycolmap.TrackElement(frames[0 if number % 2 == 0 else -1] + 1, number)
        reconstruction.add_point3D(xyz, pycolmap.Track([element]), np.zeros(3, np.uint8))
    (reconstruction.write_text if suffix == ".txt" else reconstruction.write_binary)(str(folder))
    return folder


def colmap_params(model, fx, fy, cx, cy):
    return {
        "SIMPLE_PINHOLE": [fx, cx, cy],
        "PINHOLE": [fx, fy, cx, cy],
        "SIMPLE_RADIAL": [fx, cx, cy, 0.11],
        "RADIAL": [fx, cx, cy, 0.11, -0.03],
        "OPENCV": [fx, fy, cx, cy, *DISTORTION],
        "FULL_OPENCV": [fx, fy, cx, cy, 0.11, -0.03, 0.002, -0.004, 0.01, 0.02, -0.01, 0.005],
        "OPENCV_FISHEYE": [fx, fy, cx, cy, 0.1, 0.0, 0.0, 0.0],
    }[model]


def write_nerfstudio(folder, truth, frames=range(N), first=0, scale=1.0, per_frame=False, changes=None):
    def lens(frame):
        (fx, fy), (cx, cy) = truth.focal_px[frame] * scale, (np.array(CENTRE_PX) + 0.5) * scale
        return {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy}

    k1, k2, p1, p2 = DISTORTION
    content = {
        "camera_model": "OPENCV",
        "w": round(SIZE_PX[0] * scale),
        "h": round(SIZE_PX[1] * scale),
        **({} if per_frame else lens(0)),
        **{"k1": k1, "k2": k2, "p1": p1, "p2": p2},
        "applied_transform": [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0]],
        "frames": [
            {
                "file_path": f"images/frame_{frame + first:05d}.jpg",
                "transform_matrix": (truth.T[frame] @ GL).tolist(),
                **(lens(frame) if per_frame else {}),
            }
            for frame in reversed(frames)
        ],
        **(changes or {}),
    }
    path = folder / "transforms.json"
    path.write_text(json.dumps(content))
    return path


def write_tum(folder, truth, frames=range(N), times=None, calibration=True):
    times = [frame / FPS for frame in frames] if times is None else times
    quaternions = Rotation.from_matrix(truth.T[:, :3, :3]).as_quat()
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for time, frame in zip(times, frames, strict=True):
        lines.append(" ".join(f"{value:.12g}" for value in [time, *truth.T[frame, :3, 3], *quaternions[frame]]))
    (folder / "trajectory.txt").write_text("\n".join(lines) + "\n")
    if calibration:
        values = [*FOCAL_PX, *CENTRE_PX, *DISTORTION]
        (folder / "calibration.txt").write_text(" ".join(map(str, values)) + "\n")
    return folder / "trajectory.txt"


def write_npz(folder, truth, frames=range(N)):
    poses = np.full((N, 4, 4), np.nan)
    poses[list(frames)] = truth.T[list(frames)]
    Cameras(poses, truth.intrinsic_matrices(), np.array(DISTORTION), np.array(SIZE_PX)).save(
        folder / "world_cameras.npz"
    )
    return folder / "world_cameras.npz"


def write_colmap_text(folder, truth, **options):
    return write_colmap(folder, truth, suffix=".txt", **options)


WRITERS = [write_colmap, write_colmap_text, write_nerfstudio, write_tum, write_npz]


def notes_of(tracked):
    return " ".join(note for window in tracked.report.windows for note in window.notes)


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_gives_the_same_camera_back(tmp_path, truth, track, write):
    tracked = track(write(tmp_path, truth))
    np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-6)
    np.testing.assert_array_equal(tracked.path.T_scene_cam[0], np.eye(4))
    assert np.all(tracked.path.confidence == 1) and np.all(tracked.path.segment == 0)
    lens = tracked.intrinsics
    np.testing.assert_allclose(lens.focal_px, FOCAL_PX, atol=1e-6)
    np.testing.assert_allclose(lens.principal_point_px, CENTRE_PX, atol=1e-6)
    np.testing.assert_allclose(lens.distortion, DISTORTION, atol=1e-9)
    assert lens.size_px == SIZE_PX and lens.zoom == [] and lens.focal_source == "user"
    (window,) = tracked.report.windows
    assert (window.start, window.stop) == (0, N) and window.coverage == 1 and window.gates == []
    assert window.motion_class == "general" and window.focal_source == "user"


@pytest.mark.parametrize("write", WRITERS)
def test_result_can_be_saved_and_loaded(tmp_path, truth, track, write):
    tracked = track(write(tmp_path, truth))
    tracked.intrinsics.save(tmp_path / "out.json")
    tracked.path.save(tmp_path / "out.npz")
    tracked.report.save(tmp_path / "report.json")
    assert Intrinsics.load(tmp_path / "out.json") == tracked.intrinsics
    np.testing.assert_array_equal(CameraPath.load(tmp_path / "out.npz").T_scene_cam, tracked.path.T_scene_cam)


@pytest.mark.parametrize(
    ("model", "distortion"),
    [
        ("SIMPLE_PINHOLE", []),
        ("PINHOLE", []),
        ("SIMPLE_RADIAL", [0.11, 0, 0, 0]),
        ("RADIAL", [0.11, -0.03, 0, 0]),
        ("FULL_OPENCV", [0.11, -0.03, 0.002, -0.004, 0.01, 0.02, -0.01, 0.005]),
    ],
)
def test_colmap_models_project_as_colmap_does(tmp_path, truth, track, model, distortion):
    """Against COLMAP's own projection, whose pixels are half a pixel off ours."""
    folder = write_colmap(tmp_path, truth, model=model)
    lens = track(folder).intrinsics
    assert lens.distortion == pytest.approx(distortion)
    points_cam = np.random.default_rng(2).uniform([-1, -0.6, 2], [1, 0.6, 4], (50, 3))
    camera = next(iter(pycolmap.Reconstruction(str(folder)).cameras.values()))
    ours_px = cv2.projectPoints(points_cam, np.zeros(3), np.zeros(3), lens.K, np.array(lens.distortion))[0][:, 0]
    np.testing.assert_allclose(ours_px, np.array(camera.img_from_cam(points_cam)) - 0.5, atol=1e-6)


def test_points_of_colmap_stay_where_the_pictures_show_them(tmp_path, truth, track):
    path = track(write_colmap(tmp_path, truth)).path
    expected = transform_points(invert_rigid(truth.T[0]), truth.points)
    np.testing.assert_allclose(path.points[np.lexsort(path.points.T)], expected[np.lexsort(expected.T)], atol=1e-9)
    assert path.point_segment.tolist() == [0] * len(truth.points)


@pytest.mark.parametrize("write", [write_colmap, write_nerfstudio])
@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_lens_of_larger_or_smaller_pictures_is_scaled(tmp_path, truth, track, write, scale):
    tracked = track(write(tmp_path, truth, scale=scale))
    np.testing.assert_allclose(tracked.intrinsics.focal_px, FOCAL_PX, atol=1e-6)
    np.testing.assert_allclose(tracked.intrinsics.principal_point_px, CENTRE_PX, atol=1e-6)
    assert tracked.intrinsics.size_px == SIZE_PX and "scaled to 160 x 96" in notes_of(tracked)


@pytest.mark.parametrize("write", [write_colmap, write_nerfstudio])
def test_frames_may_count_from_one(tmp_path, truth, track, write):
    tracked = track(write(tmp_path, truth, first=1))
    np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-6)
    assert notes_of(tracked) == ""


def test_doubtful_count_is_told(tmp_path, truth, track):
    tracked = track(write_colmap(tmp_path, truth, first=1, frames=range(N - 2)))
    expected = truth.first_is_identity()
    np.testing.assert_allclose(tracked.path.T_scene_cam[: N - 2], expected[: N - 2], atol=1e-6)
    assert "counted from 1" in notes_of(tracked)


@pytest.mark.parametrize("name", ["frame_{:06d}.jpg", "cam0/{:05d}.png", "v2_shot1_{}.JPG", "{:04d}_left.png"])
def test_number_is_found_in_the_name(tmp_path, truth, track, name):
    tracked = track(write_colmap(tmp_path, truth, name=name))
    np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-6)


@pytest.mark.parametrize("write", WRITERS)
def test_gaps_are_bridged_and_told(tmp_path, truth, track, write):
    missing = [7, 8, 9, 20]
    tracked = track(write(tmp_path, truth, frames=[f for f in range(N) if f not in missing]))
    path, expected = tracked.path, truth.first_is_identity()
    assert np.flatnonzero(path.confidence == 0).tolist() == missing
    assert tracked.report.windows[0].coverage == 1 - len(missing) / N
    assert "7-9, 20" in notes_of(tracked)
    np.testing.assert_allclose(np.delete(path.T_scene_cam, missing, 0), np.delete(expected, missing, 0), atol=1e-6)
    middle = (expected[6, :3, 3] + expected[10, :3, 3]) / 2
    np.testing.assert_allclose(path.T_scene_cam[8, :3, 3], middle, atol=1e-6)
    six, eight, ten = (Rotation.from_matrix(path.T_scene_cam[i, :3, :3]) for i in (6, 8, 10))
    np.testing.assert_allclose((six.inv() * eight).as_rotvec(), (eight.inv() * ten).as_rotvec(), atol=1e-6)


def test_camera_holds_still_before_its_first_and_after_its_last_pose(tmp_path, truth, track):
    path = track(write_npz(tmp_path, truth, frames=range(5, N - 4))).path
    np.testing.assert_allclose(path.T_scene_cam[:6] - np.eye(4), 0, atol=1e-12)
    np.testing.assert_allclose(path.T_scene_cam[N - 5 :] - path.T_scene_cam[N - 5], 0, atol=1e-12)
    assert np.all(path.confidence[:5] == 0) and np.all(path.confidence[-4:] == 0)


@pytest.mark.parametrize("write", WRITERS)
def test_each_shot_has_its_own_first_camera(tmp_path, truth, track, write):
    cut = 15
    missing = [cut - 2, cut - 1, cut]
    tracked = track(
        write(tmp_path, truth, frames=[f for f in range(N) if f not in missing]), replace(FACTS, cuts=[cut])
    )
    path = tracked.path
    assert path.segment.tolist() == [0] * cut + [1] * (N - cut)
    np.testing.assert_allclose(path.T_scene_cam[: cut - 2], truth.first_is_identity()[: cut - 2], atol=1e-6)
    np.testing.assert_allclose(path.T_scene_cam[cut + 1 :], truth.first_is_identity(cut + 1)[cut + 1 :], atol=1e-6)
    np.testing.assert_allclose(path.T_scene_cam[cut - 1], path.T_scene_cam[cut - 3], atol=1e-12)  # not across the cut
    np.testing.assert_array_equal(path.T_scene_cam[cut], np.eye(4))
    assert [(s.start, s.stop) for s in tracked.report.windows] == [(0, cut), (cut, N)]


def test_points_go_to_the_shot_that_sees_them(tmp_path, truth, track):
    path = track(write_colmap(tmp_path, truth), replace(FACTS, cuts=[15])).path
    for segment, start, points in ((0, 0, truth.points[::2]), (1, 15, truth.points[1::2])):
        found = path.points[path.point_segment == segment]
        expected = transform_points(invert_rigid(truth.T[start]), points)
        np.testing.assert_allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], atol=1e-9)


@pytest.mark.parametrize("write", [write_colmap, lambda *a, **k: write_nerfstudio(*a, per_frame=True, **k), write_npz])
def test_changing_focal_length_becomes_a_zoom(tmp_path, truth, track, write):
    zoom = np.linspace(1, 1.5, N)[:, None]
    turning = Truth(rigid(truth.T[:, :3, :3], truth.T[0, :3, 3]), np.array(FOCAL_PX) * zoom)
    tracked = track(write(tmp_path, turning))
    np.testing.assert_allclose(tracked.intrinsics.K_frames(N), turning.intrinsic_matrices(), atol=1e-6)
    assert tracked.report.motion_class == "rotation_zoom"
    np.testing.assert_array_equal(tracked.path.T_scene_cam[:, :3, 3], 0)


@pytest.mark.parametrize("write", WRITERS)
def test_motion_class_says_what_the_path_does(tmp_path, truth, track, write):
    turning = Truth(rigid(truth.T[:, :3, :3], truth.T[0, :3, 3]))
    standing = Truth(np.repeat(truth.T[:1], N, axis=0))
    for name, camera, expected in (("t", turning, "rotation"), ("s", standing, "static")):
        (tmp_path / name).mkdir()
        tracked = track(write(tmp_path / name, camera))
        assert tracked.report.motion_class == expected
        np.testing.assert_array_equal(tracked.path.T_scene_cam[:, :3, 3], 0)


def test_lens_that_varies_in_more_than_focal_length_is_averaged_and_told(tmp_path, truth, track):
    path = write_nerfstudio(tmp_path, truth, per_frame=True)
    content = json.loads(path.read_text())
    for i, frame in enumerate(content["frames"]):
        frame["k1"] = 0.11 + 0.05 * (i - (N - 1) / 2) / N
        frame["cx"] += 4 * (i % 2) - 2
    path.write_text(json.dumps(content))
    tracked = track(path)
    assert tracked.intrinsics.distortion[0] == pytest.approx(0.11)
    assert "distortion varies" in notes_of(tracked) and "principal point varies" in notes_of(tracked)


def test_blender_writes_an_angle_instead_of_a_focal_length(tmp_path, truth, track):
    path = write_nerfstudio(tmp_path, truth)
    content = json.loads(path.read_text())
    poses = [{k: frame[k] for k in ("file_path", "transform_matrix")} for frame in content["frames"]]
    path.write_text(json.dumps({"camera_angle_x": np.pi / 2, "frames": poses}))
    lens = track(path).intrinsics
    assert lens.focal_px == pytest.approx((80, 80)) and lens.principal_point_px == (79.5, 47.5)


# TUM trajectories


def test_frame_numbers_may_stand_for_times(tmp_path, truth, track):
    for first in (0, 1):
        tracked = track(write_tum(tmp_path, truth, times=range(first, N + first)))
        np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-6)


def test_clocks_that_start_elsewhere_are_set(tmp_path, truth, track):
    tracked = track(write_tum(tmp_path, truth, times=[1305.5 + frame / FPS for frame in range(N)]))
    np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-6)
    assert "counted from the first pose" in notes_of(tracked)


def test_times_within_half_a_frame_are_that_frame(tmp_path, truth, track):
    jitter = np.random.default_rng(3).uniform(-0.2, 0.2, N)
    tracked = track(write_tum(tmp_path, truth, times=[(f + jitter[f]) / FPS for f in range(N)]))
    np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-6)
    assert np.all(tracked.path.confidence == 1)


def smooth_path(seconds):
    s = np.asarray(seconds, dtype=np.float64)[:, None]
    return rigid(Rotation.from_rotvec(s * [0.1, 0.3, -0.2]).as_matrix(), s * [1.0, -0.2, 0.4])


@pytest.mark.parametrize("rate_hz", [100.0, 25.0, 10.0, 7.0])
def test_trajectory_of_another_rate_is_resampled(tmp_path, track, rate_hz):
    times = np.arange(0, N / FPS, 1 / rate_hz)
    poses = smooth_path(times)
    path = write_tum(tmp_path, Truth(poses), frames=range(len(times)), times=times)
    tracked = track(path)
    inside = np.arange(N) / FPS <= times[-1]
    expected = smooth_path(np.arange(N) / FPS)
    np.testing.assert_allclose(tracked.path.T_scene_cam[inside], expected[inside], atol=1e-6)
    assert np.all(tracked.path.confidence[inside] >= 0.5)
    assert (f"{rate_hz:.1f} poses per second" in notes_of(tracked)) == (rate_hz < FPS)


def test_without_calibration_the_field_of_view_counts(tmp_path, truth, track):
    tracked = track(write_tum(tmp_path, truth, calibration=False), fov_deg=90)
    assert tracked.intrinsics.focal_px == pytest.approx((80, 80)) and tracked.intrinsics.focal_source == "user"
    assumed = track(write_tum(tmp_path, truth, calibration=False))
    assert assumed.intrinsics.focal_source == "assumed" and "(assumed)" in notes_of(assumed)


@pytest.mark.parametrize(
    ("line", "distortion"), [("140 143 78 49", []), ("140 143 78 49 .1 .2 .01 .02 .3", [0.1, 0.2, 0.01, 0.02, 0.3])]
)
def test_calibration_may_have_more_or_less_distortion(tmp_path, truth, track, line, distortion):
    path = write_tum(tmp_path, truth)
    path.with_name("calibration.txt").write_text(f"# fx fy cx cy\n{line}\n")
    assert track(path).intrinsics.distortion == distortion


# Our own files


def test_camera_path_comes_back_with_its_segments_confidence_points_and_lens(tmp_path, truth, track):
    cut, split = 15, 28
    T = truth.first_is_identity()
    T[cut:] = truth.first_is_identity(cut)[cut:]
    segment = np.repeat([0, 1, 2], [cut, split - cut, N - split])
    confidence = np.linspace(0, 1, N)
    confidence[20:] = 0  # guessed for more than a second, but given
    path = CameraPath(T, confidence, segment, truth.points, np.array([0, 0, 1, 1, 2, 2, 2]))
    path.save(tmp_path / "camera_path.npz")
    lens = Intrinsics(SIZE_PX, FOCAL_PX, CENTRE_PX, list(DISTORTION), "assumed", np.linspace(1, 2, N).tolist())
    lens.save(tmp_path / "intrinsics.json")
    tracked = track(tmp_path / "camera_path.npz", replace(FACTS, cuts=[cut]))
    for name in ("T_scene_cam", "confidence", "segment", "points", "point_segment"):
        np.testing.assert_allclose(getattr(tracked.path, name), getattr(path, name), atol=1e-9)
    np.testing.assert_allclose(tracked.intrinsics.K_frames(N), lens.K_frames(N), atol=1e-9)
    assert tracked.intrinsics.focal_source == "assumed"
    assert [(s.start, s.stop) for s in tracked.report.windows] == [(0, cut), (cut, split), (split, N)]


def test_plain_npz_of_ones_own(tmp_path, truth, track):
    np.savez(tmp_path / "mine.npz", T_world_cam=truth.T, K=truth.intrinsic_matrices()[0])
    tracked = track(tmp_path / "mine.npz")
    np.testing.assert_allclose(tracked.path.T_scene_cam, truth.first_is_identity(), atol=1e-9)
    points_cam = np.array([[0.3, 0.2, 3.0]])
    np.testing.assert_allclose(
        project(points_cam, tracked.intrinsics.K), project(points_cam, truth.intrinsic_matrices()[0])
    )


# The pictures have a say


def test_still_camera_in_moving_pictures_is_noticed(tmp_path, truth, track):
    clip = write_clip(tmp_path / "moving.mp4", 1.0)
    standing = Truth(np.repeat(truth.T[:1], N, axis=0))
    assert "does the file belong to this clip?" in notes_of(track(write_npz(tmp_path, standing), clip=clip))


def test_turning_camera_in_still_pictures_is_noticed(tmp_path, track, truth):
    clip = write_clip(tmp_path / "still.mp4", 0)
    assert "does the file belong to this clip?" in notes_of(track(write_npz(tmp_path, truth), clip=clip))
    standing = Truth(np.repeat(truth.T[:1], N, axis=0))
    assert notes_of(track(write_npz(tmp_path, standing), clip=clip)) == ""


def test_pictures_that_move_as_the_file_says_raise_no_doubt(tmp_path, track):
    """Texture that shifts to the left is what a camera sees that turns to the right."""
    clip = write_clip(tmp_path / "moving.mp4", 0.4)
    R = Rotation.from_rotvec(0.4 * np.arange(N)[:, None] / FOCAL_PX[0] * [0, 1, 0]).as_matrix()
    tracked = track(write_npz(tmp_path, Truth(rigid(R, np.zeros(3)))), clip=clip)
    assert notes_of(tracked) == "" and tracked.report.motion_class == "rotation"
    widened = 640 / SIZE_PX[0]
    assert tracked.report.windows[0].displacement_px == pytest.approx(0.4 * (N - 1) * widened, abs=1 * widened)


# Files that do not fit


def refused(track, path, *words, **options):
    with pytest.raises(UserError) as caught:
        track(path, **options)
    assert str(path) in str(caught.value) or str(path.parent) in str(caught.value)
    assert "expected" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_missing_file(tmp_path, track):
    refused(track, tmp_path / "nowhere.json", "not found")


def test_unknown_kind_of_file(tmp_path, track):
    (tmp_path / "camera.fbx").write_text("x")
    refused(track, tmp_path / "camera.fbx", ".fbx", "COLMAP", "transforms.json", "TUM", ".npz")


def test_folder_without_camera_names_the_models_below(tmp_path, track, truth):
    refused(track, tmp_path, "folder without a camera")
    model = write_colmap(tmp_path / "sparse" / "0", truth)
    refused(track, tmp_path, str(model))


def test_model_may_be_given_by_one_of_its_files(tmp_path, track, truth):
    assert track(write_colmap(tmp_path, truth) / "images.bin").report.windows[0].coverage == 1


def test_folder_of_nerfstudio_is_as_good_as_its_file(tmp_path, track, truth):
    assert track(write_nerfstudio(tmp_path, truth).parent).report.windows[0].coverage == 1


@pytest.mark.parametrize("write", WRITERS)
def test_camera_of_a_longer_clip(tmp_path, truth, track, write):
    shorter = replace(FACTS, n_frames=N - 5)
    refused(track, write(tmp_path, truth), str(N - 5), "frames", facts=shorter)


@pytest.mark.parametrize("write", WRITERS)
def test_camera_of_far_fewer_frames(tmp_path, truth, track, write):
    refused(track, write(tmp_path, truth, frames=range(12)), "12 of the clip's 40 frames")


@pytest.mark.parametrize("write", [write_colmap, write_nerfstudio, write_npz])
def test_gap_of_more_than_a_second(tmp_path, truth, track, write):
    path = write(tmp_path, truth, frames=[*range(10), *range(21, N)])
    refused(track, path, "frames 10 to 20 (1.1 s)", "time_range", facts=replace(FACTS, fps=10.0))


def test_pictures_renumbered_by_the_sampling_of_nerfstudio(tmp_path, truth, track):
    refused(track, write_nerfstudio(tmp_path, truth, frames=range(10), first=1), "10 of the clip's 40 frames")


def test_pictures_of_another_shape(tmp_path, truth, track):
    refused(track, write_nerfstudio(tmp_path, truth, changes={"w": 96, "h": 160}), "96 x 160", "160 x 96", "upright")


@pytest.mark.parametrize("focal", [0, 0.9, -140, 1e6])
def test_focal_length_that_is_not_in_pixels(tmp_path, truth, track, focal):
    refused(track, write_nerfstudio(tmp_path, truth, changes={"fl_x": focal, "fl_y": focal}), "focal length", "pixels")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"camera_model": "OPENCV_FISHEYE"}, ["OPENCV_FISHEYE", "Undistort"]),
        ({"k4": 0.1}, ["k4"]),
        ({"fl_x": "wide"}, ["fl_x = 'wide'", "a number"]),
        ({"k1": float("nan")}, ["nan"]),
        ({"frames": "all"}, ["no list of frames"]),
        ({"frames": []}, ["no camera pose"]),
        ({"frames": [{"file_path": "1.png"}]}, ["without transform_matrix"]),
        ({"frames": [{"transform_matrix": np.eye(4).tolist()}]}, ["without file_path"]),
        ({"frames": [{"file_path": "1.png", "transform_matrix": [[1, 2], [3]]}]}, ["transform_matrix", "4 rows"]),
        ({"frames": [{"file_path": "one.png", "transform_matrix": np.eye(4).tolist()}]}, ["one.png", "number"]),
    ],
)
def test_wrong_transforms(tmp_path, truth, track, changes, words):
    refused(track, write_nerfstudio(tmp_path, truth, changes=changes), *words)


def test_two_pictures_of_one_frame(tmp_path, truth, track):
    path = write_nerfstudio(tmp_path, truth)
    content = json.loads(path.read_text())
    content["frames"].append({**content["frames"][0], "file_path": "right/00039.png"})
    path.write_text(json.dumps(content))
    refused(track, path, "two poses for frame 39")


@pytest.mark.parametrize("matrix", [np.diag([-1.0, 1, 1, 1]), np.diag([2.0, 2, 2, 1])])
def test_pose_that_is_not_rigid(tmp_path, truth, track, matrix):
    path = write_nerfstudio(tmp_path, replace(truth, T=truth.T @ matrix))
    refused(track, path, "mirrors, scales or shears")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"x"'])
def test_malformed_json(tmp_path, track, text):
    (tmp_path / "transforms.json").write_text(text)
    refused(track, tmp_path / "transforms.json", "transforms.json")


def test_colmap_with_a_lens_that_is_no_pinhole(tmp_path, truth, track):
    refused(
        track, write_colmap(tmp_path, truth, model="OPENCV_FISHEYE"), "OPENCV_FISHEYE", "SIMPLE_RADIAL", "Undistort"
    )


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
@pytest.mark.parametrize("damaged", ["cameras", "images"])
def test_damaged_colmap_model(tmp_path, truth, track, suffix, damaged):
    folder = write_colmap(tmp_path, truth, suffix=suffix)
    for part in ("rigs", "frames"):
        (folder / f"{part}{suffix}").unlink()
    file = folder / f"{damaged}{suffix}"
    file.write_bytes(file.read_bytes()[:30] + b"?")
    refused(track, folder)


@pytest.mark.parametrize("part", ["images", "points3D", "frames"])
@pytest.mark.parametrize("share", [0.3, 0.99])
def test_colmap_model_cut_short(tmp_path, truth, track, part, share):
    file = write_colmap(tmp_path, truth) / f"{part}.bin"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    refused(track, tmp_path, "cut short", str(file))


def test_colmap_model_without_pictures(tmp_path, truth, track):
    refused(track, write_colmap(tmp_path, replace(truth, points=np.zeros((0, 3))), frames=[]), "no camera pose")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty trajectory"]),
        ("# only a comment\n", ["empty trajectory"]),
        ("0 1 2 3 0 0 0\n", ["line 1", "qx qy qz qw"]),
        ("# t\n0 1 2 3 0 0 0 one\n", ["line 2"]),
        ("0 1 2 3 0 0 0 0\n", ["line 1"]),
        ("0 0 0 0 0 0 0 1\n0 0 0 0 0 0 0 1\n", ["two poses for frame 0"]),
    ],
)
def test_wrong_trajectory(tmp_path, track, text, words):
    (tmp_path / "trajectory.txt").write_text(text)
    refused(track, tmp_path / "trajectory.txt", *words)


def test_binary_trajectory(tmp_path, track):
    (tmp_path / "trajectory.txt").write_bytes(bytes(range(128, 256)))
    refused(track, tmp_path / "trajectory.txt", "no text")


@pytest.mark.parametrize(
    ("line", "word"), [("140 143 78", "3 numbers"), ("wide", "no line of numbers"), ("1200 1200 640 360", "160 x 96")]
)
def test_wrong_calibration(tmp_path, truth, track, line, word):
    path = write_tum(tmp_path, truth)
    path.with_name("calibration.txt").write_text(line)
    refused(track, path, "calibration.txt", word)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"poses": np.zeros(3)}, ["poses", "T_world_cam"]),
        ({"T_world_cam": np.zeros((N, 7))}, ["T_world_cam of shape"]),
        ({"T_world_cam": np.full((N, 4, 4), np.nan)}, ["no camera pose"]),
        ({"T_world_cam": np.array(["a"])}, ["numbers"]),
        ({"T_world_cam": np.array([None])}, ["pickle"]),
        ({"T_world_cam": np.tile(np.eye(4), (N, 1, 1)), "K": np.eye(4)}, ["K of shape"]),
        ({"T_world_cam": np.tile(np.eye(4), (N, 1, 1)), "K": np.eye(3), "distortion": np.ones(3)}, ["3 distortion"]),
        ({"T_world_cam": np.tile(np.eye(4), (N, 1, 1)), "points": np.ones(3)}, ["points of shape"]),
        ({"T_world_cam": np.tile(np.eye(4), (N, 1, 1)), "confidence": np.full(N, 2.0)}, ["confidence"]),
    ],
)
def test_wrong_npz(tmp_path, track, arrays, words):
    np.savez(tmp_path / "camera.npz", **arrays)
    refused(track, tmp_path / "camera.npz", *words)


def test_npz_that_is_none(tmp_path, track):
    (tmp_path / "camera.npz").write_bytes(b"PK\x03\x04 and no more")
    refused(track, tmp_path / "camera.npz", "no readable npz")
