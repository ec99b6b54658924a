"""One person's poses, frame by frame in the camera's frame, to one smooth track in the scene."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.filtering import Filter, smooth_path, smooth_rotations, track_segments
from nlf_pipeline.geometry import transform_points

_DEPTH_PERIODS = 4.0
"""Distance from the camera is smoothed over so many times the period of everything else."""
_ROTATION_FLOOR, _LATERAL_FLOOR, _DEPTH_FLOOR = 0.05, 0.01, 0.05
"""Quick true motion may leave residuals of this size, radians and metres: less is never an outlier."""
_MEDIAN_S = 0.3
_DEPTH_MEDIAN_S = 0.63
_DISBELIEF = 0.1
"""A frame whose place is believed less than this counts as replaced."""
_CONFIDENCE_RANGE = (0.02, 4.0)
_TOES_RIDE_ON = {
    joint_index("left_foot"): joint_index("left_ankle"),
    joint_index("right_foot"): joint_index("right_ankle"),
}


@dataclass(frozen=True)
class PoseTrack:
    """One person in every frame, each frame estimated on its own. Values are 0 where not observed."""

    rotations_cam: np.ndarray
    """(frames, joints, 3, 3) global rotations of the body parts, camera frame."""
    root_cam: np.ndarray
    """(frames, 3) root joint, camera frame, metres."""
    uncertainty: np.ndarray
    """(frames, joints) expected error, metres."""
    observed: np.ndarray
    """(frames,) bool."""


@dataclass(frozen=True)
class SmoothTrack:
    """One person in the scene frame. Values are 0, and rotations the identity, where not visible."""

    rotations: np.ndarray
    """(frames, joints, 3, 3) global."""
    root: np.ndarray
    """(frames, 3) root joint, metres."""
    visible: np.ndarray
    """(frames,) bool: observed, or in a gap short enough to fill."""
    observed: np.ndarray
    """(frames,) bool."""
    repaired: np.ndarray
    """(frames,) bool: observed, but hardly believed, and replaced."""


@dataclass(frozen=True)
class Smoothing:
    """How a clip is to be smoothed."""

    fps: float
    shots: list[slice]
    """Frame ranges between cuts."""
    period_s: float
    """Motion of this period keeps half its amplitude, seconds."""
    max_gap_s: float
    """Longest gap to fill, seconds."""

    def rule(self, period_s: float, noise_floor: float, median_s: float) -> Filter:
        """The same in frames."""
        return Filter(period_s * self.fps, noise_floor, 2 * int(median_s * self.fps / 2) + 1)


def smooth_track(track: PoseTrack, T_scene_cam: np.ndarray, how: Smoothing) -> SmoothTrack:
    """Robustly smooth the orientation of every body part and the path of the root.

    Parts are smoothed as global orientations, so limbs keep their lengths, and separately, so one
    wrong limb does not spoil the rest.

    Args:
        track: of one person.
        T_scene_cam: (frames, 4, 4).
        how: periods, gaps and cuts.
    """
    frames, joints = track.rotations_cam.shape[:2]
    rotations = np.tile(np.eye(3), (frames, joints, 1, 1))
    root, visible, repaired = np.zeros((frames, 3)), np.zeros(frames, dtype=bool), np.zeros(frames, dtype=bool)
    confidence = part_confidence(track)
    for segment in track_segments(track.observed, how.shots, int(how.max_gap_s * how.fps)):
        seen, centres = track.observed[segment], T_scene_cam[segment, :3, 3]
        points = transform_points(T_scene_cam[segment], track.root_cam[segment, None])[:, 0]
        root[segment], believed = smooth_path(
            points,
            centres,
            seen,
            confidence[segment].mean(axis=1),
            lateral=how.rule(how.period_s, _LATERAL_FLOOR, _MEDIAN_S),
            depth=how.rule(_DEPTH_PERIODS * how.period_s, _DEPTH_FLOOR, _DEPTH_MEDIAN_S),
        )
        turned = T_scene_cam[segment, None, :3, :3] @ track.rotations_cam[segment]
        rule = how.rule(how.period_s, _ROTATION_FLOOR, _MEDIAN_S)
        for joint in range(joints):
            if joint not in _TOES_RIDE_ON:
                rotations[segment, joint], _ = smooth_rotations(
                    turned[:, joint], seen, confidence[segment, joint], rule
                )
        for toes, ankle in _TOES_RIDE_ON.items():
            rotations[segment, toes] = rotations[segment, ankle]
        visible[segment] = True
        repaired[segment] = seen & (believed < _DISBELIEF)
    return SmoothTrack(rotations, root, visible, track.observed, repaired)


def part_confidence(track: PoseTrack) -> np.ndarray:
    """(frames, joints) inverse variance of every part, about 1 in its usual frame."""
    if not track.observed.any():
        return np.zeros_like(track.uncertainty)
    usual = np.median(track.uncertainty[track.observed], axis=0)
    return np.clip((usual / np.maximum(track.uncertainty, 1e-4)) ** 2, *_CONFIDENCE_RANGE)
