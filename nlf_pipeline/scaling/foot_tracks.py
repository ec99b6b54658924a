"""What scale is read from: the balls of everybody's feet, how their trunks stand and how tall they are."""

from dataclasses import dataclass, replace

import numpy as np

from nlf_pipeline.body_models import BodyMeshes, joint_index
from nlf_pipeline.filtering import geometric_median
from nlf_pipeline.fitting.soles import ANKLES, TOES
from nlf_pipeline.predictions import FramePredictions, Predictions
from nlf_pipeline.progress import progress

_POINTS_PER_BALL = 8
_SOLE_THICKNESS = 0.02
_SPINE = tuple(joint_index(name) for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head"))
_LEGS = tuple(tuple(joint_index(f"{side}_{name}") for name in ("hip", "knee", "ankle")) for side in ("left", "right"))
_FARTHEST = np.deg2rad(50.0)
"""Trunks that lean farther than this from the camera's up are not standing."""


@dataclass(frozen=True)
class FootTracks:
    """Everybody in every frame, camera frame, metres. Values are 0 where not seen."""

    person_ids: np.ndarray
    """(people,) int."""
    fps: float
    balls: np.ndarray
    """(people, frames, 2, 3) ball of the left and the right foot, under the sole."""
    trunks: np.ndarray
    """(people, frames, 3) from the pelvis to the neck."""
    chains: np.ndarray
    """(people, frames) length of spine and leg: bones that poses do not change."""
    seen: np.ndarray
    """(people, frames) bool."""

    def scaled(self, factors: np.ndarray) -> "FootTracks":
        """Everybody scaled about the camera by (people,) factors."""
        by = factors[:, None, None]
        return replace(
            self, balls=self.balls * by[..., None], trunks=self.trunks * by, chains=self.chains * factors[:, None]
        )


def read_foot_tracks(source: Predictions, body: BodyMeshes) -> FootTracks:
    """Stream the predictions and keep what is needed of every frame.

    Args:
        source: the predictions.
        body: the body model on the vertices that predictions carry.
    """
    people, frames = len(source.person_ids), source.n_frames
    balls, trunks = np.zeros((people, frames, 2, 3)), np.zeros((people, frames, 3))
    chains, seen = np.zeros((people, frames)), np.zeros((people, frames), dtype=bool)
    under_balls = ball_vertices(body)
    for t, frame in enumerate(progress(source, frames, "read feet")):
        seen[:, t] = _usable(frame)
        rows = np.flatnonzero(seen[:, t])
        joints = frame.joints[rows].astype(np.float64)
        balls[rows, t] = frame.vertices[rows][:, under_balls].mean(axis=2, dtype=np.float64)
        trunks[rows, t] = joints[:, _SPINE[-2]] - joints[:, _SPINE[0]]
        chains[rows, t] = chain_length(joints)
    return FootTracks(source.person_ids, source.fps, balls, trunks, chains, seen)


def _usable(frame: FramePredictions) -> np.ndarray:
    finite = np.isfinite(frame.vertices).all((1, 2)) & np.isfinite(frame.joints).all((1, 2))
    return frame.valid & finite


def ball_vertices(body: BodyMeshes) -> np.ndarray:
    """(2, points) vertices under the balls of the left and the right foot: those of the sole nearest to the toe joint.

    The ball stays on the floor longer than any other part of the foot.

    Args:
        body: a y-up body model, with all its vertices or a subset.
    """
    joints = len(body.model.kintree_parents)
    vertices, rest = body.forward(np.zeros((1, joints, 3)), np.zeros(body.model.num_betas), np.zeros((1, 3)))
    weights = np.asarray(body.model.weights)
    chosen = []
    for ankle, toe in zip(ANKLES, TOES, strict=True):
        on_foot = np.flatnonzero(weights[:, ankle] + weights[:, toe] > 0.5)
        height = vertices[0, on_foot, 1]
        sole = on_foot[height < height.min() + _SOLE_THICKNESS]
        away = np.linalg.norm((vertices[0, sole] - rest[0, toe])[:, [0, 2]], axis=-1)
        chosen.append(np.resize(sole[np.argsort(away)[:_POINTS_PER_BALL]], _POINTS_PER_BALL))
    return np.stack(chosen)


def chain_length(joints: np.ndarray) -> np.ndarray:
    """(...,) length of spine with neck and of a leg (the mean of both) of (..., joints, 3), whatever the pose."""
    legs = sum((_length(joints, leg) for leg in _LEGS), start=np.zeros(joints.shape[:-2]))
    return _length(joints, _SPINE) + legs / len(_LEGS)


def _length(joints: np.ndarray, chain: tuple[int, ...]) -> np.ndarray:
    return np.linalg.norm(np.diff(joints[..., list(chain), :], axis=-2), axis=-1).sum(axis=-1)


def upright(tracks: FootTracks, frames: np.ndarray, R_scene_cam: np.ndarray) -> np.ndarray:
    """(3,) the likely direction of up in the scene: along people's trunks; without standing people the camera's.

    Args:
        tracks: everybody.
        frames: (n,) int, the frames to look at.
        R_scene_cam: (n, 3, 3) of these frames.
    """
    camera_up = geometric_median(-R_scene_cam[:, :, 1], np.ones(len(frames)))
    camera_up = camera_up / np.linalg.norm(camera_up)
    trunks = np.einsum("nij,knj->kni", R_scene_cam, tracks.trunks[:, frames])[tracks.seen[:, frames]]
    trunks = trunks / np.maximum(np.linalg.norm(trunks, axis=-1, keepdims=True), 1e-9)
    trunks = trunks[trunks @ camera_up > np.cos(_FARTHEST)]
    if not len(trunks):
        return camera_up
    up = geometric_median(trunks, np.ones(len(trunks)))
    return up / np.linalg.norm(up)
