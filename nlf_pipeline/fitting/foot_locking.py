"""Planted feet hold still on the floor: first the body moves as a whole, then the legs give way.

Everything that looks at many frames at once works on a few numbers per frame, and bodies are posed a thousand frames
at a time, so that memory hardly grows with the length of a clip.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_models import joint_index
from nlf_pipeline.filtering import true_runs, whittaker
from nlf_pipeline.fitting.body_motion import Stepping, body_motion, foot_precision
from nlf_pipeline.fitting.contact_evidence import FootEvidence, foot_evidence
from nlf_pipeline.fitting.foot_paths import foot_offsets, heading_corrections, resting_offsets
from nlf_pipeline.fitting.foot_tracks import FootTrack, chunks, track_feet
from nlf_pipeline.fitting.leg_ik import move_feet
from nlf_pipeline.fitting.leg_turning import feet_at, leg_turns, turn_legs
from nlf_pipeline.fitting.soles import ANKLES, TOES, Soles
from nlf_pipeline.fitting.stepping import Tempo, decode_steps, observed_tempo, part_stances
from nlf_pipeline.fitting.unseen_legs import rejoin_legs, rejoin_path, turn_feet_forward
from nlf_pipeline.kinematics import global_rotations, joint_positions, local_rotvecs

_LEAST_HOLD = 1e-3
_CONTRADICTED = 0.2
"""A foot known to be planted but seen so far from its place was not seen at all, metres."""
_BLIND_S = 0.08
"""Bad frames spoil others within this time, seconds."""
_ROLL_OFF_S = 0.12
"""A foot may linger so long on the floor after the usual end of its stance, seconds."""
_TURN_S = 0.15
"""Legs turn no more abruptly than motion of this period, seconds."""
_HIP = joint_index("left_hip")


@dataclass(frozen=True)
class LockedMotion:
    """One person whose planted feet rest."""

    pose_rotvecs: np.ndarray
    """(frames, joints, 3) parent-relative, radians."""
    joints: np.ndarray
    """(frames, joints, 3) metres."""
    contacts: np.ndarray
    """(frames, 2) bool: left, right foot planted."""


@dataclass(frozen=True)
class FloorView:
    """How a person on a floor is seen."""

    centres: np.ndarray
    """(frames, 3) camera centres, y up, metres."""
    fps: float
    seen: np.ndarray
    """(frames,) bool: the person was estimated rather than filled in."""
    level: bool = True
    """The floor is y = 0; otherwise feet stand at the heights where they are."""


def lock_feet(
    pose_rotvecs: np.ndarray, root: np.ndarray, feet: Soles, view: FloorView, move: bool = True
) -> LockedMotion:
    """Let planted feet rest on the floor.

    Args:
        pose_rotvecs: (frames, joints, 3) parent-relative rotation vectors, y up, without gaps or cuts.
        root: (frames, 3) root joint, metres.
        feet: of this person.
        view: the camera and the floor.
        move: without it the contacts are found and nothing is moved.
    """
    pose = turn_feet_forward(pose_rotvecs, feet)
    track = track_feet(pose, root, feet)
    leg = float(feet.joints_rest[_HIP, 1] - feet.joints_rest[ANKLES[0], 1])
    evidence = foot_evidence(track, root, leg, view.centres, view.fps, view.seen, view.level)
    planted = _planted(evidence, view.fps)
    if not (move and planted.any()):
        return LockedMotion(pose_rotvecs, _joints(pose_rotvecs, root, feet), planted)
    planted = part_stances(_stepping(track, planted, evidence, view).hold, track.toes[..., ::2])
    contradicted = _contradicted(_stepping(track, planted, evidence, view), view.fps)
    known = evidence.known & ~contradicted
    pose, root = rejoin_legs(pose, known), rejoin_path(root, known, contradicted, view.fps)
    steps = _stepping(track_feet(pose, root, feet), planted, evidence, view)
    offsets, turns = body_motion(steps, root, _rays(root, view.centres), view.fps)
    root, pelvis = root + offsets, Rotation.from_rotvec(turns) * Rotation.from_rotvec(pose[:, 0])
    pose[:, 0] = pelvis.as_rotvec()
    _untwist(pose, track_feet(pose, root, feet), steps.hold, view.fps)
    steps = _stepping(track_feet(pose, root, feet), planted, evidence, view)
    left = resting_offsets(steps, pelvis.as_matrix(), root)
    joints = _reach(pose, root, feet, foot_offsets(left, steps, known, view.fps), view)
    return LockedMotion(pose, joints, planted)


def _planted(evidence: FootEvidence, fps: float) -> np.ndarray:
    """(frames, 2) bool: decoded twice, the second time with the person's own tempo; feet may linger at the end."""
    odds, falling = evidence.log_odds / evidence.moment_frames, evidence.falling / evidence.moment_frames
    planted = decode_steps(odds, falling, evidence.strides, fps, Tempo())
    planted = decode_steps(odds, falling, evidence.strides, fps, observed_tempo(planted, evidence.known, fps))
    for foot in (0, 1):
        for run in true_runs(planted[:, foot]):
            roll_off = evidence.slow[run.stop : run.stop + round(_ROLL_OFF_S * fps), foot]
            planted[run.stop : run.stop + int(np.cumprod(roll_off).sum()), foot] = True
    return planted


def _stepping(track: FootTrack, planted: np.ndarray, evidence: FootEvidence, view: FloorView) -> Stepping:
    hold = np.maximum(evidence.known[:, None] / (1 + np.exp(-evidence.log_odds)) ** 2, _LEAST_HOLD) * planted
    precision = foot_precision(_rays(track.toes, view.centres[:, None]))
    steps = Stepping(hold, track.toes, track.lowest, precision)
    return steps if view.level else replace(steps, lowest=steps.lowest - _own_heights(steps))


def _own_heights(steps: Stepping) -> np.ndarray:
    """(frames, 2) height at which each planted foot stands, and in the air that of the stances around it."""
    heights = np.zeros_like(steps.lowest)
    frames = np.arange(len(heights))
    for foot in (0, 1):
        held = np.zeros(len(heights), dtype=bool)
        for run in true_runs(steps.hold[:, foot] > 0):
            heights[run, foot] = np.average(steps.lowest[run, foot], weights=steps.hold[run, foot])
            held[run] = True
        if held.any():
            heights[:, foot] = np.interp(frames, frames[held], heights[held, foot])
    return heights


def _contradicted(steps: Stepping, fps: float) -> np.ndarray:
    """(frames,) bool: a planted foot was seen far from where it stands, so the legs there are wrong."""
    wrong = np.zeros(len(steps.hold), dtype=bool)
    for foot, run in steps.plants:
        at = steps.toes[run, foot]
        centre = np.average(at, axis=0, weights=steps.hold[run, foot] ** 2)
        wrong[run] |= np.linalg.norm(at - centre, axis=-1) > _CONTRADICTED
    return binary_dilation(wrong, iterations=max(1, round(_BLIND_S * fps)))


def _untwist(pose: np.ndarray, track: FootTrack, hold: np.ndarray, fps: float) -> None:
    """Turn feet about the vertical so that they do not twist while planted; changes `pose` (frames, joints, 3)."""
    ahead = track.toes - track.ankles
    ahead = (ahead / np.linalg.norm(ahead, axis=-1, keepdims=True))[..., ::2]
    body_ahead = Rotation.from_rotvec(pose[:, 0]).as_matrix()[:, ::2, 2]
    turns = heading_corrections(ahead, body_ahead, hold, fps)
    for part in chunks(len(pose)):
        rotations = global_rotations(pose[part].astype(np.float64))
        for foot, joints in enumerate(zip(ANKLES, TOES, strict=True)):
            about_y = Rotation.from_rotvec(turns[part, foot, None] * [0.0, 1.0, 0.0]).as_matrix()
            rotations[:, list(joints)] = about_y[:, None] @ rotations[:, list(joints)]
        pose[part] = local_rotvecs(rotations)


def _reach(pose: np.ndarray, root: np.ndarray, feet: Soles, offsets: np.ndarray, view: FloorView) -> np.ndarray:
    """Turn legs, smoothly, until the feet are `offsets` (frames, 2, 3) farther; changes `pose`, returns the joints."""
    goals, turns, reached = offsets.copy(), np.zeros((len(pose), 2, 7)), np.zeros(pose.shape)
    for part in chunks(len(pose)):
        rotations = global_rotations(pose[part].astype(np.float64))
        goals[part] += feet_at(rotations, joint_positions(rotations, root[part], feet.joints_rest), feet)
        turns[part] = leg_turns(rotations, root[part], feet, goals[part], _rays(root[part], view.centres[part]))
    turns = whittaker(turns.reshape(len(pose), -1), np.ones(len(pose)), _TURN_S * view.fps).reshape(turns.shape)
    for part in chunks(len(pose)):
        rotations = turn_legs(global_rotations(pose[part].astype(np.float64)), turns[part])
        joints = joint_positions(rotations, root[part], feet.joints_rest)
        rotations = move_feet(rotations, joints, goals[part] - feet_at(rotations, joints, feet))
        pose[part] = local_rotvecs(rotations)
        reached[part] = joint_positions(rotations, root[part], feet.joints_rest)
    return reached


def _joints(pose: np.ndarray, root: np.ndarray, feet: Soles) -> np.ndarray:
    joints = np.zeros(pose.shape)
    for part in chunks(len(pose)):
        rotations = global_rotations(pose[part].astype(np.float64))
        joints[part] = joint_positions(rotations, root[part], feet.joints_rest)
    return joints


def _rays(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Unit vectors from the camera to the points."""
    rays = points - centres
    return rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), 1e-9)
