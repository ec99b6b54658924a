"""How well everybody's body and motion were found, in the picture's frame of time and in the world."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline import metrics, motion_metrics
from nlf_pipeline.artefacts import Bodies, Floor
from nlf_pipeline.body_kinds import N_SHARED_JOINTS, joint_index
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.evaluation.measurement import Measurement, mean_or_none
from nlf_pipeline.geometry import invert_rigid, transform_points

_FEET = [joint_index("left_foot"), joint_index("right_foot")]


@dataclass(frozen=True)
class Match:
    """One person in the truth and in the result."""

    person: int
    """Row in the truth."""
    row: int
    """Row in the result."""
    shown: np.ndarray
    """(frames,) bool: there in both."""
    joints: np.ndarray
    """(frames, joints, 3) found, in the true world."""
    truth: np.ndarray
    """(frames, joints, 3)."""


def match_people(found: Bodies, true: Bodies, T_true_found: np.ndarray, pairs: list[tuple[int, int]]) -> list[Match]:
    """Everybody who was found in some frame, with the joints that result and truth have in common.

    Args:
        found: the result.
        true: the truth, of the same frames.
        T_true_found: (4, 4) from the found world to the true one.
        pairs: (person, row) of the truth and of the result.
    """
    n_joints = found.joints.shape[2] if found.joints.shape[2] == true.joints.shape[2] else N_SHARED_JOINTS
    joints = transform_points(T_true_found[None, None], found.joints[:, :, :n_joints])
    truth = true.joints[:, :, :n_joints]
    matches = [
        Match(person, row, true.visible[person] & found.visible[row], joints[row], truth[person])
        for person, row in pairs
    ]
    return [match for match in matches if match.shown.any()]


def ground_measurements(floor: Floor, true: Bodies, T_world_scene: np.ndarray) -> list[Measurement]:
    """Tilt of the floor, and its distance from y = 0 where people walk.

    Args:
        floor: found, in the frame of the first camera.
        true: the truth.
        T_world_scene: (4, 4) the first true camera.
    """
    up_scene = T_world_scene[1, :3]
    angle_deg = np.rad2deg(np.arccos(np.clip(up_scene @ np.array(floor.normal), -1, 1)))
    floor_world = true.joints[:, :, _FEET][true.visible].reshape(-1, 3) * [1, 0, 1]
    floor_scene = transform_points(invert_rigid(T_world_scene), floor_world)
    height = np.abs(floor_scene @ np.array(floor.normal) - floor.offset_m).mean()
    return [
        Measurement("ground normal", float(angle_deg), "deg", "<= 1.0"),
        Measurement("ground height under the feet", float(height * 1000), "mm", "<= 30"),
    ]


def body_measurements(found: Bodies, true: Bodies, matches: list[Match], meshes: BodyMeshes) -> list[Measurement]:
    """Poses, places and feet, the two worlds being brought together by `match_people`'s transform alone."""
    if not matches:
        return [Measurement("coverage", 0.0, "", ">= 0.98")]
    joints = np.concatenate([match.joints[match.shown] for match in matches])
    truth = np.concatenate([match.truth[match.shown] for match in matches])
    slides = [
        metrics.foot_slide(found.joints[m.row][:, _FEET], true.foot_contacts[m.person] & m.shown[:, None])
        for m in matches
    ]
    slide = np.concatenate(slides) * 1000
    below = np.concatenate([_depth_below_floor(found, match, meshes) for match in matches]) * 1000
    acceleration = [metrics.acceleration_error(m.joints, m.truth, m.shown) * 1000 for m in matches]
    return [
        Measurement("coverage", len(joints) / max(1, int(true.visible.sum())), "", ">= 0.98"),
        Measurement("PA-MPJPE", metrics.pa_mpjpe(joints, truth) * 1000, "mm", "<= 65"),
        Measurement("MPJPE", metrics.mpjpe(joints, truth) * 1000, "mm", "<= 80"),
        Measurement(
            "pelvis error in the world", metrics.position_error(joints[:, 0], truth[:, 0]) * 1000, "mm", "<= 150"
        ),
        Measurement("acceleration error", mean_or_none(acceleration), "mm/frame2", ""),
        Measurement(
            "jitter", mean_or_none([metrics.jitter(m.joints, m.shown, found.fps) for m in matches]), "m/s3", ""
        ),
        Measurement(
            "true jitter", mean_or_none([metrics.jitter(m.truth, m.shown, found.fps) for m in matches]), "m/s3", ""
        ),
        Measurement("foot slide in contact", mean_or_none(slide), "mm/frame", "<= 3"),
        Measurement("median foot slide in contact", float(np.median(slide)) if len(slide) else None, "mm/frame", ""),
        Measurement("penetration of the floor", mean_or_none(below), "mm", "<= 10"),
    ]


def world_measurements(matches: list[Match]) -> list[Measurement]:
    """Motion through the world after the field's alignments, over the frames in which each person was found."""
    if not matches:
        return []
    paths = [(match.joints[match.shown], match.truth[match.shown]) for match in matches]
    w, wa = (np.concatenate([f(*path) for path in paths]) for f in (motion_metrics.w_mpjpe, motion_metrics.wa_mpjpe))
    shares = [motion_metrics.root_translation_error(joints[:, 0], truth[:, 0]) for joints, truth in paths]
    everybody = [np.concatenate(sides).reshape(-1, 3) for sides in zip(*paths, strict=True)]
    return [
        Measurement("WA-MPJPE100", mean_or_none(wa * 1000), "mm", ""),
        Measurement("W-MPJPE100", mean_or_none(w * 1000), "mm", ""),
        Measurement("RTE", mean_or_none([share * 100 for share in shares if share is not None]), "%", ""),
        Measurement("MPJPE of the scene, rigidly aligned", motion_metrics.scene_mpjpe(*everybody) * 1000, "mm", ""),
    ]


def _depth_below_floor(found: Bodies, match: Match, meshes: BodyMeshes) -> np.ndarray:
    """(shown frames,) how far the lowest vertex is under y = 0, metres; 0 above it."""
    row, shown = match.row, match.shown
    vertices, _ = meshes.forward(found.pose_rotvecs[row][shown], found.betas[row], found.trans[row][shown])
    return np.maximum(-vertices[..., 1].min(1), 0)
