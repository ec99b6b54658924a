"""masks.json, people_mask.json: run-length encoded masks over time, in YouTube-VIS layout."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefact_files import missing_artefact
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.json_streams import JsonReader, StreamedList, stream_json

FORMAT_VERSION = 1
_DERIVED = ("bboxes", "areas")
"""What is written for other readers, and follows from the masks."""


class MaskTrack(Sequence[RLEMask | None]):  # noqa: PLW1641 - masks have no hash either
    """One person's masks over time, made when asked for: their run lengths take much less memory."""

    def __init__(self, size_px: tuple[int, int], runs: Iterable[bytes]) -> None:
        """Keep run lengths.

        Args:
            size_px: (width, height).
            runs: of every frame, as `encoded` has them.
        """
        self.size_px, self._runs = size_px, tuple(runs)

    @classmethod
    def of(cls, track: Iterable[RLEMask | None], size_px: tuple[int, int]) -> Self:
        """The same masks, kept in little memory."""
        return cls(size_px, track._runs if isinstance(track, MaskTrack) else map(encoded, track))

    def __len__(self) -> int:
        """Frames."""
        return len(self._runs)

    @overload
    def __getitem__(self, frame: int) -> RLEMask | None: ...
    @overload
    def __getitem__(self, frame: slice) -> "MaskTrack": ...
    def __getitem__(self, frame: int | slice) -> "RLEMask | MaskTrack | None":
        """The mask in a frame, or the track in some."""
        if isinstance(frame, slice):
            return MaskTrack(self.size_px, self._runs[frame])
        runs = self._runs[frame]
        return RLEMask.from_dict({"size": self.size_px[::-1], "counts": runs}) if runs else None

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a sequence of the same masks."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(operator.eq, self, other))

    def runs(self) -> Sequence[bytes]:
        """Run lengths of every frame, as `encoded` has them."""
        return self._runs


@dataclass(frozen=True)
class MaskTracks:
    """Masks of people over time. Row k is person k in every frame."""

    size_px: tuple[int, int]
    """(width, height)."""
    fps: float
    n_frames: int
    person_ids: tuple[int, ...]
    """Stable ids, one per row; the most prominent person first."""
    masks: tuple[Sequence[RLEMask | None], ...]
    """masks[k][t]: what is visible of person k in frame t; None where the person is not seen."""

    @property
    def boxes_px(self) -> np.ndarray:
        """(people, frames, 4) left, top, width, height; NaN where a person is not seen."""
        boxes = np.full((len(self.person_ids), self.n_frames, 4), np.nan)
        for k, track in enumerate(self.masks):
            for t, mask in enumerate(track):
                if mask is not None and mask.any():
                    boxes[k, t] = mask.bbox()
        return boxes

    @property
    def visible(self) -> np.ndarray:
        """(people, frames) bool: a mask is there."""
        seen = [[entry not in (None, b"") for entry in _entries(track)] for track in self.masks]
        return np.array(seen, dtype=bool).reshape(len(self.person_ids), self.n_frames)

    def union_at(self, frame: int) -> RLEMask:
        """Everybody's pixels in a frame."""
        masks = [mask for track in self.masks if (mask := track[frame]) is not None]
        return RLEMask.union(masks) if masks else RLEMask.zeros(self.size_px[::-1])

    def rows_in(self, detected: "MaskTracks") -> np.ndarray:
        """(people, frames) int: the row of `detected` whose mask a person has in a frame; -1 where there is none.

        Args:
            detected: tracks of the same clip, of which these were made by moving whole masks from row to row.
        """
        rows = np.full((len(self.person_ids), self.n_frames), -1)
        own, others = ([MaskTrack.of(track, self.size_px).runs() for track in t.masks] for t in (self, detected))
        for t in range(min(self.n_frames, detected.n_frames)):
            owners = {runs[t]: k for k, runs in reversed([*enumerate(others)])}
            owners.pop(b"", None)
            for k, runs in enumerate(own):
                rows[k, t] = owners.get(runs[t], -1)
        return rows

    def save(self, path: Path) -> None:
        """Write YouTube-VIS JSON to `path`, atomically."""
        width_px, height_px = self.size_px
        video = {"id": 1, "width": width_px, "height": height_px, "length": self.n_frames, "fps": self.fps}
        people = zip(self.person_ids, self.masks, strict=True)
        annotations = StreamedList(
            len(self.masks), lambda: (_annotation(i, MaskTrack.of(track, self.size_px)) for i, track in people)
        )
        values = {
            "format_version": FORMAT_VERSION,
            "videos": [video],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": annotations,
        }
        stream_json(values, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`; raises ArtefactError if it is missing, damaged or of another version."""
        if not Path(path).is_file():
            raise missing_artefact(path, cls)
        try:
            with Path(path).open() as file:
                values = _read_document(JsonReader(file))
            if values["format_version"] != FORMAT_VERSION:
                raise ValueError(f"found format {values['format_version']}")
            video, people = values["videos"][0], values["annotations"]
            size_px = video["width"], video["height"]
            if set().union(*(person["sizes"] for person in people)) - {size_px[::-1]}:
                raise ValueError("its masks are not of its video's size")
            masks = tuple(MaskTrack(size_px, person["segmentations"]) for person in people)
            return cls(size_px, video["fps"], video["length"], tuple(person["id"] for person in people), masks)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ArtefactError(
                f"{path} is not a mask file of format {FORMAT_VERSION} ({error}). Delete it and run again."
            ) from error


def encoded(mask: RLEMask | None) -> bytes:
    """A mask's run lengths; nothing where there is no mask."""
    return b"" if mask is None else mask.to_dict()["counts"]


def _entries(track: Sequence[RLEMask | None]) -> Sequence[RLEMask | bytes | None]:
    """A track's masks or their run lengths, whichever it has."""
    return track.runs() if isinstance(track, MaskTrack) else track


def _annotation(person_id: int, track: MaskTrack) -> dict[str, Any]:
    boxes_px, areas_px = np.zeros((len(track), 4)), np.zeros(len(track), dtype=np.int64)
    for t, mask in enumerate(track):
        if mask is not None:
            boxes_px[t], areas_px[t] = mask.bbox(), mask.area()
    size = [*track.size_px[::-1]]

    def where_seen(values: Iterable[Any]) -> StreamedList:
        entries = zip(track.runs(), values, strict=True)
        return StreamedList(len(track), lambda: (value if runs else None for runs, value in entries))

    return {
        "id": person_id,
        "video_id": 1,
        "category_id": 1,
        "iscrowd": 0,
        "segmentations": where_seen({"size": size, "counts": runs.decode("ascii")} for runs in track.runs()),
        "bboxes": where_seen(box.tolist() for box in boxes_px),
        "areas": where_seen(area.item() for area in areas_px),
    }


def _read_document(reader: JsonReader) -> dict[str, Any]:
    """The members of a mask file, everybody's masks as run lengths."""
    if not reader.is_at("{"):
        raise ValueError("expected an object")
    values: dict[str, Any] = {}
    for name in reader.members():
        if name == "annotations" and reader.is_at("["):
            values[name] = [_read_person(reader) for _ in reader.elements()]
        else:
            values[name] = reader.value()
    reader.end()
    return values


def _read_person(reader: JsonReader) -> dict[str, Any]:
    """One of the annotations; `sizes` of its masks are (height, width)."""
    person: dict[str, Any] = {"sizes": set()}
    for name in reader.members():
        if name == "segmentations" and reader.is_at("["):
            person[name] = [_run_lengths(reader.value(), person["sizes"]) for _ in reader.elements()]
        elif name in _DERIVED and reader.is_at("["):
            for _ in reader.elements():
                reader.value()
        else:
            person[name] = reader.value()
    return person


def _run_lengths(rle: dict[str, Any] | None, sizes: set[tuple[int, int]]) -> bytes:
    """As `encoded` has them; adds the mask's size."""
    if rle is None:
        return b""
    sizes.add(tuple(rle["size"]))
    return encoded(RLEMask.from_dict(rle))
