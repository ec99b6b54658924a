"""The frames of a shot: exposures, rolling shutter and lens."""

from collections.abc import Iterator
from dataclasses import dataclass

import moderngl
import numpy as np

from camera_clips.drawing import DistortedView, ScenePainter
from camera_clips.motion import Motion
from camera_clips.scenes import Scene, build_scene
from camera_clips.specs import ClipSpec, Shot
from nlf_pipeline.geometry import focal_from_fov, pinhole_matrix

_EXPOSURE_FRAMES = 0.5
_READOUT_S = 0.02


@dataclass(frozen=True)
class Frame:
    """One frame and its truth."""

    picture: np.ndarray
    """(height, width, 3) float32 RGB, 0-255."""
    covered: np.ndarray
    """(height, width) bool: people, at any time of the exposure."""
    T_world_cam: np.ndarray
    """(4, 4) in the middle of the exposure."""
    K: np.ndarray
    """(3, 3) pixels."""


class _Shoot:
    """What all frames of a shot share."""

    def __init__(self, spec: ClipSpec, shot: Shot, scene: Scene, ctx: moderngl.Context) -> None:
        self._spec, self._shot = spec, shot
        self._motion: Motion = shot.motion()
        self.K = pinhole_matrix(_focal_px(shot, spec.size_px), spec.size_px)
        if shot.k1 and np.ptp(self._motion.zoom) > 0:
            raise ValueError("a distorting lens that zooms cannot be drawn")
        self._bent = DistortedView(self.K, shot.k1, spec.size_px) if shot.k1 else None
        drawn_px = self._bent.size_px if self._bent else spec.size_px
        self._painter = ScenePainter(scene, drawn_px, spec.supersampling, ctx)

    def frame(self, index: int) -> Frame:
        picture, covered = self._banded(index) if self._shot.shutter_bands > 1 else self._blurred(index)
        T_world_cam, zoom = self._motion.at(index)
        return Frame(picture, covered, T_world_cam, self.K @ np.diag([zoom, zoom, 1]))

    def _blurred(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The mean of exposures around the frame's moment."""
        n = self._shot.exposures
        moments = index + _EXPOSURE_FRAMES * (np.arange(n) - (n - 1) / 2) / max(n - 1, 1)
        views = [self._view(moment) for moment in moments]
        pictures, covered = zip(*views, strict=True)
        return np.mean(pictures, axis=0, dtype=np.float32), np.any(covered, axis=0)

    def _banded(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Bands of rows from above, each at its own moment."""
        n, readout_frames = self._shot.shutter_bands, _READOUT_S * self._spec.fps
        edges = np.linspace(0, self._spec.size_px[1], n + 1).round().astype(int)
        bands = []
        for k in range(n):
            moment = index + readout_frames * ((k + 0.5) / n - 0.5)
            bands.append(self._view(moment, (int(edges[k]), int(edges[k + 1]))))
        pictures, covered = zip(*bands, strict=True)
        return np.concatenate(pictures).astype(np.float32), np.concatenate(covered)

    def _view(self, moment: float, rows: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        T_world_cam, zoom = self._motion.at(moment)
        people = self._shot.people(moment / self._motion_frames())
        if self._bent is None:
            return self._painter.draw(T_world_cam, self.K @ np.diag([zoom, zoom, 1]), people, rows)
        picture, covered = self._bent.bend(*self._painter.draw(T_world_cam, self._bent.K, people))
        return picture[slice(*rows or (None,))], covered[slice(*rows or (None,))]

    def _motion_frames(self) -> int:
        return self._shot.shown_of or self._shot.n_frames


def _focal_px(shot: Shot, size_px: tuple[int, int]) -> float:
    """Focal length before zoom: the longer side of the distorted picture spans the field of view."""
    return focal_from_fov(shot.fov_deg, size_px) * (1 + shot.k1 * np.tan(np.deg2rad(shot.fov_deg) / 2) ** 2) ** -1


def shoot(spec: ClipSpec, shot: Shot, ctx: moderngl.Context, scene: Scene | None = None) -> Iterator[Frame]:
    """Every frame of a shot, in order, without noise and overlays.

    Args:
        spec: the clip.
        shot: one of its shots.
        ctx: where to draw.
        scene: what to draw instead of the shot's own scene.

    Raises:
        ValueError: if a lens distorts and zooms.
    """
    camera = _Shoot(spec, shot, scene or build_scene(shot.scene), ctx)
    for index in range(shot.n_frames):
        yield camera.frame(index)
