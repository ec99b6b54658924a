"""Tests that a turning camera has to pass."""

import numpy as np

from nlf_pipeline.artefacts import Gate
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.motion_evidence import step_rotation_errors
from nlf_pipeline.cameras.windows.window_motion import WindowMotion

_LEAST_COVERAGE = 0.8
_STEP_LIMIT_DEG = 1.0
_FOCAL_RANGE = (0.4, 6.0)


def gate_rotation(tracks: PointTracks, motion: WindowMotion) -> list[Gate]:
    """Check a solution of `solve_rotation` against what it was not fitted to.

    Args:
        tracks: points of the window.
        motion: the solution.

    Returns:
        Coverage; rotations between neighbouring frames, in degrees (90th percentile); and, where the pictures gave
        the focal length, whether it is one that lenses have, as a share of the longer side.
    """
    coverage = float(motion.tracked.mean())
    gates = [Gate.at_least("frames with enough points", coverage, _LEAST_COVERAGE)]
    errors = step_rotation_errors(tracks, motion)
    if np.isfinite(errors).any():
        step_deg = float(np.rad2deg(np.nanpercentile(errors, 90)))
        gates.append(Gate.at_most("rotation from frame to frame, deg", step_deg, _STEP_LIMIT_DEG))
    if motion.is_focal_observable:
        per_side = motion.focal_px / max(tracks.size_px)
        low, high = float(per_side.min()), float(per_side.max())
        gates.append(Gate.at_least("shortest focal length / longer side", low, _FOCAL_RANGE[0]))
        gates.append(Gate.at_most("longest focal length / longer side", high, _FOCAL_RANGE[1]))
    return gates
