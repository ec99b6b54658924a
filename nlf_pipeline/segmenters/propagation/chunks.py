"""The work of following the people of a clip, kept a stretch of frames at a time.

Masks are kept once, memories and random numbers only of the latest moments.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from rlemasklib import RLEMask

from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.segmenters.propagation.masks import Track
from nlf_pipeline.segmenters.propagation.seams import Propagator
from nlf_pipeline.segmenters.sighting_arrays import Arrays, pack_masks, unpack_masks

CHUNK_FRAMES = 512
"""Kept together: about half a minute's work of a GPU."""
_MASKS, _MEMORY, _LASTING = "masks", "memory", "burnt_in"


@dataclass
class ShotPeople:
    """Who was seen in a shot."""

    followed: list[Track] = field(default_factory=list)
    bystanders: dict[int, list[RLEMask]] = field(default_factory=dict)
    """Masks of whoever else was found, by frame looked at."""


@dataclass
class ShotState:
    """How far following the people of a shot has come."""

    people: ShotPeople = field(default_factory=ShotPeople)
    room: int = 0
    """For so many people altogether."""
    seed_frame: int = -1
    """In which somebody was found first; -1: nobody was."""
    leg: int = 0
    """Of the ways through the shot's frames, the one that is being gone."""
    n_done: int = 0
    """Frames of that leg that are done."""


class ClipChunks:
    """What was kept of a clip's shots, and where to keep more."""

    def __init__(self, store: ChunkStore, rng: np.random.Generator) -> None:
        """Read what is kept.

        Args:
            store: where it is.
            rng: whose state is kept with that of torch.
        """
        self._store, self._rng = store, rng
        self.done: list[ShotPeople] = []
        """People of the shots that are done."""
        self._state: ShotState | None = None
        self._memory: tuple[Arrays, Arrays] | None = None
        """What lasts, and the rest."""
        self._n_chunks = self._n_rows = 0
        if store.keeps:
            self._read()

    def take_state(self, propagator: Propagator) -> ShotState | None:
        """How far the first shot that is not done has come, its memory being given back; None if it has not begun."""
        if self._memory is not None:
            propagator.remember(*self._memory)
        state, self._state, self._memory = self._state, None, None
        return state

    def keep(self, state: ShotState, propagator: Propagator, frames: set[int]) -> None:
        """Keep the work on a shot.

        Args:
            state: how far it has come.
            propagator: what it remembers.
            frames: in which people were looked for since the last time.
        """
        if not self._store.keeps:
            return
        if self._n_rows == 0:
            self._store.save(_LASTING, len(self.done), propagator.lasting_memory())
        self._store.save(_MEMORY, self._n_chunks, propagator.changing_memory())
        self._save(state, frames, ends_shot=False)
        self._store.remove(_MEMORY, self._n_chunks - 3)  # the one before stays, in case that this one is damaged

    def keep_shot(self, state: ShotState, frames: set[int]) -> None:
        """Keep the rest of a shot; arguments as before."""
        if not self._store.keeps:
            return
        self._save(state, frames, ends_shot=True)
        for number in (2, 3):
            self._store.remove(_MEMORY, self._n_chunks - number)
        self._store.remove(_LASTING, len(self.done))
        self._n_rows = 0
        self.done.append(state.people)

    def _save(self, state: ShotState, frames: set[int], ends_shot: bool) -> None:
        tracks, others = state.people.followed, state.people.bystanders
        followed = [
            (row, t, mask)
            for row, track in enumerate(tracks)
            for t, mask in track.items()
            if row >= self._n_rows or t in frames
        ]
        beside = [(-1, t, mask) for t, masks in others.items() for mask in masks if self._n_rows == 0 or t in frames]
        masks = [*followed, *beside]
        numbers = (len(tracks), state.room, state.seed_frame, state.leg, state.n_done, ends_shot)
        self._store.save(
            _MASKS,
            self._n_chunks,
            {
                "row": np.array([row for row, _, _ in masks], dtype=np.int64),
                "frame": np.array([t for _, t, _ in masks], dtype=np.int64),
                **pack_masks([mask for _, _, mask in masks]),
                "frames": np.array(sorted(frames), dtype=np.int64),
                "numbers": np.array(numbers, dtype=np.int64),
                "torch_state": torch.default_generator.get_state().numpy(),
                "numpy_state": np.array(json.dumps(self._rng.bit_generator.state)),
            },
        )
        self._n_chunks, self._n_rows = self._n_chunks + 1, len(tracks)

    def _read(self) -> None:
        """Find the last chunk from which to go on, and read all up to it."""
        chunks = list(self._chunks())
        while chunks and not self._take_memory(chunks):
            chunks.pop()
        if chunks:
            torch.default_generator.set_state(torch.from_numpy(chunks[-1]["torch_state"]))
            self._rng.bit_generator.state = json.loads(str(chunks[-1]["numpy_state"]))
        state = None
        for chunk in chunks:
            state = _taken_up(state or ShotState(), chunk)
            self._n_rows = len(state.people.followed)
            if _ends_shot(chunk):
                self.done.append(state.people)
                state, self._n_rows = None, 0
        self._state, self._n_chunks = state, len(chunks)

    def _chunks(self) -> Iterator[Arrays]:
        number = 0
        while (chunk := self._store.load(_MASKS, number)) is not None:
            yield chunk
            number += 1

    def _take_memory(self, chunks: Sequence[Arrays]) -> bool:
        """Take up what was remembered after the last of some chunks; False if it is not there."""
        if _ends_shot(chunks[-1]):
            return True
        lasting = self._store.load(_LASTING, sum(map(_ends_shot, chunks)))
        changing = self._store.load(_MEMORY, len(chunks) - 1)
        if lasting is None or changing is None:
            return False
        self._memory = lasting, changing
        return True


def _ends_shot(chunk: Mapping[str, np.ndarray]) -> bool:
    return bool(chunk["numbers"][-1])


def _taken_up(state: ShotState, chunk: Mapping[str, np.ndarray]) -> ShotState:
    """The state after a chunk."""
    n_rows, room, seed_frame, leg, n_done, _ = chunk["numbers"].tolist()
    people = state.people
    people.followed += [{} for _ in range(n_rows - len(people.followed))]
    for t in chunk["frames"].tolist():
        for track in people.followed:
            track.pop(t, None)
    beside: dict[int, list[RLEMask]] = {}
    for row, t, mask in zip(chunk["row"].tolist(), chunk["frame"].tolist(), unpack_masks(chunk), strict=True):
        if row >= 0:
            people.followed[row][t] = mask
        else:
            beside.setdefault(t, []).append(mask)
    people.bystanders |= beside
    return ShotState(people, room, seed_frame, leg, n_done)
