"""Accuracy on a real clip whose landmarks were triangulated from several calibrated views.

    python benchmarks/lab_two_people.py --results results/lab_two_people --truth lab_two_people_truth.npz

The truth holds `points_cam` (people, moments, 33, 3), metres, in the camera frame, and `frames` (moments,).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from scipy.optimize import linear_sum_assignment

from nlf_pipeline import metrics
from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.landmarks import landmark_index

CORE = [
    landmark_index(f"{side}_{joint}")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
HIPS = [CORE.index(landmark_index("left_hip")), CORE.index(landmark_index("right_hip"))]


@dataclass(frozen=True)
class Arguments:
    """What to compare."""

    truth: Path
    """npz with the triangulated landmarks."""
    results: Path = Path("results/lab_two_people")
    """Folder of the finished run."""
    body: Path = Path("resources/body_models/open")
    """Folder of the body model the run used."""


def landmarks_in_camera(results: Path, body: Path, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(people, moments, 12, 3) core landmarks in the camera frame, and (people, moments) whether they are there."""
    bodies, cameras = Bodies.load(results / "bodies.npz"), Cameras.load(results / "world_cameras.npz")
    meshes, regressor = BodyMeshes(load_body_model(body)), np.load(body / "landmark_regressor.npy")[CORE]
    T_cam_world = invert_rigid(cameras.T_world_cam[frames])
    points = []
    for k in range(len(bodies.person_ids)):
        vertices, _ = meshes.forward(bodies.pose_rotvecs[k, frames], bodies.betas[k], bodies.trans[k, frames])
        points.append(transform_points(T_cam_world, np.einsum("lv,tvc->tlc", regressor, vertices)))
    return np.array(points), bodies.visible[:, frames]


def mid_hips(points: np.ndarray) -> np.ndarray:
    """(..., 12, 3) to (..., 3)."""
    return points[..., HIPS, :].mean(-2)


def report(name: str, found: np.ndarray, true: np.ndarray) -> str:
    """One table row for (n, 12, 3) landmarks."""
    root, true_root = mid_hips(found), mid_hips(true)
    error = np.abs(root - true_root).mean(0) * 1000
    mpjpe = metrics.position_error(found - root[:, None], true - true_root[:, None]) * 1000
    pa = metrics.pa_mpjpe(found, true) * 1000
    pelvis = metrics.position_error(root, true_root) * 1000
    xyz = ", ".join(f"{axis:.0f}" for axis in error)
    return f"| {name} | {len(found)} | {mpjpe:.0f} | {pa:.0f} | {pelvis:.0f} | {xyz} |"


def table(arguments: Arguments) -> str:
    """Markdown: everybody's errors, and those of all together."""
    with np.load(arguments.truth) as archive:
        frames, true = archive["frames"], archive["points_cam"][:, :, CORE].astype(np.float64)
    found, visible = landmarks_in_camera(arguments.results, arguments.body, frames)
    known = np.isfinite(true).all((-1, -2))
    distance = np.array(
        [
            [
                np.median(np.linalg.norm(mid_hips(f - t)[v & ok], axis=-1)) if (v & ok).any() else 1e3
                for f, v in zip(found, visible, strict=True)
            ]
            for t, ok in zip(true, known, strict=True)
        ]
    )
    lines = [
        "| person | moments | MPJPE mm | PA-MPJPE mm | pelvis mm | pelvis x, y, z mm |",
        "|---|---|---|---|---|---|",
    ]
    all_found, all_true = [], []
    for person, row in zip(*linear_sum_assignment(distance), strict=True):
        both = visible[row] & known[person]
        all_found.append(found[row][both])
        all_true.append(true[person][both])
        lines.append(report(f"{person} ({both.sum()}/{known[person].sum()})", all_found[-1], all_true[-1]))
    lines.append(report("all", np.concatenate(all_found), np.concatenate(all_true)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(tyro.cli(Arguments)))
