"""How well motion agrees with the truth, under the field's names: raw estimates, fits, and bodies in the world."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from motion_clips.making import CHUNK_FRAMES, MotionTruth
from motion_clips.mishaps import GROSS, Kind

from nlf_pipeline import metrics, motion_metrics
from nlf_pipeline.artefacts import Bodies, BodyFits, Cameras, Floor
from nlf_pipeline.body_models import BodyMeshes, joint_index
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.predictions import Predictions

_FEET = [joint_index("left_foot"), joint_index("right_foot")]
_DEEP = 0.01


@dataclass(frozen=True)
class Motion:
    """One person's motion, brought into the true world."""

    joints: np.ndarray
    """(frames, joints, 3) metres."""
    shown: np.ndarray
    """(frames,) bool."""
    vertex_error: np.ndarray
    """(frames,) mean distance of the vertices after moving the roots together, metres; NaN where not shown."""
    depth: np.ndarray
    """(frames,) how far the lowest vertex is under the floor, metres, 0 above it; NaN where there is no floor."""


def _figure(label: str, target: str = "", digits: int = 1) -> float:
    return field(metadata={"label": label, "target": target, "digits": digits})


@dataclass(frozen=True)
class Scores:
    """Means over people; NaN where there is nothing to measure. In the units of the labels."""

    coverage: float = _figure("coverage, %", "(96.9, 98.7)")
    mpjpe: float = _figure("MPJPE, mm", "(52.1, 58.8)")
    pa_mpjpe: float = _figure("PA-MPJPE, mm", "<= 33 (33.8, 36.1)")
    pve: float = _figure("PVE, mm", "(64.6)")
    mpjpe_gross: float = _figure("MPJPE in frames of outliers, mm", "(74, 233)")
    mpjpe_turned: float = _figure("MPJPE in frames taken to face away, mm")
    mpjpe_swapped: float = _figure("MPJPE in frames with swapped legs, mm")
    mpjpe_gap: float = _figure("MPJPE in frames without estimate, mm")
    w_mpjpe: float = _figure("W-MPJPE100, mm")
    wa_mpjpe: float = _figure("WA-MPJPE100, mm")
    rte: float = _figure("RTE, % of path", "", 2)
    root: float = _figure("root error, mm", "< 60 (77, 115)")
    root_depth: float = _figure("of it along the ray, mm", "(74, 112)")
    accel: float = _figure("Accel, mm/frame²", "< 8 (11.6, 83)", 2)
    jitter: float = _figure("Jitter, m/s³", "< 200 (520, 4127)", 0)
    jitter_true: float = _figure("true jitter, m/s³", "", 0)
    slide: float = _figure("FootSlide, mm/frame", "< 3 (11.8, 57)", 2)
    slide_median: float = _figure("median FootSlide, mm/frame", "(9.2, 22.5)", 2)
    sliding: float = _figure("contacts sliding > 10 mm/frame, %", "(45, 85)")
    penetration: float = _figure("penetration, mm")
    deep: float = _figure("frames > 10 mm under the floor, %", "(28)")
    ground_deg: float = _figure("ground normal, deg", "< 0.5 (0.3-1.3)", 2)
    ground_mm: float = _figure("ground height, mm", "< 10 (33-49)")

    @classmethod
    def none(cls) -> "Scores":
        """Where there is no result."""
        return cls(*[float("nan")] * len(fields(cls)))

    @classmethod
    def mean(cls, scores: Iterable["Scores"]) -> "Scores":
        """Figure by figure, of those that are numbers."""
        columns = zip(*([getattr(s, f.name) for f in fields(cls)] for s in scores), strict=True)
        return cls(*(_mean(column) for column in columns))


def _mean(values: Iterable[float] | np.ndarray) -> float:
    finite = [value for value in np.ravel(np.asarray(values, dtype=np.float64)) if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def raw_motions(folder: Path, truth: MotionTruth, meshes: BodyMeshes) -> list[Motion]:
    """Everybody's estimates as they are, put into the world by the true camera."""
    source = Predictions.open(folder / "predictions.xz")
    n, shape = source.n_frames, truth.bodies.joints.shape
    joints, shown = np.zeros(shape), np.zeros(shape[:2], dtype=bool)
    errors = np.full(shape[:2], np.nan)
    chunk: list[np.ndarray] = []
    for i, frame in enumerate(source):
        shown[:, i] = frame.valid & np.isfinite(frame.vertices).all((1, 2))
        joints[:, i] = transform_points(truth.cameras.T_world_cam[i], frame.joints)
        chunk.append(transform_points(truth.cameras.T_world_cam[i], frame.vertices))
        if len(chunk) == CHUNK_FRAMES or i == n - 1:
            part = slice(i + 1 - len(chunk), i + 1)
            for k in range(len(shown)):
                vertices = np.stack([people[k] for people in chunk])
                errors[k, part] = _vertex_error(vertices, joints[k, part, 0], truth, meshes, k, part)
            chunk = []
    return [
        Motion(joints[k], shown[k], np.where(shown[k], errors[k], np.nan), np.full(n, np.nan))
        for k in range(len(shown))
    ]


def fitted_motions(fits: BodyFits, truth: MotionTruth, meshes: BodyMeshes) -> list[Motion]:
    """Everybody's fits, in the scene frame."""
    return _body_motions(fits, truth, meshes, truth.T_world_scene, has_floor=False)


def world_motions(folder: Path, truth: MotionTruth, meshes: BodyMeshes) -> list[Motion]:
    """Everybody's bodies in `folder`, in a world of their own, which the first camera ties to the true one."""
    bodies, cameras = Bodies.load(folder / "bodies.npz"), Cameras.load(folder / "world_cameras.npz")
    T = truth.cameras.T_world_cam[0] @ invert_rigid(cameras.T_world_cam[0])
    return _body_motions(bodies, truth, meshes, T, has_floor=True)


def _body_motions(
    found: BodyFits | Bodies, truth: MotionTruth, meshes: BodyMeshes, T_true_found: np.ndarray, has_floor: bool
) -> list[Motion]:
    motions = []
    for k in range(len(found.person_ids)):
        joints = transform_points(T_true_found, found.joints[k].reshape(-1, 3)).reshape(found.joints[k].shape)
        error, depth = np.full((2, len(joints)), np.nan)
        for start in range(0, len(joints), CHUNK_FRAMES):
            part = slice(start, start + CHUNK_FRAMES)
            vertices, _ = meshes.forward(found.pose_rotvecs[k, part], found.betas[k], found.trans[k, part])
            depth[part] = np.maximum(0, -vertices[..., 1].min(axis=1)) if has_floor else np.nan
            vertices = transform_points(T_true_found, vertices.astype(np.float64))
            error[part] = _vertex_error(vertices, joints[part, 0], truth, meshes, k, part)
        shown = found.visible[k]
        motions.append(Motion(joints, shown, np.where(shown, error, np.nan), np.where(shown, depth, np.nan)))
    return motions


def _vertex_error(
    vertices: np.ndarray, root: np.ndarray, truth: MotionTruth, meshes: BodyMeshes, k: int, part: slice
) -> np.ndarray:
    """(frames,) mean distance of (frames, vertices, 3) to the true ones after moving the roots together."""
    bodies = truth.bodies
    true, _ = meshes.forward(bodies.pose_rotvecs[k, part], bodies.betas[k], bodies.trans[k, part])
    difference = (vertices - root[:, None]) - (true - bodies.joints[k, part, :1])
    return np.linalg.norm(difference, axis=-1).mean(axis=1)


def score(motions: list[Motion], truth: MotionTruth, floor: Floor | None = None, n_people: int | None = None) -> Scores:
    """Compare motions, one per true person, with the truth; of the first `n_people` only, if given."""
    people = [_score_person(motion, truth, k) for k, motion in enumerate(motions[:n_people])]
    scores = Scores.mean(people) if people else Scores.none()
    if floor is None:
        return scores
    deg, mm = _ground_errors(floor, truth)
    return Scores(**{f.name: getattr(scores, f.name) for f in fields(Scores)} | {"ground_deg": deg, "ground_mm": mm})


def _score_person(motion: Motion, truth: MotionTruth, k: int) -> Scores:
    true, shown, kinds = truth.bodies.joints[k], motion.shown, truth.mishaps.kinds[k]
    joints, fps = motion.joints, truth.bodies.fps
    errors = [metrics.mpjpe(joints[i : i + 1], true[i : i + 1]) if shown[i] else np.nan for i in range(len(true))]
    mpjpe_frames = 1000 * np.array(errors)
    away = joints[shown, 0] - true[shown, 0]
    ray = true[shown, 0] - truth.cameras.T_world_cam[shown, :3, 3]
    along = np.abs(np.sum(away * ray, axis=-1) / np.linalg.norm(ray, axis=-1))
    slide = metrics.foot_slide(joints[:, _FEET], truth.bodies.foot_contacts[k] & shown[:, None]) * 1000
    rte = motion_metrics.root_translation_error(joints[shown, 0], true[shown, 0])
    on_frames = lambda f: 1000 * _mean(f(joints[shown], true[shown])) if shown.any() else float("nan")  # noqa: E731
    return Scores(
        coverage=100 * shown.mean(),
        mpjpe=_mean(mpjpe_frames),
        pa_mpjpe=on_frames(metrics.pa_mpjpe),
        pve=1000 * _mean(motion.vertex_error),
        mpjpe_gross=_mean(mpjpe_frames[np.isin(kinds, GROSS)]),
        mpjpe_turned=_mean(mpjpe_frames[kinds == Kind.TURNED_AROUND]),
        mpjpe_swapped=_mean(mpjpe_frames[kinds == Kind.LEGS_SWAPPED]),
        mpjpe_gap=_mean(mpjpe_frames[kinds >= Kind.MISSING]),
        w_mpjpe=on_frames(motion_metrics.w_mpjpe),
        wa_mpjpe=on_frames(motion_metrics.wa_mpjpe),
        rte=float("nan") if rte is None else 100 * rte,
        root=1000 * _mean(np.linalg.norm(away, axis=-1)),
        root_depth=1000 * _mean(along),
        accel=1000 * metrics.acceleration_error(joints, true, shown),
        jitter=metrics.jitter(joints, shown, fps),
        jitter_true=metrics.jitter(true, shown, fps),
        slide=_mean(slide),
        slide_median=float(np.median(slide)) if len(slide) else float("nan"),
        sliding=100 * _mean(slide > 10),
        penetration=1000 * _mean(motion.depth),
        deep=100 * _mean(motion.depth[np.isfinite(motion.depth)] > _DEEP),
        ground_deg=float("nan"),
        ground_mm=float("nan"),
    )


def _ground_errors(floor: Floor, truth: MotionTruth) -> tuple[float, float]:
    """Tilt in degrees, and how far the mean height is from the true floor's where people walk, mm."""
    up_scene, normal = truth.T_world_scene[1, :3], np.array(floor.normal)
    deg = np.rad2deg(np.arccos(np.clip(up_scene @ normal, -1, 1)))
    on_floor = truth.bodies.joints[:, :, _FEET][truth.bodies.foot_contacts] * [1, 0, 1]
    heights = floor.offset_m - transform_points(invert_rigid(truth.T_world_scene), on_floor) @ normal
    return float(deg), 1000 * abs(_mean(heights))
