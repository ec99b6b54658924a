"""From the poses of a camera file to a pose for every frame, in the axes of each shot's first camera."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from nlf_pipeline.artefacts import CameraPath, VideoFacts
from nlf_pipeline.cameras.readers import FileCamera
from nlf_pipeline.errors import UserError
from nlf_pipeline.filtering import true_runs
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points

_LONGEST_GAP = 1.0
_LEAST_COVERAGE = 0.5
_SLOWEST_RATE_HZ = 5.0
"""A file with fewer poses than frames counts as complete from this rate on."""
_EVEN = 1.5
_BETWEEN_CONFIDENCE = 0.5
_NAMED_GAPS = 5
_STILL = 1e-9


@dataclass(frozen=True)
class FilledPath:
    """A pose for every frame."""

    path: CameraPath
    is_given: np.ndarray
    """(frames,) bool: the file tells the pose, at this frame or, at a slower even rate, around it."""
    notes: list[list[str]]
    """For each segment, which frames were interpolated."""


@dataclass(frozen=True)
class _Shot:
    """All frames of one shot."""

    T_shot_file: np.ndarray
    T_shot_cam: np.ndarray
    confidence: np.ndarray
    is_given: np.ndarray
    file_segment: np.ndarray


def fill_path(file: Path, camera: FileCamera, facts: VideoFacts) -> FilledPath:
    """Interpolate the poses of a file to the frames of the clip, never across a cut.

    Rotations are interpolated along the shortest arc, places linearly; before the first and after the last pose of a
    shot the camera holds still. Confidence is the file's at its poses, half of it between the poses of a file that has
    fewer than the clip, but at least five per second and evenly spread, and 0 where a pose is missing.

    Args:
        file: the camera file, for messages.
        camera: what it says.
        facts: of the clip.

    Raises:
        UserError: if more than half of the frames, or more than a second of a shot, have no pose.
    """
    usual = float(np.median(np.diff(camera.at_frame))) if len(camera.at_frame) > 1 else 1.0
    longest_step = _EVEN * usual if 1 < usual <= facts.fps / _SLOWEST_RATE_HZ else 0.0
    shots = [_fill_shot(camera, shot, longest_step) for shot in facts.shots()]
    is_given = np.concatenate([shot.is_given for shot in shots])
    _check_coverage(file, is_given, facts)
    new_segment = [np.diff(shot.file_segment, prepend=shot.file_segment[0] - 1) != 0 for shot in shots]
    segment = np.cumsum(np.concatenate(new_segment)) - 1
    T_shot_file = np.concatenate([np.repeat(shot.T_shot_file[None], len(shot.is_given), axis=0) for shot in shots])
    confidence = np.concatenate([shot.confidence for shot in shots])
    path = CameraPath(
        T_scene_cam=np.concatenate([shot.T_shot_cam for shot in shots]),
        confidence=confidence,
        segment=segment,
        points=transform_points(T_shot_file[camera.point_frame], camera.points[:, None])[:, 0],
        point_segment=segment[camera.point_frame],
    )
    has_pose = np.isin(np.arange(facts.n_frames), np.floor(camera.at_frame + 0.5))
    notes = [_notes(is_given, has_pose, segment == s, facts.fps / usual) for s in range(segment[-1] + 1)]
    return FilledPath(path, is_given, notes)


def _fill_shot(camera: FileCamera, shot: slice, longest_step: float) -> _Shot:
    """A pose for each frame of a shot; `longest_step` frames between two poses are no gap."""
    frames = np.arange(shot.start, shot.stop)
    inside = (camera.at_frame >= shot.start - 0.5) & (camera.at_frame < shot.stop - 0.5)
    if not inside.any():
        nothing = np.zeros(len(frames))
        return _Shot(np.eye(4), np.tile(np.eye(4), (len(frames), 1, 1)), nothing, nothing > 0, nothing.astype(int))
    at_frame, confidence = camera.at_frame[inside], camera.confidence[inside]
    T_file_cam = _interpolate(camera.T_file_cam[inside], at_frame, frames)
    after = np.clip(np.searchsorted(at_frame, frames), 0, len(at_frame) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(at_frame[before] - frames) < np.abs(at_frame[after] - frames), before, after)
    has_pose = np.abs(at_frame[nearest] - frames) <= 0.5
    is_inside = (frames >= at_frame[0]) & (frames <= at_frame[-1])
    is_between = is_inside & ~has_pose & (at_frame[after] - at_frame[before] <= longest_step)
    less = _BETWEEN_CONFIDENCE * np.minimum(confidence[before], confidence[after])
    last_pose = np.maximum(np.searchsorted(at_frame, frames + 0.5) - 1, 0)
    T_shot_file = invert_rigid(T_file_cam[0])
    return _Shot(
        T_shot_file=T_shot_file,
        T_shot_cam=_without_noise(T_shot_file @ T_file_cam, T_file_cam),
        confidence=np.where(has_pose, confidence[nearest], np.where(is_between, less, 0.0)),
        is_given=has_pose | is_between,
        file_segment=camera.segment[inside][last_pose],
    )


def _check_coverage(file: Path, is_given: np.ndarray, facts: VideoFacts) -> None:
    if (given := int(is_given.sum())) < _LEAST_COVERAGE * len(is_given):
        raise UserError(
            f"{file}: found poses for {given} of the clip's {len(is_given)} frames, expected one for each, or for at "
            "least half of them. Find the camera in every frame of results/VIDEO_ID/clip.mp4, and keep their numbers."
        )
    for shot in facts.shots():
        for gap in true_runs(~is_given[shot]):
            start, stop = shot.start + gap.start, shot.start + gap.stop
            if stop - start > _LONGEST_GAP * facts.fps:
                raise UserError(
                    f"{file}: found no pose for the frames {start} to {stop - 1} ({(stop - start) / facts.fps:.1f} s), "
                    f"expected gaps of at most {_LONGEST_GAP:g} s. Find the camera there too, or leave that part out "
                    "with time_range."
                )


def _interpolate(T_file_cam: np.ndarray, at_frame: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(frames, 4, 4) from (poses, 4, 4); held before the first and after the last."""
    wanted = np.clip(frames, at_frame[0], at_frame[-1])
    rotations = Rotation.from_matrix(T_file_cam[:, :3, :3])
    if len(at_frame) == 1:
        R = np.repeat(rotations.as_matrix(), len(wanted), axis=0)
    else:
        R = Slerp(at_frame, rotations)(wanted).as_matrix()
    t = np.stack([np.interp(wanted, at_frame, column) for column in T_file_cam[:, :3, 3].T], axis=-1)
    return rigid(R, t)


def _without_noise(T_shot_cam: np.ndarray, T_file_cam: np.ndarray) -> np.ndarray:
    """The path with an exact identity first, and exactly no translation if there is none but rounding."""
    T = T_shot_cam.copy()
    if np.abs(T[:, :3, 3]).max() <= _STILL * max(1.0, np.abs(T_file_cam[:, :3, 3]).max()):
        T[:, :3, 3] = 0
    T[0] = np.eye(4)
    return T


def _notes(is_given: np.ndarray, has_pose: np.ndarray, is_in_segment: np.ndarray, rate_hz: float) -> list[str]:
    notes = []
    if gaps := true_runs(~is_given & is_in_segment):
        names = [f"{gap.start}-{gap.stop - 1}".removesuffix(f"-{gap.start}") for gap in gaps[:_NAMED_GAPS]]
        more = f" and in {len(gaps) - _NAMED_GAPS} more gaps" if len(gaps) > _NAMED_GAPS else ""
        notes.append(f"the camera file has no pose for the frames {', '.join(names)}{more}; they are interpolated")
    if np.any(is_given & ~has_pose & is_in_segment):
        notes.append(f"the camera file has about {rate_hz:.1f} poses per second; the camera is interpolated between")
    return notes
