"""`nlf-pipeline tracks ...`: look at who is who, and correct it by adding lines to tracks.yaml."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from nlf_pipeline.artefacts import IdentityDoubts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.repair.corrections import corrected_tracks, tracks_digest, warning_if_outdated
from nlf_pipeline.repair.edit_file import parse_edits
from nlf_pipeline.repair.edit_writing import with_edit, with_made_for, with_name, write_edits
from nlf_pipeline.repair.track_edits import Drop, Edit, Merge, Moment, Split, Swap, TrackEdits, ids_ever

RESULTS = Path("results")
log = logging.getLogger(__name__)


def show(*, video_id: str, results: Path = RESULTS, out: Path | None = None) -> None:
    """Draw who is who: every person at several moments of his life, with all edits so far.

    Moments at which people may have been mixed up are marked.

    Args:
        video_id: the video, of which the workflow has run.
        results: folder with one folder per video.
        out: picture to write; tracks.png beside the video's results unless given.
    """
    from nlf_pipeline.repair.contact_sheet import write_contact_sheet

    video = _Video.open(video_id, results)
    tracks = corrected_tracks(video.detected, video.edits, video.path)
    out = out or video.folder / "tracks.png"
    doubts = video.folder / "identity_doubts.json"
    found = IdentityDoubts.load(doubts) if doubts.is_file() else IdentityDoubts()
    write_contact_sheet(out, video.folder / "clip.mp4", tracks, video.detected, found, video.edits.names)
    print(out)


def list_people(*, video_id: str, results: Path = RESULTS) -> None:
    """List who is seen when, with all edits so far.

    Args:
        video_id: the video, of which the workflow has run.
        results: folder with one folder per video.
    """
    video = _Video.open(video_id, results)
    tracks = corrected_tracks(video.detected, video.edits, video.path)
    if not tracks.person_ids:
        print("nobody")
    for person_id, visible in zip(tracks.person_ids, tracks.visible, strict=True):
        frames = np.flatnonzero(visible)
        name = video.edits.names.get(person_id, "")
        life = f"{frames[0] / tracks.fps:.2f}-{frames[-1] / tracks.fps:.2f} s, " if len(frames) else ""
        print(f"{person_id:3d}  {name:16s} {life}{len(frames)} of {tracks.n_frames} frames")
    for edit in video.edits.edits:
        print(f"     {edit}")


def swap(
    people: tuple[int, int],
    /,
    *,
    video_id: str,
    from_s: float | None = None,
    to_s: float | None = None,
    from_frame: int | None = None,
    to_frame: int | None = None,
    results: Path = RESULTS,
) -> None:
    """Exchange two people from a time on, up to another time, or between two times.

    Args:
        people: their ids.
        video_id: the video.
        from_s: from here on, seconds from the clip's start; the clip's start unless given.
        to_s: up to here, seconds; the clip's end unless given.
        from_frame: from this frame on, instead of from_s.
        to_frame: up to and without this frame, instead of to_s.
        results: folder with one folder per video.
    """
    start, stop = _moment("from", from_s, from_frame), _moment("to", to_s, to_frame)
    if start is None and stop is None:
        raise UserError("swap: found no time, expected --from-s, --to-s or both. For example: --from-s 3.2")
    _add(_Video.open(video_id, results), Swap(*people, start, stop))


def split(
    person: int,
    /,
    *,
    video_id: str,
    at_s: float | None = None,
    at_frame: int | None = None,
    new_id: int | None = None,
    results: Path = RESULTS,
) -> None:
    """Make what follows a time of one person a new person.

    Args:
        person: the id.
        video_id: the video.
        at_s: when the new person begins, seconds from the clip's start.
        at_frame: when the new person begins, instead of at_s.
        new_id: the new person's id; one more than the largest so far unless given.
        results: folder with one folder per video.
    """
    video, at = _Video.open(video_id, results), _moment("at", at_s, at_frame)
    if at is None:
        raise UserError("split: found no time, expected --at-s SECONDS or --at-frame FRAME.")
    taken = ids_ever(video.detected, video.edits.edits)
    _add(video, Split(person, at, max(taken, default=0) + 1 if new_id is None else new_id))


def merge(people: tuple[int, int], /, *, video_id: str, results: Path = RESULTS) -> None:
    """Make two people one, who must never be seen together; the first id stays.

    Args:
        people: their ids.
        video_id: the video.
        results: folder with one folder per video.
    """
    _add(_Video.open(video_id, results), Merge(*people))


def drop(
    person: int,
    /,
    *,
    video_id: str,
    from_s: float | None = None,
    to_s: float | None = None,
    from_frame: int | None = None,
    to_frame: int | None = None,
    results: Path = RESULTS,
) -> None:
    """Do not follow somebody, at all or for some time; the camera goes on ignoring his pixels.

    Args:
        person: the id.
        video_id: the video.
        from_s: from here on, seconds from the clip's start; the clip's start unless given.
        to_s: up to here, seconds; the clip's end unless given.
        from_frame: from this frame on, instead of from_s.
        to_frame: up to and without this frame, instead of to_s.
        results: folder with one folder per video.
    """
    edit = Drop(person, _moment("from", from_s, from_frame), _moment("to", to_s, to_frame))
    _add(_Video.open(video_id, results), edit)


def name(person: int, new_name: str, /, *, video_id: str, results: Path = RESULTS) -> None:
    """Give somebody a name. Only what shows it is made anew: report, player and exports.

    Args:
        person: the id.
        new_name: shown beside the id.
        video_id: the video.
        results: folder with one folder per video.
    """
    video = _Video.open(video_id, results)
    video.write(with_name(video.dated_text, person, new_name, str(video.path)))
    print(f"{video.path}: {person} is {new_name}")


@dataclass(frozen=True)
class _Video:
    """A video's tracks and its file of edits."""

    folder: Path
    detected: MaskTracks
    text: str
    """Of tracks.yaml; empty if there is none."""

    @classmethod
    def open(cls, video_id: str, results: Path) -> Self:
        """Read the tracks; raises UserError if the workflow has not found any yet."""
        folder = results / video_id
        if not (folder / "detected_masks.json").is_file():
            raise UserError(
                f"{folder}/detected_masks.json: not found, expected the tracks of a finished run. Give the directory "
                f"in which the workflow ran (--results), or make them: snakemake {folder}/detected_masks.json"
            )
        path = folder / "tracks.yaml"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return cls(folder, MaskTracks.load(folder / "detected_masks.json"), text)

    @property
    def path(self) -> Path:
        """The file of edits."""
        return self.folder / "tracks.yaml"

    @property
    def edits(self) -> TrackEdits:
        """What the file says; raises UserError if it is wrong."""
        return parse_edits(self.text, str(self.path))

    @property
    def dated_text(self) -> str:
        """What the file says, with a line that tells for which tracks it is."""
        return with_made_for(self.text, tracks_digest(self.detected), str(self.path))

    def write(self, text: str) -> None:
        """Write the file, if its edits can be carried out."""
        edits = parse_edits(text, str(self.path))
        corrected_tracks(self.detected, edits, self.path)
        write_edits(self.path, text)
        warning = warning_if_outdated(self.detected, edits, self.path)
        if warning is not None:
            log.warning("%s", warning)


def _add(video: _Video, edit: Edit) -> None:
    """Add an edit to the file, if it can be carried out after those before."""
    video.write(with_edit(video.dated_text, edit, str(video.path)))
    print(f"{video.path}: {edit}. Carry it out with: snakemake --config video_id={video.folder.name}")


def _moment(which: str, seconds: float | None, frame: int | None) -> Moment | None:
    if seconds is not None and frame is not None:
        raise UserError(f"found --{which}-s and --{which}-frame, expected only one of them.")
    return Moment(frame, is_frame=True) if frame is not None else None if seconds is None else Moment(seconds)
