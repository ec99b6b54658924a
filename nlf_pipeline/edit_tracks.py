"""Stage: the tracks as the user has corrected them."""

import logging
from pathlib import Path

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.repair.corrections import corrected_tracks, warning_if_outdated
from nlf_pipeline.repair.edit_file import read_edits

log = logging.getLogger(__name__)


def edit_tracks(*, detected_masks: Path, out: Path, edits: Path | None = None) -> None:
    """Correct who is who by the edits in a file; without one everything stays as it was detected.

    Args:
        detected_masks: detected_masks.json: the people as the segmenter followed them.
        out: masks.json: whole masks moved from person to person, nobody else touched.
        edits: tracks.yaml, written by hand or by `nlf-pipeline tracks`; there may be no such file.

    Raises:
        UserError: if an edit is wrong; with its line in the file and what to write instead.
    """
    detected = MaskTracks.load(detected_masks)
    if edits is None or not edits.exists():
        detected.save(out)
        return
    wanted = read_edits(edits)
    tracks = corrected_tracks(detected, wanted, edits)
    warning = warning_if_outdated(detected, wanted, edits)
    if warning is not None:
        log.warning("%s", warning)
    for edit in wanted.edits:
        log.info("%s", edit)
    tracks.save(out)
