"""Whom to follow, out of everybody who was seen."""

import dataclasses
import itertools
import logging
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import IdentityDoubt, IdentityDoubts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segmenters import PeopleChoice, SegmentedPeople

_EDGE_WEIGHT = 0.5  # what a person in a corner of the picture counts, against the same person in its centre
_REACH = 0.02  # of the picture's height: a point may lie so far beside a person's pixels
log = logging.getLogger(__name__)


def prominence(tracks: MaskTracks) -> np.ndarray:
    """(people,) share of the picture times frames in sight, counting less away from the centre."""
    size_px = np.array(tracks.size_px)
    scores = np.zeros(len(tracks.person_ids))
    for k, track in enumerate(tracks.masks):
        for mask in track:
            if mask is not None and mask.any():
                offset = (np.asarray(mask.centroid()) - (size_px - 1) / 2) / (size_px / 2)
                centrality = 1 - (1 - _EDGE_WEIGHT) * min(1.0, float(np.linalg.norm(offset)) / np.sqrt(2))
                scores[k] += centrality * float(mask.area()) / size_px.prod()
    return scores


def choose_people(
    everybody: MaskTracks,
    choice: PeopleChoice,
    shots: Sequence[slice],
    doubts: Sequence[IdentityDoubt] = (),
    unreliable: Collection[int] = (),
) -> SegmentedPeople:
    """Split people into those to follow and bystanders, each with the most prominent first, and number them.

    Nobody is known again after a cut, so `choice.max_persons` holds for each shot.

    Args:
        everybody: all who were seen.
        choice: whom to follow.
        shots: frame ranges between cuts.
        doubts: about `everybody`, by row.
        unreliable: rows of `everybody` that are followed only where a point chooses them.

    Raises:
        UserError: if a select_point lies outside the picture or on nobody.
    """
    scores = prominence(everybody)
    ranking = np.argsort(-scores, kind="stable").tolist()
    if choice.select_points_px:
        wanted = {_person_at(everybody, point_px, choice.select_frame) for point_px in choice.select_points_px}
        followed = [k for k in ranking if k in wanted]
    else:
        visible = everybody.visible
        able = [k for k in ranking if k not in unreliable]
        first_of = [[k for k in able if visible[k, shot].any()][: choice.max_persons] for shot in shots]
        wanted = set(itertools.chain.from_iterable(first_of))
        followed = [k for k in ranking if k in wanted]
    others = [k for k in ranking if k not in wanted]
    if others and followed:
        log.info(
            "%d people are followed; %d others are left out: %s",
            len(followed),
            len(others),
            "; ".join(_describe(everybody, k) for k in others),
        )
    n = len(followed)
    return SegmentedPeople(
        _select(everybody, followed, range(1, n + 1)),
        _select(everybody, others, range(n + 1, n + len(others) + 1)),
        _doubts_about(followed, doubts),
    )


def _doubts_about(rows: Sequence[int], doubts: Sequence[IdentityDoubt]) -> IdentityDoubts:
    """Doubts about people in these rows, under the ids that they get: 1, 2, ..."""
    id_of = {row: k + 1 for k, row in enumerate(rows)}
    kept = [
        dataclasses.replace(doubt, person_ids=[id_of[row] for row in doubt.person_ids if row in id_of])
        for doubt in sorted(doubts, key=lambda doubt: doubt.start)
    ]
    return IdentityDoubts([doubt for doubt in kept if doubt.person_ids])


def _select(tracks: MaskTracks, rows: Sequence[int], person_ids: Iterable[int]) -> MaskTracks:
    masks = tuple(tracks.masks[k] for k in rows)
    return MaskTracks(tracks.size_px, tracks.fps, tracks.n_frames, tuple(person_ids), masks)


def _person_at(tracks: MaskTracks, point_px: tuple[float, float], frame: int) -> int:
    """Row of the person at a point."""
    x, y = point_px
    width_px, height_px = tracks.size_px
    if not (-0.5 <= x <= width_px - 0.5 and -0.5 <= y <= height_px - 0.5):
        raise UserError(
            f"select_points: ({x:g}, {y:g}) is outside the picture, "
            f"which is {width_px} pixels wide and {height_px} high."
        )
    distances = [_distance_px(track[frame], np.array([x, y])) for track in tracks.masks]
    best = int(np.argmin(distances)) if distances else -1
    if best >= 0 and distances[best] <= _REACH * height_px:
        return best
    there = [mask.bbox() for track in tracks.masks if (mask := track[frame]) is not None and mask.any()]
    places = ", ".join(f"x {left:.0f}-{left + w:.0f} y {top:.0f}-{top + h:.0f}" for left, top, w, h in there)
    nobody = f"select_points: nobody was found at ({x:g}, {y:g}) at {frame / tracks.fps:.2f} s (frame {frame})"
    raise UserError(
        f"{nobody}. People were found at: {places}. Give points inside these, or another seg_init_time, or no "
        "select_points."
        if places
        else f"{nobody}, nor anywhere else then. Give another seg_init_time, or no select_points."
    )


def _distance_px(mask: RLEMask | None, point_px: np.ndarray) -> float:
    """Distance of a point from the nearest pixel of a mask."""
    if mask is None or not mask.any():
        return np.inf
    rows, columns = np.nonzero(mask.to_array())
    return float(np.min(np.hypot(columns - point_px[0], rows - point_px[1])))


def _describe(tracks: MaskTracks, k: int) -> str:
    """Where and when a person was seen, for the log."""
    seen = np.flatnonzero(tracks.visible[k])
    left, top, width, height = tracks.boxes_px[k, seen[len(seen) // 2]]
    return (
        f"{height:.0f} pixels high at ({left + width / 2:.0f}, {top + height / 2:.0f}), "
        f"{seen[0] / tracks.fps:.1f}-{seen[-1] / tracks.fps:.1f} s"
    )
