"""BodyCompress files from outside, read without running anything that they hold, and never more at once than a frame.

BodyCompress itself opens pickles inside its files, and unpacks whatever is said to be one object.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable
from nlf_pipeline.reference_files.pickled_arrays import WrongValueError, array_from_bytes
from nlf_pipeline.reference_files.restricted_pickles import refused

_EXPECTED = "predictions of the reference pipeline (BodyCompress, .xz)"
_XZ = b"\xfd7zXZ\x00"
_READ_BYTES, _PIECE_BYTES = 2**18, 2**20
_LZMA_BYTES = 2**28
_FRAME_BYTES = 2**25
"""Fifty people with the vertices of SMPL-X take a quarter of it."""
_MOST_ENTRIES = 20_000
_BUNDLED_ORDERS = ("smpl", "smplx")
_UNREADABLE = (lzma.LZMAError, msgpack.UnpackException, msgpack.exceptions.ExtraData, WrongValueError, ValueError)


@dataclass(frozen=True)
class StreamedFrame:
    """One frame of a file: its entries by name; vertices and joints in millimetres, uncertainties in metres."""

    values: dict[str, Any]

    def array(self, name: str, *shape: int | None) -> np.ndarray:
        """An entry as float64.

        Args:
            name: of the entry.
            shape: that it must have; None: any length.

        Raises:
            WrongValueError: if it is missing, or not of this shape or finite.
        """
        found = self.values.get(name)
        if not isinstance(found, np.ndarray) or found.ndim != len(shape):
            raise WrongValueError(f"a frame without an array {name} of {len(shape)} dimensions")
        if any(wanted not in (None, here) for wanted, here in zip(shape, found.shape, strict=True)):
            raise WrongValueError(f"{name} of shape {found.shape}")
        if not np.isfinite(found).all():
            raise WrongValueError(f"{name} with nan or inf")
        return found.astype(np.float64)


def read_header(path: Path) -> dict[str, Any]:
    """What the file says about itself: `n_frames` where it tells, and its metadata as `metadata`.

    Raises:
        UserError: if it is missing, damaged or no BodyCompress file.
    """
    check_readable(path, _EXPECTED)
    try:
        with path.open("rb") as file:
            header = _first_object(file, 0)
            if "__bodycompress_version__" not in header:
                return {"metadata": header, "data_start": None}
            start, metadata_start = header.get("data_start"), header.get("metadata_start")
            if type(start) is not int or not 0 < start < path.stat().st_size:
                raise WrongValueError("a file that was not written to its end")
            metadata = _first_object(file, metadata_start) if type(metadata_start) is int else {}
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    return {
        "metadata": metadata,
        "data_start": start,
        "vertex_order": header.get("vertex_order"),
        "n_frames": header.get("length"),
    }


def read_frames_of(path: Path) -> Iterator[StreamedFrame]:
    """Every frame, in order, as it is decompressed.

    Raises:
        UserError: if the file is missing, damaged, no BodyCompress file, or holds anything but numbers and text.
    """
    header = read_header(path)
    start = header["data_start"]
    try:
        with path.open("rb") as file:
            objects = _objects(file, start or 0)
            if start is None:
                next(objects)
            for values in objects:
                if not isinstance(values, dict):
                    raise WrongValueError(f"{type(values).__name__} where a frame should be")
                yield StreamedFrame(_unpacked(values, header.get("vertex_order")))
    except _UNREADABLE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    return refused(path, f"what cannot be read ({error or type(error).__name__})", _EXPECTED)


def _first_object(file: Any, start: int) -> dict[str, Any]:
    """The dict with which a stream begins; an empty one for None, which metadata may be."""
    found = next(_objects(file, start), "no header")
    if not isinstance(found, dict | None):
        raise WrongValueError("no header")
    return found or {}


def _objects(file: Any, start: int) -> Iterator[Any]:
    """Every object of the compressed stream that begins at `start`; each may be of a frame's size at most."""
    counter = _Counter()
    unpacker = msgpack.Unpacker(
        max_buffer_size=_FRAME_BYTES,
        strict_map_key=False,
        object_hook=counter.dict_or_array,
        list_hook=counter.list,
        ext_hook=_no_extension,
    )
    for piece in _decompressed(file, start):
        unpacker.feed(piece)
        for found in unpacker:
            counter.entries = 0
            yield found


def _decompressed(file: Any, start: int) -> Iterator[bytes]:
    file.seek(start)
    content = file.read(_READ_BYTES)
    if not content.startswith(_XZ):
        raise WrongValueError("another compression than xz")
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_BYTES)
    while not decompressor.eof:
        if decompressor.needs_input and not content:
            content = file.read(_READ_BYTES)
            if not content:
                raise WrongValueError("its end missing")
        yield decompressor.decompress(content, _PIECE_BYTES)
        content = b""


class _Counter:
    """Makes arrays of what stands for them, and counts what one frame is made of."""

    def __init__(self) -> None:
        self.entries = 0

    def list(self, values: list[Any]) -> list[Any]:
        self._add(len(values))
        return values

    def dict_or_array(self, values: dict[Any, Any]) -> Any:
        self._add(len(values))
        if b"nd" not in values:
            if b"complex" in values:
                raise WrongValueError("a complex number")
            return values
        if values.get(b"kind") in (b"O", b"V"):
            raise WrongValueError("an array of objects, which could run code")
        content, dtype = values.get(b"data"), values.get(b"type")
        if not isinstance(content, bytes):
            raise WrongValueError("an array without bytes")
        return array_from_bytes(content, dtype, values.get(b"shape") if values[b"nd"] else ())

    def _add(self, n: int) -> None:
        self.entries += n + 1
        if self.entries > _MOST_ENTRIES:
            raise WrongValueError(f"more than {_MOST_ENTRIES} values in one frame")


def _no_extension(code: int, _: bytes) -> None:
    raise WrongValueError(f"msgpack's extension type {code}")


def _unpacked(values: dict[str, Any], order: Any) -> dict[str, Any]:
    """A frame with its coordinates, which are kept as differences of whole numbers from point to point."""
    frame = {}
    for name, value in values.items():
        if not str(name).startswith("qd_"):
            frame[name] = value
            continue
        point_axis = -1 if name.endswith("uncertainties") else -2
        match value:
            case [np.ndarray() as differences, int() | float() as factor] if factor and differences.ndim >= 2:
                points = np.cumsum(differences, axis=point_axis, dtype=np.int64) / factor
            case _:
                raise WrongValueError(f"no coordinates in {name}")
        if "vert" in name:
            points = _in_order(points, order, point_axis)
        frame[str(name).removeprefix("qd_")] = points
    return frame


def _in_order(points: np.ndarray, order: Any, axis: int) -> np.ndarray:
    """Vertices in the order of the body model; in the file, neighbours of the surface stand together."""
    from bodycompress.vertex_order import get_inverse_vertex_order, load_bundled_vertex_order

    n = points.shape[axis]
    if order is None:
        return points
    if isinstance(order, str):
        if order != "auto" and order not in _BUNDLED_ORDERS:
            raise WrongValueError(f"vertices in the order {order!r}")
        inverse = get_inverse_vertex_order(n) if order == "auto" else np.argsort(load_bundled_vertex_order(order))
        if inverse is None:
            return points
    else:
        inverse = np.argsort(np.asarray(order))
    if inverse.shape != (n,):
        raise WrongValueError(f"{n} vertices in an order of {inverse.size}")
    return np.take(points, inverse, axis=axis)
