"""Who a view has to show, and where these people go together."""

import numpy as np
from deltacamera.trajectory import moving_average_1d

ALWAYS_SHOWN = 25.0
"""Metres from the real camera within which nobody is left out."""
MEDIANS = 3.0
"""Somebody this many median distances and `ALWAYS_SHOWN` away is left out: a person of 60 m among people of 10 m."""
STRAY_WINDOW_S = 5.0
"""Seconds to either side over which that median is taken."""


def shown_people(centres: np.ndarray, visible: np.ndarray, real_eyes: np.ndarray, fps: float) -> np.ndarray:
    """Who the view shows: all visible people but those who would make everybody else tiny.

    Depth is what a single camera knows least, so a stray estimate lies far away. Left out is who is farther from the
    real camera than `ALWAYS_SHOWN` + `MEDIANS` x the median distance of all bodies in the frames around. Whoever is
    near is always shown, and so are far people who are the majority.

    Args:
        centres: (people, frames, 3) world.
        visible: (people, frames).
        real_eyes: (frames, 3) where the real camera is, world.
        fps: frames per second.

    Returns:
        (people, frames) bool, a subset of `visible`; not empty if that is not.
    """
    distances = np.linalg.norm(centres - real_eyes, axis=-1)
    shown = visible & (distances <= ALWAYS_SHOWN)
    reach_frames = round(STRAY_WINDOW_S * fps)
    for frame in np.flatnonzero((visible & ~shown).any(axis=0)):
        around = slice(max(frame - reach_frames, 0), frame + reach_frames + 1)
        # The lower of two: with two people, the nearer one.
        median = np.quantile(distances[:, around][visible[:, around]], 0.5, method="lower")
        shown[:, frame] = visible[:, frame] & (distances[:, frame] <= ALWAYS_SHOWN + MEDIANS * median)
    return shown


def common_path(centres: np.ndarray, shown: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """How the people move along together, smoothly; somebody who comes or goes makes no difference by that.

    It is the sum of the people's mean steps, of those who are there before and after a step.

    Args:
        centres: (people, frames, 3) world.
        shown: (people, frames).
        kernel: of the moving average.

    Returns:
        (frames, 3) world, horizontal; only differences between frames have a meaning.
    """
    both = (shown[:, 1:] & shown[:, :-1])[..., None]
    steps = np.where(both, np.diff(centres, axis=1), 0).sum(axis=0) / np.maximum(both.sum(axis=0), 1)
    path = np.concatenate([np.zeros((1, 3)), steps.cumsum(axis=0)]) * [1, 0, 1]
    margin = len(kernel)  # extrapolated, so that the average of an even walk is that walk up to its ends
    padded = np.pad(path, ((margin, margin), (0, 0)), mode="reflect", reflect_type="odd")
    return moving_average_1d(padded, kernel)[margin:-margin]
