"""Find the floor under everybody's feet."""

import logging
from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import BodyFits, Floor, Ground, Intrinsics, SceneCameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.fitting.floor_kind import find_floor
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.fitting.standing import PlantedFeet, feet_in_shot, trunks_in_shot
from nlf_pipeline.fitting.uprightness import UpBelief, believe_up

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
    intrinsics: Path | None = None,
    threshold_m: float = 0.05,
    seed: int = 0,
) -> None:
    """Find the floor of every shot: the plane on which everybody's feet rest.

    Feet at rest are slow and no higher than the other foot; their lowest sole points vote by RANSAC
    for a plane within 35 degrees of where upright people and level cameras put up. The most probable
    plane is level, unless the feet say clearly that it slopes, or that they stand at several heights;
    the world then gets its up from the people. Where too few feet are seen, the camera is taken to be
    1.6 m above the floor, and the result says so.

    Args:
        fits: fits.npz.
        cameras: cameras.npz.
        video_facts: video.json.
        body: folder with the body model.
        out: ground.json to write.
        intrinsics: intrinsics.json; where it says that the focal length is assumed, a slope along the view counts for
            little. Without it the lens is taken to be known.
        threshold_m: feet farther from the plane than this do not stand on it, metres; > 0.
        seed: of RANSAC's draws.
    """
    if threshold_m <= 0:
        raise UserError(f"the ground's threshold is {threshold_m} m; it must be more than 0, 0.05 is usual")
    people, scene, facts = BodyFits.load(fits), SceneCameras.load(cameras), VideoFacts.load(video_facts)
    meshes = BodyMeshes(load_resting_body(body, subset=True))
    feet = [find_soles(meshes, betas) for betas in people.betas]
    knows_lens = intrinsics is None or Intrinsics.load(intrinsics).focal_source != "assumed"
    floors = []
    for shot in facts.shots():
        trunks = trunks_in_shot(people, shot, scene.T_scene_cam, facts.fps)
        up = believe_up(trunks, scene.T_scene_cam[shot], knows_lens)
        planted = feet_in_shot(people, feet, shot, scene.T_scene_cam, up.direction, facts.fps)
        floors.append(_floor(planted, up, scene.T_scene_cam, shot, threshold_m, seed))
    Ground(floors).save(out)


def _floor(
    planted: PlantedFeet, up: UpBelief, T_scene_cam: np.ndarray, shot: slice, threshold: float, seed: int
) -> Floor:
    """The floor of one shot, in its own scene frame."""
    if len(planted.seconds) >= _LEAST_STANCES:
        return find_floor(planted, up, threshold, seed)
    log.warning(
        "frames %d-%d: feet at rest: %d; taking the camera to be level, 1.6 m above the floor",
        shot.start,
        shot.stop - 1,
        len(planted.seconds),
    )
    return _level_camera(up, T_scene_cam[shot.start])


def _level_camera(up: UpBelief, T_scene_cam: np.ndarray) -> Floor:
    x, y, z = up.direction.tolist()
    return Floor(
        normal=(x, y, z),
        offset_m=float(T_scene_cam[:3, 3] @ up.direction) - _USUAL_CAMERA_HEIGHT,
        source="camera",
        inlier_fraction=0.0,
        spread_m=0.0,
        n_points=0,
        up_source=up.source,
    )
