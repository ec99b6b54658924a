"""Sizes by which everybody comes to stand on one floor."""

import numpy as np

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.contacts import find_stances
from nlf_pipeline.fitting.gravity import up_direction
from nlf_pipeline.fitting.ground_scale import person_scales
from nlf_pipeline.fitting.soles import find_soles
from nlf_pipeline.fitting.track_smoothing import Smoothing, SmoothTrack
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
    T = T_scene_cam[shot]
    seen = [track.visible[shot] for track in tracks]
    visible = [v & (v.sum() >= _LEAST_SEEN_S * how.fps) for v in seen]
    up = up_direction(np.concatenate([t.rotations[shot][v] for t, v in zip(tracks, visible, strict=True)]), T)
    soles = []
    for person_betas, track in zip(betas, tracks, strict=True):
        feet = find_soles(meshes, person_betas)
        joints = joint_positions(track.rotations[shot], track.root[shot], feet.joints_rest)
        soles.append(feet.posed(track.rotations[shot], joints).astype(np.float32))
    stances = find_stances(soles, visible, T[:, :3, 3], [slice(0, len(T))], up, how.fps)
    return person_scales(stances, len(tracks), up, T[:, :3, 0].mean(axis=0), is_given)
