"""Bring your own bodies: those of another run, or of another program by `nlf-pipeline import`."""

from collections.abc import Iterator
from pathlib import Path

import framepump
import numpy as np

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.body_kinds import BodyKind
from nlf_pipeline.body_models import load_resting_body
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FORMAT_VERSION, FramePredictions, without_rows
from nlf_pipeline.progress import progress
from nlf_pipeline.reference_files.body_stream import StreamedFrame, read_frames_of, read_header
from nlf_pipeline.reference_files.pickled_arrays import WrongValueError
from nlf_pipeline.segmenters.file import load_given_masks, shot_rows

_MM_PER_M = 1000.0


class FileEstimator:
    """Takes everybody's bodies from a file, and looks at no picture."""

    def __init__(self, body_dir: Path, predictions_file: Path, masks_file: Path) -> None:
        """Take bodies from a file.

        Args:
            body_dir: folder with the body model, whose vertices they must be.
            predictions_file: in the format of predictions.xz, but with all vertices or the body's subset.
            masks_file: the masks of the same people in the same order.
        """
        self._file, self._masks_file = predictions_file, masks_file
        self._body = load_resting_body(body_dir, subset=True)
        self._n_all_vertices = BodyKind.of(body_dir).n_vertices

    def estimate(
        self,
        frames: framepump.VideoFrames,
        facts: VideoFacts,
        tracks: MaskTracks,
        detected: MaskTracks,
        intrinsics: Intrinsics,
    ) -> Iterator[FramePredictions]:
        """One FramePredictions per frame, in order, rows as in `tracks`, camera frame.

        Raises:
            UserError: if the file is damaged, or of other people, another clip or another body model.
        """
        given = load_given_masks(self._masks_file, facts)
        self._check_header(given, facts)
        people = shot_rows(given, facts)
        if len(people) != len(detected.person_ids):
            raise UserError(
                f"{self._masks_file}: found {len(people)} people, expected {len(detected.person_ids)}, as are "
                "followed. Have the people followed who are in that file: leave segmenter null."
            )
        # Whoever has no mask gets the row of nobody, which is the last.
        rows = np.array([*(row for row, _ in people), -1])[tracks.rows_in(detected)]
        count = 0
        for count, frame in enumerate(progress(read_frames_of(self._file), facts.n_frames, "estimate"), start=1):
            if count > facts.n_frames:
                break
            try:
                yield self._bodies(frame, len(given.person_ids), rows[:, count - 1])
            except WrongValueError as error:
                raise self._wrong(f"{error} (frame {count - 1})", "predictions.xz of a run or an import") from error
        if count != facts.n_frames:
            raise self._wrong(f"{count} frames", f"{facts.n_frames}, as the clip has")

    def _check_header(self, given: MaskTracks, facts: VideoFacts) -> None:
        metadata = read_header(self._file)["metadata"]
        if metadata.get("format_version") != FORMAT_VERSION or not isinstance(metadata.get("person_ids"), list):
            raise self._wrong("no predictions of this workflow", "predictions.xz of a run or an import")
        if metadata.get("n_frames") != facts.n_frames:
            raise self._wrong(f"{metadata.get('n_frames')} frames", f"{facts.n_frames}, as the clip has")
        if len(metadata["person_ids"]) != len(given.person_ids):
            raise self._wrong(f"{len(metadata['person_ids'])} people", f"{len(given.person_ids)}: {self._masks_file}")

    def _wrong(self, found: str, expected: str) -> UserError:
        return UserError(f"{self._file}: found {found}, expected {expected}. Choose files that belong together.")

    def _bodies(self, frame: StreamedFrame, n_given: int, rows: np.ndarray) -> FramePredictions:
        """The people of `rows` (people,), of whom -1 is nobody."""
        arrays = {
            "joints": frame.array("joints", n_given, self._body.num_joints, 3) / _MM_PER_M,
            "vertices": frame.array("vertices", n_given, None, 3) / _MM_PER_M,
            "joint_uncertainties": frame.array("joint_uncertainties", n_given, self._body.num_joints),
            "vertex_uncertainties": frame.array("vertex_uncertainties", n_given, None),
        }
        for name in ("vertices", "vertex_uncertainties"):
            arrays[name] = arrays[name][:, self._chosen_vertices(arrays[name].shape[1])]
        valid = np.append(frame.array("valid", n_given) > 0, False)[rows]
        placed = {name: _with_nobody(values)[rows].astype(np.float32) for name, values in arrays.items()}
        return without_rows(FramePredictions(**placed, valid=valid), ~valid)

    def _chosen_vertices(self, n_vertices: int) -> slice | np.ndarray:
        """Which of a file's vertices are the body's subset."""
        if n_vertices == self._body.num_vertices:
            return slice(None)
        subset = np.asarray(self._body.vertex_subset)
        if n_vertices != self._n_all_vertices:
            raise WrongValueError(
                f"{n_vertices} vertices, but the body model has {self._n_all_vertices}, of which {len(subset)} are used"
            )
        return subset


def _with_nobody(values: np.ndarray) -> np.ndarray:
    """With a row of zeros at the end."""
    return np.concatenate([values, np.zeros((1, *values.shape[1:]))])
