"""The embedded tracker: points of the background, and the simplest motion of the camera that explains them."""

import dataclasses
from dataclasses import dataclass

import framepump
import numpy as np

from nlf_pipeline.artefacts import CameraPath, CameraReport, CameraWindow, FocalSource, Intrinsics, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.windows.shot_solving import Shot, ShotWindow, solve_shot
from nlf_pipeline.cameras.windows.window_joining import PlacedWindow, ShotPath, join_windows
from nlf_pipeline.cameras.windows.window_motion import Lens
from nlf_pipeline.masks import MaskTracks

_SOURCES: tuple[FocalSource, ...] = ("user", "metadata", "calibrated", "assumed")
"""From the most certain to the least."""
_USUAL_RESIDUAL_PX = 1.0
_UNTRACKED_CONFIDENCE = 0.1
_FALLBACK_CONFIDENCE = 0.5
_WORKING_SIDE_PX = 640


@dataclass(frozen=True)
class _SolvedShot:
    """A solved shot."""

    path: ShotPath
    focal_clip_px: np.ndarray
    """(frames,)."""
    k1: float
    focal_source: FocalSource
    windows: list[ShotWindow]


class KltCameraTracker:
    """Finds out of every shot whether the camera stands, turns, zooms or travels, and solves for that."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> TrackedCamera:
        """Track the camera through every shot; memory does not grow with a shot's length beyond a window's."""
        shots = [self._track_shot(frames, shot, people, intrinsics) for shot in facts.shots()]
        return TrackedCamera(
            _joint_intrinsics(shots, intrinsics), _joint_path(shots), CameraReport(_report_rows(shots, intrinsics))
        )

    def _track_shot(
        self, frames: framepump.VideoFrames, shot: slice, people: MaskTracks, intrinsics: Intrinsics
    ) -> _SolvedShot:
        is_known = intrinsics.focal_source in ("user", "metadata")
        k1 = intrinsics.distortion[0] if intrinsics.distortion else 0.0
        guess = Lens(intrinsics.focal_px[0] / max(intrinsics.size_px), k1, is_known)
        windows, shows_focal = solve_shot(Shot(frames, shot, people, self._seed), guess)
        path = join_windows([PlacedWindow(w.start - shot.start, w.solved.motion) for w in windows])
        to_clip = max(intrinsics.size_px) / max(windows[0].size_px)
        source = "calibrated" if shows_focal else intrinsics.focal_source
        return _SolvedShot(path, path.focal_px * to_clip, windows[-1].solved.motion.k1, source, windows)


def _joint_intrinsics(shots: list[_SolvedShot], guess: Intrinsics) -> Intrinsics:
    focal_px = np.concatenate([shot.focal_clip_px for shot in shots])
    longest = max(shots, key=lambda shot: len(shot.focal_clip_px))
    first = float(focal_px[0])
    zoom = [] if np.allclose(focal_px, first, rtol=1e-9) else (focal_px / first).tolist()
    source = max((shot.focal_source for shot in shots), key=_SOURCES.index)
    return dataclasses.replace(
        guess,
        focal_px=(first, first),
        zoom=zoom,
        distortion=[longest.k1, 0.0, 0.0, 0.0] if longest.k1 else [],
        focal_source=source,
    )


def _joint_path(shots: list[_SolvedShot]) -> CameraPath:
    first_segments = np.cumsum([0, *(shot.path.segment.max() + 1 for shot in shots)])[:-1]
    parts = list(zip(shots, first_segments, strict=True))
    return CameraPath(
        T_scene_cam=np.concatenate([shot.path.T_scene_cam for shot in shots]),
        confidence=np.concatenate([_confidence(shot) for shot in shots]),
        segment=np.concatenate([first + shot.path.segment for shot, first in parts]),
        points=np.concatenate([shot.path.points for shot in shots]),
        point_segment=np.concatenate([first + shot.path.point_segment for shot, first in parts]),
    )


def _confidence(shot: _SolvedShot) -> np.ndarray:
    """(frames,) 1 for frames that fit their points within a pixel, less for others and where a solution was refused."""
    excess = np.nan_to_num(shot.path.residual_px, nan=0.0) / _USUAL_RESIDUAL_PX
    confidence = np.where(shot.path.tracked, 1 / np.maximum(excess, 1), _UNTRACKED_CONFIDENCE)
    start = shot.windows[0].start
    for window in shot.windows:
        if window.solved.notes:
            confidence[window.start - start : window.stop - start] *= _FALLBACK_CONFIDENCE
    return confidence


def _report_rows(shots: list[_SolvedShot], guess: Intrinsics) -> list[CameraWindow]:
    rows = []
    for shot in shots:
        stops = [window.start for window in shot.windows[1:]] + [shot.windows[-1].stop]
        for window, stop in zip(shot.windows, stops, strict=True):
            rows.append(_report_row(window, stop, shot.focal_source, guess))
    return rows


def _report_row(window: ShotWindow, stop: int, source: FocalSource, guess: Intrinsics) -> CameraWindow:
    solved, to_640 = window.solved, _WORKING_SIDE_PX / max(window.size_px)
    residual_px = solved.motion.residual_px[solved.motion.tracked]
    return CameraWindow(
        start=window.start,
        stop=stop,
        motion_class=solved.motion.motion_class,
        focal_source=source,
        displacement_px=solved.displacement_px,
        rotation_residual_px=solved.evidence.rotation_residual_p90_px if solved.evidence else None,
        residual_px=float(np.median(residual_px)) * to_640 if len(residual_px) else None,
        coverage=float(solved.motion.tracked.mean()),
        gates=solved.gates,
        notes=solved.notes,
    )
