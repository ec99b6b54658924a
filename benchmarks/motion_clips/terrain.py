"""Floors that are not level under people whose steps were planned on a level one; and jumps.

Steps keep their places seen from above. Each foot is raised to the height of the floor where it stands, and laid on it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from motion_clips.specs import MotionClip
from motion_clips.steps import RestFeet
from nlf_pipeline.body_models import joint_index
from nlf_pipeline.demo.feet import FootTrack, smooth_step
from nlf_pipeline.filtering import true_runs
from nlf_pipeline.geometry import rotation_between

_ANKLES, _TOES = (tuple(joint_index(f"{side}_{name}") for side in ("left", "right")) for name in ("ankle", "foot"))
_RISE, _GOING = 0.17, 0.28
"""Of a stair, metres."""
_JUMP_HEIGHT, _JUMP_EVERY_S = 0.25, 2.5
_GRAVITY = 9.81


@dataclass(frozen=True)
class Terrain:
    """A floor that rises in one direction, as a plane or by stairs; or a level one on which people jump."""

    kind: Literal["ramp", "stairs", "jumps"]
    slope_deg: float = 0.0
    """Of a ramp."""
    azimuth_deg: float = 0.0
    """Direction in which it rises, from -z, away from the camera, towards +x."""
    centre_xz: tuple[float, float] = (0.0, -6.0)
    """A point of height 0."""

    @property
    def pace(self) -> float:
        """How fast people walk on it, over their pace on level ground."""
        return 0.5 if self.kind == "stairs" else 1.0

    @property
    def normal(self) -> np.ndarray:
        """(3,) of where feet stand."""
        slope = np.deg2rad(self.slope_deg) if self.kind == "ramp" else 0.0
        return np.array([*(-np.sin(slope) * self._rising), np.cos(slope)])[[0, 2, 1]]

    @property
    def _rising(self) -> np.ndarray:
        azimuth = np.deg2rad(self.azimuth_deg)
        return np.array([np.sin(azimuth), -np.cos(azimuth)])

    def heights(self, xz: np.ndarray) -> np.ndarray:
        """(n,) of the floor at (n, 2), metres."""
        along = (xz - np.array(self.centre_xz)) @ self._rising
        if self.kind == "ramp":
            return np.tan(np.deg2rad(self.slope_deg)) * along
        return _RISE * np.floor(along / _GOING + 0.5) if self.kind == "stairs" else np.zeros(len(xz))

    def laid_on(self, track: FootTrack, feet: RestFeet, side: int, t: np.ndarray) -> FootTrack:
        """The foot (`side` 0 = left, 1 = right) where this floor puts it, at the times `t` (n,)."""
        to_toe = feet.joints[_TOES[side]] - feet.joints[_ANKLES[side]]
        toe = track.ankle + track.rotation.apply(to_toe)
        tilt = Rotation.from_matrix(rotation_between(np.array([0.0, 1.0, 0.0]), self.normal))
        floor = np.stack([toe[:, 0], _step_heights(self.heights(toe[:, [0, 2]]), track.planted), toe[:, 2]], axis=-1)
        jump = _jump_heights(t) if self.kind == "jumps" else np.zeros(len(t))
        toe = floor + toe[:, 1:2] * self.normal + jump[:, None] * [0.0, 1.0, 0.0]
        rotation = tilt * track.rotation
        return FootTrack(toe - rotation.apply(to_toe), rotation, track.toe_bend, track.planted & (jump == 0))


@dataclass(frozen=True)
class TerrainClip(MotionClip):
    """A clip on such a floor."""

    terrain: Terrain | None = None
    """None: a level one."""


def terrain_of(clip: MotionClip) -> Terrain | None:
    """The floor of a clip; None if it is level."""
    return clip.terrain if isinstance(clip, TerrainClip) else None


def _step_heights(heights: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """`heights` (n,) where `planted` (n,); in between a foot rises at once and sinks late, above all edges."""
    result = heights.copy()
    for swing in true_runs(~planted):
        if swing.start > 0 and swing.stop < len(heights):
            before, after = heights[swing.start - 1], heights[swing.stop]
            share = (np.arange(swing.stop - swing.start) + 1) / (swing.stop - swing.start + 1)
            early_or_late = smooth_step(2 * share - (0 if after > before else 1))
            result[swing] = before + (after - before) * early_or_late
    return result


def _jump_heights(t: np.ndarray) -> np.ndarray:
    """(n,) metres above the floor: a flight every few seconds."""
    flight_s = np.sqrt(8 * _JUMP_HEIGHT / _GRAVITY)
    since = np.mod(t, _JUMP_EVERY_S)
    return np.where(since < flight_s, _GRAVITY / 2 * since * np.maximum(flight_s - since, 0), 0)
