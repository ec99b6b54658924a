"""Skeletons instead of bodies: bones as lines that get thinner with the distance, joints as dots."""

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from nlf_pipeline.geometry import invert_rigid, project, transform_points
from nlf_pipeline.offscreen import create_context
from nlf_pipeline.renderers import ViewFrame
from nlf_pipeline.renderers.compositing import NEAR
from nlf_pipeline.renderers.floor import FloorPainter, contact_shadow

BONE_WIDTH, JOINT_WIDTH = 0.030, 0.052
"""Metres."""
LEAST_WIDTH_PX, MOST_WIDTH_PX = 1.6, 9.0
"""Of a bone, at 720 lines; they grow with the picture."""
OUTLINE = 0.22
"""Width of the dark rim on either side, of the line's own width."""
LEFT_TINT = 0.5
"""How far towards white the left half of a body is, so that left and right are told apart."""
LIMB_THICKNESS, SHADOW_STEPS = 0.11, 12
"""Metres, and points along a bone: what throws the shadow of a bone."""
_INK = 0.22
"""Brightness of the rim, of the line's own colour."""
_SHIFT = 4
"""Binary digits behind the point of positions in pixels."""


class SkeletonRenderer:
    """Draws the joints of views, which these have in place of vertices: over images, or over the floor."""

    def __init__(self, joint_names: Sequence[str], parents: Sequence[int]) -> None:
        """Know the skeleton.

        Args:
            joint_names: of the joints that views have, in order; what begins with `left` is drawn lighter.
            parents: index of each joint's parent, -1 for the root.
        """
        self._bones = np.array([(joint, parent) for joint, parent in enumerate(parents) if parent >= 0])
        self._is_left = np.array([name.startswith("left") for name in joint_names])

    def render(self, views: Iterable[ViewFrame], size_px: tuple[int, int]) -> Iterator[np.ndarray]:
        """One (height, width, 3) uint8 RGB picture per view, in order.

        Args:
            views: what to draw; their vertices are joints.
            size_px: (width, height).
        """
        ctx = create_context()
        try:
            floor = FloorPainter(ctx, size_px)
            for view in views:
                if view.image is None:
                    shadows = [contact_shadow(*self._surface(joints)) for joints in view.vertices]
                    picture = np.ascontiguousarray(floor.draw(view, shadows))
                else:
                    picture = view.image.copy()
                yield self._drawn_over(picture, view)
        finally:
            ctx.release()

    def _drawn_over(self, picture: np.ndarray, view: ViewFrame) -> np.ndarray:
        """Everybody on `picture`, those who are faint first."""
        opacities = np.ones(len(view.vertices)) if view.opacities is None else view.opacities
        joints_cam = transform_points(invert_rigid(view.T_world_cam), view.vertices.astype(np.float64))
        for opacity in np.unique(opacities):
            rows = np.flatnonzero(opacities == opacity)
            layer = picture if opacity == 1 else picture.copy()
            self._draw(layer, joints_cam[rows], view.colours[rows], view.K)
            if opacity < 1:
                picture = cv2.addWeighted(layer, float(opacity), picture, 1 - float(opacity), 0)
        return picture

    def _draw(self, picture: np.ndarray, joints_cam: np.ndarray, colours: np.ndarray, K: np.ndarray) -> None:
        """Draw bones and joints in place, the farthest first.

        Args:
            picture: (height, width, 3) uint8.
            joints_cam: (people, joints, 3) metres.
            colours: (people, 3) RGB in [0, 1].
            K: (3, 3) pixels.
        """
        depths = joints_cam[..., 2]
        safe = np.where(depths[..., None] > NEAR, joints_cam, [0.0, 0.0, 1.0])
        uv, widths_px = project(safe, K), bone_widths(safe[..., 2], K, picture.shape[0])
        marks = []
        for person in range(len(joints_cam)):
            tints = np.where(self._is_left[:, None], LEFT_TINT + (1 - LEFT_TINT) * colours[person], colours[person])
            colours_255 = (tints * 255).round().astype(int)
            for joint, parent in self._bones:
                ends = [joint, parent]
                if depths[person, ends].min() > NEAR:
                    line = uv[person, ends], widths_px[person, ends]
                    marks.append((depths[person, ends].mean(), *line, colours_255[joint]))
            for joint in np.flatnonzero(depths[person] > NEAR):
                dot = uv[person, [joint]], widths_px[person, [joint]] * JOINT_WIDTH / BONE_WIDTH
                marks.append((depths[person, joint] - BONE_WIDTH, *dot, colours_255[joint]))
        for _, points_px, width_px, colour in sorted(marks, key=lambda mark: -mark[0]):
            draw_mark(picture, points_px, width_px, tuple(colour.tolist()))

    def _surface(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, 3) along the bones of `joints` (joints, 3), and the area (n,) of the limb that each stands for."""
        share = (np.arange(SHADOW_STEPS) + 0.5)[:, None, None] / SHADOW_STEPS
        a, b = joints[self._bones[:, 0]], joints[self._bones[:, 1]]
        areas = np.linalg.norm(a - b, axis=-1) * LIMB_THICKNESS * np.pi / SHADOW_STEPS
        return (a + (b - a) * share).reshape(-1, 3), np.tile(areas, SHADOW_STEPS)


def bone_widths(depths: np.ndarray, K: np.ndarray, height_px: int) -> np.ndarray:
    """(...) width of a bone in pixels at `depths` (...) in metres, in a picture of `height_px` lines."""
    magnification = height_px / 720
    return np.clip(BONE_WIDTH * K[0, 0] / depths, LEAST_WIDTH_PX * magnification, MOST_WIDTH_PX * magnification)


def draw_mark(picture: np.ndarray, points_px: np.ndarray, widths_px: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Draw a dot, or a line whose ends differ in width, with a dark rim, in place and anti-aliased.

    Args:
        picture: (height, width, 3) uint8.
        points_px: (1 or 2, 2).
        widths_px: (1 or 2,) there.
        colour: 0-255 each.
    """
    rim = np.array([OUTLINE * widths_px.min()] * len(points_px))
    for extra, ink in ((rim, tuple(int(part * _INK) for part in colour)), (0 * rim, colour)):
        halves = widths_px / 2 + extra
        if len(points_px) == 1:
            centre = np.round(points_px[0] * 2**_SHIFT).astype(int).tolist()
            cv2.circle(picture, centre, round(float(halves[0]) * 2**_SHIFT), ink, -1, cv2.LINE_AA, _SHIFT)
            continue
        along = points_px[1] - points_px[0]
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        sides = across * halves[:, None]
        corners = np.concatenate([points_px + sides, (points_px - sides)[::-1]])
        fixed = np.round(corners * 2**_SHIFT).astype(np.int32)
        cv2.fillConvexPoly(picture, fixed, ink, cv2.LINE_AA, _SHIFT)
