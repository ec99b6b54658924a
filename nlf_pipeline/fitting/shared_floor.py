"""Sizes by which everybody comes to stand on one floor."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.contacts import find_stances
from nlf_pipeline.fitting.gravity import trunk_axes, up_direction
from nlf_pipeline.fitting.ground_scale import person_scales
from nlf_pipeline.fitting.soles import Soles, find_soles
from nlf_pipeline.fitting.track_smoothing import Smoothing, SmoothTrack
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.kinematics import joint_positions

_LEAST_SEEN_S = 1.0
"""Who is seen more briefly neither has a say about the floor nor is moved onto it."""
_CHUNK_FRAMES = 1024


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
    people = [_Feet(track, shot, T_first_scene, find_soles(meshes, b)) for b, track in zip(betas, tracks, strict=True)]
    visible = [track.visible[shot] & (track.visible[shot].sum() >= _LEAST_SEEN_S * how.fps) for track in tracks]
    up = up_direction(np.concatenate([p.trunks(v) for p, v in zip(people, visible, strict=True)]), T)
    stances = find_stances([person.posed for person in people], visible, T[:, :3, 3], up, how.fps)
    return person_scales(stances, len(tracks), up, T[:, :3, 0].mean(axis=0), is_given)


@dataclass(frozen=True)
class _Feet:
    """One person in the axes of a shot's first camera, posed a few frames at a time to keep memory small."""

    track: SmoothTrack
    shot: slice
    T_first_scene: np.ndarray
    feet: Soles

    def _rotations(self, frames: slice) -> np.ndarray:
        """(n, joints, 3, 3) global, of some frames of the shot."""
        return self.T_first_scene[:3, :3].astype(np.float32) @ self.track.rotations[self.shot][frames]

    def trunks(self, visible: np.ndarray) -> np.ndarray:
        """(n, 3) along the trunk in those of the shot's frames that are `visible` (frames,) bool."""
        parts = [slice(start, start + _CHUNK_FRAMES) for start in range(0, len(visible), _CHUNK_FRAMES)]
        return np.concatenate([trunk_axes(self._rotations(part)[visible[part]]) for part in parts])

    def posed(self, frames: slice) -> np.ndarray:
        """(n, 2, points, 3) soles in some frames of the shot."""
        rotations, root = self._rotations(frames), self.track.root[self.shot][frames]
        joints = joint_positions(rotations, transform_points(self.T_first_scene, root), self.feet.joints_rest)
        return self.feet.posed(rotations, joints).astype(np.float32)
