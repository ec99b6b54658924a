"""All windows of one shot, with one lens: tracked and solved one after the other."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import framepump
import numpy as np

from nlf_pipeline.cameras.kept_results import from_arrays, to_arrays
from nlf_pipeline.cameras.tracks.overlays import drop_overlays
from nlf_pipeline.cameras.tracks.point_following import FollowingOptions, follow_points
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks, join_tracks
from nlf_pipeline.cameras.tracks.track_breaks import unbroken_windows
from nlf_pipeline.cameras.tracks.working_pictures import choose_reduction, pictures_at
from nlf_pipeline.cameras.turning.motion_evidence import classify_motion
from nlf_pipeline.cameras.turning.rotation_pairs import spread_keyframes
from nlf_pipeline.cameras.windows.window_motion import Lens
from nlf_pipeline.cameras.windows.window_solving import SolvedWindow, solve_window
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import digest

_LONGEST_TURN = 900
"""Frames of a turning camera that are solved together at most: loops close within them."""
_FOCAL_AGREEMENT = 0.005
"""Windows of one lens may differ by this, relatively, before they are solved again ..."""
_ZOOM_AGREEMENT = 0.05
"""... and those that seem to zoom by this in their first frame."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShotWindow:
    """A solved window, and where in the clip it lies."""

    start: int
    size_px: tuple[int, int]
    """(width, height) of its working pictures."""
    solved: SolvedWindow

    @property
    def stop(self) -> int:
        """The frame after its last."""
        return self.start + len(self.solved.motion.T_window_cam)

    @property
    def stands(self) -> bool:
        """Whether the camera stands still, so that the lens does not matter."""
        return self.solved.motion.motion_class == "static"

    @property
    def turns(self) -> bool:
        """Whether the points say that the camera turns, and perhaps zooms, on the spot; not only for want of a path."""
        motion, evidence = self.solved.motion, self.solved.evidence
        is_fallback = evidence is None or classify_motion(evidence) == "general"
        return motion.motion_class in ("rotation", "rotation_zoom") and not is_fallback

    @property
    def zooms(self) -> bool:
        """Whether the focal length changes."""
        return bool(np.ptp(self.solved.motion.focal_px) > 0)

    @property
    def shows_focal(self) -> bool:
        """Whether its pictures tell the focal length, and nothing speaks against the solution."""
        return self.solved.motion.is_focal_observable and not self.solved.notes

    def lens_at(self, frame: int) -> Lens:
        """The lens, now known, in a frame of the clip or the one nearest to it; as a share of the longer side."""
        motion = self.solved.motion
        nearest = min(max(frame - self.start, 0), len(motion.focal_px) - 1)
        return Lens(float(motion.focal_px[nearest]) / max(self.size_px), motion.k1, is_known=True)


@dataclass(frozen=True)
class Shot:
    """A shot to be solved."""

    frames: framepump.VideoFrames
    """The whole clip."""
    range: slice
    """The shot's frames."""
    people: MaskTracks
    """Pixels to ignore."""
    seed: int
    chunks: ChunkStore = field(default_factory=lambda: ChunkStore(None))
    """Keeps what is followed and solved, for a run that goes on after this one was killed."""


@dataclass(frozen=True)
class SolvedShot:
    """The windows of a shot and their lens."""

    windows: list[ShotWindow]
    """In order; together they cover the shot."""
    focal: float
    """The first frame's focal length, and all others' unless the camera zooms, as a share of the longer side."""
    k1: float
    """Distortion."""
    shows_focal: bool
    """Whether the pictures showed the focal length; if not it is what was given or guessed."""
    shows_distortion: bool
    """Whether they showed how the lens distorts, be it not at all."""
    zooms: bool
    """Whether the focal length changes."""


def solve_shot(shot: Shot, lens: Lens) -> SolvedShot:
    """Solve a shot's windows so that they have one focal length, unless the camera zooms.

    Where some windows show the focal length, it holds for all: that of a camera that travels, else of the
    longest turn. Beside windows that zoom, the others have the focal length at which these begin or end.
    Windows solved with another one are solved again.

    Args:
        shot: what to track.
        lens: what is known, its focal length as a share of the picture's longer side.
    """
    windows = _solve_windows(shot, lambda _: lens)
    shows_focal = not lens.is_known and any(window.shows_focal for window in windows)
    if not lens.is_known:
        windows = _with_one_lens(shot, windows, lens)
    trusted = [window for window in windows if not window.stands and not window.solved.notes]
    best = max(trusted, key=_preference, default=None)
    zooms = any(window.zooms for window in windows)
    first = windows[0] if zooms or best is None else best
    return SolvedShot(
        windows,
        focal=first.lens_at(shot.range.start).focal_px if shows_focal else lens.focal_px,
        k1=best.solved.motion.k1 if best else lens.k1,
        shows_focal=shows_focal,
        shows_distortion=best is not None,
        zooms=zooms,
    )


def follow_background(shot: Shot) -> Iterator[PointTracks]:
    """The windows of a shot's points, overlays removed, one by one; they end where all points are lost, too."""
    windows = follow_points(shot.frames, shot.range, shot.people, chunks=shot.chunks)
    return unbroken_windows(map(drop_overlays, windows))


def solve_tracks(tracks: PointTracks, lens: Lens, shot: Shot, greys: dict[int, np.ndarray] | None = None) -> ShotWindow:
    """Solve one window, the lens's focal length being a share of the longer side."""
    if not shot.chunks.keeps:
        return _solve_now(tracks, lens, shot, greys)
    depends_on = digest(*dataclasses.astuple(lens), shot.seed, greys is not None, tracks.ids, tracks.points_px)
    kept = shot.chunks.load(f"solved-{depends_on}", tracks.start)
    if kept is not None:
        return from_arrays(ShotWindow, kept)
    window = _solve_now(tracks, lens, shot, greys)
    shot.chunks.save(f"solved-{depends_on}", tracks.start, to_arrays(window))
    return window


def _solve_now(tracks: PointTracks, lens: Lens, shot: Shot, greys: dict[int, np.ndarray] | None) -> ShotWindow:
    in_pixels = dataclasses.replace(lens, focal_px=lens.focal_px * max(tracks.size_px))
    return ShotWindow(tracks.start, tracks.size_px, solve_window(tracks, in_pixels, shot.seed, greys))


def _with_one_lens(shot: Shot, windows: list[ShotWindow], guess: Lens) -> list[ShotWindow]:
    """The windows, those that disagree about the lens solved again."""
    lenses = _settle_lenses(windows, guess)
    if not any(map(_contradicts, windows, lenses)):
        return windows
    if all(window.stands for window, lens in zip(windows, lenses, strict=True) if _contradicts(window, lens)):
        return [
            _refocused(window, lens) if window.stands else window for window, lens in zip(windows, lenses, strict=True)
        ]
    log.info("frames %d-%d: solving again with one lens for all", shot.range.start, shot.range.stop - 1)
    starts = [window.start for window in windows]
    return _solve_windows(shot, lambda start: lenses[int(np.searchsorted(starts, start, side="right")) - 1])


def _settle_lenses(windows: list[ShotWindow], guess: Lens) -> list[Lens]:
    """For each window the lens that it ought to have; not known for those that may find their own."""
    showing = [window for window in windows if window.shows_focal]
    if not showing:
        return [dataclasses.replace(guess, is_known=True)] * len(windows)
    if any(window.zooms for window in showing):
        return [guess if window.shows_focal else _lens_beside(window, showing) for window in windows]
    best = max(showing, key=_preference)
    return [best.lens_at(best.start)] * len(windows)


def _lens_beside(window: ShotWindow, showing: list[ShotWindow]) -> Lens:
    """The lens of the nearest window that shows it, at the end that is nearest."""
    nearest = min(showing, key=lambda other: max(other.start - window.stop, window.start - other.stop))
    return nearest.lens_at(window.start if window.start < nearest.start else window.stop)


def _contradicts(window: ShotWindow, lens: Lens) -> bool:
    ratio = window.lens_at(window.start).focal_px / lens.focal_px
    return lens.is_known and abs(ratio - 1) > (_ZOOM_AGREEMENT if window.zooms else _FOCAL_AGREEMENT)


def _refocused(window: ShotWindow, lens: Lens) -> ShotWindow:
    """A camera that stands, with another lens."""
    n, focal_px = len(window.solved.motion.focal_px), lens.focal_px * max(window.size_px)
    motion = dataclasses.replace(window.solved.motion, focal_px=np.full(n, focal_px), k1=lens.k1)
    return dataclasses.replace(window, solved=dataclasses.replace(window.solved, motion=motion))


def _preference(window: ShotWindow) -> tuple[bool, bool, int]:
    """Of windows, how well they know the lens."""
    return window.shows_focal, window.solved.motion.motion_class == "general", window.stop - window.start


def _solve_windows(shot: Shot, lens_at: Callable[[int], Lens]) -> list[ShotWindow]:
    """Window after window, with the lens for its first frame; those in which the camera only turns are joined.

    Once a travelling camera has shown an unknown lens, it is known to the windows that follow. After one that zooms,
    they begin with the focal length that it has come to.
    """
    windows: list[ShotWindow] = []
    turn: list[PointTracks] = []
    shown: ShotWindow | None = None

    def lens_from(start: int) -> Lens:
        lens = lens_at(start)
        return lens if shown is None or (lens.is_known and not shown.zooms) else shown.lens_at(start)

    def end_turn() -> None:
        if len(turn) > 1:
            joined, parts = _solve_turn(shot, lens_from(turn[0].start), turn), windows[-len(turn) :]
            if not joined.solved.notes or all(part.solved.notes for part in parts):
                windows[-len(turn) :] = [joined]
        turn.clear()

    for tracks in follow_background(shot):
        lens = lens_from(tracks.start)
        window = solve_tracks(tracks, lens, shot)
        if turn and not (window.turns and _continues(turn, tracks)):
            end_turn()
        windows.append(window)
        if window.turns:
            turn.append(tracks)
        if window.solved.motion.motion_class == "general" and (window.shows_focal or window.zooms):
            shown = window
    end_turn()
    return windows


def _continues(turn: list[PointTracks], tracks: PointTracks) -> bool:
    return tracks.start < turn[-1].stop and tracks.stop - turn[0].start <= _LONGEST_TURN


def _solve_turn(shot: Shot, lens: Lens, turn: list[PointTracks]) -> ShotWindow:
    """Windows of a turning camera solved as one, recognising places that are seen again."""
    tracks = join_tracks(turn)
    margin = FollowingOptions().mask_margin
    reduction = choose_reduction(shot.frames, shot.range, shot.people, margin)
    keyframes = spread_keyframes(tracks)
    pictures = pictures_at(shot.frames, (tracks.start + keyframes).tolist(), shot.people, reduction, margin)
    greys = {int(k): picture.grey for k, picture in zip(keyframes, pictures, strict=True)}
    return solve_tracks(tracks, lens, shot, greys)
