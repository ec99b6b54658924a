"""Edits of tracks: swap, split, merge and drop people. Masks move whole from row to row; ids never change.

Every edit is carried out on the tracks as the edits before it left them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks

Track = list[RLEMask | None]


@dataclass(frozen=True)
class Moment:
    """A time in the clip, by seconds or by frame."""

    value: float
    is_frame: bool = False

    def frame(self, fps: float) -> int:
        """The frame that begins nearest to this time."""
        return int(self.value) if self.is_frame else round(self.value * fps)

    def __str__(self) -> str:
        return f"frame {self.value:.0f}" if self.is_frame else f"{self.value:.12g}"


@dataclass(frozen=True)
class Swap:
    """Two people change places from `start` on, up to but not including `stop`."""

    first: int
    second: int
    start: Moment | None = None
    stop: Moment | None = None
    where: str = field(default="", compare=False)
    """File and line, for messages."""

    def __str__(self) -> str:
        return f"swap {self.first} and {self.second}{_span(self.start, self.stop)}"


@dataclass(frozen=True)
class Split:
    """What follows `at` of a person becomes a new person."""

    person: int
    at: Moment
    new_id: int | None = None
    """None: one more than the largest id so far."""
    where: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"split {self.person} at {self.at}" + ("" if self.new_id is None else f" as {self.new_id}")


@dataclass(frozen=True)
class Merge:
    """The second person is the first."""

    into: int
    other: int
    where: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"merge {self.into} and {self.other}"


@dataclass(frozen=True)
class Drop:
    """A person is nobody to follow, or not from `start` up to but not including `stop`."""

    person: int
    start: Moment | None = None
    stop: Moment | None = None
    where: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"drop {self.person}{_span(self.start, self.stop)}"


Edit = Swap | Split | Merge | Drop


@dataclass(frozen=True)
class TrackEdits:
    """The content of tracks.yaml."""

    edits: tuple[Edit, ...] = ()
    names: dict[int, str] = field(default_factory=dict)
    """Person id -> name."""
    made_for: str | None = None
    """`tracks_digest` of the tracks that the ids belong to, where it is known."""


def apply_edits(tracks: MaskTracks, edits: Sequence[Edit]) -> MaskTracks:
    """The tracks after the edits, one after another.

    Nobody else's id or masks change. Rows keep their order, new people follow, and people left without masks are gone.

    Raises:
        UserError: if an edit names nobody, lies outside the clip, or cannot be done; with the cure.
    """
    people: dict[int, Track] = {i: list(track) for i, track in zip(tracks.person_ids, tracks.masks, strict=True)}
    never_seen = {i for i, track in people.items() if not _seen(track)}
    ids = set(people)
    for edit in edits:
        _check_ids(edit, people, ids)
        match edit:
            case Swap():
                _swap(people, edit, tracks)
            case Split():
                ids.add(new_id := _new_id(edit, ids))
                people[new_id] = _split(people, edit, tracks)
            case Merge():
                _merge(people, edit, tracks)
            case Drop():
                _drop(people, edit, tracks)
    left = {i: track for i, track in people.items() if _seen(track) or i in never_seen}
    return replace(tracks, person_ids=tuple(left), masks=tuple(tuple(track) for track in left.values()))


def ids_ever(tracks: MaskTracks, edits: Sequence[Edit]) -> set[int]:
    """The ids of everybody who is or was there, before, between and after the edits."""
    ids = set(tracks.person_ids)
    for edit in edits:
        if isinstance(edit, Split):
            ids.add(_new_id(edit, ids))
    return ids


def _new_id(edit: Split, ids: set[int]) -> int:
    return max(ids, default=0) + 1 if edit.new_id is None else edit.new_id


def _swap(people: dict[int, Track], edit: Swap, tracks: MaskTracks) -> None:
    span = _frames(edit, tracks)
    first, second = people[edit.first], people[edit.second]
    if not _seen(first[span]) and not _seen(second[span]):
        raise _problem(edit, f"neither of them is seen then: {_life(people, edit.first, edit.second, tracks)}")
    first[span], second[span] = second[span], first[span]


def _split(people: dict[int, Track], edit: Split, tracks: MaskTracks) -> Track:
    track, at = people[edit.person], edit.at.frame(tracks.fps)
    _check_frame(edit, edit.at, tracks)
    if not _seen(track[:at]) or not _seen(track[at:]):
        raise _problem(
            edit,
            f"there is nothing to split at that time: {_life(people, edit.person, None, tracks)}. Choose one between",
        )
    rest: Track = [None] * at + track[at:]
    track[at:] = [None] * (len(track) - at)
    return rest


def _merge(people: dict[int, Track], edit: Merge, tracks: MaskTracks) -> None:
    into, other = people[edit.into], people[edit.other]
    both = [t for t in range(len(into)) if into[t] is not None and other[t] is not None]
    if both:
        first, last = both[0], both[-1]
        when = f"first in frame {first} ({first / tracks.fps:.2f} s), last in frame {last}"
        cure = f"  - drop: {edit.other}\n    from: frame {first}\n    to: frame {last + 1}"
        raise _problem(
            edit,
            f"both are seen in {len(both)} frames, {when}; expected people never seen together. If one is wrong there, "
            f"take him out before this line:\n{cure}",
        )
    people[edit.into] = [mine if mine is not None else theirs for mine, theirs in zip(into, other, strict=True)]
    del people[edit.other]


def _drop(people: dict[int, Track], edit: Drop, tracks: MaskTracks) -> None:
    if edit.start is None and edit.stop is None:
        del people[edit.person]
        return
    span = _frames(edit, tracks)
    if not _seen(people[edit.person][span]):
        raise _problem(edit, f"there is nothing to drop: {_life(people, edit.person, None, tracks)}")
    people[edit.person][span] = [None] * (span.stop - span.start)


def _check_ids(edit: Edit, people: dict[int, Track], ids: set[int]) -> None:
    named = {Swap: ("first", "second"), Merge: ("into", "other")}.get(type(edit), ("person",))
    for person_id in (getattr(edit, name) for name in named):
        if person_id not in people:
            gone = "is gone by an edit before" if person_id in ids else "does not exist"
            raise _problem(edit, f"person {person_id} {gone}, expected one of {_listed(people)}")
    if isinstance(edit, Split) and edit.new_id in ids:
        raise _problem(edit, f"id {edit.new_id} is or was somebody else's, expected a new one such as {max(ids) + 1}")


def _frames(edit: Swap | Drop, tracks: MaskTracks) -> slice:
    start = 0 if edit.start is None else edit.start.frame(tracks.fps)
    stop = tracks.n_frames if edit.stop is None else edit.stop.frame(tracks.fps)
    if edit.start is not None:
        _check_frame(edit, edit.start, tracks)
    if edit.stop is not None and stop > tracks.n_frames:
        _check_frame(edit, edit.stop, tracks)
    if stop <= start:
        raise _problem(edit, f"`to` is frame {stop} and `from` is frame {start}, expected `to` to be later")
    return slice(start, stop)


def _check_frame(edit: Edit, moment: Moment, tracks: MaskTracks) -> None:
    if not 0 <= moment.frame(tracks.fps) < tracks.n_frames:
        raise _problem(
            edit,
            f"{moment}{'' if moment.is_frame else ' s'} is outside the clip, expected 0 to "
            f"{(tracks.n_frames - 1) / tracks.fps:.2f} s, or frame 0 to frame {tracks.n_frames - 1}",
        )


def _seen(track: Sequence[RLEMask | None]) -> bool:
    return any(mask is not None for mask in track)


def _life(people: dict[int, Track], first: int, second: int | None, tracks: MaskTracks) -> str:
    """When people are seen, in words."""
    parts = []
    for person_id in (i for i in (first, second) if i is not None):
        frames = np.flatnonzero([mask is not None for mask in people[person_id]])
        seen = "never" if not len(frames) else f"from {frames[0] / tracks.fps:.2f} to {frames[-1] / tracks.fps:.2f} s"
        frames_seen = "" if not len(frames) else f" (frames {frames[0]}-{frames[-1]})"
        parts.append(f"person {person_id} is seen {seen}{frames_seen}")
    return ", ".join(parts)


def _listed(ids: Sequence[int] | dict[int, Track]) -> str:
    return ", ".join(map(str, sorted(ids))) or "nobody, as no person was found"


def _span(start: Moment | None, stop: Moment | None) -> str:
    return ("" if start is None else f" from {start}") + ("" if stop is None else f" to {stop}")


def _problem(edit: Edit, text: str) -> UserError:
    return UserError(f"{edit.where + ': ' if edit.where else ''}cannot {edit}: {text}.")
