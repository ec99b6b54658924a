"""From predictions, streamed from disk, to one shape and one pose track per person."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from smplfitter.pt import BodyFitter

from nlf_pipeline.fitting.pose_fitting import BodyPoints, fit_poses, fit_shape, solve_shape
from nlf_pipeline.fitting.track_smoothing import PoseTrack
from nlf_pipeline.predictions import FramePredictions, Predictions
from nlf_pipeline.progress import progress

_SAMPLE_FRAMES = 32
"""At least so many frames decide a person's shape, where there are so many; at most twice as many."""
_CHUNK_FRAMES = 128
_NEGLIGIBLE = 1e-3
_SIZE_TRUST = 0.85
"""How much of a frame's deviation from the usual size is made good; the rest is taken for error of measurement."""


@dataclass(frozen=True)
class PersonFit:
    """One person's shape, and poses frame by frame at the size of that shape, camera frame."""

    track: PoseTrack
    betas: np.ndarray
    """(betas,)."""
    sample: BodyPoints
    """The frames behind the betas, brought to their size."""

    def resized(self, fitter: BodyFitter, factor: float, beta_regularizer: float) -> "PersonFit":
        """This person scaled about the camera, shape and all."""
        if abs(factor - 1) < _NEGLIGIBLE:
            return self
        sample = self.sample.scaled(np.full(len(self.sample.vertices), factor))
        betas = solve_shape(fitter, sample, beta_regularizer)
        return PersonFit(replace(self.track, root_cam=self.track.root_cam * factor), betas, sample)


def fit_people(source: Predictions, fitter: BodyFitter, beta_regularizer: float) -> list[PersonFit]:
    """Fit everybody, reading the predictions twice: for the shapes, then for the poses.

    The size at which a person appears wavers together with the distance; frames are scaled about
    the camera towards the person's median size, which leaves their picture as it is.

    Args:
        source: the predictions.
        fitter: of the body model whose vertices they are.
        beta_regularizer: pull of the shapes towards the average body.

    Returns:
        One fit per row of the predictions; all zeros for a person never seen.
    """
    shapes = [fit_shape(fitter, sample, beta_regularizer) for sample in _sample_people(source)]
    frames, joints = source.n_frames, fitter.body_model.num_joints
    tracks = [_empty_track(frames, joints) for _ in shapes]
    sizes = np.ones((len(shapes), frames))
    for start, chunk in _chunks(source):
        for k, (betas, _) in enumerate(shapes):
            rows = _valid_rows(chunk, k)
            if len(rows):
                points = _points([chunk[row] for row in rows], k)
                fits, at, track = fit_poses(fitter, points, betas), start + rows, tracks[k]
                track.rotations_cam[at], track.root_cam[at] = fits.rotations, fits.root
                track.uncertainty[at], track.observed[at] = points.joint_uncertainties, True
                sizes[k, at] = fits.size
    people = []
    for (betas, sample), track, size in zip(shapes, tracks, sizes, strict=True):
        usual = float(np.median(size[track.observed])) if track.observed.any() else 1.0
        left = (size / usual) ** (1 - _SIZE_TRUST)
        at_size = replace(track, root_cam=track.root_cam * left[:, None])
        people.append(PersonFit(at_size, betas, sample).resized(fitter, usual, beta_regularizer))
    return people


def _empty_track(frames: int, joints: int) -> PoseTrack:
    return PoseTrack(
        rotations_cam=np.zeros((frames, joints, 3, 3), np.float32),
        root_cam=np.zeros((frames, 3)),
        uncertainty=np.zeros((frames, joints), np.float32),
        observed=np.zeros(frames, dtype=bool),
    )


def _sample_people(source: Predictions) -> list[BodyPoints]:
    """Frames spread evenly over each person's appearances, in bounded memory."""
    kept: list[list[FramePredictions]] = [[] for _ in source.person_ids]
    stride, seen = np.ones(len(kept), dtype=int), np.zeros(len(kept), dtype=int)
    for frame in progress(source, source.n_frames, "fit shapes"):
        for k in np.flatnonzero(_usable(frame)):
            if seen[k] % stride[k] == 0:
                kept[k].append(frame)
                if len(kept[k]) > 2 * _SAMPLE_FRAMES:
                    kept[k], stride[k] = kept[k][::2], stride[k] * 2
            seen[k] += 1
    return [_points(frames, k) for k, frames in enumerate(kept)]


def _chunks(source: Predictions) -> Iterator[tuple[int, list[FramePredictions]]]:
    frames = iter(progress(source, source.n_frames, "fit poses"))
    start = 0
    while chunk := list(islice(frames, _CHUNK_FRAMES)):
        yield start, chunk
        start += len(chunk)


def _points(frames: list[FramePredictions], k: int) -> BodyPoints:
    names = ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties")
    empty = {"vertices": (0, 0, 3), "joints": (0, 0, 3), "vertex_uncertainties": (0, 0), "joint_uncertainties": (0, 0)}
    return BodyPoints(*(np.stack([getattr(f, n)[k] for f in frames]) if frames else np.zeros(empty[n]) for n in names))


def _valid_rows(chunk: list[FramePredictions], k: int) -> np.ndarray:
    return np.flatnonzero([_usable(frame)[k] for frame in chunk])


def _usable(frame: FramePredictions) -> np.ndarray:
    """(people,) bool: estimated, and every number finite."""
    finite = np.isfinite(frame.vertices).all((1, 2)) & np.isfinite(frame.joints).all((1, 2))
    return frame.valid & finite
