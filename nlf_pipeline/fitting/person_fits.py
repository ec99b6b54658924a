"""From predictions, streamed from disk, to one shape and one pose track per person."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from smplfitter.pt import BodyFitter

from nlf_pipeline.body_kinds import body_joints, skeleton
from nlf_pipeline.fitting.pose_fitting import BodyPoints, fit_poses, fit_shape, solve_shape
from nlf_pipeline.fitting.track_smoothing import PoseTrack
from nlf_pipeline.predictions import FramePredictions, Predictions, finite_rows
from nlf_pipeline.progress import progress

_SAMPLE_FRAMES = 32
"""At least so many frames decide a person's shape, where there are so many; at most twice as many."""
_CHUNK_FRAMES = 128
_NEGLIGIBLE = 1e-3
_SIZE_TRUST = 0.85
"""How much of a frame's deviation from the usual size is made good; the rest is taken for error of measurement."""
_BONES_M = (1.2, 12.0)
"""All bones of a body together, metres: 4 in an adult. What is outside of this is no body at any likely distance."""
_LEAST_SPREAD_M = 0.2
"""Of the vertices along the axis along which they spread most; 1 in an adult and more."""
_LOOKED_AT = 64
"""So many vertices, spread evenly, tell how far all spread."""


@dataclass(frozen=True)
class PersonFit:
    """One person's shape, and poses frame by frame at the size of that shape, camera frame.

    It depends on nobody else's predictions.
    """

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


class PersonFitter:
    """Fits one person while the estimates come in."""

    def __init__(self, sample: BodyPoints, n_frames: int, fitter: BodyFitter, beta_regularizer: float) -> None:
        """Decide the shape.

        Args:
            sample: usable frames from all over this person's appearances.
            n_frames: of the clip.
            fitter: of the body model whose vertices the points are.
            beta_regularizer: pull of the shape towards the average body.
        """
        self.fitter, self.beta_regularizer = fitter, beta_regularizer
        self.betas, self.sample = fit_shape(fitter, sample, beta_regularizer)
        self.track = _empty_track(n_frames, fitter.body_model.num_joints)
        self.sizes = np.ones(n_frames, np.float32)

    def add(self, frames: np.ndarray, points: BodyPoints) -> None:
        """Fit the estimates `points` of the `frames` (n,) int, none of which was given before."""
        fits = fit_poses(self.fitter, points, self.betas)
        good = np.isfinite(fits.rotations).all((1, 2, 3)) & np.isfinite(fits.root).all(1) & (fits.size > 0)
        at = frames[good]
        self.track.rotations_cam[at], self.track.root_cam[at] = fits.rotations[good], fits.root[good]
        self.track.uncertainty[at], self.track.observed[at] = points.joint_uncertainties[good], True
        self.sizes[at] = fits.size[good]

    def finish(self) -> PersonFit:
        """The fit, once all estimates were given.

        The size at which a person appears wavers together with the distance; frames are scaled about
        the camera towards the person's median size, which leaves their picture as it is.
        """
        track = self.track
        usual = float(np.median(self.sizes[track.observed])) if track.observed.any() else 1.0
        left = (self.sizes / usual) ** (1 - _SIZE_TRUST)
        at_size = replace(track, root_cam=track.root_cam * left[:, None])
        return PersonFit(at_size, self.betas, self.sample).resized(self.fitter, usual, self.beta_regularizer)


def fit_people(
    source: Predictions, fitter: BodyFitter, beta_regularizer: float, rows: list[int] | None = None
) -> list[PersonFit]:
    """Fit people one by one, reading the predictions twice: for the shapes, then for the poses.

    Args:
        source: the predictions.
        fitter: of the body model whose vertices they are.
        beta_regularizer: pull of the shapes towards the average body.
        rows: whom to fit; None for everybody.

    Returns:
        One fit per row asked for; not observed in any frame if there is no usable estimate.
    """
    rows = list(range(len(source.person_ids))) if rows is None else rows
    samples, usable = _sample_people(source, rows)
    people = [PersonFitter(sample, source.n_frames, fitter, beta_regularizer) for sample in samples]
    for start, chunk in _chunks(source):
        for i, (k, person) in enumerate(zip(rows, people, strict=True)):
            at = np.flatnonzero(usable[start : start + len(chunk), i])
            if len(at):
                person.add(start + at, _points([chunk[i] for i in at], k))
    return [person.finish() for person in people]


def usable_rows(frame: FramePredictions) -> np.ndarray:
    """(people,) bool: estimated, every number finite, and of a size that a body can have."""
    usable = frame.valid & finite_rows(frame)
    vertices = frame.vertices[:, :: 1 + frame.vertices.shape[1] // _LOOKED_AT]
    joints, vertices = (np.where(usable[:, None, None], points, 0) for points in (frame.joints, vertices))
    n_joints = body_joints(joints.shape[1])
    parents = list(skeleton(joints.shape[1])[1][1:n_joints])
    bones = np.linalg.norm(joints[:, 1:n_joints] - joints[:, parents], axis=-1).sum(axis=1)
    spread = np.ptp(vertices, axis=1).max(axis=-1)
    return usable & (bones > _BONES_M[0]) & (bones < _BONES_M[1]) & (spread > _LEAST_SPREAD_M)


def _empty_track(frames: int, joints: int) -> PoseTrack:
    return PoseTrack(
        rotations_cam=np.zeros((frames, joints, 3, 3), np.float32),
        root_cam=np.zeros((frames, 3)),
        uncertainty=np.zeros((frames, joints), np.float32),
        observed=np.zeros(frames, dtype=bool),
    )


def _sample_people(source: Predictions, rows: list[int]) -> tuple[list[BodyPoints], np.ndarray]:
    """Frames spread evenly over the appearances of each of the `rows`, in bounded memory, and which are usable.

    The second result is (frames, rows) bool.
    """
    kept: list[list[FramePredictions]] = [[] for _ in rows]
    stride, seen = np.ones(len(kept), dtype=int), np.zeros(len(kept), dtype=int)
    usable = np.zeros((source.n_frames, len(rows)), dtype=bool)
    for t, frame in enumerate(progress(source, source.n_frames, "fit shapes")):
        usable[t] = usable_rows(frame)[rows]
        for i in np.flatnonzero(usable[t]):
            if seen[i] % stride[i] == 0:
                kept[i].append(frame)
                if len(kept[i]) > 2 * _SAMPLE_FRAMES:
                    kept[i], stride[i] = kept[i][::2], stride[i] * 2
            seen[i] += 1
    return [_points(frames, k) for frames, k in zip(kept, rows, strict=True)], usable


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
