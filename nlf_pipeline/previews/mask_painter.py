"""Who is where: everybody's mask in his colour, with his id."""

import cv2
import numpy as np

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.previews.marks import as_colour, draw_label
from nlf_pipeline.renderers.palette import person_colours

OPACITY = 0.45


class MaskPainter:
    """Draws masks."""

    def __init__(self, tracks: MaskTracks) -> None:
        """Draw those of `tracks`."""
        self._tracks = tracks
        self._colours = [as_colour(rgb) for rgb in person_colours(len(tracks.person_ids))]

    @property
    def caption(self) -> str:
        """How many people there are."""
        return {0: "nobody was found", 1: "1 person"}.get(len(self._colours), f"{len(self._colours)} people")

    def paint(self, frame: int, picture: np.ndarray) -> None:
        """Draw over a frame; see `Painter`."""
        size_px, labels = picture.shape[1::-1], []
        for person_id, colour, track in zip(self._tracks.person_ids, self._colours, self._tracks.masks, strict=True):
            mask = track[frame]
            if mask is None or not mask.any():
                continue
            cover = cv2.resize(mask.to_array().astype(np.uint8) * 255, size_px, interpolation=cv2.INTER_AREA)
            left, top, width, height = mask.bbox() * np.tile(np.divide(size_px, self._tracks.size_px), 2)
            box = np.s_[max(int(top) - 1, 0) : int(top + height) + 2, max(int(left) - 1, 0) : int(left + width) + 2]
            alpha = cover[box][..., None] * (OPACITY / 255)
            picture[box] = (picture[box] * (1 - alpha) + np.array(colour) * alpha).round().astype(np.uint8)
            outlines = cv2.findContours((cover > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
            cv2.drawContours(picture, outlines, -1, colour, 2, cv2.LINE_AA)
            labels.append((str(person_id), left + width / 2, top - 3, colour))
        for label in labels:  # above everybody
            draw_label(picture, *label)
