"""How well motion agrees with the truth, under the field's names."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

import numpy as np
from motion_clips.making import MotionTruth
from motion_clips.mishaps import GROSS, UNSEEN, Kind
from motion_found import Motion

from nlf_pipeline import metrics, motion_metrics
from nlf_pipeline.artefacts import Floor
from nlf_pipeline.body_models import joint_index
from nlf_pipeline.geometry import invert_rigid, project, transform_points

_FEET = [joint_index("left_foot"), joint_index("right_foot")]
_DEEP = 0.01
_SAME_BOX = 0.5
"""Least overlap of boxes of one person."""
_NAN = float("nan")


def _figure(label: str, target: str = "", reference: str = "", digits: int = 1) -> float:
    """`reference`: the reference pipeline's figure, and after a slash that of the input it was given."""
    return field(default=_NAN, metadata={"label": label, "target": target, "reference": reference, "digits": digits})


@dataclass(frozen=True)
class Scores:
    """Means over people; NaN where there is nothing to measure. In the units of the labels."""

    coverage: float = _figure("coverage, %", "", "96.9 / 98.7")
    idf1: float = _figure("IDF1", digits=3)
    switches: float = _figure("identity switches", "<= 0", digits=0)
    mpjpe: float = _figure("MPJPE, mm", "", "52.1 / 58.8")
    pa_mpjpe: float = _figure("PA-MPJPE, mm", "<= 33", "33.8 / 36.1")
    pve: float = _figure("PVE, mm", "", "64.6")
    mpjpe_gross: float = _figure("MPJPE in frames of outliers, mm", "", "74 / 233")
    mpjpe_turned: float = _figure("MPJPE in frames taken to face away, mm")
    mpjpe_swapped: float = _figure("MPJPE in frames with swapped legs, mm")
    mpjpe_gap: float = _figure("MPJPE in frames without estimate, mm")
    w_mpjpe: float = _figure("W-MPJPE100, mm")
    wa_mpjpe: float = _figure("WA-MPJPE100, mm")
    rte: float = _figure("RTE, % of path", digits=2)
    root: float = _figure("root error, mm", "< 60", "77 / 115")
    root_depth: float = _figure("of it along the ray, mm", "", "74 / 112")
    root_across: float = _figure("of it across the ray, mm", "", "14.7 / 16.9")
    root_stolen: float = _figure("root error in frames that show another person, mm")
    accel: float = _figure("Accel, mm/frame²", "< 8", "11.6 / 83", 2)
    accel_median: float = _figure("median Accel, mm/frame²", "", "8.1 / 31.6", 2)
    jitter: float = _figure("Jitter, m/s³", "< 200", "520 / 4127", 0)
    jitter_true: float = _figure("true Jitter, m/s³", digits=0)
    slide: float = _figure("FootSlide, mm/frame", "< 3", "11.8 / 57", 2)
    slide_median: float = _figure("median FootSlide, mm/frame", "", "9.2 / 22.5", 2)
    sliding: float = _figure("contacts sliding > 10 mm/frame, %", "", "45 / 85")
    penetration: float = _figure("penetration of the true floor, mm")
    deep: float = _figure("frames > 10 mm under the true floor, %", "", "28")
    own_penetration: float = _figure("penetration of the floor that was found, mm", "<= 10")
    ground_deg: float = _figure("ground normal, deg", "< 0.5", "0.3-1.3", 2)
    ground_mm: float = _figure("ground height, mm", "< 10", "33-49")
    up_deg: float = _figure("the world's up, deg", digits=2)

    @classmethod
    def mean(cls, scores: Iterable["Scores"]) -> "Scores":
        """Figure by figure, of those that are numbers."""
        columns = zip(*([getattr(s, f.name) for f in fields(cls)] for s in scores), strict=True)
        return cls(*(_mean(column) for column in columns))


def _mean(values: Iterable[float] | np.ndarray) -> float:
    finite = [value for value in np.ravel(np.asarray(values, dtype=np.float64)) if np.isfinite(value)]
    return float(np.mean(finite)) if finite else _NAN


def score(motions: list[Motion], truth: MotionTruth, floor: Floor | None = None, n_people: int | None = None) -> Scores:
    """Compare motions, one per true person, with the truth; of the first `n_people` only, if given."""
    if not motions[:n_people]:
        return Scores()
    scores = Scores.mean([_score_person(motion, truth, k) for k, motion in enumerate(motions[:n_people])])
    idf1, switches = _identities(motions[:n_people], truth)
    deg, mm, up_deg = _ground_errors(floor, truth) if floor else (_NAN, _NAN, _NAN)
    return replace(scores, idf1=idf1, switches=switches, ground_deg=deg, ground_mm=mm, up_deg=up_deg)


def _score_person(motion: Motion, truth: MotionTruth, k: int) -> Scores:
    true, shown, kinds = truth.bodies.joints[k], motion.shown, truth.mishaps.kinds[k]
    joints, fps = motion.joints, truth.bodies.fps
    errors = [metrics.mpjpe(joints[i : i + 1], true[i : i + 1]) if shown[i] else np.nan for i in range(len(true))]
    mpjpe_frames = 1000 * np.array(errors)
    away = np.where(shown[:, None], joints[:, 0] - true[:, 0], np.nan)
    along, across = _along_and_across(away, true[:, 0] - truth.cameras.T_world_cam[:, :3, 3])
    root_frames = 1000 * np.linalg.norm(away, axis=-1)
    accel = 1000 * metrics.acceleration_errors(joints, true, shown)
    slide = metrics.foot_slide(joints[:, _FEET], truth.bodies.foot_contacts[k] & shown[:, None]) * 1000
    rte = motion_metrics.root_translation_error(joints[shown, 0], true[shown, 0])
    on_frames = lambda f: 1000 * _mean(f(joints[shown], true[shown])) if shown.any() else _NAN  # noqa: E731
    return Scores(
        coverage=100 * shown.mean(),
        mpjpe=_mean(mpjpe_frames),
        pa_mpjpe=on_frames(metrics.pa_mpjpe),
        pve=1000 * _mean(motion.vertex_error),
        mpjpe_gross=_mean(mpjpe_frames[np.isin(kinds, GROSS)]),
        mpjpe_turned=_mean(mpjpe_frames[kinds == Kind.TURNED_AROUND]),
        mpjpe_swapped=_mean(mpjpe_frames[kinds == Kind.LEGS_SWAPPED]),
        mpjpe_gap=_mean(mpjpe_frames[np.isin(kinds, UNSEEN)]),
        w_mpjpe=on_frames(motion_metrics.w_mpjpe),
        wa_mpjpe=on_frames(motion_metrics.wa_mpjpe),
        rte=_NAN if rte is None else 100 * rte,
        root=_mean(root_frames),
        root_depth=1000 * _mean(along),
        root_across=1000 * _mean(across),
        root_stolen=_mean(root_frames[kinds == Kind.STOLEN]),
        accel=_mean(accel),
        accel_median=_median(accel),
        jitter=metrics.jitter(joints, shown, fps),
        jitter_true=metrics.jitter(true, shown, fps),
        slide=_mean(slide),
        slide_median=_median(slide),
        sliding=100 * _mean(slide > 10),
        penetration=1000 * _mean(motion.depth),
        deep=100 * _mean(motion.depth[np.isfinite(motion.depth)] > _DEEP),
        own_penetration=1000 * _mean(motion.own_depth),
    )


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else _NAN


def _along_and_across(away: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (frames,) of the parts of `away` (frames, 3) along the rays (frames, 3) and across them."""
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    along = np.sum(away * unit, axis=-1)
    return np.abs(along), np.linalg.norm(away - along[:, None] * unit, axis=-1)


def _identities(motions: list[Motion], truth: MotionTruth) -> tuple[float, float]:
    """IDF1 and identity switches by the boxes about people's joints in the picture; the hidden are not asked for."""
    true, n = truth.bodies.joints[: len(motions)], len(motions)
    shown = np.stack([motion.shown for motion in motions])
    joints = np.where(shown[..., None, None], np.stack([motion.joints for motion in motions]), true)
    found_boxes, true_boxes = _boxes(joints, truth), _boxes(true, truth)
    overlap = np.stack([[_overlap(person, track) for track in found_boxes] for person in true_boxes])
    overlap = np.where(shown, overlap, 0.0).transpose(2, 0, 1)
    asked = ~np.isin(truth.mishaps.kinds[:n], (Kind.HIDDEN, Kind.STOLEN))
    of_asked = np.where(asked.T[..., None], overlap, 0.0)
    on_hidden_only = (overlap.max(axis=1) >= _SAME_BOX) & (of_asked.max(axis=1) < _SAME_BOX)
    found = metrics.identity_scores(of_asked, asked, shown & ~on_hidden_only.T, _SAME_BOX)
    return found.idf1, found.switches


def _boxes(joints: np.ndarray, truth: MotionTruth) -> np.ndarray:
    """(people, frames, 2, 2) least and greatest pixels of (people, frames, joints, 3) in the true world."""
    pixels = project(transform_points(invert_rigid(truth.cameras.T_world_cam), joints), truth.cameras.K[:, None])
    return np.stack([pixels.min(axis=2), pixels.max(axis=2)], axis=2)


def _overlap(boxes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of (..., 2, 2) boxes."""
    low, high = np.maximum(boxes[..., 0, :], other[..., 0, :]), np.minimum(boxes[..., 1, :], other[..., 1, :])
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    area = lambda box: np.prod(box[..., 1, :] - box[..., 0, :], axis=-1)  # noqa: E731
    return common / np.maximum(area(boxes) + area(other) - common, 1e-9)


def _ground_errors(floor: Floor, truth: MotionTruth) -> tuple[float, float, float]:
    """Angle between the planes, degrees; how far the mean height is from the true floor's where people tread, mm; and
    angle to gravity, degrees. On stairs there is neither plane nor height."""
    T_scene_true, normal = invert_rigid(truth.T_world_scene), np.array(floor.normal)
    up_deg = _angle_deg(truth.T_world_scene[1, :3], floor.world_up)
    if truth.terrain is not None and truth.terrain.kind == "stairs":
        return _NAN, _NAN, up_deg
    true_normal, on_floor = np.array([0.0, 1.0, 0.0]), truth.bodies.joints[:, :, _FEET][truth.bodies.foot_contacts]
    on_floor = on_floor * [1, 0, 1]
    if truth.terrain is not None:
        true_normal, on_floor[:, 1] = truth.terrain.normal, truth.terrain.heights(on_floor[:, [0, 2]])
    heights = floor.offset_m - transform_points(T_scene_true, on_floor) @ normal
    return _angle_deg(T_scene_true[:3, :3] @ true_normal, normal), 1000 * abs(_mean(heights)), up_deg


def _angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    """Between unit vectors."""
    return float(np.rad2deg(np.arccos(np.clip(a @ b, -1, 1))))
