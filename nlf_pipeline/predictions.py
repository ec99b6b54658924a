"""predictions.xz: per-frame vertices and joints of everybody, streamed through BodyCompress.

In the CAMERA frame, so that a new camera path never makes the estimates invalid. BodyCompress
keeps millimetres; here and everywhere else it is metres.
"""

from __future__ import annotations

import contextlib
import logging
import lzma
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    import bodycompress

from nlf_pipeline.artefact_files import missing_artefact
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.files import atomic_path

FORMAT_VERSION = 1
_MM_PER_M = 1000.0
_FARTHEST_M = 1e5
"""Coordinates beyond this are no estimate either: the file keeps whole numbers of half millimetres."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FramePredictions:
    """Everybody in one frame. Row k is person k; rows where `valid` is false are zeros."""

    vertices: np.ndarray
    """(people, vertices, 3) float32, camera frame, metres: the body model's vertex subset."""
    joints: np.ndarray
    """(people, joints, 3) float32, camera frame, metres."""
    vertex_uncertainties: np.ndarray
    """(people, vertices) float32, expected error, metres."""
    joint_uncertainties: np.ndarray
    """(people, joints) float32, expected error, metres."""
    valid: np.ndarray
    """(people,) bool: this person was estimated in this frame."""


def finite_rows(frame: FramePredictions) -> np.ndarray:
    """(people,) bool: every number of this person is one, and within reach of the file's numbers."""
    arrays = (frame.vertices, frame.joints, frame.vertex_uncertainties, frame.joint_uncertainties)
    flat = [a.reshape(len(a), math.prod(a.shape[1:])) for a in arrays]
    # NaN passes through minimum and maximum, and comparisons with it are false.
    return np.all([(a.max(axis=1) < _FARTHEST_M) & (a.min(axis=1) > -_FARTHEST_M) for a in flat], axis=0)


def _behind_camera(frame: FramePredictions) -> np.ndarray:
    """(people,) bool: estimated where no picture shows anybody."""
    return frame.valid & (frame.joints[:, 0, 2] <= 0)


def without_rows(frame: FramePredictions, rows: np.ndarray) -> FramePredictions:
    """The frame with the people of `rows` (people,) bool as not estimated."""
    if not rows.any():
        return frame
    names = ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties")
    kept = {name: np.where(_like(rows, getattr(frame, name)), 0, getattr(frame, name)) for name in names}
    return replace(frame, **kept, valid=frame.valid & ~rows)


def _like(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return rows.reshape(-1, *[1] * (values.ndim - 1))


class PredictionSink(Protocol):
    """Takes frames in order."""

    def append(self, frame: FramePredictions) -> None:
        """Append the next frame."""
        ...


class _Writer:
    def __init__(self, compressor: bodycompress.BodyCompressor) -> None:
        self.compressor = compressor
        self.n_useless = 0

    def append(self, frame: FramePredictions) -> None:
        useless = ~finite_rows(frame) | _behind_camera(frame)
        self.n_useless += int((frame.valid & useless).sum())
        frame = without_rows(frame, useless)
        self.compressor.append(
            vertices=frame.vertices * _MM_PER_M,
            joints=frame.joints * _MM_PER_M,
            vertex_uncertainties=frame.vertex_uncertainties,  # BodyCompress wants metres here
            joint_uncertainties=frame.joint_uncertainties,
            valid=frame.valid.astype(np.uint8),
        )


@contextlib.contextmanager
def writing_predictions(path: Path, person_ids: np.ndarray, fps: float, n_frames: int) -> Iterator[PredictionSink]:
    """Write predictions frame by frame; the file appears at `path` when the block ends well.

    Args:
        path: where to write.
        person_ids: (people,) int, the rows of every frame.
        fps: frames per second of the clip.
        n_frames: frames that will be appended.
    """
    import bodycompress

    metadata = {
        "format_version": FORMAT_VERSION,
        "person_ids": [int(i) for i in person_ids],
        "fps": float(fps),
        "n_frames": int(n_frames),
    }
    with (
        atomic_path(path) as temporary,
        bodycompress.BodyCompressor(
            str(temporary), metadata=metadata, compression="xz", compression_level=1
        ) as compressor,
    ):
        writer = _Writer(compressor)
        yield writer
    if writer.n_useless:
        log.warning("%s: %d estimates, not finite or behind the camera, count as missing", path, writer.n_useless)


@dataclass(frozen=True)
class Predictions:
    """A predictions file, read frame by frame."""

    path: Path
    person_ids: np.ndarray
    """(people,) int."""
    fps: float
    n_frames: int

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the header of `path`; raises ArtefactError if it is missing, damaged or of another version."""
        import bodycompress

        if not Path(path).is_file():
            raise missing_artefact(path, cls)
        try:
            metadata = bodycompress.BodyDecompressor(str(path)).metadata
        except (ValueError, EOFError, lzma.LZMAError) as error:
            raise ArtefactError(
                f"{path} is not a readable BodyCompress file ({error}). Delete it and run again."
            ) from error
        if not isinstance(metadata, dict) or metadata.get("format_version") != FORMAT_VERSION:
            raise ArtefactError(
                f"{path} is not a predictions file of format {FORMAT_VERSION}. Delete it and run again."
            )
        person_ids = np.array(metadata["person_ids"], dtype=np.int64)
        return cls(Path(path), person_ids, metadata["fps"], metadata["n_frames"])

    def __iter__(self) -> Iterator[FramePredictions]:
        """Every frame, in order; the file is decompressed as it goes."""
        import bodycompress

        for frame in bodycompress.BodyDecompressor(str(self.path)):
            yield FramePredictions(
                vertices=(frame["vertices"] / _MM_PER_M).astype(np.float32),
                joints=(frame["joints"] / _MM_PER_M).astype(np.float32),
                vertex_uncertainties=frame["vertex_uncertainties"].astype(np.float32),
                joint_uncertainties=frame["joint_uncertainties"].astype(np.float32),
                valid=frame["valid"].astype(bool),
            )
