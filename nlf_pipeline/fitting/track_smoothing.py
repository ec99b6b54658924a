"""One person's poses, frame by frame in the camera's frame, to one smooth track in the scene."""

from dataclasses import dataclass, replace

import numpy as np

from nlf_pipeline.body_kinds import body_joints, joint_index
from nlf_pipeline.filtering import Filter, smooth_path, smooth_rotations, track_segments, true_runs
from nlf_pipeline.fitting.gravity import trunk_axes, up_direction
from nlf_pipeline.fitting.side_flips import SeenTrack, Sides, TurnedRotations, corrected, find_flips, swap_sides
from nlf_pipeline.fitting.trunk_prior import hold_trunk, usual_pose
from nlf_pipeline.geometry import transform_points

_DEPTH_PERIODS = 4.0
"""Distance from the camera is smoothed over so many times the period of everything else."""
_ROTATION_FLOOR, _LATERAL_FLOOR, _DEPTH_FLOOR = 0.05, 0.01, 0.05
"""Quick true motion may leave residuals of this size, radians and metres: less is never an outlier."""
_MEDIAN_S = 0.3
_DEPTH_MEDIAN_S = 0.63
_DISBELIEF = 0.1
"""A frame whose place, or most of whose parts, are believed less than this counts as replaced."""
_FLIPS_MAX_GAP_S = 1.0
"""Across longer gaps a body may have turned round."""
_CONFIDENCE_RANGE = (0.02, 4.0)
_CHUNK_FRAMES = 1024
"""Rotations of so many frames are looked at together, which bounds the memory."""
_TOES_RIDE_ON = {
    joint_index("left_foot"): joint_index("left_ankle"),
    joint_index("right_foot"): joint_index("right_ankle"),
}


@dataclass(frozen=True)
class PoseTrack:
    """One person in every frame, each frame estimated on its own. Values are 0 where not observed."""

    rotations_cam: np.ndarray
    """(frames, joints, 3, 3) global rotations of the body parts, camera frame; none once they are smoothed."""
    root_cam: np.ndarray
    """(frames, 3) root joint, camera frame, metres."""
    uncertainty: np.ndarray
    """(frames, joints) expected error, metres."""
    observed: np.ndarray
    """(frames,) bool."""

    def without_rotations(self) -> "PoseTrack":
        """What `smooth_root` needs, in much less memory."""
        return replace(self, rotations_cam=self.rotations_cam[:0].copy())


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
    """(frames,) bool: observed, but hardly believed and replaced, or with left and right swapped and put right."""


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

    def segments(self, observed: np.ndarray) -> list[slice]:
        """Frame ranges that are smoothed as one, given the (frames,) bool of the estimates."""
        return track_segments(observed, self.shots, int(self.max_gap_s * self.fps))


def smooth_track(track: PoseTrack, joints_rest: np.ndarray, T_scene_cam: np.ndarray, how: Smoothing) -> SmoothTrack:
    """Put flips of left and right right, then robustly smooth every body part's orientation and the root's path.

    Parts are smoothed as global orientations, so limbs keep their lengths, and separately, so one
    wrong limb does not spoil the rest.

    Args:
        track: of one person.
        joints_rest: (joints, 3) of this person unposed, metres.
        T_scene_cam: (frames, 4, 4).
        how: periods, gaps and cuts.
    """
    root, place_belief = smooth_root(track, T_scene_cam, how)
    track, flipped = put_sides_right(track, root, joints_rest, T_scene_cam, how)
    rotations = np.tile(np.eye(3, dtype=np.float32), (*track.uncertainty.shape, 1, 1))
    visible, limb_belief = np.zeros(len(rotations), dtype=bool), np.zeros(len(rotations))
    confidence = part_confidence(track)
    for segment in how.segments(track.observed):
        limb_belief[segment] = _smooth_parts(
            T_scene_cam[segment, :3, :3],
            track.rotations_cam[segment],
            track.observed[segment],
            confidence[segment],
            how.rule(how.period_s, _ROTATION_FLOOR, _MEDIAN_S),
            out=rotations[segment],
        )
        visible[segment] = True
    if visible.any():
        usual = usual_pose(rotations, track.observed)
        for segment in true_runs(visible):
            hold_trunk(rotations[segment], joints_rest, usual, out=rotations[segment])
    hardly_believed = np.minimum(place_belief, limb_belief) < _DISBELIEF
    return SmoothTrack(rotations, root, visible, track.observed, track.observed & (flipped | hardly_believed))


def smooth_root(track: PoseTrack, T_scene_cam: np.ndarray, how: Smoothing) -> tuple[np.ndarray, np.ndarray]:
    """Smooth the path of the root.

    Args:
        track: of one person.
        T_scene_cam: (frames, 4, 4).
        how: periods, gaps and cuts.

    Returns:
        (frames, 3) scene frame, metres, 0 where not visible, and (frames,) how far each frame was believed.
    """
    root, believed = np.zeros((len(track.observed), 3)), np.zeros(len(track.observed))
    confidence = part_confidence(track)[:, : body_joints(track.uncertainty.shape[1])].mean(axis=1)
    for segment in how.segments(track.observed):
        root[segment], believed[segment] = smooth_path(
            transform_points(T_scene_cam[segment], track.root_cam[segment, None])[:, 0],
            T_scene_cam[segment, :3, 3],
            track.observed[segment],
            confidence[segment],
            lateral=how.rule(how.period_s, _LATERAL_FLOOR, _MEDIAN_S),
            depth=how.rule(_DEPTH_PERIODS * how.period_s, _DEPTH_FLOOR, _DEPTH_MEDIAN_S),
        )
    return root, believed


def put_sides_right(
    track: PoseTrack, root: np.ndarray, joints_rest: np.ndarray, T_scene_cam: np.ndarray, how: Smoothing
) -> tuple[PoseTrack, np.ndarray]:
    """The track without flips of left and right, and (frames,) bool: where there had been any.

    Args:
        track: of one person.
        root: (frames, 3) smooth path, scene frame, metres.
        joints_rest: (joints, 3) of this person unposed, metres.
        T_scene_cam: (frames, 4, 4).
        how: cuts and frame rate.
    """
    rotations, uncertainty = track.rotations_cam, track.uncertainty
    flipped = np.zeros(len(track.observed), dtype=bool)
    for segment in track_segments(track.observed, how.shots, int(_FLIPS_MAX_GAP_S * how.fps)):
        frames = segment.start + np.flatnonzero(track.observed[segment])
        R_scene_cam = T_scene_cam[frames, :3, :3].astype(np.float32)
        rays = root[frames] - T_scene_cam[frames, :3, 3]
        turned = TurnedRotations(R_scene_cam, track.rotations_cam, frames)
        trunks = [trunk_axes(turned[rows]) for rows in _parts(len(frames))]
        up = up_direction(np.concatenate(trunks), T_scene_cam[segment])
        sides = find_flips(SeenTrack(frames, turned, root[frames], rays), joints_rest, up, how.fps)
        wrong = np.flatnonzero(sides != Sides.RIGHT)
        if not len(wrong):
            continue
        if not flipped.any():
            rotations, uncertainty = rotations.copy(), uncertainty.copy()
        fixed = corrected(turned[wrong], sides[wrong], rays[wrong], up)
        rotations[frames[wrong]] = np.swapaxes(R_scene_cam[wrong, None], -1, -2) @ fixed
        uncertainty[frames[wrong]] = swap_sides(uncertainty[frames[wrong]], sides[wrong])
        flipped[frames[wrong]] = True
    return replace(track, rotations_cam=rotations, uncertainty=uncertainty), flipped


def _parts(n: int) -> list[slice]:
    return [slice(start, start + _CHUNK_FRAMES) for start in range(0, n, _CHUNK_FRAMES)]


def _smooth_parts(
    R_scene_cam: np.ndarray,
    rotations_cam: np.ndarray,
    observed: np.ndarray,
    confidence: np.ndarray,
    rule: Filter,
    out: np.ndarray,
) -> np.ndarray:
    """Put one segment's smooth rotations into `out` (frames, joints, 3, 3).

    Returns:
        (frames,) how far its usual part was believed.
    """
    beliefs = []
    for joint in range(rotations_cam.shape[1]):
        if joint not in _TOES_RIDE_ON:
            turned = R_scene_cam @ rotations_cam[:, joint]
            out[:, joint], belief = smooth_rotations(turned, observed, confidence[:, joint], rule)
            beliefs.append(belief)
    for toes, ankle in _TOES_RIDE_ON.items():
        out[:, toes] = out[:, ankle]
    n_toes = len(_TOES_RIDE_ON)
    return np.median(beliefs[: body_joints(rotations_cam.shape[1]) - n_toes], axis=0)


def part_confidence(track: PoseTrack) -> np.ndarray:
    """(frames, joints) inverse variance of every part, about 1 in its usual frame."""
    if not track.observed.any():
        return np.zeros_like(track.uncertainty)
    usual = np.median(track.uncertainty[track.observed], axis=0)
    return np.clip((usual / np.maximum(track.uncertainty, 1e-4)) ** 2, *_CONFIDENCE_RANGE)
