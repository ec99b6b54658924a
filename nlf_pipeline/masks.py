"""masks.json, people_mask.json: run-length encoded masks over time, in YouTube-VIS layout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefact_files import read_json, write_json
from nlf_pipeline.errors import ArtefactError

FORMAT_VERSION = 1


@dataclass(frozen=True)
class MaskTracks:
    """Masks of people over time. Row k is person k in every frame."""

    size_px: tuple[int, int]
    """(width, height)."""
    fps: float
    n_frames: int
    person_ids: tuple[int, ...]
    """Stable ids, one per row; the most prominent person first."""
    masks: tuple[tuple[RLEMask | None, ...], ...]
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
        return np.array([[mask is not None for mask in track] for track in self.masks], dtype=bool).reshape(
            len(self.person_ids), self.n_frames
        )

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
        for t in range(min(self.n_frames, detected.n_frames)):
            owners = {encoded(track[t]): k for k, track in reversed([*enumerate(detected.masks)])}
            owners.pop(b"", None)
            for k, track in enumerate(self.masks):
                rows[k, t] = owners.get(encoded(track[t]), -1)
        return rows

    def save(self, path: Path) -> None:
        """Write YouTube-VIS JSON to `path`, atomically."""
        width_px, height_px = self.size_px
        video = {"id": 1, "width": width_px, "height": height_px, "length": self.n_frames, "fps": self.fps}
        annotations = [
            {
                "id": person_id,
                "video_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "segmentations": [None if mask is None else _to_coco(mask) for mask in track],
                "bboxes": [None if mask is None else [float(x) for x in mask.bbox()] for mask in track],
                "areas": [None if mask is None else int(mask.area()) for mask in track],
            }
            for person_id, track in zip(self.person_ids, self.masks, strict=True)
        ]
        write_json(
            {
                "format_version": FORMAT_VERSION,
                "videos": [video],
                "categories": [{"id": 1, "name": "person"}],
                "annotations": annotations,
            },
            path,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `path`; raises ArtefactError if it is missing, damaged or of another version."""
        values = read_json(path, cls)
        if values.get("format_version") != FORMAT_VERSION:
            raise ArtefactError(f"{path} is not a mask file of format {FORMAT_VERSION}. Delete it and run again.")
        video = values["videos"][0]
        return cls(
            size_px=(video["width"], video["height"]),
            fps=video["fps"],
            n_frames=video["length"],
            person_ids=tuple(annotation["id"] for annotation in values["annotations"]),
            masks=tuple(
                tuple(None if rle is None else RLEMask.from_dict(rle) for rle in annotation["segmentations"])
                for annotation in values["annotations"]
            ),
        )


def encoded(mask: RLEMask | None) -> bytes:
    """A mask's run lengths; nothing where there is no mask."""
    return b"" if mask is None else mask.to_dict()["counts"]


def _to_coco(mask: RLEMask) -> dict[str, object]:
    rle = mask.to_dict()
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}
