"""All windows of one shot, with one lens: tracked and solved one after the other."""

import dataclasses
import logging
from dataclasses import dataclass

import framepump
import numpy as np

from nlf_pipeline.cameras.tracks.overlays import drop_overlays
from nlf_pipeline.cameras.tracks.point_following import FollowingOptions, follow_points
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks, join_tracks
from nlf_pipeline.cameras.tracks.working_pictures import choose_reduction, pictures_at
from nlf_pipeline.cameras.turning.rotation_pairs import spread_keyframes
from nlf_pipeline.cameras.windows.window_motion import Lens
from nlf_pipeline.cameras.windows.window_solving import SolvedWindow, solve_window
from nlf_pipeline.masks import MaskTracks

_LONGEST_TURN = 900
"""Frames of a turning camera that are solved together at most: loops close within them."""
_FOCAL_AGREEMENT = 0.005
"""Windows of one lens may differ by this, relatively, before they are solved again."""
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
    def turns(self) -> bool:
        """Whether the camera turns, and perhaps zooms, on the spot."""
        return self.solved.motion.motion_class in ("rotation", "rotation_zoom")

    @property
    def zooms(self) -> bool:
        """Whether the focal length changes."""
        return self.solved.motion.motion_class == "rotation_zoom"


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


def solve_shot(shot: Shot, lens: Lens) -> tuple[list[ShotWindow], bool]:
    """Solve a shot's windows so that they have one focal length, unless the camera zooms.

    Where some windows show the focal length, it holds for all: that of a camera that travels, else of the
    longest turn. Windows solved with another one are solved again.

    Args:
        shot: what to track.
        lens: what is known, its focal length as a share of the picture's longer side.

    Returns:
        The windows in order, and whether the pictures showed the focal length.
    """
    windows = _solve_windows(shot, lens)
    showing = [window for window in windows if window.solved.motion.is_focal_observable and not lens.is_known]
    if not showing:
        return windows, False
    if not any(window.zooms for window in windows):
        best = max(showing, key=lambda w: (w.solved.motion.motion_class == "general", w.stop - w.start))
        found = _with_lens_of(best)
        focals = [np.median(w.solved.motion.focal_px) / max(w.size_px) for w in windows]
        if np.abs(np.array(focals) / found.focal_px - 1).max() > _FOCAL_AGREEMENT:
            log.info("solving again with one focal length for all windows")
            windows = _solve_windows(shot, found)
    return windows, True


def _solve_windows(shot: Shot, lens: Lens) -> list[ShotWindow]:
    """Window after window; those in which the camera only turns are joined and solved as one."""
    windows: list[ShotWindow] = []
    turn: list[PointTracks] = []

    def end_turn() -> None:
        if len(turn) > 1:
            windows[-len(turn) :] = [_solve_turn(shot, lens, turn)]
        turn.clear()

    for tracks in map(drop_overlays, follow_points(shot.frames, shot.range, shot.people)):
        window = ShotWindow(tracks.start, tracks.size_px, solve_window(tracks, _in_pixels(lens, tracks), shot.seed))
        if not window.turns or (turn and window.stop - turn[0].start > _LONGEST_TURN):
            end_turn()
        windows.append(window)
        if window.turns:
            turn.append(tracks)
        motion = window.solved.motion
        if motion.motion_class == "general" and motion.is_focal_observable and not lens.is_known:
            lens = _with_lens_of(window)
    end_turn()
    return windows


def _solve_turn(shot: Shot, lens: Lens, turn: list[PointTracks]) -> ShotWindow:
    """Windows of a turning camera solved as one, recognising places that are seen again."""
    tracks = join_tracks(turn)
    margin = FollowingOptions().mask_margin
    reduction = choose_reduction(shot.frames, shot.range, shot.people, margin)
    keyframes = spread_keyframes(tracks)
    pictures = pictures_at(shot.frames, (tracks.start + keyframes).tolist(), shot.people, reduction, margin)
    greys = {int(k): picture.grey for k, picture in zip(keyframes, pictures, strict=True)}
    return ShotWindow(tracks.start, tracks.size_px, solve_window(tracks, _in_pixels(lens, tracks), shot.seed, greys))


def _in_pixels(lens: Lens, tracks: PointTracks) -> Lens:
    return dataclasses.replace(lens, focal_px=lens.focal_px * max(tracks.size_px))


def _with_lens_of(window: ShotWindow) -> Lens:
    motion = window.solved.motion
    return Lens(float(np.median(motion.focal_px)) / max(window.size_px), motion.k1, is_known=True)
