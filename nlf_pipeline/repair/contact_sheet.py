"""A picture of everybody at several moments of his life, by which a user sees who is who."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import IdentityDoubt, IdentityDoubts
from nlf_pipeline.files import atomic_path
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.repair.sheet_moments import EVEN_MOMENTS, Look, doubts_of_people, looks
from nlf_pipeline.video import read_frames

_CELL_PX = (108, 162)
_GAP_PX = 8
_PANEL_PX = 168
_LABEL_PX = 30
_BAR_PX = 12
_MARGIN_PX = 16
_HEADER_PX = 62
_ROW_PX = _CELL_PX[1] + _LABEL_PX + _BAR_PX + 30
_AROUND = 1.25
"""Size of what is shown over the size of the person's box."""
_DIMMED = 0.45
"""Brightness of what is not the person."""
_INK, _SOFT, _PAPER, _TRACK, _DOUBT = (25, 28, 32), (105, 112, 122), (255, 255, 255), (226, 229, 233), (214, 40, 40)

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class SheetRow:
    """One person."""

    person_id: int
    name: str
    colour: Colour
    visible: np.ndarray
    """(frames,) bool."""
    doubts: list[IdentityDoubt]
    looks: list[Look]


def write_contact_sheet(
    out: Path,
    video: Path,
    tracks: MaskTracks,
    detected: MaskTracks,
    doubts: IdentityDoubts,
    names: Mapping[int, str],
) -> None:
    """Draw the people of `tracks`, one row each.

    Args:
        out: PNG to write.
        video: clip.mp4.
        tracks: people after edits.
        detected: people before edits.
        doubts: about the detected people.
        names: by person id.
    """
    colours = (person_colours(len(tracks.person_ids)) * 255).round().astype(int).tolist()
    rows = [
        SheetRow(person_id, names.get(person_id, ""), tuple(colour), areas_px >= 0, about, looks(areas_px, about))
        for person_id, colour, areas_px, about in zip(
            tracks.person_ids, colours, _areas_px(tracks), doubts_of_people(tracks, detected, doubts), strict=True
        )
    ]
    sheet = draw_sheet(rows, person_pictures(video, tracks, rows), tracks)
    with atomic_path(out) as temporary:
        sheet.save(temporary)


def _areas_px(tracks: MaskTracks) -> list[np.ndarray]:
    """(frames,) size of each person's masks; -1 where there is none."""
    return [np.array([-1 if mask is None else int(mask.area()) for mask in track]) for track in tracks.masks]


def person_pictures(video: Path, tracks: MaskTracks, rows: Sequence[SheetRow]) -> dict[tuple[int, int], np.ndarray]:
    """(row, frame) -> (height, width, 3) uint8 picture of the person; the video is read once, from look to look."""
    wanted: dict[int, list[int]] = {}
    for k, row in enumerate(rows):
        for look in row.looks:
            wanted.setdefault(look.frame, []).append(k)
    frames = sorted(wanted)
    pictures: dict[tuple[int, int], np.ndarray] = {}
    if frames:
        for frame, image in zip(frames, read_frames(video).frames_at(frames), strict=True):
            for k in wanted[frame]:
                mask = tracks.masks[k][frame]
                assert mask is not None
                pictures[k, frame] = cut_out(image, mask, rows[k].colour)
    return pictures


def cut_out(image: np.ndarray, mask: RLEMask, colour: Colour) -> np.ndarray:
    """A person in the middle of a cell, outlined, the rest of the picture dimmed; (height, width, 3) uint8.

    Args:
        image: (height, width, 3) uint8 RGB.
        mask: of the person; an empty one shows the whole picture.
        colour: of the outline.
    """
    height_px, width_px = image.shape[:2]
    left, top, width, height = mask.bbox() if mask.any() else (0, 0, width_px, height_px)
    scale = min(_CELL_PX[0] / width, _CELL_PX[1] / height) / _AROUND
    offset = np.array(_CELL_PX) / 2 - scale * np.array([left + (width - 1) / 2, top + (height - 1) / 2])
    place = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    inside = mask.to_array().astype(np.uint8)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    if scale < 1:  # warping alone would skip pixels
        size = tuple(max(1, round(scale * side)) for side in (width_px, height_px))
        image, inside = cv2.resize(image, size, interpolation=flags), cv2.resize(inside, size)
        place = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], dtype=np.float64)
    cell = cv2.warpAffine(image, place, _CELL_PX, borderValue=_TRACK)
    person = cv2.warpAffine(inside, place, _CELL_PX)[..., None] > 0
    cell = np.where(person, cell, (cell * _DIMMED + 255 * (1 - _DIMMED) * 0.6).astype(np.uint8))
    outlines = cv2.findContours(person.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    return cv2.drawContours(np.ascontiguousarray(cell), outlines, -1, colour, 2)


def draw_sheet(
    rows: Sequence[SheetRow], pictures: Mapping[tuple[int, int], np.ndarray], tracks: MaskTracks
) -> Image.Image:
    """The whole picture.

    Args:
        rows: everybody.
        pictures: (row, frame) -> picture in the size of a cell.
        tracks: for the clip's length and rate.
    """
    columns = max([EVEN_MOMENTS, *(len(row.looks) for row in rows)])
    width = 2 * _MARGIN_PX + _PANEL_PX + columns * (_CELL_PX[0] + _GAP_PX)
    sheet = Image.new("RGB", (width, _HEADER_PX + len(rows) * _ROW_PX + _MARGIN_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    people = {0: "nobody was found", 1: "1 person"}.get(len(rows), f"{len(rows)} people")
    title = f"{people}, {tracks.n_frames} frames, {tracks.n_frames / tracks.fps:.2f} s at {tracks.fps:.5g} frames/s"
    draw.text((_MARGIN_PX, 14), title, _INK, _font(19))
    note = "Bars: when each person is seen. Red: people may have been mixed up; pictures from just before and after."
    draw.text((_MARGIN_PX, 40), note, _SOFT, _font(13))
    for k, row in enumerate(rows):
        top = _HEADER_PX + k * _ROW_PX
        _draw_panel(draw, row, top, tracks.fps)
        _draw_bar(draw, row, (_MARGIN_PX + _PANEL_PX, top + 6, width - _MARGIN_PX - _GAP_PX, top + 6 + _BAR_PX))
        for column, look in enumerate(row.looks):
            left = _MARGIN_PX + _PANEL_PX + column * (_CELL_PX[0] + _GAP_PX)
            sheet.paste(Image.fromarray(pictures[k, look.frame]), (left, top + _BAR_PX + 14))
            _draw_label(draw, look, left, top + _BAR_PX + 14, tracks.fps)
    return sheet


def _draw_panel(draw: ImageDraw.ImageDraw, row: SheetRow, top: int, fps: float) -> None:
    draw.rectangle((_MARGIN_PX, top + 6, _MARGIN_PX + 22, top + 28), fill=row.colour)
    draw.text((_MARGIN_PX + 32, top + 2), str(row.person_id), _INK, _font(24))
    frames = np.flatnonzero(row.visible)
    life = f"{frames[0] / fps:.2f} - {frames[-1] / fps:.2f} s" if len(frames) else "never seen"
    lines = [row.name, life, f"{len(frames)} of {len(row.visible)} frames"]
    lines += [f"{doubt.start / fps:.2f} s: {doubt.reason}" for doubt in row.doubts[:4]]
    lines += [f"and {len(row.doubts) - 4} more doubts"] if len(row.doubts) > 4 else []
    y = top + 36
    for k, line in enumerate(lines):
        size = 16 if k == 0 else 13
        draw.text(
            (_MARGIN_PX, y), _shortened(draw, line, size), (_INK, _SOFT, _SOFT)[k] if k < 3 else _DOUBT, _font(size)
        )
        y += (size + 5) if line else 0


def _draw_bar(draw: ImageDraw.ImageDraw, row: SheetRow, box: tuple[int, int, int, int]) -> None:
    """A line of time: when he is seen, where the pictures are from, where there are doubts."""
    left, top, right, bottom = box
    per_frame = (right - left) / max(len(row.visible), 1)
    draw.rectangle(box, fill=_TRACK)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row.visible, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        draw.rectangle((left + start * per_frame, top, left + stop * per_frame, bottom), fill=row.colour)
    for doubt in row.doubts:
        stop = left + max(doubt.stop * per_frame, doubt.start * per_frame + 2)
        draw.rectangle((left + doubt.start * per_frame, top - 3, stop, bottom + 3), fill=_DOUBT)
    for look in row.looks:
        x = left + (look.frame + 0.5) * per_frame
        draw.line((x, bottom - 4, x, bottom + 4), fill=_INK, width=1)


def _draw_label(draw: ImageDraw.ImageDraw, look: Look, left: int, top: int, fps: float) -> None:
    (width, height), colour = _CELL_PX, _DOUBT if look.doubt else _INK
    if look.doubt:
        draw.rectangle((left - 1, top - 1, left + width, top + height), outline=_DOUBT, width=2)
    text = f"{look.frame / fps:.2f} s" + (f" {look.doubt}" if look.doubt else "")
    draw.text((left, top + height + 2), text, colour, _font(13))
    draw.text((left, top + height + 16), f"frame {look.frame}", _SOFT, _font(11))


def _shortened(draw: ImageDraw.ImageDraw, text: str, size: int) -> str:
    """The text, cut to the width of the panel."""
    limit = _PANEL_PX - 8
    if draw.textlength(text, _font(size)) <= limit:
        return text
    while text and draw.textlength(f"{text}…", _font(size)) > limit:
        text = text[:-1]
    return f"{text}…"


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which has most letters of names, as matplotlib brings it."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
