"""Landmarks found once per detected track: moving masks from one person to another never looks at the video again."""

import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import framepump
import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.masks import MaskTracks, encoded
from nlf_pipeline.person_cache import PersonCache, digest
from nlf_pipeline.workflow.versions import code_version

log = logging.getLogger(__name__)


def cached_landmarks(
    cache: PersonCache,
    checkpoints: ChunkStore,
    frames: framepump.VideoFrames | Sequence[np.ndarray],
    facts: VideoFacts,
    detected: MaskTracks,
    rows: Sequence[int],
) -> dict[int, PersonLandmarks]:
    """Landmarks of some of the detected people, found anew only where the cache has none.

    Args:
        cache: of this clip's people.
        checkpoints: of this clip, for what is found before all of it is.
        frames: (height, width, 3) uint8 RGB, facts.n_frames of them; not read if all is in the cache.
        facts: of the clip.
        detected: who is where, before any edit.
        rows: whom of them to find.

    Returns:
        By row.
    """
    masks = [[digest(encoded(mask)) if mask is not None else None for mask in track] for track in detected.masks]
    keys = {row: cache.key("landmarks", *_depends_on(row, masks, facts)) for row in rows}
    kept = {row: cache.load(key) for row, key in keys.items()}
    found = {row: PersonLandmarks(**arrays) for row, arrays in kept.items() if arrays is not None}
    missing = [row for row in rows if row not in found]
    log.info("landmarks are known for %d of %d people", len(found), len(rows))
    if missing:
        from nlf_pipeline.estimators.landmark_search import find_landmarks  # loads the model's library

        name = f"landmarks-{digest([keys[row] for row in missing])}"
        people = find_landmarks(frames, facts, detected, rows=missing, checkpoints=checkpoints, name=name)
        for row, person in zip(missing, people, strict=True):
            cache.save(keys[row], vars(person))
            found[row] = person
    return found


def _depends_on(row: int, masks: Sequence[Sequence[str | None]], facts: VideoFacts) -> tuple:
    """All that the landmarks of one person depend on, besides the clip; of others, where he is seen himself."""
    seen = [t for t, mask in enumerate(masks[row]) if mask is not None]
    others = [sorted(mask for k, track in enumerate(masks) if k != row and (mask := track[t])) for t in seen]
    code = code_version("estimators.landmark_search"), version("mediapipe")
    return *code, [shot.start for shot in facts.shots()], masks[row], others


def joined_landmarks(found: Mapping[int, PersonLandmarks], rows: np.ndarray) -> PersonLandmarks:
    """The landmarks of one person, who has the masks of now this and now that detected track.

    Args:
        found: landmarks of detected tracks by row.
        rows: (frames,) the detected track whose mask he has; -1 for none.
    """
    person = PersonLandmarks.nothing(len(rows))
    for row in np.unique(rows[rows >= 0]):
        at = rows == row
        for name, values in vars(person).items():
            values[at] = vars(found[row])[name][at]
    return person
