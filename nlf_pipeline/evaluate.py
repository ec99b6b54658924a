"""Stage: compare the result with exact truth, where there is some."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from nlf_pipeline import metrics
from nlf_pipeline.artefact_files import write_json
from nlf_pipeline.artefacts import Bodies, Cameras, Floor, Ground
from nlf_pipeline.body_models import BodyMeshes, joint_index, load_body_model
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.masks import MaskTracks

log = logging.getLogger(__name__)
_FEET = [joint_index("left_foot"), joint_index("right_foot")]
_MIN_VISIBLE_SHARE = 0.25
"""Of a person's usual area: with less in sight nobody is asked to find him."""


@dataclass(frozen=True)
class Measurement:
    """One figure beside its target."""

    name: str
    value: float | None
    """None where there was nothing to measure."""
    unit: str
    target: str
    """Such as '<= 80'; empty if there is none."""

    @property
    def reached(self) -> bool | None:
        """Whether the value meets the target; None without either."""
        if not self.target or self.value is None:
            return None
        relation, bound = self.target.split()
        return self.value >= float(bound) if relation == ">=" else self.value <= float(bound)


def evaluate(*, bodies: Path, cameras: Path, ground: Path, masks: Path, truth: Path, body: Path, out: Path) -> None:
    """Measure bodies, identities and ground against the truth.

    The two worlds are brought together by the first camera alone, so errors of depth, scale and ground count.

    Args:
        bodies: bodies.npz.
        cameras: world_cameras.npz.
        ground: ground.json.
        masks: masks.json.
        truth: folder with the true bodies.npz, world_cameras.npz and masks.json; its floor is y = 0.
        body: folder of the body model.
        out: evaluation.json.
    """
    found, true = Bodies.load(bodies), Bodies.load(truth / "bodies.npz")
    found_cameras, true_cameras = Cameras.load(cameras), Cameras.load(truth / "world_cameras.npz")
    T_true_found = true_cameras.T_world_cam[0] @ invert_rigid(found_cameras.T_world_cam[0])
    true_masks, found_masks = MaskTracks.load(truth / "masks.json"), MaskTracks.load(masks)
    overlap = mask_overlap(true_masks, found_masks)
    measurements = [
        *_identity_measurements(overlap, enough_visible(true_masks), found_masks.visible),
        *_ground_measurements(Ground.load(ground).floors[0], true, true_cameras.T_world_cam[0]),
        *_body_measurements(
            found, true, T_true_found, _assign(overlap), BodyMeshes(load_body_model(body, subset=True))
        ),
    ]
    for line in format_table(measurements):
        log.info("%s", line)
    rows = [{**asdict(m), "reached": m.reached} for m in measurements]
    write_json({"format_version": 1, "measurements": rows}, out)


def format_table(measurements: list[Measurement]) -> list[str]:
    """Markdown lines: figure, value, target, reached."""
    word = {True: "yes", False: "no", None: ""}
    values = ["-" if m.value is None else f"{m.value:.3g} {m.unit}".strip() for m in measurements]
    rows = [
        f"| {m.name} | {value} | {m.target} | {word[m.reached]} |"
        for m, value in zip(measurements, values, strict=True)
    ]
    return ["| figure | value | target | reached |", "|---|---|---|---|", *rows]


def mask_overlap(true: MaskTracks, found: MaskTracks) -> np.ndarray:
    """(frames, people, tracks) intersection over union of true masks with found ones; 0 where either is missing."""
    n_frames = min(true.n_frames, found.n_frames)
    overlap = np.zeros((n_frames, len(true.masks), len(found.masks)))
    for person, true_track in enumerate(true.masks):
        for row, track in enumerate(found.masks):
            for t in range(n_frames):
                a, b = true_track[t], track[t]
                if a is not None and b is not None:
                    overlap[t, person, row] = a.iou(b)
    return overlap


def enough_visible(true: MaskTracks) -> np.ndarray:
    """(people, frames) bool: at least a quarter of the person's median area over the clip is in sight."""
    areas = np.array([[0 if mask is None else mask.area() for mask in track] for track in true.masks])
    areas = areas.reshape(len(true.masks), true.n_frames)
    usual = np.array([np.median(row[row > 0]) if (row > 0).any() else np.inf for row in areas])
    return areas >= _MIN_VISIBLE_SHARE * usual[:, None]


def _assign(overlap: np.ndarray) -> list[tuple[int, int]]:
    """(person, row) pairs: the one-to-one assignment with the greatest overlap over the whole clip."""
    total = overlap.sum(0)
    return [(int(k), int(row)) for k, row in zip(*linear_sum_assignment(-total), strict=True) if total[k, row] > 0]


def _identity_measurements(overlap: np.ndarray, present: np.ndarray, shown: np.ndarray) -> list[Measurement]:
    scores = metrics.identity_scores(overlap, present[:, : len(overlap)], shown[:, : len(overlap)])
    return [
        Measurement("identity switches", scores.switches, "", "<= 0"),
        Measurement("detection recall", scores.recall, "", ">= 0.98"),
        Measurement("IDF1", scores.idf1, "", ""),
    ]


def _ground_measurements(ground: Floor, true: Bodies, T_world_scene: np.ndarray) -> list[Measurement]:
    up_scene = T_world_scene[1, :3]
    angle_deg = np.rad2deg(np.arccos(np.clip(up_scene @ np.array(ground.normal), -1, 1)))
    floor_world = true.joints[:, :, _FEET][true.visible].reshape(-1, 3) * [1, 0, 1]
    floor_scene = transform_points(invert_rigid(T_world_scene), floor_world)
    height = np.abs(floor_scene @ np.array(ground.normal) - ground.offset_m).mean()
    return [
        Measurement("ground normal", float(angle_deg), "deg", "<= 1.0"),
        Measurement("ground height under the feet", float(height * 1000), "mm", "<= 30"),
    ]


def _body_measurements(
    found: Bodies, true: Bodies, T_true_found: np.ndarray, pairs: list[tuple[int, int]], meshes: BodyMeshes
) -> list[Measurement]:
    both = [(k, row, true.visible[k] & found.visible[row]) for k, row in pairs]
    moved = transform_points(T_true_found[None, None], found.joints)
    joints = np.concatenate([moved[row][shown] for _, row, shown in both] or [np.zeros((0, 24, 3))])
    truth = np.concatenate([true.joints[k][shown] for k, _, shown in both] or [np.zeros((0, 24, 3))])
    if not len(joints):
        return [Measurement("coverage", 0.0, "", ">= 0.98")]
    feet = [(found.joints[row][:, _FEET], true.foot_contacts[k] & shown[:, None]) for k, row, shown in both]
    slide = np.concatenate([metrics.foot_slide(*steps) for steps in feet])
    median_slide = float(np.median(slide) * 1000) if len(slide) else None
    below = np.concatenate([_depth_below_floor(found, row, shown, meshes) for _, row, shown in both])
    relative = [(moved[row], true.joints[k], shown) for k, row, shown in both]
    acceleration = np.array([metrics.acceleration_error(*triple) for triple in relative])
    jitters = np.array(
        [(metrics.jitter(a, shown, found.fps), metrics.jitter(b, shown, found.fps)) for a, b, shown in relative]
    )
    pelvis = np.linalg.norm(joints[:, 0] - truth[:, 0], axis=-1)
    return [
        Measurement("coverage", len(joints) / max(1, int(true.visible.sum())), "", ">= 0.98"),
        Measurement("PA-MPJPE", metrics.pa_mpjpe(joints, truth) * 1000, "mm", "<= 65"),
        Measurement("MPJPE", metrics.mpjpe(joints, truth) * 1000, "mm", "<= 80"),
        Measurement("pelvis error in the world", _mean(pelvis * 1000), "mm", "<= 150"),
        Measurement("acceleration error", _mean(acceleration * 1000), "mm/frame2", ""),
        Measurement("jitter", _mean(jitters[:, 0]), "m/s3", ""),
        Measurement("true jitter", _mean(jitters[:, 1]), "m/s3", ""),
        Measurement("foot slide in contact", _mean(slide * 1000), "mm/frame", "<= 3"),
        Measurement("median foot slide in contact", median_slide, "mm/frame", ""),
        Measurement("penetration of the floor", _mean(below * 1000), "mm", "<= 10"),
    ]


def _mean(values: np.ndarray) -> float | None:
    """Mean of the finite values; None if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def _depth_below_floor(found: Bodies, row: int, shown: np.ndarray, meshes: BodyMeshes) -> np.ndarray:
    """(shown frames,) how far the lowest vertex is under y = 0, metres; 0 above it."""
    vertices, _ = meshes.forward(found.pose_rotvecs[row][shown], found.betas[row], found.trans[row][shown])
    return np.maximum(-vertices[..., 1].min(1), 0)
