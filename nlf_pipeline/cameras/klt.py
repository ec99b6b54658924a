"""The embedded tracker: points of the background, and the simplest motion of the camera that explains them."""

import dataclasses
from dataclasses import dataclass
from importlib.metadata import version

import cv2
import framepump
import numpy as np
import scipy

from nlf_pipeline.artefacts import CameraPath, CameraReport, CameraWindow, FocalSource, Intrinsics, VideoFacts
from nlf_pipeline.cameras import TrackedCamera
from nlf_pipeline.cameras.windows.focal_doubt import suggest_focal
from nlf_pipeline.cameras.windows.shot_solving import Shot, ShotWindow, solve_shot
from nlf_pipeline.cameras.windows.window_joining import PlacedWindow, ShotPath, join_windows
from nlf_pipeline.cameras.windows.window_motion import Lens
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.masks import MaskTracks

_SOURCES: tuple[FocalSource, ...] = ("user", "metadata", "calibrated", "assumed")
"""From the most certain to the least."""
_USUAL_RESIDUAL_PX = 1.0
_UNTRACKED_CONFIDENCE = 0.1
_FALLBACK_CONFIDENCE = 0.5
_WORKING_SIDE_PX = 640
_BENT_ALIKE_PX = 3.0
"""Lenses are one if they distort the corners alike up to this, at a longer side of 640 pixels."""
_CUT_OFF = (
    "the background was lost from sight just before; that the camera goes on from where it was then is a guess, "
    "so people may be displaced against the frames before"
)


@dataclass(frozen=True)
class _SolvedShot:
    """A solved shot, without what only solving needs."""

    path: ShotPath
    confidence: np.ndarray
    """(frames,)."""
    focal_clip_px: np.ndarray
    """(frames,)."""
    k1: float | None
    """Distortion; None if the pictures did not show it."""
    focal_source: FocalSource
    rows: list[CameraWindow]


class KltCameraTracker:
    """Finds out of every shot whether the camera stands, turns, zooms or travels, and solves for that."""

    def __init__(self, seed: int, chunks: ChunkStore | None = None) -> None:
        """Take random choices from `seed`, and keep what is done, window by window, in `chunks`."""
        solvers = [cv2.__version__, np.__version__, scipy.__version__, version("pycolmap")]
        self._seed, self._chunks = seed, (chunks or ChunkStore(None)).within(solvers)

    def track(
        self, frames: framepump.VideoFrames, facts: VideoFacts, people: MaskTracks, intrinsics: Intrinsics
    ) -> TrackedCamera:
        """Track the camera through every shot; of a long one, memory holds a window or a turn, the path and the points.

        All shots get the distortion of the longest one that shows it, as there is one for the whole clip; where
        others differ, the report says so.
        """
        shots = [
            _track_shot(Shot(frames, shot, people, self._seed, self._chunks), intrinsics) for shot in facts.shots()
        ]
        k1 = _joint_distortion(shots, intrinsics)
        rows = [row for shot in shots for row in _noted_distortion(shot, k1, intrinsics)]
        return TrackedCamera(_joint_intrinsics(shots, k1, intrinsics), _joint_path(shots), CameraReport(rows))


def _track_shot(shot: Shot, intrinsics: Intrinsics) -> _SolvedShot:
    is_known = intrinsics.focal_source in ("user", "metadata")
    given_px, longer_side_px = intrinsics.focal_px[0], max(intrinsics.size_px)
    lens = Lens(given_px / longer_side_px, _given_k1(intrinsics), is_known)
    solved = solve_shot(shot, lens)
    windows = solved.windows
    path = join_windows([PlacedWindow(w.start - shot.range.start, w.solved.motion) for w in windows])
    source = "calibrated" if solved.shows_focal else intrinsics.focal_source
    first_px = solved.focal * longer_side_px if solved.shows_focal else given_px
    suggested = suggest_focal(shot, windows, lens) if is_known else None
    notes = [] if suggested is None else [_describe_doubt(suggested * longer_side_px, intrinsics)]
    return _SolvedShot(
        path=path,
        confidence=_confidence(path, windows),
        focal_clip_px=first_px * (path.focal_px / path.focal_px[0] if solved.zooms else np.ones_like(path.focal_px)),
        k1=solved.k1 if solved.shows_distortion else None,
        focal_source=source,
        rows=_report_rows(windows, source, notes),
    )


def _given_k1(intrinsics: Intrinsics) -> float:
    return intrinsics.distortion[0] if intrinsics.distortion else 0.0


def _describe_doubt(suggested_px: float, given: Intrinsics) -> str:
    given_px, origin = given.focal_px[0], "by the user" if given.focal_source == "user" else "in the file's metadata"
    fov_deg = np.rad2deg(2 * np.arctan(max(given.size_px) / (2 * suggested_px)))
    return (
        f"the focal length given {origin}, {given_px:.0f} px, does not fit the pictures, which suggest "
        f"{suggested_px:.0f} px, or fov {fov_deg:.1f}; the given one is kept"
    )


def _joint_distortion(shots: list[_SolvedShot], guess: Intrinsics) -> float:
    showing = [shot for shot in shots if shot.k1 is not None]
    longest = max(showing, key=lambda shot: len(shot.focal_clip_px), default=None)
    return _given_k1(guess) if longest is None or longest.k1 is None else longest.k1


def _noted_distortion(shot: _SolvedShot, k1: float, intrinsics: Intrinsics) -> list[CameraWindow]:
    """The shot's rows of the report, with a note in the first if its lens bends the picture in another way."""
    focal_px, size_px = float(np.median(shot.focal_clip_px)), intrinsics.size_px
    corner = float(np.hypot(*size_px)) / 2 / focal_px
    apart_px = 0.0 if shot.k1 is None else abs(shot.k1 - k1) * corner**3 * focal_px * _WORKING_SIDE_PX / max(size_px)
    if apart_px <= _BENT_ALIKE_PX:
        return shot.rows
    note = (
        f"the lens distorts this shot by k1 = {shot.k1:.3f}, but the longest shot, and so the whole clip, "
        f"by {k1:.3f}: expect errors of {apart_px:.0f} px (at a longer side of {_WORKING_SIDE_PX}) in the corners here"
    )
    first = shot.rows[0]
    return [dataclasses.replace(first, notes=[*first.notes, note]), *shot.rows[1:]]


def _joint_intrinsics(shots: list[_SolvedShot], k1: float, guess: Intrinsics) -> Intrinsics:
    focal_px = np.concatenate([shot.focal_clip_px for shot in shots])
    first = float(focal_px[0])
    return dataclasses.replace(
        guess,
        focal_px=(first, first),
        zoom=[] if np.all(focal_px == first) else (focal_px / first).tolist(),
        distortion=[k1, 0.0, 0.0, 0.0] if k1 else [],
        focal_source=max((shot.focal_source for shot in shots), key=_SOURCES.index),
    )


def _joint_path(shots: list[_SolvedShot]) -> CameraPath:
    first_segments = np.cumsum([0, *(shot.path.segment.max() + 1 for shot in shots)])[:-1]
    parts = list(zip(shots, first_segments, strict=True))
    return CameraPath(
        T_scene_cam=np.concatenate([shot.path.T_scene_cam for shot in shots]),
        confidence=np.concatenate([shot.confidence for shot in shots]),
        segment=np.concatenate([first + shot.path.segment for shot, first in parts]),
        points=np.concatenate([shot.path.points for shot in shots]),
        point_segment=np.concatenate([first + shot.path.point_segment for shot, first in parts]),
    )


def _confidence(path: ShotPath, windows: list[ShotWindow]) -> np.ndarray:
    """(frames,) 1 for frames that fit their points within a pixel, less for others and where a solution was refused."""
    fitting = 1 / np.maximum(path.residual_px / _USUAL_RESIDUAL_PX, 1)
    confidence = np.where(path.tracked & np.isfinite(fitting), fitting, _UNTRACKED_CONFIDENCE)
    doubtful = np.zeros(len(confidence), dtype=bool)
    for window in windows:
        if window.solved.notes:
            doubtful[window.start - windows[0].start : window.stop - windows[0].start] = True
    return np.where(doubtful, _FALLBACK_CONFIDENCE * confidence, confidence)


def _report_rows(windows: list[ShotWindow], source: FocalSource, notes: list[str]) -> list[CameraWindow]:
    """A row for each window up to the start of the next; the `notes` go with the first."""
    rows = []
    for k, window in enumerate(windows):
        stop = windows[k + 1].start if k + 1 < len(windows) else window.stop
        is_cut_off = k > 0 and windows[k - 1].stop <= window.start and not window.stands
        told = (notes if k == 0 else []) + ([_CUT_OFF] if is_cut_off else [])
        rows.append(_report_row(window, stop, source, told))
    return rows


def _report_row(window: ShotWindow, stop: int, source: FocalSource, notes: list[str]) -> CameraWindow:
    solved, to_640 = window.solved, _WORKING_SIDE_PX / max(window.size_px)
    residual_px = solved.motion.residual_px[solved.motion.tracked & np.isfinite(solved.motion.residual_px)]
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
        notes=[*solved.notes, *notes],
    )
