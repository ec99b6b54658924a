"""Bring your own masks: those of another run, or of another program by `nlf-pipeline import`."""

from pathlib import Path

import framepump

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTrack, MaskTracks, encoded
from nlf_pipeline.progress import progress
from nlf_pipeline.segmenters import PeopleChoice, SegmentedPeople


class FileSegmenter:
    """Takes everybody's masks from a file, and looks at no picture."""

    def __init__(self, masks_file: Path) -> None:
        """Take the masks from `masks_file`, in the format of masks.json."""
        self._file = masks_file

    def segment(self, frames: framepump.VideoFrames, facts: VideoFacts, choice: PeopleChoice) -> SegmentedPeople:
        """Everybody in the file, in its order; whoever is there before and after a cut becomes one person of each shot.

        Raises:
            UserError: if the file is not of this clip.
        """
        given = load_given_masks(self._file, facts)
        shape = facts.size_px[::-1]
        rows = []
        for row, shot in progress(shot_rows(given, facts), len(shot_rows(given, facts)), "segment"):
            runs = [b""] * facts.n_frames
            for t in range(shot.start, shot.stop):
                mask = given.masks[row][t]
                if mask is not None and given.size_px != facts.size_px:
                    mask = mask.resize(shape)
                runs[t] = encoded(mask) if mask is not None and mask.any() else b""
            rows.append(MaskTrack(facts.size_px, runs))
        ids = tuple(range(1, len(rows) + 1))
        followed = MaskTracks(facts.size_px, facts.fps, facts.n_frames, ids, tuple(rows))
        return SegmentedPeople(followed, MaskTracks(facts.size_px, facts.fps, facts.n_frames, (), ()))


def load_given_masks(path: Path, facts: VideoFacts) -> MaskTracks:
    """The masks of a file.

    Raises:
        UserError: if it is missing or damaged, or has another number of frames than the clip.
    """
    given = MaskTracks.load(path)
    if given.n_frames != facts.n_frames:
        raise UserError(
            f"{path}: found masks for {given.n_frames} frames, expected {facts.n_frames}, as the clip has. Use the "
            "video that they were made of, and the same time_range."
        )
    return given


def shot_rows(given: MaskTracks, facts: VideoFacts) -> list[tuple[int, slice]]:
    """(row of the file, frames of a shot) of everybody followed: who is seen in several shots comes once for each."""
    visible = given.visible
    return [(row, shot) for shot in facts.shots() for row in range(len(given.person_ids)) if visible[row, shot].any()]
