"""The work of following everybody, kept a stretch of frames at a time, so that a later run goes on where it stopped.

What was seen is kept once, when it does not change any more; what the tracker itself knows is kept only of the
latest moments.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.segmenters.sighting_arrays import Arrays, pack_sightings, unpack_sightings
from nlf_pipeline.segmenters.tracker_state import TrackerState, Trail, pack_state, unpack_state
from nlf_pipeline.segmenters.tracklets import Sighting, Tracklet

_SEEN, _KNOWN = "seen", "tracker"


class TrackerChunks:
    """What was kept of a clip's shots, and where to keep more.

    Every chunk ends at a frame of a shot, or with the shot. It has the sightings that may have changed since the
    chunk before, by number of the tracklet within the shot.
    """

    def __init__(self, store: ChunkStore) -> None:
        """Read what is kept."""
        self._store = store
        self.finished_shots: list[list[Tracklet]] = []
        """Tracklets of the shots that are done."""
        self.next_frame = 0
        """The first that was not looked at."""
        self._trails: list[Trail] = []
        self._number: dict[int, int] = {}
        self._settled = 0
        """Sightings before this frame are kept for good."""
        self._known: Arrays | None = None
        self._is_inside_shot = False
        self._n_chunks = 0
        if store.keeps:
            self._read()

    @property
    def recent_frames(self) -> list[int]:
        """Frames whose pictures the tracker of an unfinished shot still needs, in order and without gaps."""
        return [] if self._known is None else self._known["recent_frame"].tolist()

    def take_state(self, pictures: Mapping[int, np.ndarray]) -> TrackerState:
        """Of the shot that `next_frame` lies in: what its tracker knew, or nothing if it has just begun.

        Args:
            pictures: of `recent_frames`.
        """
        if self._known is None:
            return TrackerState()
        state = unpack_state(self._known, self._trails, pictures)
        self._known = None
        return state

    def keep(self, state: TrackerState, next_frame: int) -> None:
        """Keep what a tracker knows before `next_frame` of its shot."""
        if not self._store.keeps:
            return
        rows = self._new_sightings([*state.finished, *(person.sightings for person in state.everybody)])
        oldest = state.oldest_frame
        self._settled = next_frame if oldest is None else oldest
        # First what can be replaced, then what says that the chunk is whole.
        self._store.save(_KNOWN, self._n_chunks, pack_state(state, self._number))
        self._save(rows, next_frame, None)
        self._store.remove(_KNOWN, self._n_chunks - 3)  # the one before stays, in case that this one is damaged

    def keep_shot(self, finished: Sequence[Trail], next_frame: int) -> None:
        """Keep the rest of a shot that ends before `next_frame`."""
        if not self._store.keeps:
            return
        rows = self._new_sightings(finished)
        self._settled = next_frame
        self._save(rows, next_frame, [self._number[id(trail)] for trail in finished if trail])
        for number in (2, 3):
            self._store.remove(_KNOWN, self._n_chunks - number)
        self._trails, self._number = [], {}

    def _save(self, rows: Sequence[tuple[int, Sighting]], next_frame: int, finished: Sequence[int] | None) -> None:
        self._store.save(
            _SEEN,
            self._n_chunks,
            {
                "trail": np.array([number for number, _ in rows], dtype=np.int64),
                **pack_sightings([sighting for _, sighting in rows]),
                "settled": np.array(self._settled),
                "next_frame": np.array(next_frame),
                "ends_shot": np.array(finished is not None),
                "finished": np.array(finished or [], dtype=np.int64),
            },
        )
        self._n_chunks += 1

    def _new_sightings(self, trails: Sequence[Trail]) -> list[tuple[int, Sighting]]:
        """(tracklet's number, sighting) of all that may have changed since the last chunk."""
        rows: list[tuple[int, Sighting]] = []
        for trail in trails:
            if not trail:
                continue
            if id(trail) not in self._number:
                self._number[id(trail)] = len(self._trails)
                self._trails.append(trail)  # kept, so that no other list gets its id
            start = len(trail)
            while start > 0 and trail[start - 1].frame >= self._settled:
                start -= 1
            rows += [(self._number[id(trail)], sighting) for sighting in trail[start:]]
        return rows

    def _read(self) -> None:
        """Find the last chunk from which to go on, and read all up to it."""
        n_whole = self._last_usable()
        for number, chunk in zip(range(n_whole), self._chunks(), strict=False):
            is_last = number == n_whole - 1
            self._take_up(chunk, keep_unsettled=is_last)
        self._n_chunks = n_whole
        if self._is_inside_shot:
            self._known = self._store.load(_KNOWN, n_whole - 1)

    def _last_usable(self) -> int:
        """How many chunks to use: the last of them ends a shot, or the tracker's knowledge at its end is there."""
        ends = [bool(chunk["ends_shot"]) for chunk in self._chunks()]
        while ends and not ends[-1] and self._store.load(_KNOWN, len(ends) - 1) is None:
            ends.pop()
        return len(ends)

    def _chunks(self) -> Iterator[Arrays]:
        number = 0
        while (chunk := self._store.load(_SEEN, number)) is not None:
            yield chunk
            number += 1

    def _take_up(self, chunk: Arrays, keep_unsettled: bool) -> None:
        """Add a chunk's sightings to the shot's tracklets; what is not settled comes again with the next one."""
        self._settled, self.next_frame = int(chunk["settled"]), int(chunk["next_frame"])
        for number, sighting in zip(chunk["trail"].tolist(), unpack_sightings(chunk), strict=True):
            while number >= len(self._trails):
                self._trails.append([])
                self._number[id(self._trails[-1])] = len(self._trails) - 1
            if keep_unsettled or sighting.frame < self._settled:
                self._trails[number].append(sighting)
        self._is_inside_shot = not chunk["ends_shot"]
        if not self._is_inside_shot:
            self.finished_shots.append([tuple(self._trails[number]) for number in chunk["finished"].tolist()])
            self._trails, self._number = [], {}
