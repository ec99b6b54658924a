"""BlazePose's landmarks, posed as bodies by a solve over whole tracks. Runs anywhere; knows size and depth poorly."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path

import framepump
import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.body_kinds import smpl_carriers
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.landmark_reuse import cached_landmarks, joined_landmarks
from nlf_pipeline.estimators.landmark_tracks import (
    PersonLandmarks,
    camera_track,
    resample,
    spread_points,
    spread_rotations,
)
from nlf_pipeline.estimators.landmark_trust import without_wrong_sizes
from nlf_pipeline.estimators.landmark_uncertainty import joint_uncertainties, vertex_uncertainties
from nlf_pipeline.estimators.pose_prior import standing_prior
from nlf_pipeline.estimators.windowed_solve import solve_windows
from nlf_pipeline.filtering import track_segments
from nlf_pipeline.kinematics import from_smpl_pose
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.predictions import FramePredictions
from nlf_pipeline.workflow.versions import code_version

_LONGEST_GAP_S = 0.6
"""A track is solved as one over gaps up to this length, so that both sides of a gap agree."""
_CHUNK_FRAMES = 64


@dataclass(frozen=True)
class _PersonMotion:
    """One person's body over a clip; zeros where it is not known."""

    R: np.ndarray
    """(frames, 24, 3, 3) parent-relative rotations of SMPL's joints, float32."""
    root: np.ndarray
    """(frames, 3) root joint, camera frame, metres, float32."""
    betas: np.ndarray
    """(frames, betas) float32."""


class BlazePoseEstimator:
    """Landmarks by every mask, then each person's body over all his frames at once, then meshes."""

    def __init__(
        self,
        body_dir: Path,
        cache: PersonCache,
        checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    ) -> None:
        """Load the body.

        Args:
            body_dir: folder with the body model.
            cache: of the clip's people.
            checkpoints: of the clip, for people who are half done.

        Raises:
            UserError: if something is missing in `body_dir`.
        """
        self._body = LandmarkBody.load(body_dir)
        self._meshes = BodyMeshes(load_body_model(body_dir, subset=True))
        self._cache, self._checkpoints = cache, checkpoints

    def estimate(
        self,
        frames: framepump.VideoFrames,
        facts: VideoFacts,
        tracks: MaskTracks,
        detected: MaskTracks,
        intrinsics: Intrinsics,
    ) -> Iterator[FramePredictions]:
        """One FramePredictions per frame, in order, rows as in `tracks`, camera frame."""
        rows = tracks.rows_in(detected)
        wanted = sorted({*rows.flat} - {-1})
        found = cached_landmarks(self._cache, self._checkpoints, frames, facts, detected, wanted)
        people = [
            without_wrong_sizes(joined_landmarks(found, person_rows), facts.shots(), facts.fps) for person_rows in rows
        ]
        motions = [self._motion(person, facts, intrinsics) for person in people]
        for start in range(0, facts.n_frames, _CHUNK_FRAMES):
            chunk = slice(start, min(start + _CHUNK_FRAMES, facts.n_frames))
            yield from self._predict(people, motions, chunk)

    def _motion(self, person: PersonLandmarks, facts: VideoFacts, intrinsics: Intrinsics) -> _PersonMotion:
        """One person's body, kept or solved anew."""
        segments = track_segments(person.found, facts.shots(), round(_LONGEST_GAP_S * facts.fps))
        key = self._cache.key(
            "motion",
            code_version("estimators.blazepose"),
            version("torch"),
            [values.numpy() for values in vars(self._body).values()],
            [*vars(person).values()],
            [[frames.start, frames.stop] for frames in segments],
            facts.fps,
            astuple(intrinsics),
        )
        kept = self._cache.load(key)
        if kept is not None:
            return _PersonMotion(**kept)
        motion = self._solve(key, person, segments, facts, intrinsics)
        self._cache.save(key, vars(motion))
        return motion

    def _solve(
        self, key: str, person: PersonLandmarks, segments: list[slice], facts: VideoFacts, intrinsics: Intrinsics
    ) -> _PersonMotion:
        """One person's body, from all his frames at once, and from nobody else's; half done, it is kept under `key`."""
        tracks = [resample(camera_track(person, frames, intrinsics, facts.fps)) for frames in segments]
        n_joints, n_betas = self._body.joint_directions.shape[0], self._body.joint_directions.shape[-1]
        motion = _PersonMotion(
            np.tile(np.eye(3, dtype=np.float32), (facts.n_frames, n_joints, 1, 1)),
            np.zeros((facts.n_frames, 3), np.float32),
            np.zeros((facts.n_frames, n_betas), np.float32),
        )
        solved = solve_windows(tracks, self._body, standing_prior(), checkpoints=self._checkpoints, name=key)
        for frames, track in zip(segments, solved, strict=True):
            n = frames.stop - frames.start
            motion.R[frames] = spread_rotations(track.R, n)
            motion.root[frames] = spread_points(track.root, n)
            motion.betas[frames] = spread_points(track.betas, n)
        return motion

    def _predict(
        self, people: list[PersonLandmarks], motions: list[_PersonMotion], chunk: slice
    ) -> Iterator[FramePredictions]:
        """Meshes and uncertainties of a few frames."""
        model, n, n_people = self._meshes.model, chunk.stop - chunk.start, len(people)
        weights = np.asarray(model.weights)
        valid = np.array([person.found[chunk] for person in people], dtype=bool).reshape(n_people, n)
        vertices = np.zeros((n_people, n, model.num_vertices, 3), np.float32)
        joints = np.zeros((n_people, n, model.num_joints, 3), np.float32)
        vertex_errors, joint_errors = np.zeros(vertices.shape[:3], np.float32), np.zeros(joints.shape[:3], np.float32)
        for k, (person, motion) in enumerate(zip(people, motions, strict=True)):
            at = chunk.start + np.flatnonzero(valid[k])
            if not len(at):
                continue
            R = from_smpl_pose(motion.R[at], model.num_joints)
            rotvecs = Rotation.from_matrix(R.reshape(-1, 3, 3)).as_rotvec().reshape(len(at), -1, 3)
            trans = motion.root[at] - self._meshes.root_rest(motion.betas[at])
            vertices[k, valid[k]], joints[k, valid[k]] = self._meshes.forward(rotvecs, motion.betas[at], trans)
            errors = joint_uncertainties(person.visibility[at]).astype(np.float32)
            joint_errors[k, valid[k]] = errors[:, smpl_carriers(model.num_joints)]
            vertex_errors[k, valid[k]] = vertex_uncertainties(errors, weights)
        for t in range(n):
            yield FramePredictions(vertices[:, t], joints[:, t], vertex_errors[:, t], joint_errors[:, t], valid[:, t])
