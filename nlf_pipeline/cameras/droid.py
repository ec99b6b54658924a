"""The tracker of `models: reference`: the masked fork of DROID-SLAM, which needs an NVIDIA GPU."""

import dataclasses
import itertools
from pathlib import Path

import framepump
import numpy as np

from nlf_pipeline.artefacts import CameraPath, CameraReport, CameraWindow, FocalSource, Intrinsics, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.cameras.slam.path import anchored, smooth_poses
from nlf_pipeline.cameras.slam.pictures import DroidPictures, shown_size
from nlf_pipeline.cameras.slam.runs import DroidSetup
from nlf_pipeline.cameras.slam.shots import DroidPart, DroidShot, solve_shot
from nlf_pipeline.cameras.static import MOVING_PX
from nlf_pipeline.cameras.tracks.background_motion import BackgroundMotion, measure_background_motion
from nlf_pipeline.cameras.windows.window_joining import ShotPath, join_windows
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import file_digest
from nlf_pipeline.torch_devices import DeviceName

_SOURCES: tuple[FocalSource, ...] = ("user", "metadata", "calibrated", "assumed")
"""From the most certain to the least."""
_SAMPLES = 24
_STILL_PX = 0.5
"""Tripods stay below this (at a longer side of 640 pixels)."""
_ENOUGH_BACKGROUND = 0.2
"""Share of the picture; with less of it confidence falls in proportion."""
_DOUBTFUL_CONFIDENCE = 0.5


class DroidCameraTracker:
    """Tracks every shot with a DROID-SLAM of its own, people masked out; the path is up to scale."""

    def __init__(
        self, weights: Path, device: DeviceName, options: DroidOptions, chunks: ChunkStore | None = None
    ) -> None:
        """Take the network from `weights`, the file droid.pth, and keep what is done, part by part, in `chunks`."""
        self._chunks = chunks or ChunkStore(None)
        self._weights = weights
        self._device: DeviceName = device
        self._options = options

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> TrackedCamera:
        """Track the camera through every shot; of a long one, the GPU holds a part at a time.

        Raises:
            UserError: if the package, a GPU or the weights are missing or wrong, or its memory is too small.
        """
        setup = DroidSetup(self._weights, self._device, self._options)
        pictures = DroidPictures(frames, people, shown_size(facts.size_px))
        motion = measure_background_motion(frames, facts.shots(), people, _SAMPLES)
        chunks = self._chunks.within(file_digest(self._weights)) if self._chunks.keeps else self._chunks
        shots = [solve_shot(setup, pictures, shot, intrinsics, chunks) for shot in facts.shots()]
        period_frames = self._options.smoothing * facts.fps
        paths = [_smoothed(join_windows([part.placed for part in shot.parts]), period_frames) for shot in shots]
        rows = [row for shot in shots for row in _report_rows(shot, motion)]
        confidence = np.concatenate([_confidence(shot, motion, pictures) for shot in shots])
        path = _joint_path(paths, confidence)
        return TrackedCamera(_joint_intrinsics(shots, intrinsics), path, CameraReport(rows))


def _smoothed(path: ShotPath, period_frames: float) -> ShotPath:
    """The shot's path without jitter, in the axes of its first camera again; segments are smoothed one by one."""
    T = path.T_scene_cam.copy()
    if np.array_equal(T, np.tile(np.eye(4), (len(T), 1, 1))):
        return path
    for number in range(int(path.segment.max()) + 1):
        own = path.segment == number
        T[own] = smooth_poses(T[own], period_frames)
    points = transform_points(invert_rigid(T[0]), path.points)
    return dataclasses.replace(path, T_scene_cam=anchored(T), points=points)


def _joint_path(paths: list[ShotPath], confidence: np.ndarray) -> CameraPath:
    first_segments = np.cumsum([0, *(path.segment.max() + 1 for path in paths)])[:-1]
    parts = list(zip(paths, first_segments, strict=True))
    return CameraPath(
        T_scene_cam=np.concatenate([path.T_scene_cam for path in paths]),
        confidence=confidence,
        segment=np.concatenate([first + path.segment for path, first in parts]),
        points=np.concatenate([path.points for path in paths]),
        point_segment=np.concatenate([first + path.point_segment for path, first in parts]),
    )


def _joint_intrinsics(shots: list[DroidShot], guess: Intrinsics) -> Intrinsics:
    """One lens, with a zoom where shots have focal lengths of their own."""
    focal_px = np.concatenate([np.full(shot.range.stop - shot.range.start, shot.focal_px) for shot in shots])
    first = float(focal_px[0])
    return dataclasses.replace(
        guess,
        focal_px=(first, first * guess.focal_px[1] / guess.focal_px[0]),
        zoom=[] if np.all(focal_px == first) else (focal_px / first).tolist(),
        focal_source=max((shot.focal_source for shot in shots), key=_SOURCES.index),
    )


def _confidence(shot: DroidShot, motion: BackgroundMotion, pictures: DroidPictures) -> np.ndarray:
    """(frames,) 1, less where people hide the background, the path is doubtful, or a standing camera seems to move."""
    indices = range(shot.range.start, shot.range.stop)
    shares = np.array([pictures.background_share(index) for index in indices])
    confidence = np.minimum(1, shares / _ENOUGH_BACKGROUND)
    for part, (start, stop) in zip(shot.parts, _bounds(shot), strict=True):
        rows = slice(start - shot.range.start, stop - shot.range.start)
        if part.doubts:
            confidence[rows] *= _DOUBTFUL_CONFIDENCE
        if part.placed.motion.motion_class == "static":
            moved_px = np.maximum(np.nan_to_num(motion.median_px, nan=2 * _STILL_PX), _STILL_PX)
            confidence[rows] *= np.interp(np.arange(start, stop), motion.frames, _STILL_PX / moved_px)
    return confidence


def _bounds(shot: DroidShot) -> list[tuple[int, int]]:
    """First frame of each part and the frame after its last that counts: parts end where the next begins."""
    starts = [shot.range.start + part.placed.start for part in shot.parts]
    return list(itertools.pairwise([*starts, shot.range.stop]))


def _report_rows(shot: DroidShot, motion: BackgroundMotion) -> list[CameraWindow]:
    rows = []
    for k, (part, (start, stop)) in enumerate(zip(shot.parts, _bounds(shot), strict=True)):
        inside = (motion.frames >= start) & (motion.frames < stop) & np.isfinite(motion.median_px)
        displacement_px = float(motion.median_px[inside].max(initial=0.0))
        notes = [*(shot.notes if k == 0 else []), *part.doubts, *_contradictions(part, displacement_px, inside.sum())]
        evidence = {"keyframes": float(part.n_keyframes)}
        if k == 0:
            evidence |= {f"error_px_at_fov_{fov:g}_deg": error for fov, error in shot.fov_errors_px.items()}
        rows.append(
            CameraWindow(
                start=start,
                stop=stop,
                motion_class=part.placed.motion.motion_class,
                focal_source=shot.focal_source,
                displacement_px=displacement_px,
                rotation_residual_px=None,
                residual_px=None,
                coverage=1.0,
                gates=[],
                notes=notes,
                evidence=evidence,
            )
        )
    return rows


def _contradictions(part: DroidPart, displacement_px: float, n_samples: int) -> list[str]:
    """What our own measurement of the background says against DROID-SLAM."""
    stands = part.placed.motion.motion_class == "static"
    if part.n_keyframes == 1 and displacement_px > MOVING_PX:
        return [
            f"the camera is taken to stand still, since DROID-SLAM found no second keyframe, but the background shifts "
            f"by up to {displacement_px:.1f} px (at a longer side of 640): expect people to slide, or try camera=klt"
        ]
    if not stands and n_samples > 1 and displacement_px < _STILL_PX:
        return [
            f"DROID-SLAM finds that the camera moves, but the background shifts by {displacement_px:.1f} px at most "
            "(at a longer side of 640): if it stands, set static_camera"
        ]
    return []
