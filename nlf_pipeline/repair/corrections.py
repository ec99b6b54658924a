"""Carrying out a file of edits on the tracks it was written for."""

from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks, encoded
from nlf_pipeline.person_cache import digest
from nlf_pipeline.repair.track_edits import TrackEdits, apply_edits, ids_ever

_DIGITS = 12


def tracks_digest(tracks: MaskTracks) -> str:
    """What tells whether ids still mean the same people: 12 hexadecimal digits, of every mask."""
    masks = [[encoded(mask) for mask in track] for track in tracks.masks]
    return digest(tracks.size_px, tracks.person_ids, masks)[:_DIGITS]


def corrected_tracks(detected: MaskTracks, edits: TrackEdits, path: Path) -> MaskTracks:
    """The tracks after all edits.

    Args:
        detected: the tracks as the segmenter left them.
        edits: what to do.
        path: where the edits were read, for messages.

    Raises:
        UserError: if an edit cannot be carried out, or somebody is named who never was.
    """
    tracks = apply_edits(detected, edits.edits)
    ids = ids_ever(detected, edits.edits)
    for person_id, name in edits.names.items():
        if person_id not in ids:
            listed = ", ".join(map(str, sorted(ids))) or "nobody, as no person was found"
            raise UserError(
                f"{path}: people: found person {person_id} ({name}), expected one of {listed}. Correct the id, or "
                "delete the line."
            )
    return tracks


def warning_if_outdated(detected: MaskTracks, edits: TrackEdits, path: Path) -> str | None:
    """What to tell a user whose edits were written for other tracks; None if they were not, as far as is known."""
    if edits.made_for in (None, tracks_digest(detected)):
        return None
    return (
        f"{path} was written for other tracks than were found now, so its ids may mean other people. Look with "
        "`nlf-pipeline tracks show`, correct it, and delete its line `made_for`"
    )
