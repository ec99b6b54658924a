"""Judging guesses once it is known where the person really was before and after."""

from collections.abc import Sequence

import numpy as np

from nlf_pipeline.segmenters.tracklets import Sighting, Tracklet

_OFF_RADII = 0.35
_ALONE_S = 0.25  # so far from a real sighting may a guess be


def without_wrong_guesses(person: Tracklet, fps: float) -> Tracklet:
    """The sightings without guesses beside the way between the real ones, or long before and after any.

    Args:
        person: all sightings of one person, in order.
        fps: frames per second.
    """
    real = [s for s in person if not s.is_guess]
    if not real:
        return ()
    frames = np.array([s.frame for s in real])
    return tuple(s for s in person if not s.is_guess or _is_plausible(s, real, frames, fps))


def _is_plausible(guess: Sighting, real: Sequence[Sighting], frames: np.ndarray, fps: float) -> bool:
    if np.min(np.abs(frames - guess.frame)) > _ALONE_S * fps:
        return False
    after = int(np.searchsorted(frames, guess.frame))
    if after in (0, len(real)):
        return True
    a, b = real[after - 1], real[after]
    share = (guess.frame - a.frame) / (b.frame - a.frame)
    centre_px = (1 - share) * a.centre_px + share * b.centre_px
    radius_px = (1 - share) * a.radius_px + share * b.radius_px
    return bool(np.linalg.norm(guess.centre_px - centre_px) <= _OFF_RADII * radius_px)
