"""The camera's path from above, as a small map in a corner of the picture."""

import cv2
import numpy as np

from nlf_pipeline.artefacts import CameraPath
from nlf_pipeline.previews.marks import draw_circle, draw_line

SIDE, MARGIN = 0.30, 0.02
"""Of the picture's height."""
PAPER, INK, PATH, POINTS = (250, 250, 251), (45, 52, 62), (40, 110, 190), (178, 184, 192)
PAPER_OPACITY = 0.85
VIEW_LENGTH = 0.22
"""Of the map's side: how far the lines of sight are drawn."""
LEAST_EXTENT = 0.04
"""Of the distance of the background: a camera that moves less is shown to stand."""


def draw_plan(picture: np.ndarray, path: CameraPath, K: np.ndarray, frame: int) -> None:
    """Draw the path of the segment that `frame` belongs to, and where the camera looks, in place.

    Args:
        picture: (height, width, 3) uint8.
        path: of the camera; seen along its first frame's y axis, that frame's view upwards.
        K: (3, 3) of the frame, pixels of the picture.
        frame: its index.
    """
    side = round(min(SIDE * picture.shape[0], 0.4 * picture.shape[1]))
    margin = round(MARGIN * picture.shape[0])
    room = picture[margin : margin + side, picture.shape[1] - margin - side : picture.shape[1] - margin]
    plan = np.full_like(room, PAPER)
    same = path.segment == path.segment[frame]
    eyes = path.T_scene_cam[same][:, [0, 2], 3]
    points = path.points[path.point_segment == path.segment[frame]][:, [0, 2]]
    middle, scale = _frame_of(eyes, points, side)

    def on_map(xz: np.ndarray) -> np.ndarray:
        return side / 2 + (xz - middle) * scale * [1, -1]

    for at in on_map(points[:: len(points) // 300 + 1]):
        draw_circle(plan, at, 1.0, POINTS)
    draw_line(plan, on_map(eyes), PATH, 2)
    here = on_map(path.T_scene_cam[frame][[0, 2], 3])
    corners_px = np.array([[-0.5, K[1, 2], 1], [picture.shape[1] - 0.5, K[1, 2], 1]])
    rays = (corners_px @ np.linalg.inv(K).T @ path.T_scene_cam[frame][:3, :3].T)[:, [0, 2]]
    for ray in rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9):
        draw_line(plan, np.stack([here, here + ray * [1, -1] * VIEW_LENGTH * side]), INK)
    draw_circle(plan, here, 3.0, INK)
    cv2.rectangle(plan, (0, 0), (side - 1, side - 1), INK, 1)
    room[:] = cv2.addWeighted(plan, PAPER_OPACITY, room, 1 - PAPER_OPACITY, 0)


def _frame_of(eyes: np.ndarray, points: np.ndarray, side_px: int) -> tuple[np.ndarray, float]:
    """Middle (2,) of the map, and its pixels per unit."""
    low, high = eyes.min(axis=0), eyes.max(axis=0)
    middle = (low + high) / 2
    distance = float(np.median(np.linalg.norm(points - middle, axis=1))) if len(points) else 1.0
    extent = max(float((high - low).max()), LEAST_EXTENT * distance, 1e-9)
    return middle, side_px * (1 - 2 * VIEW_LENGTH) / extent
