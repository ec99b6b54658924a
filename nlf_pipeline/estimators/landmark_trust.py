"""Landmarks that cannot be right, told by the size at which a person appears.

Where most of somebody is hidden, the landmark model squeezes a whole person into what is seen of him, and is sure of
it. For a few frames the picture is then too small for the body that the model describes beside it.
"""

from dataclasses import replace

import numpy as np

from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.filtering import Filter, robust_smooth, track_segments
from nlf_pipeline.landmarks import landmark_index

_TRUNK_AND_LEGS = [
    landmark_index(f"{side}_{part}") for side in ("left", "right") for part in ("shoulder", "hip", "knee", "ankle")
]
_PERIOD_S = 2.0
"""Sizes are expected to change no faster than this."""
_NOISE = 0.02
"""Relative, of sizes that are right."""
_FARTHEST = 0.12
"""Relative. Sizes of landmarks that are right stay within 0.05 of what is expected."""
_LONGEST_GAP_S = 2.0
_TINY = 1e-6


def apparent_sizes(image_px: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """How large bodies appear, whatever their pose.

    Args:
        image_px: (n, 33, 2).
        relative: (n, 33, 3) metres, as if seen straight on.

    Returns:
        (n,) pixels per metre.
    """
    seen, body = image_px[:, _TRUNK_AND_LEGS], relative[:, _TRUNK_AND_LEGS, :2]
    spreads = [np.linalg.norm(points - points.mean(axis=1, keepdims=True), axis=(1, 2)) for points in (seen, body)]
    return spreads[0] / np.maximum(spreads[1], _TINY)


def without_wrong_sizes(person: PersonLandmarks, shots: list[slice], fps: float) -> PersonLandmarks:
    """The same landmarks without the frames in which they are much larger or smaller than around.

    Args:
        person: the landmarks.
        shots: frame ranges between cuts.
        fps: frames per second.
    """
    found, rule = person.found.copy(), Filter(_PERIOD_S * fps, _NOISE)
    sizes = np.log(np.maximum(apparent_sizes(person.image_px, person.relative), _TINY))
    for frames in track_segments(person.found, shots, round(_LONGEST_GAP_S * fps)):
        seen, size = person.found[frames], sizes[frames]
        expected, _ = robust_smooth(size[:, None], seen, seen.astype(np.float64), rule)
        found[frames] &= np.abs(size - expected[:, 0]) <= _FARTHEST
    return replace(person, found=found)
