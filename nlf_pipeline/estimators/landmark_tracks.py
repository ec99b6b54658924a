"""Landmarks over time: from the model's pixels and person-centred metres to camera geometry at an even, modest rate.

Solving at about SOLVE_HZ instead of at every frame loses nothing of human motion, averages the
landmarks' noise, and lets a descent converge several times faster.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.filtering import fill_linear, project_rotations
from nlf_pipeline.geometry import rotation_between
from nlf_pipeline.landmarks import BLAZEPOSE_LANDMARK_NAMES, landmark_index

SOLVE_HZ = 20.0
_SMOOTHING_STEPS = 0.35  # standard deviation of the averaging, in steps between solved instants
_HIPS = [landmark_index("left_hip"), landmark_index("right_hip")]
_LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class PersonLandmarks:
    """What the landmark model said of one person in every frame of a clip; zeros where he was not found."""

    image_px: np.ndarray
    """(frames, 33, 2)."""
    relative: np.ndarray
    """(frames, 33, 3) metres for an adult of the model's own size, as if seen straight on."""
    visibility: np.ndarray
    """(frames, 33) in [0, 1]."""
    found: np.ndarray
    """(frames,) bool."""

    @classmethod
    def nothing(cls, n_frames: int) -> "PersonLandmarks":
        """Of somebody who is found in none of `n_frames` frames."""
        shape = (n_frames, len(BLAZEPOSE_LANDMARK_NAMES))
        return cls(np.zeros((*shape, 2)), np.zeros((*shape, 3)), np.zeros(shape), np.zeros(n_frames, dtype=bool))


@dataclass(frozen=True)
class LandmarkTrack:
    """One person's landmarks at evenly spaced instants, with camera axes (x right, y down, z forward)."""

    relative: np.ndarray
    """(instants, 33, 3) metres for an adult of the model's own size, any origin."""
    image: np.ndarray
    """(instants, 33, 2) undistorted image points at unit depth: x / z and y / z."""
    visibility: np.ndarray
    """(instants, 33) in [0, 1]."""
    hz: float
    """Instants per second."""

    def part(self, instants: slice) -> "LandmarkTrack":
        """A range of the instants."""
        return LandmarkTrack(self.relative[instants], self.image[instants], self.visibility[instants], self.hz)


def camera_track(person: PersonLandmarks, frames: slice, intrinsics: Intrinsics, fps: float) -> LandmarkTrack:
    """A range of frames of one person in camera geometry, at the clip's rate.

    Args:
        person: the landmarks; frames inside the range where he was not found are interpolated, invisible.
        frames: starts and ends with a frame in which he was found.
        intrinsics: of the camera.
        fps: frames per second.
    """
    found, n = person.found[frames], frames.stop - frames.start
    image_px = fill_linear(person.image_px[frames].reshape(n, -1), found)
    relative = fill_linear(person.relative[frames].reshape(n, -1), found).reshape(n, -1, 3)
    distortion = np.array(intrinsics.distortion or [0, 0, 0, 0], dtype=np.float64)
    if intrinsics.zoom:
        centre_px, zoom = np.array(intrinsics.principal_point_px), np.array(intrinsics.zoom[frames])
        image_px = centre_px + (image_px.reshape(n, -1, 2) - centre_px) / zoom[:, None, None]
    points_px = image_px.reshape(-1, 1, 2)
    image = cv2.undistortPoints(points_px, intrinsics.K, distortion).reshape(n, -1, 2)
    rays = np.concatenate([image[:, _HIPS].mean(axis=1), np.ones((n, 1))], axis=-1)
    R_cam_straight = rotation_between(np.array([0.0, 0.0, 1.0]), rays)
    return LandmarkTrack(
        relative @ np.swapaxes(R_cam_straight, -1, -2), image, person.visibility[frames] * found[:, None], fps
    )


def resample(track: LandmarkTrack, hz: float = SOLVE_HZ) -> LandmarkTrack:
    """The track at about `hz` instants per second, from its first to its last, averaging by visibility.

    A track that has no more than this, or is very short, stays as it is.
    """
    n = len(track.relative)
    n_new = 1 + round((n - 1) * hz / track.hz)
    if n_new >= n or n_new < 3:
        return track
    at = np.linspace(0, n - 1, n_new)
    sigma = _SMOOTHING_STEPS * at[1]
    weights = gaussian_filter1d(track.visibility + _LEAST_WEIGHT, sigma, axis=0, mode="nearest")

    def average(values: np.ndarray) -> np.ndarray:
        weighted = values * (track.visibility + _LEAST_WEIGHT)[..., None]
        smooth = gaussian_filter1d(weighted, sigma, axis=0, mode="nearest") / weights[..., None]
        return _interpolate(smooth, at)

    visibility = gaussian_filter1d(track.visibility, sigma, axis=0, mode="nearest")
    return LandmarkTrack(
        average(track.relative),
        average(track.image),
        _interpolate(visibility, at),
        track.hz * (n_new - 1) / (n - 1),
    )


def _interpolate(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Linear interpolation of (n, ...) values at fractional indices `at`."""
    below = np.minimum(at.astype(int), len(values) - 2)
    part = (at - below).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - part) * values[below] + part * values[below + 1]


def spread_points(points: np.ndarray, n: int) -> np.ndarray:
    """Cubic interpolation of (instants, ...) values, evenly spaced over a track, to its `n` frames."""
    if len(points) == n:
        return points
    return CubicSpline(np.linspace(0, n - 1, len(points)), points, axis=0)(np.arange(n))


def spread_rotations(R: np.ndarray, n: int) -> np.ndarray:
    """Cubic interpolation of (instants, ..., 3, 3) rotations to `n` frames: of matrices, projected back."""
    if len(R) == n:
        return R
    return project_rotations(spread_points(R, n))
