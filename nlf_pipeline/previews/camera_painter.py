"""How the camera moved: what should stay on the background, the path seen from above, and how sure it is."""

import cv2
import numpy as np

from nlf_pipeline.artefacts import CameraPath, CameraReport, Cameras, Intrinsics
from nlf_pipeline.geometry import invert_rigid, project, transform_points
from nlf_pipeline.previews.camera_plan import draw_plan
from nlf_pipeline.previews.marks import Colour, draw_circle, draw_line
from nlf_pipeline.renderers.view_frames import bend_like_lens, scaled_intrinsics

MOST_POINTS = 500
GRID_STEP_DEG, GRID_COLOUR, GRID_OPACITY = 10, (255, 255, 255), 0.35
FLOOR_HALF_SIDE, FLOOR_COLOUR = 8, (120, 255, 140)
"""Metres, of tiles of one metre."""
NEAR = 1e-3
_SAMPLES = 41


class CameraPainter:
    """Draws what stands still: points of the background, directions, and, once the world is known, the floor."""

    def __init__(self, path: CameraPath, intrinsics: Intrinsics, report: CameraReport, world: Cameras | None) -> None:
        """Draw a camera's path.

        Args:
            path: up to scale.
            intrinsics: of its lens.
            report: what kind of motion it is.
            world: the same camera in the world, to draw its floor; None for no floor.
        """
        self._path, self._intrinsics, self._report, self._world = path, intrinsics, report, world
        self._Ks = intrinsics.K_frames(len(path.T_scene_cam))
        self._lattice, self._tiles = _directions(), _floor_lines()

    @property
    def caption(self) -> str:
        """What kind of motion it is, and where the focal length is from."""
        lens = f"focal length {self._intrinsics.focal_px[0]:.0f} px ({self._intrinsics.focal_source})"
        motion = self._report.motion_class.replace("_", " and ")
        points = "points (red: near) should stay on the background, " if len(self._path.points) else ""
        return f"{motion} camera, {lens}; {points}the net should stay on what is far away"

    def paint(self, frame: int, picture: np.ndarray) -> None:
        """Draw over a frame; see `Painter`."""
        T_cam_scene = invert_rigid(self._path.T_scene_cam[frame])
        layer = picture.copy()
        for line in self._lattice @ T_cam_scene[:3, :3].T:
            self._draw_line(layer, line, frame, GRID_COLOUR)
        picture[:] = cv2.addWeighted(layer, GRID_OPACITY, picture, 1 - GRID_OPACITY, 0)
        if self._world is not None:
            T_world_cam = self._world.T_world_cam[frame]
            ahead = T_world_cam[:3, 3] + 6 * T_world_cam[:3, 2]
            tiles = self._tiles + np.round([ahead[0], 0, ahead[2]])
            for line in transform_points(invert_rigid(T_world_cam), tiles):
                self._draw_line(picture, line, frame, FLOOR_COLOUR)
        points = self._path.points[self._path.point_segment == self._path.segment[frame]]
        self._draw_points(picture, transform_points(T_cam_scene, points), frame)
        draw_plan(picture, self._path, self._K(frame, picture), frame)
        self._draw_confidence(picture, frame)

    def _K(self, frame: int, picture: np.ndarray) -> np.ndarray:  # noqa: N802  (the field's name for it)
        return scaled_intrinsics(self._Ks[frame], self._intrinsics.size_px, (picture.shape[1], picture.shape[0]))

    def _project(self, points_cam: np.ndarray, frame: int, picture: np.ndarray) -> np.ndarray:
        bent = bend_like_lens(points_cam, np.eye(4), np.array(self._intrinsics.distortion))
        return project(bent, self._K(frame, picture))

    def _draw_line(self, picture: np.ndarray, line_cam: np.ndarray, frame: int, colour: Colour) -> None:
        """Those parts of a line of points (n, 3) that are ahead."""
        ahead = line_cam[:, 2] > 0.05 * np.linalg.norm(line_cam, axis=1) + NEAR
        if not ahead.any():
            return
        uv = self._project(np.where(ahead[:, None], line_cam, [0, 0, 1.0]), frame, picture)
        for part in np.split(np.arange(len(uv)), np.flatnonzero(np.diff(ahead)) + 1):
            if ahead[part[0]] and len(part) > 1:
                draw_line(picture, uv[part], colour)

    def _draw_points(self, picture: np.ndarray, points_cam: np.ndarray, frame: int) -> None:
        """Near ones red, far ones blue."""
        points_cam = points_cam[points_cam[:, 2] > NEAR]
        points_cam = points_cam[:: len(points_cam) // MOST_POINTS + 1]
        if not len(points_cam):
            return
        ranks = np.argsort(np.argsort(points_cam[:, 2])) / len(points_cam)
        colours = cv2.applyColorMap((255 - ranks * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[:, 0, ::-1]
        radius = max(picture.shape[0] / 170, 1.5)
        for uv, colour in zip(self._project(points_cam, frame, picture), colours.tolist(), strict=True):
            draw_circle(picture, uv, radius + 0.8, (25, 28, 32))
            draw_circle(picture, uv, radius, tuple(colour))

    def _draw_confidence(self, picture: np.ndarray, frame: int) -> None:
        """The whole clip as a bar along the bottom: red is guessed, green is well supported."""
        height, width = max(picture.shape[0] // 40, 4), picture.shape[1]
        confidence = self._path.confidence[np.arange(width) * len(self._path.confidence) // width]
        reds_to_greens = np.stack([225 - 185 * confidence, 60 + 120 * confidence, np.full(width, 70.0)], axis=-1)
        picture[-height:] = reds_to_greens.round().astype(np.uint8)
        x = round((frame + 0.5) / len(self._path.confidence) * width)
        picture[-height - 4 :, max(x - 1, 0) : x + 1] = 255


def _directions() -> np.ndarray:
    """(lines, points, 3) unit vectors: a net over all directions, from the first camera's level."""
    step = np.deg2rad(GRID_STEP_DEG)
    along = np.linspace(-np.pi / 2 + step, np.pi / 2 - step, _SAMPLES)
    azimuths, elevations = np.arange(0, 2 * np.pi, step), np.arange(-np.pi / 2 + step, np.pi / 2, step)
    lines = [np.stack(np.broadcast_arrays(azimuth, along), -1) for azimuth in azimuths]
    for elevation in elevations:
        for start in azimuths[::4]:
            around = start + np.linspace(0, 4 * step, _SAMPLES)
            lines.append(np.stack(np.broadcast_arrays(around, elevation), -1))
    azimuth, elevation = np.moveaxis(np.array(lines), -1, 0)
    return np.stack(
        [np.cos(elevation) * np.sin(azimuth), -np.sin(elevation), np.cos(elevation) * np.cos(azimuth)], axis=-1
    )


def _floor_lines() -> np.ndarray:
    """(lines, points, 3) world, around the origin."""
    at, along = np.arange(-FLOOR_HALF_SIDE, FLOOR_HALF_SIDE + 1.0), np.linspace(-1, 1, _SAMPLES) * FLOOR_HALF_SIDE
    a, b = np.meshgrid(at, along, indexing="ij")
    return np.concatenate([np.stack([a, 0 * a, b], axis=-1), np.stack([b, 0 * a, a], axis=-1)])
