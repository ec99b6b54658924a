"""Videos of a textured plane far away, seen by a camera that turns and zooms as asked, on disk and as tracker input."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from rlemasklib import RLEMask
from scipy.spatial.transform import Rotation
from synthetic_videos import write_video
from textured_pictures import texture

from nlf_pipeline.artefacts import CameraPath, CameraReport, FocalSource, Intrinsics, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.klt import KltCameraTracker
from nlf_pipeline.geometry import pinhole_matrix
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.video import read_frames

SIZE_PX = (320, 192)
FOCAL_PX = 300.0
FPS = 30.0
ASSUMED = 0.87


def picture(yaw_deg: float, zoom: float = 1.0, scale: int = 1, seed: int = 0) -> np.ndarray:
    """(height, width) uint8; the camera's picture after it turned to the right and down a little, and zoomed."""
    width_px, height_px = SIZE_PX
    plane = texture((4 * width_px, 2 * height_px), seed, grain_px=6)
    centre = np.array([[1.0, 0, -0.8 * width_px], [0, 1, -0.5 * height_px], [0, 0, 1]])
    R = Rotation.from_euler("yx", [yaw_deg, 0.2 * yaw_deg], degrees=True).as_matrix()
    size_px = (scale * width_px, scale * height_px)
    K = pinhole_matrix(scale * FOCAL_PX * zoom, size_px)
    H = K @ R.T @ np.linalg.inv(pinhole_matrix(FOCAL_PX, SIZE_PX)) @ centre
    return cv2.warpPerspective(plane, H, size_px, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)


def pan(n_frames: int, to_deg: float = 30.0, **options: int) -> list[np.ndarray]:
    """Pictures of a camera that turns at an even pace."""
    return [picture(yaw_deg, **options) for yaw_deg in np.linspace(0, to_deg, n_frames)]


def guess(size_px: tuple[int, int], focal_px: float | None = None, source: FocalSource = "assumed") -> Intrinsics:
    """What the tracker is given to begin with."""
    focal_px = ASSUMED * max(size_px) if focal_px is None else focal_px
    return Intrinsics(size_px, (focal_px, focal_px), ((size_px[0] - 1) / 2, (size_px[1] - 1) / 2), [], source)


def track(
    folder: Path,
    pictures: Sequence[np.ndarray],
    cuts: tuple[int, ...] = (),
    masks: Sequence[np.ndarray] = (),
    intrinsics: Intrinsics | None = None,
) -> TrackedCamera:
    """Encode the pictures, track, save, check what every result must keep to, and load.

    Args:
        folder: for the files.
        pictures: (height, width) uint8 each.
        cuts: first frames of later shots.
        masks: (height, width) bool each, a person; nobody if none.
        intrinsics: to begin with.
    """
    n_frames, size_px = len(pictures), pictures[0].shape[::-1]
    colour = [np.repeat(grey[..., None], 3, axis=-1) for grey in pictures]
    video = write_video(folder / "clip.mp4", np.arange(n_frames) / FPS, colour)
    rows = ((tuple(RLEMask.from_array(mask.astype(np.uint8)) for mask in masks)),) if len(masks) else ()
    people = MaskTracks(size_px, FPS, n_frames, tuple(range(len(rows))), rows)
    facts = VideoFacts("clip", *size_px, FPS, n_frames, list(cuts))
    found = KltCameraTracker(0).track(read_frames(video), facts, people, intrinsics or guess(size_px))
    found.intrinsics.save(folder / "intrinsics.json")
    found.path.save(folder / "camera_path.npz")
    found.report.save(folder / "camera_report.json")
    loaded = TrackedCamera(
        Intrinsics.load(folder / "intrinsics.json"),
        CameraPath.load(folder / "camera_path.npz"),
        CameraReport.load(folder / "camera_report.json"),
    )
    check(loaded, facts)
    return loaded


def check(camera: TrackedCamera, facts: VideoFacts) -> None:
    """What holds for every clip, however bad."""
    path, rows, n_frames = camera.path, camera.report.windows, facts.n_frames
    assert path.T_scene_cam.shape == (n_frames, 4, 4) and np.isfinite(path.T_scene_cam).all()
    R = path.T_scene_cam[:, :3, :3]
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.tile(np.eye(3), (n_frames, 1, 1)), atol=1e-9)
    assert np.all((path.confidence >= 0) & (path.confidence <= 1))
    assert path.segment[0] == 0 and set(np.diff(path.segment)) <= {0, 1}
    assert len(path.points) == len(path.point_segment) and np.isfinite(path.points).all()
    for shot in facts.shots():
        np.testing.assert_allclose(path.T_scene_cam[shot.start], np.eye(4), atol=1e-9)
        assert shot.start == 0 or path.segment[shot.start] == path.segment[shot.start - 1] + 1
        assert any(row.start == shot.start for row in rows)
    assert [row.start for row in rows] == [0, *(row.stop for row in rows[:-1])] and rows[-1].stop == n_frames
    assert len(camera.intrinsics.zoom) in (0, n_frames)
    assert np.isfinite(camera.intrinsics.K_frames(n_frames)).all()
