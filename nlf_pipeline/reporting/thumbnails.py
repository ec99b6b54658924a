"""Small pictures of every person, cut out of the clip, so that one sees who is who."""

import base64
from dataclasses import dataclass

import cv2
import framepump
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.progress import progress
from nlf_pipeline.renderers.palette import person_colours

_LARGEST_PX = (144, 176)
"""(width, height)."""
_MARGIN = 0.15
_MOMENTS = 24
"""Pictures are taken from so many frames of the clip, as far as they show everybody: reading frames takes time."""
_MOST_PICTURES = 36
_PER_PERSON = 3
_QUALITY = 72
_DIMMED = 0.55


@dataclass(frozen=True)
class Thumbnail:
    """One person at one moment."""

    frame: int
    size_px: tuple[int, int]
    """(width, height)."""
    data_uri: str


def make_thumbnails(frames: framepump.VideoFrames, tracks: MaskTracks) -> list[list[Thumbnail]]:
    """Up to three pictures of each person, in order of time.

    Args:
        frames: of the clip.
        tracks: everybody's masks.

    Returns:
        A list per person; empty for somebody without a mask.
    """
    chosen = choose_moments(tracks)
    wanted = sorted({frame for moments in chosen for frame in moments})
    colours = (person_colours(len(tracks.person_ids)) * 255).round().astype(np.uint8)
    pictures: list[list[Thumbnail]] = [[] for _ in chosen]
    seen = zip(wanted, frames.frames_at(wanted), strict=True)
    for t, picture in progress(seen, len(wanted), "cut out pictures of people"):
        for k, moments in enumerate(chosen):
            mask = tracks.masks[k][t]
            if t in moments and mask is not None:
                pictures[k].append(_cut_out(picture, mask, colours[k], t))
    return pictures


def choose_moments(tracks: MaskTracks) -> list[list[int]]:
    """For each person some frames that show much of them, one from each part of their time."""
    n_people = len(tracks.person_ids)
    count = max(1, min(_PER_PERSON, _MOST_PICTURES // max(n_people, 1)))
    grid = np.unique(np.linspace(0, tracks.n_frames - 1, _MOMENTS).round().astype(int))
    chosen = []
    for track in tracks.masks:
        areas = np.array([0 if mask is None else mask.area() for mask in track])
        parts = np.array_split(np.flatnonzero(areas), count)
        chosen.append(sorted({_fullest(part, areas, grid) for part in parts if len(part)}))
    return chosen


def _fullest(part: np.ndarray, areas: np.ndarray, grid: np.ndarray) -> int:
    shared = np.intersect1d(part, grid)
    candidates = shared if len(shared) else part
    return int(candidates[np.argmax(areas[candidates])])


def _cut_out(picture: np.ndarray, mask: RLEMask, colour: np.ndarray, frame: int) -> Thumbnail:
    """The box around a person, everything else dimmed, their outline in their colour."""
    left, top, width, height = (float(x) for x in mask.bbox())
    margin = _MARGIN * max(width, height)
    x0, y0 = max(0, int(left - margin)), max(0, int(top - margin))
    x1, y1 = int(left + width + margin) + 1, int(top + height + margin) + 1
    crop, inside = picture[y0:y1, x0:x1], mask.to_array()[y0:y1, x0:x1]
    scale = min(_LARGEST_PX[0] / crop.shape[1], _LARGEST_PX[1] / crop.shape[0])
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    inside = cv2.resize((inside > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    small = np.where(inside[..., None] > 0, small, (small * _DIMMED).astype(np.uint8))
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    small = cv2.drawContours(np.ascontiguousarray(small), outlines, -1, colour.tolist(), 1, cv2.LINE_AA)
    _, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return Thumbnail(frame, size, "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii"))
