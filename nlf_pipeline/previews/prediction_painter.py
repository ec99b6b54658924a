"""The estimates of every frame by itself: joints with circles as large as their expected error, before any fitting."""

import numpy as np

from nlf_pipeline.artefacts import Intrinsics
from nlf_pipeline.body_kinds import body_joints, joint_index, skeleton
from nlf_pipeline.geometry import project
from nlf_pipeline.predictions import FramePredictions, Predictions
from nlf_pipeline.previews.marks import as_colour, draw_circle, draw_label, draw_line
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.renderers.view_frames import bend_like_lens, scaled_intrinsics

RING_SHARE = 0.22
"""Opacity of what is inside a circle."""


class PredictionPainter:
    """Draws joints and their uncertainty."""

    def __init__(self, predictions: Predictions, intrinsics: Intrinsics) -> None:
        """Draw `predictions` through the lens of `intrinsics`."""
        self._predictions, self._intrinsics = predictions, intrinsics
        self._Ks = intrinsics.K_frames(predictions.n_frames)
        self._remaining = enumerate(predictions)
        self._colours = [as_colour(rgb) for rgb in person_colours(len(predictions.person_ids))]

    @property
    def caption(self) -> str:
        """What the circles mean."""
        return "estimates frame by frame; circles: expected error of each joint"

    def paint(self, frame: int, picture: np.ndarray) -> None:
        """Draw over a frame; see `Painter`."""
        found = self._read(frame)
        K = scaled_intrinsics(self._Ks[frame], self._intrinsics.size_px, (picture.shape[1], picture.shape[0]))
        for row in np.flatnonzero(found.valid):
            n_joints = body_joints(found.joints.shape[1])
            joints = found.joints[row, :n_joints].astype(np.float64)
            if joints[:, 2].min() <= 0:
                continue
            uv = project(bend_like_lens(joints, np.eye(4), np.array(self._intrinsics.distortion)), K)
            radii_px = found.joint_uncertainties[row, :n_joints] * K[0, 0] / joints[:, 2]
            self._draw(picture, uv, radii_px, skeleton(found.joints.shape[1])[1][:n_joints], int(row))

    def _draw(
        self, picture: np.ndarray, uv: np.ndarray, radii_px: np.ndarray, parents: tuple[int, ...], row: int
    ) -> None:
        colour, filled = self._colours[row], picture.copy()
        for centre, radius in zip(uv, radii_px, strict=True):
            draw_circle(filled, centre, radius, colour)
        picture[:] = (picture * (1 - RING_SHARE) + filled * RING_SHARE).round().astype(np.uint8)
        for joint, parent in enumerate(parents):
            if parent >= 0:
                draw_line(picture, uv[[joint, parent]], (25, 28, 32), 3)
                draw_line(picture, uv[[joint, parent]], colour)
        for centre, radius in zip(uv, radii_px, strict=True):
            draw_circle(picture, centre, radius, colour, 1)
            draw_circle(picture, centre, max(picture.shape[0] / 240, 1.2), (255, 255, 255))
        head, crown = uv[joint_index("head")], float(np.linalg.norm(uv[joint_index("head")] - uv[joint_index("neck")]))
        draw_label(picture, str(self._predictions.person_ids[row]), head[0], head[1] - 1.6 * crown - 4, colour)

    def _read(self, frame: int) -> FramePredictions:
        return next(found for number, found in self._remaining if number == frame)
