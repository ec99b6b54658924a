"""Whether the pictures contradict a focal length that was given, as where a phone crops pictures to steady them."""

import dataclasses

import numpy as np

from nlf_pipeline.cameras.windows.shot_solving import Shot, ShotWindow, follow_background, solve_tracks
from nlf_pipeline.cameras.windows.window_motion import Lens

_DOUBTFUL = 0.08
"""Relative difference that the pictures must show; they seldom err by half as much."""
_USUAL_FOCAL = 0.87
"""Share of the longer side to start from, since the given one may be far off."""


def suggest_focal(shot: Shot, windows: list[ShotWindow], given: Lens) -> float | None:
    """The focal length that the pictures of the longest window with motion suggest, if it is clearly another.

    Args:
        shot: what was tracked.
        windows: of the shot, as solved with the given lens.
        given: the lens, its focal length as a share of the longer side.

    Returns:
        A share of the longer side, to stand in place of the given one; None if the pictures do not contradict it.
    """
    moving = [window for window in windows if not window.stands]
    if not moving:
        return None
    longest = max(moving, key=lambda window: window.stop - window.start)
    part = dataclasses.replace(shot, range=slice(longest.start, longest.stop))
    free = solve_tracks(next(follow_background(part)), Lens(_USUAL_FOCAL, given.k1), part)
    if not free.shows_focal:
        return None
    kept = longest.lens_at(longest.start) if free.zooms else given
    ratio = free.lens_at(longest.start).focal_px / kept.focal_px
    return float(given.focal_px * ratio) if abs(np.log(ratio)) > _DOUBTFUL else None
