"""Find the floor under everybody's feet."""

import logging
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import BodyFits, Floor, Ground, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_body_model
from nlf_pipeline.errors import UserError
from nlf_pipeline.fitting.contacts import Stances, find_stances
from nlf_pipeline.fitting.floor_plane import fit_floor
from nlf_pipeline.fitting.gravity import up_direction
from nlf_pipeline.fitting.soles import Soles, find_soles
from nlf_pipeline.kinematics import global_rotations

log = logging.getLogger(__name__)
_LEAST_STANCES = 2
_USUAL_CAMERA_HEIGHT = 1.6
"""Metres: a camera held at eye level."""


def ground(
    *,
    fits: Path,
    cameras: Path,
    video_facts: Path,
    body: Path,
    out: Path,
    threshold_m: float = 0.05,
    seed: int = 0,
) -> None:
    """Find the floor of every shot: the plane on which everybody's feet rest.

    Feet at rest are slow and no higher than the other foot; their lowest sole points vote by RANSAC
    for a plane within 35 degrees of where people and cameras put up. Where too few feet are seen, the
    camera is taken to be level and 1.6 m above the floor, and the result says so.

    Args:
        fits: fits.npz.
        cameras: cameras.npz.
        video_facts: video.json.
        body: folder with the body model.
        out: ground.json to write.
        threshold_m: feet farther from the plane than this do not stand on it, metres; > 0.
        seed: of RANSAC's draws.
    """
    if threshold_m <= 0:
        raise UserError(f"the ground's threshold is {threshold_m} m; it must be more than 0, 0.05 is usual")
    people, scene, facts = BodyFits.load(fits), SceneCameras.load(cameras), VideoFacts.load(video_facts)
    meshes = BodyMeshes(load_body_model(body, subset=True))
    feet = [find_soles(meshes, betas) for betas in people.betas]
    floors = [_floor(people, feet, scene.T_scene_cam, shot, facts.fps, threshold_m, seed) for shot in facts.shots()]
    Ground(floors).save(out)


def _floor(
    people: BodyFits,
    feet: list[Soles],
    T_scene_cam: np.ndarray,
    shot: slice,
    fps: float,
    threshold: float,
    seed: int,
) -> Floor:
    """The floor of one shot, in its own scene frame."""
    T, visible = T_scene_cam[shot], people.visible[:, shot]
    rotations = [global_rotations(pose[shot].astype(np.float64)) for pose in people.pose_rotvecs]
    standing = [turned[seen] for turned, seen in zip(rotations, visible, strict=True)]
    up = up_direction(np.concatenate([np.zeros((0, *people.joints.shape[2:], 3)), *standing]), T)
    soles = [
        foot.posed(turned, joints[shot]) for foot, turned, joints in zip(feet, rotations, people.joints, strict=True)
    ]
    stances = find_stances(soles, list(visible), T[:, :3, 3], [slice(0, len(T))], up, fps)
    if len(stances.person) >= _LEAST_STANCES:
        return _under_feet(stances, up, threshold, seed)
    log.warning(
        "frames %d-%d: feet at rest: %d; taking the camera to be level, 1.6 m above the floor",
        shot.start,
        shot.stop - 1,
        len(stances.person),
    )
    return _level_camera(up, T)


def _under_feet(stances: Stances, up: np.ndarray, threshold: float, seed: int) -> Floor:
    plane = fit_floor(stances.point, stances.weights(), up, threshold, seed)
    x, y, z = plane.normal
    return Floor(
        normal=(float(x), float(y), float(z)),
        offset_m=plane.offset,
        source="feet",
        inlier_fraction=float(plane.inliers.mean()),
        spread_m=plane.spread,
        n_points=len(stances.person),
    )


def _level_camera(up: np.ndarray, T_scene_cam: np.ndarray) -> Floor:
    x, y, z = up
    return Floor(
        normal=(float(x), float(y), float(z)),
        offset_m=float(T_scene_cam[0, :3, 3] @ up) - _USUAL_CAMERA_HEIGHT,
        source="camera",
        inlier_fraction=0.0,
        spread_m=0.0,
        n_points=0,
    )
