"""Masks of the reference pipeline: per frame a list of dicts with `size` and run lengths in COCO's coding."""

import io
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.masks import MaskTrack, MaskTracks, encoded
from nlf_pipeline.reference_files.pickled_arrays import WrongValueError, as_array, as_bytes, as_list, fields
from nlf_pipeline.reference_files.restricted_pickles import read_pickle, refused

_EXPECTED = "masks of the reference pipeline: a list per frame with a run-length encoded mask per person"
_LARGEST_SIDE_PX = 16384
_MOST_PEOPLE = 200
_MOST_RUN_BYTES = 2**24


def read_masks(path: Path, fps: float) -> MaskTracks:
    """Everybody's masks, of the size that they have in the file. Empty ones count as not seen.

    Args:
        path: the pickle.
        fps: frames per second of the video.

    Raises:
        UserError: if it is missing, damaged, or does not hold masks.
    """
    try:
        frames = [[_mask(mask) for mask in as_list(masks)] for masks in as_list(read_pickle(path, _EXPECTED))]
        n_people = max((len(masks) for masks in frames), default=0)
        if n_people > _MOST_PEOPLE:
            raise WrongValueError(f"{n_people} people in one frame")
        sizes = {mask.shape for masks in frames for mask in masks}
        if len(sizes) > 1:
            raise WrongValueError(f"masks of several sizes: {', '.join(f'{w}x{h}' for h, w in sorted(sizes))}")
    except WrongValueError as error:
        raise refused(path, str(error), _EXPECTED) from error
    size_px = next(((width, height) for height, width in sizes), (0, 0))
    rows = [
        MaskTrack(size_px, [encoded(masks[k]) if k < len(masks) and masks[k].any() else b"" for masks in frames])
        for k in range(n_people)
    ]
    return MaskTracks(size_px, fps, len(frames), tuple(range(1, n_people + 1)), tuple(rows))


def write_masks(tracks: MaskTracks, path: Path) -> None:
    """Write everybody's masks; who is not seen has an empty one.

    Args:
        tracks: row k becomes mask k of every frame.
        path: the pickle.
    """
    empty = RLEMask.zeros(tracks.size_px[::-1]).to_dict()
    frames = [
        [empty if mask is None else mask.to_dict() for mask in masks]
        for masks in (zip(*tracks.masks, strict=True) if tracks.masks else [()] * tracks.n_frames)
    ]
    path.write_bytes(plain_pickle(frames))


def write_people_masks(tracks: MaskTracks, path: Path) -> None:
    """Write one mask of all people per frame."""
    path.write_bytes(plain_pickle([tracks.union_at(t).to_dict() for t in range(tracks.n_frames)]))


def plain_pickle(values: Any) -> bytes:
    """Values as a pickle that any Python 3 reads."""
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol=3).dump(values)
    return stream.getvalue()


def _mask(value: Any) -> RLEMask:
    entries = fields(value, "size")
    size = as_array(entries["size"])
    if size.shape != (2,) or not np.all((size >= 1) & (size <= _LARGEST_SIDE_PX) & (size == np.round(size))):
        raise WrongValueError(f"a mask of size {size.tolist()}")
    if "zcounts" in entries:
        runs = _unzipped(as_bytes(entries["zcounts"]))
    else:
        runs = as_bytes(fields(value, "counts")["counts"])
    try:
        return RLEMask.from_dict({"size": [int(side) for side in size], "counts": runs})
    except ValueError as error:
        raise WrongValueError(f"a damaged mask ({error})") from error


def _unzipped(content: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        runs = decompressor.decompress(content, _MOST_RUN_BYTES)
    except zlib.error as error:
        raise WrongValueError(f"a damaged mask ({error})") from error
    if decompressor.unconsumed_tail:
        raise WrongValueError(f"a mask of more than {_MOST_RUN_BYTES // 2**20} MiB")
    return runs
