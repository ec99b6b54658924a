"""Sizes by which everybody comes to stand on one floor."""

import numpy as np

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.contacts import find_stances
from nlf_pipeline.fitting.gravity import up_direction
from nlf_pipeline.fitting.ground_scale import person_scales
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.fitting.track_smoothing import Smoothing, SmoothTrack
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.kinematics import joint_positions

_LEAST_SEEN_S = 1.0
"""Who is seen more briefly neither has a say about the floor nor is moved onto it."""


def floor_factors(
    betas: list[np.ndarray],
    tracks: list[SmoothTrack],
    meshes: BodyMeshes,
    T_scene_cam: np.ndarray,
    how: Smoothing,
    is_given: np.ndarray,
) -> np.ndarray:
    """(people,) factors about the camera by which everybody comes to stand on one floor: that of the busiest shot.

    Args:
        betas: everybody's, (betas,) each.
        tracks: everybody's.
        meshes: of the body model.
        T_scene_cam: (frames, 4, 4).
        how: shots and frame rate.
        is_given: (people,) bool: whose size the user told; they keep it.
    """
    if len(tracks) < 2:
        return np.ones(len(tracks))
    shot = max(how.shots, key=lambda shot: sum(int(track.visible[shot].sum()) for track in tracks))
    # In the axes of the shot's first camera, so that nothing depends on where the scene's origin is.
    T_first_scene = invert_rigid(T_scene_cam[shot.start])
    T = T_first_scene @ T_scene_cam[shot]
    turn = T_first_scene[:3, :3].astype(np.float32)
    rotations = [turn @ track.rotations[shot] for track in tracks]
    visible = [track.visible[shot] & (track.visible[shot].sum() >= _LEAST_SEEN_S * how.fps) for track in tracks]
    up = up_direction(np.concatenate([R[v] for R, v in zip(rotations, visible, strict=True)]), T)
    soles = []
    for person_betas, track, turned in zip(betas, tracks, rotations, strict=True):
        feet = find_soles(meshes, person_betas)
        joints = joint_positions(turned, transform_points(T_first_scene, track.root[shot]), feet.joints_rest)
        soles.append(feet.posed(turned, joints).astype(np.float32))
    stances = find_stances(soles, visible, T[:, :3, 3], [slice(0, len(T))], up, how.fps)
    return person_scales(stances, len(tracks), up, T[:, :3, 0].mean(axis=0), is_given)
