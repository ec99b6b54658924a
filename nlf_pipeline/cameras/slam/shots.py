"""Solving one shot with DROID-SLAM: its focal length, whether the camera moves, and its path part by part."""

import logging
from dataclasses import dataclass, field

import numpy as np

from nlf_pipeline.artefacts import FocalSource, Intrinsics, MotionClass
from nlf_pipeline.cameras.droid_options import DroidOptions
from nlf_pipeline.cameras.kept_results import from_arrays, to_arrays
from nlf_pipeline.cameras.slam.focal import best_fov, coarse_fovs, search_doubts, search_fov
from nlf_pipeline.cameras.slam.path import background_points, parallax_px, poses_from_trajectory
from nlf_pipeline.cameras.slam.pictures import CELL_PX, DroidPicture, DroidPictures, shown_lens
from nlf_pipeline.cameras.slam.runs import DroidSetup, DroidWindow
from nlf_pipeline.cameras.windows.window_joining import PlacedWindow
from nlf_pipeline.cameras.windows.window_motion import WindowMotion
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.geometry import focal_from_fov

_FEWEST_FRAMES = 4
_LOOKED_AT = 24
_LEAST_BACKGROUND = 0.05
"""Share of the picture; with less of it nothing can be tracked."""
_OVERLAP_SHARE = 8
"""The last one in so many keyframes of a part of a shot are tracked again in the next."""
_TRAVELS_PX = 2.0
"""A camera whose travel shifts the background by less (at a longer side of 640 pixels) only turns: depths and travel
are noise then."""
_LONG_SIDE_PX = 640
_FRAMES_PER_KEYFRAME = 5
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DroidPart:
    """A part of a shot that was tracked in one go."""

    placed: PlacedWindow
    n_keyframes: int
    """1: the camera stands; 0: it was not tracked."""
    doubts: list[str]
    """What makes its path doubtful."""


@dataclass(frozen=True)
class _TrackedPart:
    part: DroidPart
    next_start: int | None
    """First frame of the part that follows; None if none does."""


@dataclass(frozen=True)
class DroidShot:
    """A shot and what was found."""

    range: slice
    parts: list[DroidPart]
    focal_px: float
    """Of the clip's pictures along x."""
    focal_source: FocalSource
    fov_errors_px: dict[float, float] = field(default_factory=dict)
    """Of the search: field of view in degrees -> error in pixels at a longer side of 640."""
    notes: list[str] = field(default_factory=list)
    """What else the user should know."""


def solve_shot(
    setup: DroidSetup, pictures: DroidPictures, shot: slice, guess: Intrinsics, chunks: ChunkStore | None = None
) -> DroidShot:
    """Find the focal length if it is not known, then the path.

    Args:
        setup: DROID-SLAM.
        pictures: the clip's.
        shot: frame range without a cut.
        guess: intrinsics of the clip's pictures; a focal length from the user or the file is kept.
        chunks: where the search and each part are kept, and those of a run that was killed are found.
    """
    chunks = chunks or ChunkStore(None)
    focal_px, source, errors = guess.focal_px[0], guess.focal_source, {}
    refusal = _untrackable(pictures, shot)
    if refusal:
        return DroidShot(shot, [_standing(shot, [refusal])], focal_px, source)
    notes: list[str] = []
    if source not in ("user", "metadata"):
        errors = _kept_search(setup, pictures, shot, guess, chunks)
        if errors is None:
            return DroidShot(shot, [_standing(shot, n_keyframes=1)], focal_px, source)
        notes = search_doubts(errors)
        if errors:
            focal_px, source = focal_from_fov(best_fov(errors), guess.size_px), "calibrated"
            log.info("field of view %g degrees has the least error", best_fov(errors))
    lens_px = shown_lens(focal_px, guess, pictures.size_px)
    parts = _track_parts(setup, pictures, shot, lens_px, chunks)
    return DroidShot(shot, parts, focal_px, source, errors, notes)


def search_samples(shot: slice, options: DroidOptions) -> list[range]:
    """The frames of a shot that the focal search may look at, one sample after the other; together they span it."""
    n = shot.stop - shot.start
    stride = max(1, min(options.search_stride, n // (_FRAMES_PER_KEYFRAME * options.warmup)))
    span = stride * options.search_frames
    samples = [range(start, min(start + span, shot.stop), stride) for start in range(shot.start, shot.stop, span)]
    return [sample for k, sample in enumerate(samples) if k == 0 or len(sample) >= _FEWEST_FRAMES]


def _kept_search(
    setup: DroidSetup, pictures: DroidPictures, shot: slice, guess: Intrinsics, chunks: ChunkStore
) -> dict[float, float] | None:
    kept = chunks.load("search", shot.start)
    if kept is not None:
        return dict(zip(kept["fov_deg"].tolist(), kept["error_px"].tolist(), strict=True)) if kept["moves"] else None
    errors = _search(setup, pictures, shot, guess)
    values = {"fov_deg": np.array([*(errors or {})]), "error_px": np.array([*(errors or {}).values()])}
    chunks.save("search", shot.start, {**values, "moves": np.array(errors is not None)})
    return errors


def _search(setup: DroidSetup, pictures: DroidPictures, shot: slice, guess: Intrinsics) -> dict[float, float] | None:
    """The error at each field of view, in the first sample in which the camera moves; None if it moves in none."""
    to_640 = CELL_PX * _LONG_SIDE_PX / max(pictures.size_px)

    def error_at(fov: float, shown: list[DroidPicture]) -> float | None:
        lens_px = shown_lens(focal_from_fov(fov, guess.size_px), guess, pictures.size_px)
        error = setup.reprojection_error(shown, lens_px)
        if error is not None:
            log.info("field of view %g degrees: error %.3f px", fov, error * to_640)
        return None if error is None else error * to_640

    first_fov = coarse_fovs(setup.options)[0]
    for sample in search_samples(shot, setup.options):
        shown = list(pictures.masked(sample))
        first_error = error_at(first_fov, shown)
        if first_error is not None:
            break
    else:
        return None

    def known_error_at(fov: float) -> float:
        error = first_error if fov == first_fov else error_at(fov, shown)
        return np.nan if error is None else error

    return search_fov(known_error_at, setup.options)


def _untrackable(pictures: DroidPictures, shot: slice) -> str | None:
    """Why a shot cannot be tracked, in words; None if it can."""
    n = shot.stop - shot.start
    if n < _FEWEST_FRAMES:
        return f"the shot has {n} frame{'s'[: n > 1]} only: too few to track the camera, which is taken to stand still"
    indices = np.unique(np.linspace(shot.start, shot.stop - 1, _LOOKED_AT).round().astype(int))
    if np.median([pictures.background_share(int(index)) for index in indices]) < _LEAST_BACKGROUND:
        return "people hide the background: the camera cannot be tracked and is taken to stand still"
    return None


def _track_parts(
    setup: DroidSetup, pictures: DroidPictures, shot: slice, lens_px: np.ndarray, chunks: ChunkStore
) -> list[DroidPart]:
    parts: list[DroidPart] = []
    start: int | None = shot.start
    while start is not None:
        kept = chunks.load("part", start)
        if kept is not None:
            tracked = from_arrays(_TrackedPart, kept)
        else:
            tracked = _track_part(setup, pictures, shot, start, lens_px)
            chunks.save("part", start, to_arrays(tracked))
        parts.append(tracked.part)
        start = tracked.next_start
    return parts


def _track_part(
    setup: DroidSetup, pictures: DroidPictures, shot: slice, start: int, lens_px: np.ndarray
) -> _TrackedPart:
    window = setup.track(pictures, range(start, shot.stop), lens_px)
    part = _solve_part(window, pictures, shot, lens_px, setup.options.warmup)
    if window.frames.stop >= shot.stop:
        return _TrackedPart(part, None)
    n = len(window.keyframes)
    return _TrackedPart(part, max(int(window.keyframes[n - n // _OVERLAP_SHARE]), start + 1))


def _solve_part(
    window: DroidWindow, pictures: DroidPictures, shot: slice, lens_px: np.ndarray, warmup: int
) -> DroidPart:
    frames, n_keyframes = slice(window.frames.start, window.frames.stop), len(window.keyframes)
    if window.trajectory is None:
        return _standing(frames, shot_start=shot.start, n_keyframes=1)
    T = poses_from_trajectory(window.trajectory)
    if T is None or len(T) != len(window.frames):
        doubt = "DROID-SLAM's path is not a number somewhere: the camera is taken to stand still"
        return _standing(frames, [doubt], shot.start, n_keyframes)
    doubts = []
    if n_keyframes < warmup:
        doubts.append(
            f"DROID-SLAM has {n_keyframes} keyframes only, of {warmup} that it needs to begin: the path is rough"
        )
    seen = _background_cells(window, pictures)
    focal_per_side = float(lens_px[0]) / max(pictures.size_px)
    if parallax_px(T, window.disparities, seen, focal_per_side) < _TRAVELS_PX:
        T[:, :3, 3] = 0
        return DroidPart(_placed(T, "rotation", np.zeros((0, 3)), frames, shot.start), n_keyframes, doubts)
    T_keyframes = T[window.keyframes - window.frames.start]
    points = background_points(T_keyframes, window.disparities, seen, lens_px)
    return DroidPart(_placed(T, "general", points, frames, shot.start), n_keyframes, doubts)


def _background_cells(window: DroidWindow, pictures: DroidPictures) -> np.ndarray:
    """(keyframes, rows, columns) bool: nobody touches the cell."""
    cells = [pictures.people_cells(t) for t in window.keyframes.tolist()]
    return (np.stack(cells) == 0) & np.isfinite(window.disparities)


def _standing(
    frames: slice, doubts: list[str] | None = None, shot_start: int | None = None, n_keyframes: int = 0
) -> DroidPart:
    n = frames.stop - frames.start
    T = np.tile(np.eye(4), (n, 1, 1))
    start = frames.start if shot_start is None else shot_start
    return DroidPart(_placed(T, "static", np.zeros((0, 3)), frames, start), n_keyframes, doubts or [])


def _placed(
    T: np.ndarray, motion_class: MotionClass, points: np.ndarray, frames: slice, shot_start: int
) -> PlacedWindow:
    n = len(T)
    motion = WindowMotion(
        motion_class=motion_class,
        T_window_cam=T,
        focal_px=np.ones(n),
        k1=0.0,
        is_focal_observable=False,
        tracked=np.ones(n, dtype=bool),
        residual_px=np.full(n, np.nan),
        point_ids=frames.start * 10_000 + np.arange(len(points)),
        points=points,
    )
    return PlacedWindow(frames.start - shot_start, motion)
